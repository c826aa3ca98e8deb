package suite

import (
	"encoding/binary"

	"conclave/core/secret"
)

// A KEM is a key encapsulation mechanism of HPKE, RFC 9180, Section 4, with its
// keys as bytes. Implementations are safe for concurrent use. [NewDHKEM] and
// [NewHybridKEM] make one.
type KEM interface {
	// ID returns the number of the KEM, RFC 9180, Section 7.1.
	ID() uint16
	// GenerateKeyPair returns a new random key pair.
	GenerateKeyPair() KeyPair
	// DeriveKeyPair derives a key pair from ikm, RFC 9180, Section 4.
	DeriveKeyPair(ikm []byte) KeyPair
	// PublicKey returns the public key of a private key, or ErrPrivateKey.
	PublicKey(private []byte) ([]byte, error)
	// CheckPublicKey reports whether Encapsulate accepts a public key.
	CheckPublicKey(pub []byte) bool
	// Encapsulate returns a new shared secret and what the holder of the
	// private key gets it from, or ErrPublicKey.
	Encapsulate(pub []byte) (shared, enc []byte, err error)
	// Decapsulate returns the shared secret, ErrPrivateKey for a malformed key,
	// or ErrOpen for an enc that nobody made.
	Decapsulate(private, enc []byte) ([]byte, error)
}

// A KeyPair is an HPKE key pair.
type KeyPair struct {
	Public  []byte
	Private secret.Value
}

// kemSuiteID is the suite_id of a KEM's own derivations, RFC 9180, Section 4.1.
func kemSuiteID(id uint16) []byte { return binary.BigEndian.AppendUint16([]byte("KEM"), id) }
