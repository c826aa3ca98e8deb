package room

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
)

// token is the secret that takes a seat back. The bytes sit behind a func so
// that neither fmt nor a log can print them, and == does not compile.
type token struct{ bytes func() *[tokenLen]byte }

func newToken() token {
	var b [tokenLen]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return token{func() *[tokenLen]byte { return &b }}
}

// matches reports, in constant time, whether b is the token.
func (t token) matches(b []byte) bool {
	return subtle.ConstantTimeCompare(t.bytes()[:], b) == 1
}

// Format implements fmt.Formatter: every verb prints the same marker.
func (token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }
