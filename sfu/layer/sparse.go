package layer

import "conclave/sfu/dd"

// isPart reports whether p's frame is part of the best decode target within a
// layer, as its descriptor says. Without one it is.
func isPart(p *Packet, within Layer) bool {
	if p.DD == nil {
		return true
	}
	best, at := None, -1
	for i := range int(p.Structure.TargetCount) {
		t := p.Structure.Targets[i]
		l := Layer{int8(t.Spatial), int8(t.Temporal)}
		if l.Spatial > within.Spatial || l.Temporal > within.Temporal ||
			l.Spatial < best.Spatial || l.Spatial == best.Spatial && l.Temporal < best.Temporal {
			continue
		}
		best, at = l, i
	}
	return at < 0 || p.Descriptor.DTIs[at] != dd.NotPresent
}

// targetsOf returns the mask of the decode targets of one spatial layer.
func targetsOf(s *dd.Structure, spatial uint8) (mask uint32) {
	highest := uint8(0)
	for i := range int(s.TargetCount) {
		switch t := s.Targets[i]; {
		case t.Spatial > spatial || t.Spatial < highest:
		case t.Spatial > highest:
			highest, mask = t.Spatial, 1<<i
		default:
			mask |= 1 << i
		}
	}
	return mask
}

// thin decides at the key frame that p begins whether the segment g, whose layer is
// the highest wanted, is sparse from here on. It is only if that layer was seen
// lately: one that does not come, forwarded alone, would be a frozen picture.
func (s *Selector) thin(p *Packet, g *segment) {
	g.sparse = false
	if !s.config.Sparse || p.DD == nil {
		return
	}
	highest := min(g.layer.Spatial, int8(p.Structure.SpatialCount)-1)
	for highest > 0 && !s.presence.has(highest) {
		highest--
	}
	if highest > 0 {
		g.sparse, g.layer.Spatial = true, highest
	}
}

// rethin does so while forwarding goes on, and returns the newest segment and the
// highest spatial layer to forward.
func (s *Selector) rethin(p *Packet) (*segment, int8) {
	next := *s.segments.newest()
	next.layer.Spatial = s.target.Spatial
	s.thin(p, &next)
	if g := s.segments.newest(); next.sparse != g.sparse {
		s.segments.at(p.Timestamp).sparse = next.sparse
		s.announce = announcePictures
	}
	return s.segments.newest(), next.layer.Spatial
}

// mustFall reports whether a layer is forwarded alone that is above the target, or
// does not come any more: without a key frame there is no way down.
func (s *Selector) mustFall() bool {
	g := s.segments.newest()
	return g.sparse && (g.layer.Spatial > s.target.Spatial || !s.presence.has(g.layer.Spatial))
}
