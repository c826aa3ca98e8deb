// Package secret holds key bytes in a type that cannot be printed, marshalled
// or compared with ==, even inside another struct.
//
// Make one with [New], read it with [Value.Expose] where a cryptographic
// function needs the bytes, and overwrite it with [Value.Erase] when it is no
// longer needed. Erasing is best effort: the Go runtime may have copied bytes
// that passed through the stack.
//
// Functions are not inlined, because that makes WebAssembly a good deal longer.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
)

// ErrMarshal is returned by every attempt to marshal a [Value].
var ErrMarshal = errors.New("secret: refusing to marshal a secret")

// A Value is a sequence of bytes that must never reach a log, an error or JSON.
// The zero Value is empty. Copies share the same bytes. A Value may be read
// concurrently; Erase must not run beside a reader.
//
// The bytes sit behind a func because fmt and reflect cannot look inside one.
// Methods alone are not enough: fmt ignores them on unexported fields of an
// enclosing struct. A func also makes == fail to compile.
type Value struct{ bytes func() []byte }

// New returns a Value holding a copy of b. The caller erases its own copy.
//
//go:noinline
func New(b []byte) Value {
	c := make([]byte, len(b))
	copy(c, b)
	return Own(c)
}

// Own returns a Value holding b itself, which the caller hands over.
//
//go:noinline
func Own(b []byte) Value { return Value{func() []byte { return b }} }

// Expose returns the bytes themselves, not a copy. The caller neither keeps
// nor changes them.
//
//go:noinline
func (v Value) Expose() []byte {
	if v.bytes == nil {
		return nil
	}
	return v.bytes()
}

// Len returns the number of bytes.
//
//go:noinline
func (v Value) Len() int { return len(v.Expose()) }

// Equal reports, in constant time for equal lengths, whether v and w hold the
// same bytes.
//
//go:noinline
func (v Value) Equal(w Value) bool {
	return subtle.ConstantTimeCompare(v.Expose(), w.Expose()) == 1
}

// Erase overwrites the bytes with zeros, for every copy of v.
//
//go:noinline
func (v Value) Erase() { clear(v.Expose()) }

// Format implements [fmt.Formatter]. Every verb prints the same marker.
func (Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// MarshalText always fails with [ErrMarshal], so that JSON and slog show an
// error instead.
func (Value) MarshalText() ([]byte, error) { return nil, ErrMarshal }

// MarshalBinary always fails with [ErrMarshal], so that gob cannot carry it.
func (Value) MarshalBinary() ([]byte, error) { return nil, ErrMarshal }
