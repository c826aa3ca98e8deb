// Package message says what members of a conversation tell each other: the
// content inside of MLS application messages, how it is encoded, and how a
// receiver finds that one is missing or that a sender told two stories.
//
// Decode accepts what Encode writes and nothing else. A kind that this version
// does not know is kept as Unknown, to be shown as something that cannot be
// shown; it is never refused.
//
// The package does no I/O and reads no clock.
package message

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"conclave/core/tlsenc"
)

const (
	format   = 1
	idSize   = 16
	headSize = 2 + idSize + 8 + 16 + 8 + 4 + 1
	// maxLength is the size of the largest length of a vector here.
	maxLength = 4
	// MaxBody is the most bytes of a body other than Again.
	MaxBody = 32 << 10
	// maxOriginal is the largest content that Again can carry.
	maxOriginal = headSize + maxLength + MaxBody
	// MaxContent is the most bytes of an encoded content. It leaves half of what
	// a delivery service takes as one message to MLS and its padding.
	MaxContent = maxOriginal + 2*maxLength + headSize
)

var (
	// ErrContent says that bytes are no content, or that a content breaks a bound.
	// Nothing of it may be shown; ask the sender's device for it again.
	ErrContent = errors.New("message: not a content")
	// ErrFormat says that a content is of a format of a later version: say that
	// it cannot be shown by this version.
	ErrFormat = errors.New("message: format of a later version; update to read it")
)

type (
	// An ID names a content: the client_message_id under which it is sent.
	ID [idSize]byte
	// A User is the id of an account.
	User [idSize]byte
	// A Device is the id of a device.
	Device [idSize]byte
	// A Digest is the first half of the SHA-256 of an encoded content.
	Digest [sha256.Size / 2]byte
)

// A Content is one thing that a device says in a conversation. Who says it is
// what MLS says of the message; nothing here repeats it.
type Content struct {
	ID ID
	// Counter counts the contents of this device in this group from 1, without
	// a gap. 0: outside of the count, may be lost (Typing).
	Counter uint64
	// Previous is the Digest of the content with the counter before; zeros for
	// counters 0 and 1.
	Previous Digest
	Time     uint64 // milliseconds since 1970, by the clock of the sender
	// ExpiresAfter is how many seconds after it was read a content disappears; 0: never.
	ExpiresAfter uint32
	Body         Body
}

// A Body is what is said: one of the types of this package, by value.
type Body interface {
	// Kind is the number of the type on the wire.
	Kind() Kind
	encode(w *tlsenc.Writer)
	check() error
}

// DigestOf returns the Digest of an encoded content.
func DigestOf(encoded []byte) Digest {
	sum := sha256.Sum256(encoded)
	return Digest(sum[:len(Digest{})])
}

// Encode returns the one encoding of a content, in the TLS presentation language
// (RFC 8446, Section 3; vectors as in RFC 9420, Section 2.1.2):
//
//	struct {
//	    uint16 format = 1;
//	    opaque id[16];
//	    uint64 counter;
//	    opaque previous[16];
//	    uint64 time;
//	    uint32 expires_after;
//	    uint8 kind;
//	    opaque body<V>;
//	} Content;
//
// It returns ErrContent if a bound is broken.
func (c *Content) Encode() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	var body tlsenc.Writer
	c.Body.encode(&body)
	w := tlsenc.NewWriter(headSize + maxLength + len(body.Bytes()))
	w.Uint16(format)
	w.Fixed(c.ID[:])
	w.Uint64(c.Counter)
	w.Fixed(c.Previous[:])
	w.Uint64(c.Time)
	w.Uint32(c.ExpiresAfter)
	w.Uint8(uint8(c.Body.Kind()))
	w.Vector(body.Bytes())
	if len(body.Bytes()) > most(c.Body.Kind()) {
		return nil, fmt.Errorf("%w: the body is too long", ErrContent)
	}
	return w.Bytes(), nil
}

// Decode reads an encoded content. Errors wrap ErrContent or ErrFormat. The
// content does not alias b.
func Decode(b []byte) (*Content, error) {
	if len(b) > MaxContent {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrContent, MaxContent)
	}
	r := tlsenc.NewReader(b)
	if version := r.Uint16(); r.Err() == nil && version != format {
		if version == 0 {
			return nil, ErrContent
		}
		return nil, ErrFormat
	}
	var c Content
	copy(c.ID[:], r.Fixed(idSize))
	c.Counter = r.Uint64()
	copy(c.Previous[:], r.Fixed(len(c.Previous)))
	c.Time = r.Uint64()
	c.ExpiresAfter = r.Uint32()
	kind := Kind(r.Uint8())
	body := r.Vector(most(kind))
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrContent, err)
	}
	var err error
	if c.Body, err = decodeBody(kind, body); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return &c, nil
}

// check checks what Encode and Decode both ask for.
func (c *Content) check() error {
	if c.Body == nil {
		return fmt.Errorf("%w: no body", ErrContent)
	}
	if c.ID == (ID{}) {
		return fmt.Errorf("%w: no id", ErrContent)
	}
	if (c.Previous == Digest{}) != (c.Counter <= 1) {
		return fmt.Errorf("%w: previous does not fit the counter", ErrContent)
	}
	_, typing := c.Body.(Typing)
	_, unknown := c.Body.(Unknown)
	if !unknown && typing != (c.Counter == 0) {
		return fmt.Errorf("%w: counter does not fit the kind", ErrContent)
	}
	return c.Body.check()
}

// most returns the most bytes of a body.
func most(k Kind) int {
	if k == KindAgain {
		return maxOriginal + maxLength
	}
	return MaxBody
}
