package srtp

const (
	// maxSources bounds the SSRCs of a peer that have a replay window. Of a peer
	// that uses more, the one that was silent the longest is retired.
	maxSources = 64

	// maxRetired bounds the retired ones. A screen that is shared again and again
	// has new SSRCs each time, a handful; nobody does that for this long.
	maxRetired = 1024
)

// sources are the SSRCs of a peer with what was received of each. Only packets
// that proved authentic come to be here.
type sources struct {
	active  map[uint32]*source
	retired map[uint32]uint64 // highest index: only later packets are fresh
	last    *source           // of the last authentic packet
	unknown source            // what find returns for an SSRC that is not active
	packets uint64            // accepted so far: a clock for used
}

type source struct {
	window

	ssrc uint32
	used uint64 // when its last packet came, in packets
}

// find returns the source with an SSRC, valid until the next call. It changes
// nothing that counts.
func (s *sources) find(ssrc uint32) *source {
	if s.last != nil && s.last.ssrc == ssrc {
		return s.last
	}
	if known := s.active[ssrc]; known != nil {
		return known
	}
	s.unknown = source{ssrc: ssrc}
	if highest, ok := s.retired[ssrc]; ok {
		s.unknown.window = closedWindow(highest)
	}
	return &s.unknown
}

// accept notes an authentic packet of a source from find. It reports false if
// the source is a new one and there are too many.
func (s *sources) accept(from *source, index uint64) bool {
	if from == &s.unknown {
		if len(s.active) == maxSources && !s.retire() {
			return false
		}
		if s.active == nil {
			s.active = make(map[uint32]*source)
		}
		from = new(source)
		*from = s.unknown
		s.active[from.ssrc] = from
		delete(s.retired, from.ssrc)
	}
	s.packets++
	from.used = s.packets
	from.window.accept(index)
	s.last = from
	return true
}

// retire retires the source that was silent the longest, which is never the last
// one. It reports false if too many are retired.
func (s *sources) retire() bool {
	if len(s.retired) == maxRetired {
		return false
	}
	var oldest *source
	for _, one := range s.active {
		if oldest == nil || one.used < oldest.used {
			oldest = one
		}
	}
	if s.retired == nil {
		s.retired = make(map[uint32]uint64)
	}
	s.retired[oldest.ssrc] = oldest.highest
	delete(s.active, oldest.ssrc)
	return true
}
