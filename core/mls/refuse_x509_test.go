package mls

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"slices"
	"testing"

	"conclave/core/mlswire"
)

// certified returns an x509 credential for a public key of the quick suite.
func certified(key []byte) mlswire.Credential {
	_, authority := must2(ed25519.GenerateKey(rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der := must1(x509.CreateCertificate(rand.Reader, template, template, ed25519.PublicKey(key), authority))
	return mlswire.Credential{Type: mlswire.CredentialTypeX509, Certificates: [][]byte{der}}
}

// RFC 9420, Section 5.3: the end entity's key is the leaf's.
func TestCertifies(t *testing.T) {
	key, _ := must2(ed25519.GenerateKey(rand.Reader))
	other, _ := must2(ed25519.GenerateKey(rand.Reader))
	chain := certified(key).Certificates
	if !certifies(chain, key) {
		t.Error("certifies() = false for the key of the certificate")
	}
	if !certifies([][]byte{chain[0], []byte("not looked at")}, key) {
		t.Error("certifies() = false for a longer chain")
	}
	if certifies(chain, other) {
		t.Error("certifies() = true for another key")
	}
	if certifies(nil, key) {
		t.Error("certifies() = true for no certificate")
	}
	if certifies([][]byte{certified(other).Certificates[0], chain[0]}, key) {
		t.Error("certifies() = true for the key of an issuer")
	}
	// Cut anywhere, or followed by something, it is no certificate.
	der := chain[0]
	for n := range der {
		if certifies([][]byte{der[:n]}, key) {
			t.Errorf("certifies() = true for the first %d bytes", n)
		}
	}
	if certifies([][]byte{append(slices.Clip(der), 0)}, key) {
		t.Error("certifies() = true with a byte after the certificate")
	}
	// The parser looks at hostile bytes: whatever one changes, it must not panic.
	for i := range der {
		for _, b := range []byte{0x00, 0x7f, 0x80, 0x84, 0x85, 0xff} {
			changed := append([]byte{}, der...)
			changed[i] = b
			certifies([][]byte{changed}, key)
		}
	}
}
