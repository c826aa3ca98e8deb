package layer

import (
	"conclave/sfu/dd"
	"conclave/sfu/seqmap"
)

// A held is the last packet of a layer frame, which waits for the next packet to
// tell whether the picture ends with it.
//
//	           last packet of a layer below the highest
//	           one forwarded, without the marker
//	nothing ─────────────────────────────────────────────▶ held
//	   ▲                                                     │
//	   │  next: a layer to forward, or a gap  → no marker    │
//	   └─────────────────────────────────────────────────────┘
//	      next: a layer not forwarded, or another picture → marker
type held struct {
	valid     bool
	out       Out
	dd        [dd.MaxSize]byte
	timestamp uint32 // incoming
	newest    uint64 // newest sequence number known not to continue the picture
}

// mayEndAt reports whether the picture may end with p's frame although a higher
// layer is expected: it may be missing from this picture. Then the publisher's
// marker comes in a layer that is dropped, or, in Chromium 156 while it switches
// layers on, never.
func (s *Selector) mayEndAt(p *Packet, g *segment) bool {
	if g.simulcast || p.Timestamp != s.picture.timestamp {
		return false
	}
	top := g.layer.Spatial
	if p.SpatialCount > 0 {
		top = min(top, int8(p.SpatialCount)-1)
	}
	return int8(p.Spatial) < top
}

// hold takes back the Out just emitted, which is of p.
func (s *Selector) hold(p *Packet) {
	s.count--
	h := &s.held
	h.valid, h.timestamp, h.newest = true, p.Timestamp, p.Sequence
	h.out = s.outs[s.count]
	h.out.Held = true
	if h.out.DD != nil {
		h.out.DD = append(h.dd[:0], h.out.DD...)
	}
}

// release emits the held packet, if there is one.
func (s *Selector) release(marker bool) {
	h := &s.held
	if !h.valid {
		return
	}
	h.valid = false
	o := &s.outs[s.count]
	*o = h.out
	if h.out.DD != nil {
		o.DD = append(s.buffers[s.count][:0], h.out.DD...)
	}
	o.Marker = marker
	if marker {
		s.numbers.Set(o.Sequence, seqmap.SentMarker)
		s.picture.marked = s.picture.marked || h.timestamp == s.picture.timestamp
	}
	s.count++
}

// settleBefore settles the held packet if p is of another picture. With nothing
// missing between them, its own picture is complete.
func (s *Selector) settleBefore(p *Packet) {
	if h := &s.held; h.valid && p.Sequence > h.newest && p.Timestamp != h.timestamp {
		s.release(p.Sequence == h.newest+1)
	}
}

// settle settles the held packet by p, which is of the same picture, forwarded
// or not.
func (s *Selector) settle(p *Packet, keep bool) {
	h := &s.held
	if !h.valid || p.Sequence <= h.newest {
		return
	}
	switch top := s.segments.newest().layer.Spatial; {
	case keep || p.Sequence != h.newest+1: // a missing packet may be of a layer to forward
		s.release(false)
	case int8(p.Spatial) >= top:
		s.release(true)
	default: // a temporal layer too high, in a spatial layer with others above
		h.newest = p.Sequence
	}
}

// settlePadding notes a packet without payload, which tells nothing.
func (s *Selector) settlePadding(p *Packet) {
	h := &s.held
	switch {
	case !h.valid || p.Sequence <= h.newest:
	case p.Sequence == h.newest+1:
		h.newest++
	default:
		s.release(false)
	}
}
