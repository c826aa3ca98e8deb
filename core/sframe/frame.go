package sframe

import "fmt"

// FrameHeaderSize is the size of an encoded [FrameHeader].
const FrameHeaderSize = 2

// maxLayer is the highest spatial or temporal id: each has four bits.
const maxLayer = 15

// A FrameHeader stands before the encoder's bytes inside each sealed frame,
// docs/protocol.md, Section 4:
//
//	+-----------+------------------+-------------------+------------
//	| kind (8)  | spatial id (4)   | temporal id (4)   | bitstream
//	+-----------+------------------+-------------------+------------
type FrameHeader struct {
	Kind     Context // equals the context of the key id
	Spatial  uint8   // 0 to 15
	Temporal uint8   // 0 to 15
}

// Append appends the encoded header to dst. It returns ErrMalformed if a value
// is out of range.
func (h FrameHeader) Append(dst []byte) ([]byte, error) {
	if !h.Kind.IsValid() || h.Spatial > maxLayer || h.Temporal > maxLayer {
		return dst, ErrMalformed
	}
	return append(dst, byte(h.Kind), h.Spatial<<4|h.Temporal), nil
}

// ParseFrameHeader takes the header from the front of an opened frame and
// returns it with the bitstream, which aliases plaintext.
func ParseFrameHeader(plaintext []byte) (FrameHeader, []byte, error) {
	if len(plaintext) < FrameHeaderSize {
		return FrameHeader{}, nil, ErrMalformed
	}
	h := FrameHeader{Context(plaintext[0]), plaintext[1] >> 4, plaintext[1] & 0x0f}
	if !h.Kind.IsValid() {
		return FrameHeader{}, nil, ErrMalformed
	}
	return h, plaintext[FrameHeaderSize:], nil
}

// SealFrame appends to dst the sealed frame of header and bitstream. The kind
// must be the context of the Sealer's key id, else it returns ErrMalformed;
// other errors are those of [Sealer.Seal]. dst and bitstream must not overlap.
func (s *Sealer) SealFrame(dst []byte, h FrameHeader, bitstream []byte) ([]byte, error) {
	if c, _, _, err := s.kid.Split(); err != nil || c != h.Kind {
		return dst, fmt.Errorf("%w: frame of another kind than its key id", ErrMalformed)
	}
	return s.seal(dst, bitstream, nil, h)
}

// OpenFrame opens a sealed frame, appends its bitstream to dst and returns it
// with both headers. A frame whose kind is not the context of its key id is
// ErrMalformed; other errors are those of [Opener.Open]. The caller still checks
// that the key id belongs to the stream on which the frame came.
func (o *Opener) OpenFrame(dst, frame []byte) ([]byte, FrameHeader, Header, error) {
	start := len(dst)
	out, h, err := o.Open(dst, frame, nil)
	if err != nil {
		return dst, FrameHeader{}, Header{}, err
	}
	fh, bitstream, err := ParseFrameHeader(out[start:])
	if err != nil {
		return dst, FrameHeader{}, Header{}, err
	}
	if c, _, _, err := h.KID.Split(); err != nil || c != fh.Kind {
		return dst, FrameHeader{}, Header{}, ErrMalformed
	}
	// Move the bitstream over its header, so that out is dst and bitstream.
	n := copy(out[start:], bitstream)
	return out[:start+n], fh, h, nil
}
