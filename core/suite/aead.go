package suite

import (
	"crypto/aes"
	"crypto/cipher"

	"golang.org/x/crypto/chacha20poly1305"

	"conclave/core/secret"
)

// aeadNonceSize is Nn, the same for every AEAD of HPKE: RFC 9180, Section 7.3.
const aeadNonceSize = 12

// An aeadAlgorithm encrypts messages under keys of the secret tree.
type aeadAlgorithm struct {
	new     func(key []byte) (cipher.AEAD, error)
	keySize int // Nk
}

func newAEADAlgorithm(id uint16) (aeadAlgorithm, error) {
	switch id {
	case AEADAES128GCM:
		return aeadAlgorithm{newGCM, 16}, nil
	case AEADAES256GCM:
		return aeadAlgorithm{newGCM, 32}, nil
	case AEADChaCha20Poly1305:
		return aeadAlgorithm{chacha20poly1305.New, chacha20poly1305.KeySize}, nil
	default:
		return aeadAlgorithm{}, errAlgorithm
	}
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Seal encrypts plaintext and returns the ciphertext, which is 16 bytes longer.
// The caller uses a nonce once with a key. It panics if the key or the nonce
// does not have the suite's size, which is the caller's mistake.
func (s *Suite) Seal(key, nonce secret.Value, aad, plaintext []byte) []byte {
	return s.cipher(key, nonce).Seal(nil, nonce.Expose(), plaintext, aad)
}

// Open decrypts what Seal made and returns the plaintext, or ErrOpen. It panics
// like Seal.
func (s *Suite) Open(key, nonce secret.Value, aad, ciphertext []byte) ([]byte, error) {
	plaintext, err := s.cipher(key, nonce).Open(nil, nonce.Expose(), ciphertext, aad)
	if err != nil {
		return nil, ErrOpen
	}
	return plaintext, nil
}

func (s *Suite) cipher(key, nonce secret.Value) cipher.AEAD {
	if key.Len() != s.aead.keySize || nonce.Len() != aeadNonceSize {
		panic("suite: internal error: AEAD key or nonce of the wrong size")
	}
	c, err := s.aead.new(key.Expose())
	if err != nil {
		panic("suite: internal error: AEAD refuses a key of its size")
	}
	return c
}
