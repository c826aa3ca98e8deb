package sframe

import (
	"slices"
	"sync"
)

// A Sealer seals frames under one key id. It may be used concurrently.
type Sealer struct {
	// Constant after NewSealer.
	kid      KID
	overhead int

	// mu guards the fields below.
	mu     sync.Mutex
	cipher *frameCipher
	next   uint64 // the next counter
	end    uint64 // the first counter that is not ours
}

// NewSealer returns a Sealer that uses the counters from from up to, but not
// including, to. The caller must lease each counter of a key id to one Sealer
// only: a counter used twice gives away the difference of two frames and lets
// frames be forged. It returns ErrSuite or ErrKey if m is not complete, and
// ErrExhausted if the range is empty.
func NewSealer(m KeyMaterial, from, to uint64) (*Sealer, error) {
	c, err := newFrameCipher(m)
	if err != nil {
		return nil, err
	}
	if from >= to {
		return nil, ErrExhausted
	}
	return &Sealer{kid: m.KID, overhead: m.Suite.Overhead(), cipher: c, next: from, end: to}, nil
}

// KID returns the key id that s seals under.
func (s *Sealer) KID() KID { return s.kid }

// Remaining returns how many frames s can still seal.
func (s *Sealer) Remaining() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end - s.next
}

// Seal appends to dst the SFrame ciphertext of plaintext: header, encrypted
// data, tag. The receiver must know the same metadata, which is authenticated
// but not sent. dst must not overlap plaintext or metadata. When the counters
// are used up it returns dst and ErrExhausted; the frame must then be dropped.
func (s *Sealer) Seal(dst, plaintext, metadata []byte) ([]byte, error) {
	return s.seal(dst, plaintext, metadata, FrameHeader{Kind: contexts})
}

// seal implements encrypt of RFC 9605, Section 4.4.3. A valid inner header goes
// before the plaintext; kind contexts means none.
func (s *Sealer) seal(dst, plaintext, metadata []byte, inner FrameHeader) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next >= s.end {
		return dst, ErrExhausted
	}
	h := Header{KID: s.kid, Counter: s.next}
	size := MaxHeaderSize + len(metadata) + FrameHeaderSize + len(plaintext) + s.overhead

	// The plaintext is laid out where its ciphertext goes and encrypted in
	// place. The additional data is header || metadata: it stands before the
	// plaintext while the frame is sealed, and the metadata is cut out after.
	start := len(dst)
	out := h.Append(slices.Grow(dst, size))
	header := len(out)
	out = append(out, metadata...)
	body := len(out)
	if inner.Kind.IsValid() {
		var err error
		if out, err = inner.Append(out); err != nil {
			return dst, err
		}
	}
	out = append(out, plaintext...)

	// From here on the counter is spent, whatever happens.
	s.next++
	nonce := s.cipher.nonceFor(h.Counter)
	out = s.cipher.aead().Seal(out[:body], nonce, out[body:], out[start:body])
	n := copy(out[header:], out[body:])
	return out[:header+n], nil
}
