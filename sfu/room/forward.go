package room

import (
	"time"

	"conclave/sfu/bwe"
	"conclave/sfu/layer"
	"conclave/sfu/rtp"
)

// forward sends what the batch holds to all that show it.
func (r *Room) forward(now time.Time, out *rtp.Output) {
	for i, s := range r.batch.streams {
		r.batch.streams[i] = nil
		for _, t := range s.slots {
			if t.receiver.ready {
				t.forwardVideo(now, s, out)
				t.forwardSound(now, s, out)
			}
		}
		clear(s.video)
		clear(s.sound)
		s.video, s.sound = s.video[:0], s.sound[:0]
	}
	r.batch.streams, r.batch.scrap = r.batch.streams[:0], 0
}

// forwardVideo sends what the batch's packets of a stream make due.
func (t *slot) forwardVideo(now time.Time, s *stream, out *rtp.Output) {
	if len(s.video) == 0 || t.selector == nil || t.binding.PayloadTypes[t.codec] == 0 {
		return
	}
	for i := range s.video {
		v := &s.video[i]
		if v.packet.Sequence == v.sequence && !t.receiver.waits(now, t, v.packet) {
			t.forward(now, v.packet, v.payload, out)
		}
	}
	t.settle()
	if p := &t.receiver.pacing; p.waiting > 0 {
		t.receiver.room.soon(p.pacer.Next(now))
	}
}

// forward gives a packet of the stream that the slot shows to the selector and
// sends what it makes due. fresh is the payload in the batch being received; it
// is nil if the packet came earlier, when the payload is copied from the cache.
func (t *slot) forward(now time.Time, p *layer.Packet, fresh []byte, out *rtp.Output) {
	outs := t.selector.Forward(now, p)
	for i := range outs {
		o := &outs[i]
		if !o.Held {
			t.sendVideo(now, o, p, fresh, out)
			continue
		}
		if held, payload := t.stream.held(o); held != nil {
			t.sendVideo(now, o, held, payload, out)
		}
	}
}

// held returns the packet that a selector held back, and its payload if it is
// of the batch being received.
func (s *stream) held(o *layer.Out) (*layer.Packet, []byte) {
	for i := len(s.video) - 1; i >= 0; i-- {
		if v := &s.video[i]; v.sequence == o.Incoming && v.packet.Source == o.Source && v.packet.Sequence == v.sequence {
			return v.packet, v.payload
		}
	}
	return s.packet(o.Source, o.Incoming), nil
}

// settle draws the conclusions of what was forwarded to the slot.
func (t *slot) settle() {
	if l := t.selector.Current(); l != t.last {
		t.last = l
		t.receiver.room.stats.LayerSwitches.Add(1)
	}
	if t.canPad() {
		t.receiver.padding = t
	}
}

// sendVideo sends a packet as o says; p is what the publisher sent.
func (t *slot) sendVideo(now time.Time, o *layer.Out, p *layer.Packet, fresh []byte, out *rtp.Output) {
	h := rtp.Header{
		Marker: o.Marker, Padding: o.Padding, PayloadType: t.binding.PayloadTypes[t.codec],
		Sequence: o.Sequence, Timestamp: o.Timestamp, SSRC: t.ssrc,
	}
	index, ok := t.media.next(o.Sequence)
	if !ok {
		return
	}
	payload := fresh
	switch {
	case o.Padding:
		payload = onePadding
	case o.Rewrite.Set || fresh == nil:
		payload = out.Alloc(len(p.Payload))
		copy(payload, p.Payload)
		o.Rewrite.Apply(payload, &p.Info)
	}
	t.send(now, &h, sending{descriptor: o.DD, payload: payload, index: index}, out)
	t.note(now, &h, len(payload))
}

// onePadding is the payload of a packet with one byte of padding and nothing else
// (RFC 3550, Section 5.1: the last byte says how much). It is never written to.
var onePadding = []byte{1}

// forwardSound sends the batch's packets of a stream.
func (t *slot) forwardSound(now time.Time, s *stream, out *rtp.Output) {
	for i := range s.sound {
		if p := &s.sound[i]; len(p.payload) == 0 {
			t.sound.skip(p.sequence)
		} else {
			t.sendSound(now, now, p, p.payload, out)
		}
	}
}

// sendSound sends a packet of sound that came at a time; payload lives as long as
// out.
func (t *slot) sendSound(now, came time.Time, p *soundPacket, payload []byte, out *rtp.Output) {
	pt := t.binding.PayloadTypes[p.codec]
	if pt == 0 {
		return
	}
	sequence, timestamp, begins, ok := t.sound.next(came, p.sequence, p.timestamp)
	if !ok {
		return
	}
	index, ok := t.media.next(sequence)
	if !ok {
		return
	}
	h := rtp.Header{
		Marker: p.marker || begins, PayloadType: pt, Sequence: sequence, Timestamp: timestamp, SSRC: t.ssrc,
	}
	t.send(now, &h, sending{level: p.level, payload: payload, index: index}, out)
	t.note(now, &h, len(payload))
}

// sendSpurt sends what a microphone said before it was heard.
func (t *slot) sendSpurt(now time.Time, s *stream, out *rtp.Output) {
	if !t.receiver.ready {
		return
	}
	for n := s.kept.spurt(now); n <= s.kept.newest; n++ {
		p, came, ok := s.kept.packet(n)
		if !ok {
			continue
		}
		payload := out.Alloc(len(p.payload))
		copy(payload, p.payload)
		t.sendSound(now, came, &p, payload, out)
	}
}

// A sending is what a packet has beside its header.
type sending struct {
	descriptor []byte // dependency descriptor, or nothing
	level      []byte // audio level, or nothing
	payload    []byte
	index      uint64 // of SRTP
	probe      bwe.ProbeID
}

// A sender has the memory that a header is put together in, and counts.
type sender struct {
	elements       [3]rtp.Element
	number         [2]byte
	packets, bytes uint64
}

// count adds what was sent since the last time to the statistics.
func (s *sender) count(stats *Stats) {
	if s.packets > 0 {
		stats.PacketsSent.Add(s.packets)
		stats.BytesSent.Add(s.bytes)
		s.packets, s.bytes = 0, 0
	}
}

// send writes the header of a packet and puts it out. It returns the packet's size
// as the estimate counts it.
func (t *slot) send(now time.Time, h *rtp.Header, p sending, out *rtp.Output) int {
	rc := t.receiver
	w := &rc.room.sender
	e := w.elements[:0]
	b := &t.binding
	number := rc.sequence + 1
	if b.TransportID != 0 {
		w.number = [2]byte{byte(number >> 8), byte(number)}
		e = append(e, rtp.Element{ID: b.TransportID, Data: w.number[:]})
	}
	if len(p.descriptor) > 0 && b.DescriptorID != 0 {
		e = append(e, rtp.Element{ID: b.DescriptorID, Data: p.descriptor})
	}
	if len(p.level) > 0 && b.LevelID != 0 {
		e = append(e, rtp.Element{ID: b.LevelID, Data: p.level})
	}
	header := rtp.AppendHeader(out.Alloc(rtp.HeaderSize(e))[:0], h, e)
	out.Packets = append(out.Packets, rtp.Outbound{To: rc.to, Header: header, Payload: p.payload, Index: p.index})
	size := len(header) + len(p.payload)
	w.packets++
	w.bytes += uint64(size)
	if b.TransportID != 0 {
		rc.sequence = number
		rc.estimator.OnSent(now, number, size+perPacket, p.probe)
	}
	rc.left(now, size+perPacket)
	return size + perPacket
}

// note keeps what sender reports say.
func (t *slot) note(now time.Time, h *rtp.Header, bytes int) {
	t.packets++
	t.octets += uint32(bytes)
	if t.lastSent.IsZero() || h.Timestamp != t.lastTimestamp {
		t.lastTimestamp, t.lastSent = h.Timestamp, now
	}
}

// canPad reports whether padding can be sent over the slot's repair SSRC.
func (t *slot) canPad() bool { return t.repairSSRC != 0 && t.binding.RepairTypes[t.codec] != 0 }

// sendPadding sends one packet of so many bytes of padding and nothing else over
// the repair SSRC, whose receiver drops it. It returns the packet's size as the
// estimate counts it. Call it only if canPad.
func (t *slot) sendPadding(now time.Time, bytes uint8, probe bwe.ProbeID, out *rtp.Output) int {
	payload := out.Alloc(int(max(bytes, 1)))
	clear(payload)
	payload[len(payload)-1] = byte(len(payload))
	h := rtp.Header{
		Padding: true, PayloadType: t.binding.RepairTypes[t.codec],
		Sequence: t.repair.following(), Timestamp: t.lastTimestamp, SSRC: t.repairSSRC,
	}
	index, _ := t.repair.next(h.Sequence)
	return t.send(now, &h, sending{payload: payload, index: index, probe: probe}, out)
}
