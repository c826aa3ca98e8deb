package layer

import (
	"time"

	"conclave/sfu/seqmap"
)

// late handles a packet whose number may have been promised, and reports whether
// there is nothing more to do about it.
func (s *Selector) late(now time.Time, p *Packet, open bool) bool {
	number, state, ok := s.numbers.Find(seqmap.Origin{Source: p.Source, Sequence: p.Sequence})
	if !ok || state != seqmap.Missing {
		return ok
	}
	if open && p.Timestamp == s.picture.timestamp && len(p.Payload) > 0 {
		s.raise(p)
	}
	g := s.segments.of(p)
	if len(p.Payload) == 0 || g == nil || !g.wants(p) {
		s.numbers.Set(number, seqmap.Filled)
		s.outs[s.count] = s.padding(p, number)
		s.count++
		return true
	}
	marker := p.Marker || p.Last && g.isTop(p)
	if marker {
		s.numbers.Set(number, seqmap.SentMarker)
		s.picture.marked = s.picture.marked || p.Timestamp == s.picture.timestamp
	} else {
		s.numbers.Set(number, seqmap.Sent)
	}
	s.emit(now, p, g, number, marker)
	return true
}

func (s *Selector) padding(p *Packet, number uint16) Out {
	return Out{
		Source: p.Source, Incoming: p.Sequence, Padding: true,
		Sequence: number, Timestamp: s.trail.timestamp,
	}
}

// Lookup returns the incoming packet that the outgoing number sequence stands
// for, to answer a NACK: if it is in the cache, give it to Resend.
func (s *Selector) Lookup(sequence uint16) (source Source, incoming uint64, ok bool) {
	o, _, ok := s.numbers.Lookup(sequence)
	return o.Source, o.Sequence, ok
}

// Resend returns how to send the packet p again under sequence, for which Lookup
// named p. If the packet was not to be sent, Out.Padding is set. ok is false if
// the number does not stand for p.
func (s *Selector) Resend(sequence uint16, p *Packet) (o Out, ok bool) {
	origin, state, ok := s.numbers.Lookup(sequence)
	if !ok || origin.Source != p.Source || origin.Sequence != p.Sequence {
		return Out{}, false
	}
	g := s.segments.of(p)
	if state == seqmap.Filled || g == nil || len(p.Payload) == 0 || !g.wants(p) {
		s.numbers.Set(sequence, seqmap.Filled)
		return s.padding(p, sequence), true
	}
	marker := state == seqmap.SentMarker || state == seqmap.Missing && (p.Marker || p.Last && g.isTop(p))
	if state == seqmap.Missing {
		state = seqmap.Sent
		if marker {
			state = seqmap.SentMarker
		}
		s.numbers.Set(sequence, state)
	}
	s.fill(&o, p, g, sequence, marker, s.buffers[0][:0])
	return o, true
}
