package rtc

import "encoding/binary"

// A packet is the header of an RTP packet and where its parts lie, as offsets,
// so that they also hold in a copy.
//
//	 0                   1                   2                   3
//	|V=2|P|X|  CC   |M|     PT      |       sequence number         |
//	|                           timestamp                           |
//	|                             SSRC                              |
//	|            CSRC (CC times), header extension (if X)           |
//	|              payload, padding (if P; last byte: how much)     |
type packet struct {
	marker      bool
	payloadType uint8
	sequence    uint16
	timestamp   uint32
	ssrc        uint32

	profile uint16 // of the header extension; 0 without one
	ext     span   // elements of the header extension
	payload span   // without padding
}

// span is a part of a packet.
type span struct{ from, to int }

func (s span) in(b []byte) []byte { return b[s.from:s.to] }
func (s span) empty() bool        { return s.from == s.to }

// Header extension profiles, RFC 8285, Sections 4.2 and 4.3.
const (
	profileOneByte     = 0xBEDE
	profileTwoByte     = 0x1000
	profileTwoByteMask = 0xFFF0 // the low four bits are the application's
)

const fixedHeader = 12 // bytes

// parsePacket reads an RTP packet (RFC 3550, Section 5.1). It reports false if
// b is not one.
func parsePacket(b []byte, p *packet) bool {
	if len(b) < fixedHeader || b[0]>>6 != 2 {
		return false
	}
	*p = packet{
		marker:      b[1]&0x80 != 0,
		payloadType: b[1] & 0x7F,
		sequence:    binary.BigEndian.Uint16(b[2:]),
		timestamp:   binary.BigEndian.Uint32(b[4:]),
		ssrc:        binary.BigEndian.Uint32(b[8:]),
	}
	at := fixedHeader + 4*int(b[0]&0x0F)
	if b[0]&0x10 != 0 {
		if len(b) < at+4 {
			return false
		}
		p.profile = binary.BigEndian.Uint16(b[at:])
		size := 4 * int(binary.BigEndian.Uint16(b[at+2:]))
		at += 4
		if len(b) < at+size {
			return false
		}
		p.ext = span{at, at + size}
		at += size
	}
	end := len(b)
	if b[0]&0x20 != 0 && end > 0 {
		end -= int(b[end-1])
	}
	if at > len(b) || end < at {
		return false
	}
	p.payload = span{at, end}
	return true
}

// extension returns the element of the header extension with an id, as a span
// of b; it is empty if there is none.
func (p *packet) extension(b []byte, id uint8) span {
	if id == 0 {
		return span{}
	}
	one := p.profile == profileOneByte
	if !one && p.profile&profileTwoByteMask != profileTwoByte {
		return span{}
	}
	for at := p.ext.from; at < p.ext.to; {
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
				return span{}
			}
		} else {
			if at+2 > p.ext.to {
				return span{}
			}
			got, size = b[at], int(b[at+1])
			at += 2
		}
		if at+size > p.ext.to {
			return span{}
		}
		if got == id {
			return span{at, at + size}
		}
		at += size
	}
	return span{}
}
