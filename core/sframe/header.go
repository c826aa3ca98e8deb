package sframe

import "math/bits"

// MaxHeaderSize is the largest SFrame header: configuration, 8 bytes of key id,
// 8 bytes of counter.
const MaxHeaderSize = 1 + 8 + 8

// A Header is the SFrame header, RFC 9605, Section 4.3:
//
//	 0 1 2 3 4 5 6 7
//	+-+-+-+-+-+-+-+-+---------------------+--------------------+
//	|X|  K  |Y|  C  |   KID (0-8 bytes)   |  CTR (0-8 bytes)   |
//	+-+-+-+-+-+-+-+-+---------------------+--------------------+
//
// K is the key id itself (X is 0, values to 7) or the number of its bytes less
// one (X is 1); Y and C say the same of the counter.
type Header struct {
	KID     KID
	Counter uint64
}

// Size returns the number of bytes of the encoded header.
func (h Header) Size() int {
	return 1 + fieldSize(uint64(h.KID)) + fieldSize(h.Counter)
}

// Append appends the encoded header to dst.
func (h Header) Append(dst []byte) []byte {
	kid, counter := uint64(h.KID), h.Counter
	dst = append(dst, fieldNibble(kid)<<4|fieldNibble(counter))
	dst = appendField(dst, kid)
	return appendField(dst, counter)
}

// ParseHeader reads the header at the front of frame and returns it with its
// size. It returns ErrMalformed if frame ends too early, or if a value is not in
// its shortest form: RFC 9605 senders use the shortest, and with one form only a
// header cannot be written in two ways.
func ParseHeader(frame []byte) (Header, int, error) {
	if len(frame) == 0 {
		return Header{}, 0, ErrMalformed
	}
	config, n := frame[0], 1
	kid, n, ok := parseField(config>>4, frame, n)
	if !ok {
		return Header{}, 0, ErrMalformed
	}
	counter, n, ok := parseField(config&0x0f, frame, n)
	if !ok {
		return Header{}, 0, ErrMalformed
	}
	return Header{KID: KID(kid), Counter: counter}, n, nil
}

// fieldSize returns how many bytes v takes after the configuration byte.
func fieldSize(v uint64) int {
	if v < 8 {
		return 0
	}
	return (bits.Len64(v) + 7) / 8
}

// fieldNibble returns the extension flag and the three bits of v.
func fieldNibble(v uint64) byte {
	if v < 8 {
		return byte(v)
	}
	return 0x08 | byte(fieldSize(v)-1)
}

func appendField(dst []byte, v uint64) []byte {
	for i := fieldSize(v) - 1; i >= 0; i-- {
		dst = append(dst, byte(v>>(8*i)))
	}
	return dst
}

// parseField reads the value that nibble describes from frame at n, and returns
// it with the offset behind it.
func parseField(nibble byte, frame []byte, n int) (v uint64, next int, ok bool) {
	if nibble&0x08 == 0 {
		return uint64(nibble), n, true
	}
	size := int(nibble&0x07) + 1
	if len(frame)-n < size {
		return 0, 0, false
	}
	for _, b := range frame[n : n+size] {
		v = v<<8 | uint64(b)
	}
	return v, n + size, fieldSize(v) == size
}
