package sframe

import (
	"crypto/cipher"
	"crypto/hkdf"
)

// TestingOnlyAEAD returns the AEAD of a suite, below headers and counters.
func TestingOnlyAEAD(s Suite, key []byte) (cipher.AEAD, error) {
	p, err := s.parameters()
	if err != nil {
		return nil, err
	}
	return newAEAD(p, key)
}

// TestingOnlySecret returns sframe_secret and the two labels.
func TestingOnlySecret(s Suite, kid KID, baseKey []byte) (prk []byte, key, salt string, err error) {
	p, err := s.parameters()
	if err != nil {
		return nil, "", "", err
	}
	prk, err = hkdf.Extract(p.hash, baseKey, nil)
	return prk, keyLabel("key", s, kid), keyLabel("salt", s, kid), err
}

// TestingOnlyNonce returns the nonce of a counter.
func TestingOnlyNonce(m KeyMaterial, counter uint64) ([]byte, error) {
	c, err := newFrameCipher(m)
	if err != nil {
		return nil, err
	}
	return c.nonceFor(counter), nil
}

// TestingOnlyWindow returns what a replay window answers to each counter.
func TestingOnlyWindow(counters []uint64) []bool {
	var w window
	fresh := make([]bool, len(counters))
	for i, c := range counters {
		if fresh[i] = w.isFresh(c); fresh[i] {
			w.accept(c)
		}
	}
	return fresh
}
