package room_test

import (
	"encoding/binary"

	"conclave/sfu/rtp"
)

// send has a client publish a batch of packets, more or less as they should be.
func (m *mob) send(h *hostile) {
	s := m.script
	var in []rtp.Inbound
	for range 1 + s.pick(6) {
		how := s.byte()
		if how == 0xFF {
			in = append(in, rtp.Inbound{Data: s.bytes(), RTCP: s.byte()&1 != 0})
			continue
		}
		if how == 0xFE {
			in = append(in, rtp.Inbound{Data: m.senderReport(h), RTCP: true})
			continue
		}
		b := m.packet(h, how)
		m.in += len(b)
		in = append(in, rtp.Inbound{Data: b})
	}
	m.room.Receive(m.now, h.seat, in, &m.out)
	m.flush()
	for i := range in {
		clear(in[i].Data) // valid until the packets were sent
	}
}

// senderReport is one with any clock.
func (m *mob) senderReport(h *hostile) []byte {
	s := m.script
	b := make([]byte, 28)
	b[0], b[1], b[3] = 0x80, 200, 6
	binary.BigEndian.PutUint32(b[4:], 1000*h.seat+uint32(s.pick(6)))
	binary.BigEndian.PutUint32(b[8:], uint32(m.now.Unix()+2_208_988_800))
	binary.BigEndian.PutUint16(b[12:], s.word())
	binary.BigEndian.PutUint32(b[16:], 3000*uint32(s.word()))
	return b
}

// packet makes one RTP packet: mostly the next one of the picture that is being
// sent, or one of sound.
func (m *mob) packet(h *hostile, how byte) []byte {
	s := m.script
	base := 1000 * h.seat
	simulcast := h.seat%2 == 0
	ssrc, pt, encoding := base, uint8(mobVP9), 0
	if simulcast {
		pt, encoding = mobVP8, s.pick(3)
		ssrc += uint32(encoding)
	}
	if how >= 0xF8 {
		pt = []uint8{mobVP8, mobVP9, mobAV1, mobH264}[how&3]
	}
	audio, repair := how&7 == 0, how&7 == 1
	switch {
	case audio:
		ssrc, pt = base+900, mobOpus
		if how&0x38 == 0x38 {
			pt = mobRED
		}
	case repair:
		ssrc, pt = ssrc+3, pt+1
	}
	hd := rtp.Header{PayloadType: pt, Sequence: m.next(h, ssrc), SSRC: ssrc}
	h.number++
	elements := []rtp.Element{{ID: mobTransport, Data: []byte{byte(h.number >> 8), byte(h.number)}}}
	if audio {
		hd.Timestamp = uint32(m.now.Sub(m.start).Milliseconds()) * 48
		elements = append(elements, rtp.Element{ID: mobMid, Data: []byte("1")}, rtp.Element{ID: mobLevel, Data: []byte{s.byte()}})
		return append(rtp.AppendHeader(nil, &hd, elements), s.bytes()...)
	}
	elements = append(elements, rtp.Element{ID: mobMid, Data: []byte("0")})
	if simulcast {
		id := uint8(mobRid)
		if repair {
			id = mobRepairedRid
		}
		elements = append(elements, rtp.Element{ID: id, Data: []byte("qhf"[encoding : encoding+1])})
	}
	g := h.pictures[encoding]
	if g == nil {
		g = &hostilePicture{key: true}
		h.pictures[encoding] = g
	}
	payload, descriptor := m.payload(h, g, pt, s.byte())
	hd.Timestamp, hd.Marker = g.stamp, g.left == 0
	if len(descriptor) > 0 {
		elements = append(elements, rtp.Element{ID: mobDescriptor, Data: descriptor})
	}
	if repair {
		original := h.sequence[ssrc-3] - uint16(s.pick(16))
		payload = append([]byte{byte(original >> 8), byte(original)}, payload...)
	}
	if how&0xF8 == 0xE8 { // padding, and perhaps nothing else
		hd.Padding = true
		payload = append(payload[:s.pick(len(payload)+1)], 0, 0, 3)
	}
	return append(rtp.AppendHeader(nil, &hd, elements), payload...)
}

// A hostilePicture is what a client sends in an encoding at the moment.
type hostilePicture struct {
	key    bool // the next one is to be a key picture
	isKey  bool
	left   int // packets of its layer frame that are still to come
	number uint16
	stamp  uint32
	layer  uint8
}

// next returns the sequence number of a packet: mostly the next one.
func (m *mob) next(h *hostile, ssrc uint32) uint16 {
	n, known := h.sequence[ssrc]
	if !known {
		n = m.script.word()
	}
	switch jump := m.script.byte(); {
	case jump < 0xF0:
		n++
	case jump < 0xF6:
		n += uint16(jump&7) + 2
	case jump < 0xFC:
		return n - uint16(jump&7) // late, or again
	case jump < 0xFE: // anywhere: the next packet confirms it
		n = m.script.word()
	default:
		n += 2000
	}
	h.sequence[ssrc] = n
	return n
}

// payload makes the payload of the next packet of a picture and its dependency
// descriptor. Some are anything.
func (m *mob) payload(h *hostile, g *hostilePicture, pt, shape byte) (payload, descriptor []byte) {
	s := m.script
	first := g.left == 0
	if first {
		g.left = 1 + int(shape&3)
		if g.layer++; g.layer > 2 || pt != mobVP9 || shape&4 != 0 {
			g.layer, g.isKey = 0, g.key
			g.number, g.stamp, g.key = g.number+1, g.stamp+3000, false
		}
	}
	g.left--
	last := g.left == 0
	if shape >= 0xF8 {
		return append(append([]byte(nil), s.bytes()...), 0), append([]byte(nil), s.bytes()...)
	}
	if pt == mobVP9 && h.writer != nil {
		if first {
			h.begun = h.writer.Begin(g.layer, 0, g.isKey) == nil
		}
		if h.begun {
			descriptor, _ = h.writer.Append(nil, first, last)
		}
	}
	var b []byte
	switch pt &^ 1 {
	case mobVP8:
		b = []byte{0x80, 0x80, byte(g.number) & 0x7F, 0, 0, 0}
		if first {
			b[0] |= 0x10
		}
		if !g.isKey {
			b[3] = 1
		}
	case mobVP9:
		b = []byte{0xB0, byte(g.number) & 0x7F, 0x10 | g.layer<<1}
		if !g.isKey {
			b[0] |= 0x40
			b = append(b, 1<<1)
		}
		if first {
			b[0] |= 8
		}
		if last {
			b[0] |= 4
		}
	case mobAV1 &^ 1:
		b = []byte{0x10, 0x0A, 1, 2}
		if g.isKey {
			b[0] |= 8
		}
	case mobH264:
		b = []byte{0x61, 1, 2, 3}
		if g.isKey {
			b = []byte{0x78, 0, 2, 0x67, 1, 0, 2, 0x65, 1}
		}
	}
	b = append(b, s.byte(), s.byte())
	return append(b, make([]byte, 4*int(s.byte()))...), descriptor
}

// feedback has a client say something about what it was sent.
func (m *mob) feedback(h *hostile) {
	s := m.script
	var b []byte
	for range 1 + s.pick(3) {
		var ssrc uint32
		if len(h.slots) > 0 {
			slot := h.slots[s.pick(len(h.slots))]
			if ssrc = slot.SSRC; s.byte() > 200 {
				ssrc = slot.RepairSSRC
			}
		}
		b = append(b, m.report(h, ssrc)...)
	}
	if s.byte() > 240 {
		b = append(b, s.bytes()...)
	}
	in := []rtp.Inbound{{Data: b, RTCP: true}}
	if s.byte() > 240 {
		in = append(in, rtp.Inbound{Data: s.bytes()})
	}
	m.room.Feedback(m.now, h.seat, in, &m.out)
}

// report makes one RTCP packet about an SSRC.
func (m *mob) report(h *hostile, ssrc uint32) []byte {
	s := m.script
	b := []byte{0x80, 0, 0, 0, 0, 0, 0, byte(h.seat)}
	b = binary.BigEndian.AppendUint32(b, ssrc)
	switch s.pick(8) {
	case 0, 1, 2: // NACK
		b[0], b[1] = 0x81, 205
		for range 1 + s.pick(20) {
			b = binary.BigEndian.AppendUint16(b, h.receive.highest[ssrc]-uint16(s.byte()&0x1F))
			b = binary.BigEndian.AppendUint16(b, s.word())
		}
	case 3: // PLI
		b[0], b[1] = 0x81, 206
	case 4: // FIR
		b[0], b[1] = 0x84, 206
		b = binary.BigEndian.AppendUint32(b, ssrc)
		b = append(b, s.byte(), 0, 0, 0)
	case 5: // receiver report
		b[0], b[1] = 0x81, 201
		for range 5 {
			b = binary.BigEndian.AppendUint32(b, uint32(s.word())<<16|uint32(s.word()))
		}
	case 6: // transport-wide feedback: a run that arrived, in small steps
		b[0], b[1] = 0x8F, 205
		count := uint16(1 + s.pick(40))
		b = binary.BigEndian.AppendUint16(b, h.receive.number-count+1)
		b = binary.BigEndian.AppendUint16(b, count)
		b = append(b, 0, s.byte(), s.byte(), s.byte())
		b = binary.BigEndian.AppendUint16(b, 0x2000|count)
		for range count {
			b = append(b, s.byte())
		}
	default:
		b[0], b[1] = 0x80|s.byte()&0x1F, 200+s.byte()&7
		b = append(b, s.bytes()...)
	}
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1))
	return b
}
