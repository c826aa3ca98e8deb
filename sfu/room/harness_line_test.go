package room

import (
	"encoding/binary"
	"testing"
	"time"

	"conclave/api"
	"conclave/sfu/rtp"
)

// receive takes a packet and checks what holds for all of them.
func (c *client) receive(o *rtp.Outbound) {
	t := c.m.t
	t.Helper()
	if o.RTCP {
		c.reports++
		return
	}
	b := append(append([]byte(nil), o.Header...), o.Payload...)
	p := received{at: c.m.now, index: o.Index}
	if !rtp.Parse(b, &p.h) {
		t.Fatalf("seat %d: a packet does not parse: %x", c.seat, b)
	}
	l := c.lines[p.h.SSRC]
	if l == nil {
		t.Fatalf("seat %d: SSRC %d was not offered", c.seat, p.h.SSRC)
	}
	if n := p.h.Extension(b, rcvTransport); n.Empty() {
		t.Errorf("seat %d: no transport-wide number", c.seat)
	} else if number := binary.BigEndian.Uint16(n.In(b)); c.numbered && number != c.number+1 {
		t.Errorf("seat %d: transport-wide number %d after %d", c.seat, number, c.number)
	} else {
		c.number, c.numbered = number, true
	}
	p.dd, p.level, p.data = p.h.Extension(b, rcvDD).In(b), p.h.Extension(b, rcvLevel).In(b), p.h.Payload.In(b)
	c.checkIndex(l, &p, b)
	switch {
	case p.h.SSRC == l.slot.RepairSSRC && len(p.data) == 0:
		l.padding++
		return
	case p.h.SSRC == l.slot.RepairSSRC:
		p.h.Sequence, p.data = binary.BigEndian.Uint16(p.data), p.data[2:]
		p.tag, p.hasTag = readTag(p.data)
		l.repaired = append(l.repaired, p)
		return
	}
	p.tag, p.hasTag = readTag(p.data)
	if c.lose != nil && c.lose(l, &p) {
		c.lostCount++
		return
	}
	l.received = append(l.received, p)
}

// checkIndex holds that an index of SRTP never stands for two packets, and goes
// with its number.
func (c *client) checkIndex(l *line, p *received, b []byte) {
	key := p.index
	if p.h.SSRC == l.slot.RepairSSRC {
		key |= 1 << 48
	}
	if uint16(p.index) != p.h.Sequence {
		c.m.t.Errorf("seat %d: index %#x for number %#x", c.seat, p.index, p.h.Sequence)
	}
	if p.index>>48 != 0 {
		c.m.t.Errorf("seat %d: index %#x is too large", c.seat, p.index)
	}
	if _, used := l.indexes[key]; used {
		c.m.t.Errorf("seat %d: SSRC %d: index %#x is used twice", c.seat, p.h.SSRC, p.index)
	}
	l.indexes[key] = b
}

// stream returns the id of what a seat publishes.
func (c *client) stream(seat uint32, kind api.StreamKind) uint32 {
	c.m.t.Helper()
	for id, s := range c.streams {
		if s.GetSeat() == seat && s.GetKind() == kind {
			return id
		}
	}
	c.m.t.Fatalf("seat %d knows no %v of seat %d", c.seat, kind, seat)
	return 0
}

// line returns the m-line that carries a stream, as the client was told, or nil.
func (c *client) line(stream uint32) *line {
	mid, ok := c.slots[stream]
	if !ok {
		return nil
	}
	for _, l := range c.lines {
		if l.slot.Mid == mid {
			return l
		}
	}
	return nil
}

// top returns the highest layers and the number of the packets of video received
// since a time.
func (l *line) top(since time.Time) (spatial, temporal, packets int) {
	spatial, temporal = -1, -1
	for _, p := range l.received {
		if p.hasTag && !p.at.Before(since) {
			spatial, temporal = max(spatial, int(p.tag.spatial)), max(temporal, int(p.tag.temporal))
			packets++
		}
	}
	return spatial, temporal, packets
}

// check holds that the numbers of a line go on without gap or repetition, that
// pictures end with the marker and only there, and that timestamps rise.
func (l *line) check(t testing.TB) {
	t.Helper()
	for i := 1; i < len(l.received); i++ {
		p, q := &l.received[i-1], &l.received[i]
		if q.h.Sequence != p.h.Sequence+1 {
			t.Errorf("mid %s: number %d after %d", l.slot.Mid, q.h.Sequence, p.h.Sequence)
		}
		switch {
		case l.slot.Audio:
		case p.h.Marker == (p.h.Timestamp == q.h.Timestamp):
			t.Errorf("mid %s, packet %d: marker %v, timestamps %d and %d (%+v, %+v)", l.slot.Mid, i-1, p.h.Marker, p.h.Timestamp, q.h.Timestamp, p.tag, q.tag)
		case p.pictureID(q) != (p.h.Timestamp != q.h.Timestamp):
			t.Errorf("mid %s, packet %d: picture id %x after %x, timestamps %d and %d", l.slot.Mid, i, q.data[1:3], p.data[1:3], q.h.Timestamp, p.h.Timestamp)
		case int32(q.h.Timestamp-p.h.Timestamp) < 0:
			t.Errorf("mid %s: timestamp %d after %d", l.slot.Mid, q.h.Timestamp, p.h.Timestamp)
		}
	}
}

// pictureID reports whether the picture id of q is after that of p, or, if it is not
// VP9 that both are of, whether the timestamp is another.
func (p *received) pictureID(q *received) bool {
	const vp9 = rcvVideo + uint8(VP9)
	if p.h.PayloadType != vp9 || q.h.PayloadType != vp9 {
		return p.h.Timestamp != q.h.Timestamp
	}
	ahead := (binary.BigEndian.Uint16(q.data[1:]) - binary.BigEndian.Uint16(p.data[1:])) & 0x7FFF
	return ahead > 0 && ahead < 1<<14
}
