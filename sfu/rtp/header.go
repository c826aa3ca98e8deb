package rtp

import "encoding/binary"

// A Header is the fixed part of an RTP header, without contributing sources.
type Header struct {
	Marker      bool
	Padding     bool // the payload ends with padding; its last byte says how much
	PayloadType uint8
	Sequence    uint16
	Timestamp   uint32
	SSRC        uint32
}

// An Element is an element of a header extension (RFC 8285). An element that
// cannot be written is left out: one with ID 0 (not negotiated) or with more
// than 255 bytes.
type Element struct {
	ID   uint8
	Data []byte
}

// AppendHeader appends the header of an RTP packet to b, with a header extension
// if there are elements. The extension has the one-byte form (RFC 8285, Section
// 4.2) if ids and sizes allow it, which are 1 to 14 and 1 to 16 bytes; else the
// two-byte form (Section 4.3). It does not allocate if b has room for
// HeaderSize(elements) bytes.
func AppendHeader(b []byte, h *Header, elements []Element) []byte {
	first, second := byte(2<<6), h.PayloadType&0x7F
	if h.Padding {
		first |= 0x20
	}
	if h.Marker {
		second |= 0x80
	}
	size, one := extensionSize(elements)
	if size > 0 {
		first |= 0x10
	}
	b = append(b, first, second)
	b = binary.BigEndian.AppendUint16(b, h.Sequence)
	b = binary.BigEndian.AppendUint32(b, h.Timestamp)
	b = binary.BigEndian.AppendUint32(b, h.SSRC)
	if size == 0 {
		return b
	}
	return appendExtension(b, elements, size, one)
}

// HeaderSize returns how many bytes AppendHeader appends.
func HeaderSize(elements []Element) int {
	size, _ := extensionSize(elements)
	if size == 0 {
		return fixedHeader
	}
	return fixedHeader + 4 + size
}

// writable reports whether an element can be written at all.
func (e *Element) writable() bool { return e.ID != 0 && len(e.Data) <= 255 }

// extensionSize returns the size of the elements with their padding, and whether
// the one-byte form holds them. The size is 0 if there are none.
//
// The size is bounded by that of the length field, 65535 words; elements beyond
// it do not occur: 255 ids of 257 bytes each are below it.
func extensionSize(elements []Element) (size int, one bool) {
	one = true
	for i := range elements {
		e := &elements[i]
		if !e.writable() {
			continue
		}
		if e.ID > 14 || len(e.Data) == 0 || len(e.Data) > 16 {
			one = false
		}
		size += 2 + len(e.Data)
	}
	if one {
		for i := range elements {
			if elements[i].writable() {
				size--
			}
		}
	}
	return (size + 3) &^ 3, one
}

func appendExtension(b []byte, elements []Element, size int, one bool) []byte {
	profile := uint16(profileTwoByte)
	if one {
		profile = profileOneByte
	}
	b = binary.BigEndian.AppendUint16(b, profile)
	b = binary.BigEndian.AppendUint16(b, uint16(size/4))
	end := len(b) + size
	for i := range elements {
		e := &elements[i]
		switch {
		case !e.writable():
			continue
		case one:
			b = append(b, e.ID<<4|uint8(len(e.Data)-1))
		default:
			b = append(b, e.ID, uint8(len(e.Data)))
		}
		b = append(b, e.Data...)
	}
	for len(b) < end {
		b = append(b, 0)
	}
	return b
}
