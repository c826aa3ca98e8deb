// Package suite holds the cipher suites of MLS ([RFC 9420, Section 5.1]) as a
// table: a [Suite] is one row, and adding a suite is adding a row.
//
// Call [Lookup] with a suite's number and use the Suite's methods, which carry
// the names of the RFC: RefHash, ExpandWithLabel, EncryptWithLabel,
// SignWithLabel and so on. A Suite is immutable; all its methods may be called
// concurrently. Public keys and signatures are bytes as they travel, private
// keys and other secrets are [secret.Value]. Randomness is crypto/rand.
//
// This package registers the suites whose signatures are Ed25519. Those that
// sign with ECDSA are in package conclave/core/suite/nist, which a program
// imports for its side effect; a browser that never meets them saves a
// megabyte.
//
// [RFC 9420, Section 5.1]: https://www.rfc-editor.org/rfc/rfc9420.html#section-5.1
package suite

import (
	"errors"
	"slices"
	"strconv"

	"conclave/core/mlswire"
)

// An ID is the number of a cipher suite, RFC 9420, Section 17.1.
type ID = mlswire.CipherSuite

// The cipher suites known here, by the names of RFC 9420, Section 17.1. Suites 4
// and 6 are not implemented: they need X448 and Ed448.
//
// The post-quantum suites are TBD2 and TBD5 of draft-ietf-mls-pq-ciphersuites-06
// under numbers of the private-use range (0xF000 to 0xFFFF) until IANA assigns
// theirs; their confidentiality is post-quantum, their signatures are not.
//
//nolint:staticcheck // the names of the specification
const (
	MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519        ID = 0x0001
	MLS_128_DHKEMP256_AES128GCM_SHA256_P256             ID = 0x0002
	MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519 ID = 0x0003
	MLS_256_DHKEMP521_AES256GCM_SHA512_P521             ID = 0x0005
	MLS_256_DHKEMP384_AES256GCM_SHA384_P384             ID = 0x0007
	MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519     ID = 0xF001
	MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384         ID = 0xF002

	Default = MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519
)

var (
	// ErrUnknown says that no suite of that number is registered.
	ErrUnknown = errors.New("suite: unknown cipher suite")
	// ErrPublicKey says that an HPKE public key cannot be used.
	ErrPublicKey = errors.New("suite: invalid HPKE public key")
	// ErrPrivateKey says that an HPKE or signature private key cannot be used.
	ErrPrivateKey = errors.New("suite: invalid private key")
	// ErrOpen says that a ciphertext was not made with this key and context. It
	// is the one answer to every failed decryption.
	ErrOpen = errors.New("suite: cannot decrypt")
	// ErrSignatureKey says that a signature public key cannot be used.
	ErrSignatureKey = errors.New("suite: invalid signature key")
	// ErrSignature says that a signature is not valid.
	ErrSignature = errors.New("suite: invalid signature")
)

// Lookup returns the suite of a number, or an error wrapping ErrUnknown.
func Lookup(id ID) (*Suite, error) {
	if i, ok := find(id); ok {
		return registered[i], nil
	}
	return nil, numberedError{ErrUnknown, int(id)}
}

// A numberedError says which of many an error is about. This package does without
// fmt, which would be a third of a megabyte of WebAssembly.
type numberedError struct {
	err    error
	number int
}

func (e numberedError) Error() string { return e.err.Error() + ": number " + strconv.Itoa(e.number) }

func (e numberedError) Unwrap() error { return e.err }

// IDs returns the registered suites in ascending order.
func IDs() []ID {
	ids := make([]ID, len(registered))
	for i, s := range registered {
		ids[i] = s.row.ID
	}
	return ids
}

// registered is sorted by ID. It changes only while packages are initialized.
var registered []*Suite

func find(id ID) (int, bool) {
	return slices.BinarySearchFunc(registered, id, func(s *Suite, id ID) int { return int(s.row.ID) - int(id) })
}

// A Suite is a cipher suite. Get one from [Lookup].
type Suite struct {
	row      Row
	hash     hashFunction // of the KDF, and for everything else
	aead     aeadAlgorithm
	schedule keySchedule
}

// ID returns the number of the suite.
func (s *Suite) ID() ID { return s.row.ID }

// Name returns the suite's name as the specification has it.
func (s *Suite) Name() string { return s.row.Name }

// HashSize returns the size in bytes of hashes, of MACs and of what Extract and
// DeriveSecret return: KDF.Nh of RFC 9420.
func (s *Suite) HashSize() int { return s.hash.size }

// KeySize returns the size of an AEAD key in bytes, AEAD.Nk.
func (s *Suite) KeySize() int { return s.aead.keySize }

// NonceSize returns the size of an AEAD nonce in bytes, AEAD.Nn.
func (s *Suite) NonceSize() int { return aeadNonceSize }
