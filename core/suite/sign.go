package suite

import (
	"bytes"
	"fmt"
	"io"

	"conclave/core/secret"
	"conclave/core/tlsenc"
)

// A Scheme is a signature scheme. Implementations are comparable with ==, which
// holds for equal schemes only, and safe for concurrent use.
type Scheme interface {
	// Generate returns a new random key.
	Generate() Signer
	// New returns the key whose private bytes are private, or ErrPrivateKey. It
	// copies what it keeps.
	New(private secret.Value) (Signer, error)
	// Check reports whether a public key is well formed.
	Check(public []byte) bool
	// PreCheck reports whether a signature is free of what implementations are
	// known to differ over; only such a signature is shown to a [Verifier].
	PreCheck(signature []byte) bool
	// Verify reports whether signature is valid. A malformed key or signature is
	// not.
	Verify(public, message, signature []byte) bool
}

// A Signer is a private key of a [Scheme]. It holds key bytes where fmt does not
// find them, and is safe for concurrent use.
type Signer interface {
	Public() []byte
	Private() secret.Value
	Sign(message []byte) ([]byte, error)
}

// A SigningKey is a signature key pair. It cannot be printed or marshalled, and
// is safe for concurrent use.
type SigningKey struct {
	scheme Scheme
	signer Signer
}

// GenerateSigningKey returns a new random signature key pair.
func (s *Suite) GenerateSigningKey() *SigningKey {
	return &SigningKey{s.row.Scheme, s.row.Scheme.Generate()}
}

// NewSigningKey returns the signature key pair of a private key, or
// ErrPrivateKey. The private key is the 32-byte seed of RFC 8032, Section 5.1.5,
// for Ed25519 and the scalar, big-endian, for ECDSA.
func (s *Suite) NewSigningKey(private secret.Value) (*SigningKey, error) {
	signer, err := s.row.Scheme.New(private)
	if err != nil {
		return nil, err
	}
	return &SigningKey{s.row.Scheme, signer}, nil
}

// Public returns the public key as it travels, RFC 9420, Section 5.1.1. It shares
// no bytes with k: Ed25519 hashes the public key into each signature, and two
// signatures of one message with different ones tell the private key.
func (k *SigningKey) Public() []byte { return bytes.Clone(k.signer.Public()) }

// Private returns what NewSigningKey takes. It shares no bytes with k; the
// caller erases it.
func (k *SigningKey) Private() secret.Value { return k.signer.Private() }

// Format implements [fmt.Formatter]. Every verb prints the same marker.
func (*SigningKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[signing key]") }

// MarshalText always fails.
func (*SigningKey) MarshalText() ([]byte, error) { return nil, secret.ErrMarshal }

// MarshalBinary always fails.
func (*SigningKey) MarshalBinary() ([]byte, error) { return nil, secret.ErrMarshal }

// SignWithLabel signs content for the use that label names. It implements
// SignWithLabel of RFC 9420, Section 5.1.2; the label comes without its prefix.
// It returns ErrPrivateKey if k is a key of another signature scheme.
func (s *Suite) SignWithLabel(k *SigningKey, label string, content []byte) ([]byte, error) {
	if k.scheme != s.row.Scheme {
		return nil, ErrPrivateKey
	}
	return k.signer.Sign(labelled(label, content))
}

// VerifyWithLabel returns ErrSignature unless signature is valid. It implements
// VerifyWithLabel of RFC 9420, Section 5.1.2.
//
// Members who disagree on a signature disagree on an epoch, so "valid" has one
// meaning. For Ed25519 it is RFC 8032, Section 5.1.7, with the equation that
// does not multiply by the cofactor, R compared as it is encoded, S below the
// group's order, and A encoded in its one canonical way; and neither A nor R of
// small order, which WebCrypto refuses. Nobody can have signed a content that is
// longer than a vector (RFC 9420, Section 2.1.2).
func (s *Suite) VerifyWithLabel(pub []byte, label string, content, signature []byte) error {
	if len(content) > tlsenc.MaxVector || !s.row.Scheme.Verify(pub, labelled(label, content), signature) {
		return ErrSignature
	}
	return nil
}

// CheckSignatureKey returns ErrSignatureKey unless pub is well formed for the
// suite's signature scheme, RFC 9420, Section 5.1.1. Ed25519 keys are not
// decompressed: one that is no point passes and has no valid signature.
func (s *Suite) CheckSignatureKey(pub []byte) error {
	if !s.row.Scheme.Check(pub) {
		return ErrSignatureKey
	}
	return nil
}
