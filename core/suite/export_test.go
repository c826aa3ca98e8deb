package suite

import (
	"crypto/hpke"

	"conclave/core/secret"
)

// An HPKE is the HPKE part of a suite with any combination of algorithms, for
// the vectors that come with others than the table has.
type HPKE struct{ hpkeSuite }

// NewHPKE returns the HPKE part that newSuite makes for a row of these numbers.
func NewHPKE(kem, kdf, aead uint16) (HPKE, error) {
	k, err := newKEM(kem)
	if err != nil {
		return HPKE{}, err
	}
	f, err := hpke.NewKDF(kdf)
	if err != nil {
		return HPKE{}, err
	}
	a, err := hpke.NewAEAD(aead)
	if err != nil {
		return HPKE{}, err
	}
	return HPKE{hpkeSuite{k, f, a}}, nil
}

// Check is CheckPublicKey.
func (h HPKE) Check(pub []byte) bool { return h.kem.check(pub) }

// DeriveKeyPair is Suite.DeriveKeyPair.
func (h HPKE) DeriveKeyPair(ikm []byte) KeyPair {
	return (&Suite{kem: h.kem}).DeriveKeyPair(secret.New(ikm))
}

// PublicKey is Suite.PublicKey.
func (h HPKE) PublicKey(private []byte) ([]byte, error) {
	return (&Suite{kem: h.kem}).PublicKey(secret.New(private))
}

// Recipient is what DecryptWithLabel and ReceiveExport use.
func (h HPKE) Recipient(private, kemOutput, info []byte) (*hpke.Recipient, error) {
	return h.recipient(secret.New(private), kemOutput, info)
}

// SmallOrderX25519 and SmallOrderEd25519 are the encodings that are refused.
var (
	SmallOrderX25519  = smallOrderX25519
	SmallOrderEd25519 = smallOrderEd25519
)
