package meeting

import (
	"errors"
	"fmt"
	"io"
)

// A Secret is key material on its way to the code that seals or opens media.
// It cannot be printed, marshalled or compared with ==.
type Secret struct{ bytes func() []byte }

// NewSecret returns a Secret that holds b, which the caller gives up.
func NewSecret(b []byte) Secret { return Secret{func() []byte { return b }} }

// Bytes returns the key material itself, for the frame worker only.
func (s Secret) Bytes() []byte {
	if s.bytes == nil {
		return nil
	}
	return s.bytes()
}

// Erase overwrites the bytes, for every copy of s.
func (s Secret) Erase() { clear(s.Bytes()) }

// Format implements [fmt.Formatter]. Every verb prints the same marker.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// MarshalText always fails, so that JSON and slog print an error instead.
func (Secret) MarshalText() ([]byte, error) {
	return nil, errors.New("meeting: refusing to marshal a secret")
}
