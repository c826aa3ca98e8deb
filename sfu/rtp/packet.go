package rtp

import "encoding/binary"

// A Packet is the header of an RTP packet and where its parts lie, as offsets,
// so that they also hold in a copy.
//
//	 0                   1                   2                   3
//	|V=2|P|X|  CC   |M|     PT      |       sequence number         |
//	|                           timestamp                           |
//	|                             SSRC                              |
//	|            CSRC (CC times), header extension (if X)           |
//	|              payload, padding (if P; last byte: how much)     |
type Packet struct {
	Marker      bool
	PayloadType uint8
	Sequence    uint16
	Timestamp   uint32
	SSRC        uint32

	Profile uint16 // of the header extension; 0 without one
	Ext     Span   // elements of the header extension
	Payload Span   // without padding
}

// A Span is a part of a packet: the bytes from From up to To.
type Span struct{ From, To int }

// In returns the bytes of the part in b, the packet or a copy of it.
func (s Span) In(b []byte) []byte { return b[s.From:s.To] }

// Empty reports whether the part has no bytes.
func (s Span) Empty() bool { return s.From == s.To }

// Header extension profiles, RFC 8285, Sections 4.2 and 4.3.
const (
	profileOneByte     = 0xBEDE
	profileTwoByte     = 0x1000
	profileTwoByteMask = 0xFFF0 // the low four bits are the application's
)

const fixedHeader = 12 // bytes

// Parse reads an RTP packet (RFC 3550, Section 5.1) into p, without copying. It
// reports false if b is not one.
func Parse(b []byte, p *Packet) bool {
	if len(b) < fixedHeader || b[0]>>6 != 2 {
		return false
	}
	*p = Packet{
		Marker:      b[1]&0x80 != 0,
		PayloadType: b[1] & 0x7F,
		Sequence:    binary.BigEndian.Uint16(b[2:]),
		Timestamp:   binary.BigEndian.Uint32(b[4:]),
		SSRC:        binary.BigEndian.Uint32(b[8:]),
	}
	at := fixedHeader + 4*int(b[0]&0x0F)
	if b[0]&0x10 != 0 {
		if len(b) < at+4 {
			return false
		}
		p.Profile = binary.BigEndian.Uint16(b[at:])
		size := 4 * int(binary.BigEndian.Uint16(b[at+2:]))
		at += 4
		if len(b) < at+size {
			return false
		}
		p.Ext = Span{at, at + size}
		at += size
	}
	end := len(b)
	if b[0]&0x20 != 0 {
		end -= int(b[end-1])
	}
	if end < at {
		return false
	}
	p.Payload = Span{at, end}
	return true
}

// Extension returns the element of the header extension with an id, as a part
// of b; it is empty if there is none. Ids run from 1.
func (p *Packet) Extension(b []byte, id uint8) Span {
	if id == 0 {
		return Span{}
	}
	one := p.Profile == profileOneByte
	if !one && p.Profile&profileTwoByteMask != profileTwoByte {
		return Span{}
	}
	for at := p.Ext.From; at < p.Ext.To; {
		if b[at] == 0 { // padding
			at++
			continue
		}
		var got uint8
		var size int
		if one {
			got, size = b[at]>>4, int(b[at]&0x0F)+1
			at++
			if got == 15 { // reserved: ends the elements (RFC 8285, Section 4.2)
				return Span{}
			}
		} else {
			if at+2 > p.Ext.To {
				return Span{}
			}
			got, size = b[at], int(b[at+1])
			at += 2
		}
		if at+size > p.Ext.To {
			return Span{}
		}
		if got == id {
			return Span{at, at + size}
		}
		at += size
	}
	return Span{}
}

// IsRTCP reports whether b, a packet of a flow that carries both RTP and RTCP,
// is RTCP: packet types 192 to 223 (RFC 5761, Section 4).
func IsRTCP(b []byte) bool {
	return len(b) >= 2 && b[1] >= 192 && b[1] <= 223
}
