package feedback

const (
	maxDropout  = 3000 // packets that may be missing before it is a new start
	maxMisorder = 1000 // packets that one may come late by, being asked for again
	turn        = 1 << 16
)

// A Source is one SSRC of a publisher. It belongs to its [Recorder].
type Source struct {
	ssrc, clock uint32
	nack        bool

	started  bool
	repaired bool   // lost packets come on an SSRC of their own
	highest  uint64 // extended sequence number, one turn up so that it stays positive
	base     uint64 // the first
	restart  uint64 // where the source starts anew if this number comes next; see take

	heard          bool   // since the last report
	received       uint64 // packets, duplicates too
	expectedBefore uint64 // at the last report
	receivedBefore uint64
	jitter         jitter
	senderReport   uint32 // middle bits of its NTP time
	senderReportAt moment

	missing missing
}

// Lost reports whether packets were given up since the last call, and the newest
// of them: nobody asks for them any more, so a decoder may need a key frame. It
// is always false for sources without NACK.
func (s *Source) Lost() (sequence uint16, lost bool) {
	lost = s.missing.lost != 0
	sequence = uint16(s.missing.lost)
	s.missing.lost = 0
	return sequence, lost
}

// take extends a sequence number and says how many numbers it leaves out. A jump
// that is too far to be loss is believed when the next number follows it
// (RFC 3550, Appendix A.1); until then ok is false.
func (s *Source) take(sequence uint16) (extended, gap uint64, ok bool) {
	if !s.started {
		s.begin(sequence)
		return s.highest, 0, true
	}
	extended = s.extend(sequence)
	if extended > s.highest+maxDropout || extended+maxMisorder < s.highest {
		if s.restart == turn+uint64(sequence) {
			s.begin(sequence)
			return s.highest, 0, true
		}
		s.restart = turn + uint64(sequence+1)
		return 0, 0, false
	}
	s.restart = 0
	if extended > s.highest {
		gap = extended - s.highest - 1
		s.highest = extended
	}
	return extended, gap, true
}

// begin starts counting at a packet.
func (s *Source) begin(sequence uint16) {
	first := turn + uint64(sequence)
	s.started, s.restart = true, 0
	s.highest, s.base = first, first
	s.received, s.receivedBefore, s.expectedBefore = 0, 0, 0
	s.jitter = jitter{}
	s.missing.clear()
}

// extend returns the extended number that is nearest to the highest.
func (s *Source) extend(sequence uint16) uint64 {
	return s.highest + uint64(int64(int16(sequence-uint16(s.highest))))
}
