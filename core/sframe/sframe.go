// Package sframe seals and opens media frames as defined in [RFC 9605], with
// the key ids and the inner frame header of docs/protocol.md, Section 4.
//
// Derive a [KeyMaterial] with [DeriveKey], then seal with a [Sealer] and open
// with an [Opener]. Both may be used concurrently. With the two AES-GCM suites
// they do not allocate when the destination has room. A Sealer never uses a
// counter twice; an Opener accepts each counter of a key once.
//
// [RFC 9605]: https://www.rfc-editor.org/rfc/rfc9605.html
package sframe

import "errors"

var (
	// ErrMalformed says that bytes are not an SFrame ciphertext, not a frame
	// header or not a key id of this protocol.
	ErrMalformed = errors.New("sframe: malformed")
	// ErrSuite says that a cipher suite is unknown.
	ErrSuite = errors.New("sframe: unknown cipher suite")
	// ErrKey says that a key or salt has the wrong length for its suite.
	ErrKey = errors.New("sframe: wrong key length")
	// ErrUnknownKey says that there is no key for a key id (yet).
	ErrUnknownKey = errors.New("sframe: no key for this key id")
	// ErrKeyExists says that a key id already has a key.
	ErrKeyExists = errors.New("sframe: this key id already has a key")
	// ErrTooManyKeys says that an Opener holds MaxKeys keys.
	ErrTooManyKeys = errors.New("sframe: too many keys")
	// ErrReplay says that a counter was used before or is too old to tell.
	ErrReplay = errors.New("sframe: frame was replayed or is too old")
	// ErrOpen says that a frame is not authentic, whatever the cause.
	ErrOpen = errors.New("sframe: frame does not open")
	// ErrExhausted says that a Sealer has used up its range of counters.
	ErrExhausted = errors.New("sframe: counters are used up")
)
