package account

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"

	"conclave/core/secret"
	"conclave/core/tlsenc"
)

// keySize is the size of every symmetric key here, in bytes.
const keySize = 32

// derive returns size bytes by HKDF-SHA256, RFC 5869, for the use that label and
// context name. Each part of the context is length-prefixed, so that no two
// contexts look alike.
func derive(key secret.Value, salt []byte, label string, size int, context ...[]byte) secret.Value {
	w := tlsenc.NewWriter(len(label) + 128)
	w.Fixed([]byte(label))
	for _, c := range context {
		w.Vector(c)
	}
	b, err := hkdf.Key(sha256.New, key.Expose(), salt, string(w.Bytes()), size)
	if err != nil {
		panic("account: internal error: HKDF: " + err.Error())
	}
	return secret.Own(b)
}

// What a committing seal adds to a plaintext, in bytes.
const (
	commitmentSize = 32
	nonceSize      = chacha20poly1305.NonceSizeX
	sealOverhead   = commitmentSize + nonceSize + chacha20poly1305.Overhead
)

var (
	errWrongKey = errors.New("account: sealed with another key")
	errDamaged  = errors.New("account: changed after it was sealed")
)

// A sealer seals and opens under one key for one use. It is key-committing: an
// AEAD such as ChaCha20-Poly1305 (RFC 8439) alone lets an attacker make a
// ciphertext that opens under many keys and so test many guesses at once. Key and
// commitment are two halves of one HKDF output, so a ciphertext belongs to
// exactly one key.
type sealer struct{ key, commitment secret.Value }

func newSealer(key secret.Value, label string, context ...[]byte) sealer {
	both := derive(key, nil, label, keySize+commitmentSize, context...)
	defer both.Erase()
	return sealer{secret.New(both.Expose()[:keySize]), secret.New(both.Expose()[keySize:])}
}

func (s sealer) erase() {
	s.key.Erase()
	s.commitment.Erase()
}

// seal returns commitment, nonce and ciphertext: XChaCha20-Poly1305 with a random
// nonce of 24 bytes.
func (s sealer) seal(plaintext, aad []byte) []byte {
	aead, err := chacha20poly1305.NewX(s.key.Expose())
	if err != nil {
		panic("account: internal error: size of a key")
	}
	out := make([]byte, commitmentSize+nonceSize, sealOverhead+len(plaintext))
	copy(out, s.commitment.Expose())
	nonce := out[commitmentSize:]
	rand.Read(nonce) // never fails: it ends the program
	return aead.Seal(out, nonce, plaintext, aad)
}

// open is the inverse of seal. It returns errWrongKey or errDamaged.
func (s sealer) open(sealed, aad []byte) (secret.Value, error) {
	if len(sealed) < sealOverhead {
		return secret.Value{}, errDamaged
	}
	if subtle.ConstantTimeCompare(sealed[:commitmentSize], s.commitment.Expose()) != 1 {
		return secret.Value{}, errWrongKey
	}
	aead, err := chacha20poly1305.NewX(s.key.Expose())
	if err != nil {
		panic("account: internal error: size of a key")
	}
	nonce := sealed[commitmentSize : commitmentSize+nonceSize]
	plaintext, err := aead.Open(nil, nonce, sealed[commitmentSize+nonceSize:], aad)
	if err != nil {
		return secret.Value{}, errDamaged
	}
	return secret.Own(plaintext), nil
}

// random returns n random bytes.
func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails: it ends the program
	return b
}
