package sframe

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"hash"

	"conclave/core/secret"
)

// A Suite is a cipher suite of RFC 9605, Section 8.1.
type Suite uint16

// The cipher suites of RFC 9605. Meetings use AES256GCMSHA512 only. Suites 6 to
// 8, which came later, are not spoken.
const (
	AES128CTRHMACSHA256Tag80 Suite = 0x0001 // AES_128_CTR_HMAC_SHA256_80
	AES128CTRHMACSHA256Tag64 Suite = 0x0002 // AES_128_CTR_HMAC_SHA256_64
	AES128CTRHMACSHA256Tag32 Suite = 0x0003 // AES_128_CTR_HMAC_SHA256_32
	AES128GCMSHA256          Suite = 0x0004 // AES_128_GCM_SHA256_128
	AES256GCMSHA512          Suite = 0x0005 // AES_256_GCM_SHA512_128
)

// nonceSize is Nn, the same for every suite.
const nonceSize = 12

// parameters are the constants of a suite, RFC 9605, Section 4.5.
type parameters struct {
	hash    func() hash.Hash
	keySize int // Nk; for CTR suites both keys together
	encSize int // Nka, the part of the key that encrypts; 0 for GCM
	tagSize int // Nt
}

func (s Suite) parameters() (parameters, error) {
	switch s {
	case AES128CTRHMACSHA256Tag80:
		return parameters{sha256.New, 48, 16, 10}, nil
	case AES128CTRHMACSHA256Tag64:
		return parameters{sha256.New, 48, 16, 8}, nil
	case AES128CTRHMACSHA256Tag32:
		return parameters{sha256.New, 48, 16, 4}, nil
	case AES128GCMSHA256:
		return parameters{sha256.New, 16, 0, 16}, nil
	case AES256GCMSHA512:
		return parameters{sha512.New, 32, 0, 16}, nil
	default:
		return parameters{}, fmt.Errorf("%w: %d", ErrSuite, s)
	}
}

// Overhead returns how many bytes the authentication tag adds to a frame, and 0
// for an unknown suite. The header comes on top, at most MaxHeaderSize.
func (s Suite) Overhead() int {
	p, err := s.parameters()
	if err != nil {
		return 0
	}
	return p.tagSize
}

// KeyMaterial is what seals and opens the frames of one key id. It is all that
// media needs to know of a session: hand Key and Salt to WebCrypto, or the whole
// to [NewSealer] or [Opener.Add].
type KeyMaterial struct {
	Suite Suite
	KID   KID
	Key   secret.Value // sframe_key
	Salt  secret.Value // sframe_salt, 12 bytes
}

// Erase overwrites the key and the salt.
func (m KeyMaterial) Erase() {
	m.Key.Erase()
	m.Salt.Erase()
}

// DeriveKey derives the key and salt of one key id from a base key. It
// implements derive_key_salt of RFC 9605, Section 4.4.2, and returns ErrSuite
// for an unknown suite.
func DeriveKey(s Suite, kid KID, baseKey secret.Value) (KeyMaterial, error) {
	p, err := s.parameters()
	if err != nil {
		return KeyMaterial{}, err
	}
	// The salt of HKDF-Extract is empty, as the section says.
	prk, err := hkdf.Extract(p.hash, baseKey.Expose(), nil)
	if err != nil {
		return KeyMaterial{}, fmt.Errorf("sframe: deriving the secret of a key id: %v", err)
	}
	defer clear(prk)
	key, err := hkdf.Expand(p.hash, prk, keyLabel("key", s, kid), p.keySize)
	if err != nil {
		return KeyMaterial{}, fmt.Errorf("sframe: deriving a key: %v", err)
	}
	salt, err := hkdf.Expand(p.hash, prk, keyLabel("salt", s, kid), nonceSize)
	if err != nil {
		return KeyMaterial{}, fmt.Errorf("sframe: deriving a salt: %v", err)
	}
	return KeyMaterial{Suite: s, KID: kid, Key: secret.Own(key), Salt: secret.Own(salt)}, nil
}

// keyLabel returns sframe_key_label or sframe_salt_label, RFC 9605, Section
// 4.4.2: the text, the key id as 8 bytes and the suite as 2.
func keyLabel(purpose string, s Suite, kid KID) string {
	b := append([]byte("SFrame 1.0 Secret "), purpose...)
	b = append(b, ' ')
	b = binary.BigEndian.AppendUint64(b, uint64(kid))
	return string(binary.BigEndian.AppendUint16(b, uint16(s)))
}
