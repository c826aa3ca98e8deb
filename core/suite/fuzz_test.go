package suite_test

import (
	"errors"
	"testing"

	"conclave/core/mlswire"
	"conclave/core/suite"
)

// pick returns a suite for a number that the fuzzer chose.
func pick(t testing.TB, n byte) *suite.Suite {
	ids := suite.IDs()
	return lookup(t, ids[int(n)%len(ids)])
}

// A public key passes the check if and only if it can be encrypted to.
func FuzzCheckPublicKey(f *testing.F) {
	for n := range suite.IDs() {
		s := pick(f, byte(n))
		good := s.GenerateKeyPair().Public
		f.Add(byte(n), good)
		for _, bad := range badPublicKeys(s, good) {
			f.Add(byte(n), bad)
		}
	}
	f.Fuzz(func(t *testing.T, n byte, pub []byte) {
		s := pick(t, n)
		checked := s.CheckPublicKey(pub)
		_, encrypted := s.EncryptWithLabel(pub, "l", nil, nil)
		if (checked == nil) != (encrypted == nil) {
			t.Errorf("suite %d: CheckPublicKey = %v but EncryptWithLabel = %v", s.ID(), checked, encrypted)
		}
		if checked != nil && (!errors.Is(checked, suite.ErrPublicKey) || !errors.Is(encrypted, suite.ErrPublicKey)) {
			t.Errorf("suite %d: %v and %v, want ErrPublicKey", s.ID(), checked, encrypted)
		}
	})
}

// Nothing but what was encrypted opens.
func FuzzDecryptWithLabel(f *testing.F) {
	pairs := make(map[suite.ID]suite.KeyPair)
	for n := range suite.IDs() {
		s := pick(f, byte(n))
		pairs[s.ID()] = s.GenerateKeyPair()
		c, err := s.EncryptWithLabel(pairs[s.ID()].Public, "other", nil, []byte("plaintext"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(n), c.KEMOutput, c.Ciphertext)
		f.Add(byte(n), c.KEMOutput[1:], c.Ciphertext)
		f.Add(byte(n), c.KEMOutput, []byte{})
		f.Add(byte(n), make([]byte, len(c.KEMOutput)), make([]byte, 16))
	}
	f.Fuzz(func(t *testing.T, n byte, kemOutput, ciphertext []byte) {
		s := pick(t, n)
		c := mlswire.HPKECiphertext{KEMOutput: kemOutput, Ciphertext: ciphertext}
		if got, err := s.DecryptWithLabel(pairs[s.ID()].Private, "l", nil, c); !errors.Is(err, suite.ErrOpen) || got.Len() != 0 {
			t.Errorf("suite %d: DecryptWithLabel = %d bytes, %v, want ErrOpen", s.ID(), got.Len(), err)
		}
		if _, err := s.ReceiveExport(pairs[s.ID()].Private, kemOutput, "l", 16); err != nil && !errors.Is(err, suite.ErrOpen) {
			t.Errorf("suite %d: ReceiveExport = %v, want ErrOpen", s.ID(), err)
		}
	})
}

// No key and signature of the fuzzer's are valid, and a key that is refused never
// verifies.
func FuzzVerifyWithLabel(f *testing.F) {
	for n := range suite.IDs() {
		s := pick(f, byte(n))
		key := s.GenerateSigningKey()
		signature, err := s.SignWithLabel(key, "other", []byte("content"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(n), key.Public(), signature)
		f.Add(byte(n), key.Public()[1:], signature)
		f.Add(byte(n), key.Public(), signature[1:])
		for _, y := range suite.SmallOrderEd25519 {
			f.Add(byte(n), y[:], append(append([]byte{}, y[:]...), make([]byte, 32)...))
		}
	}
	f.Fuzz(func(t *testing.T, n byte, pub, signature []byte) {
		s := pick(t, n)
		if err := s.VerifyWithLabel(pub, "l", []byte("content"), signature); !errors.Is(err, suite.ErrSignature) {
			t.Errorf("suite %d: VerifyWithLabel = %v, want ErrSignature", s.ID(), err)
		}
		if err := s.CheckSignatureKey(pub); err != nil && !errors.Is(err, suite.ErrSignatureKey) {
			t.Errorf("suite %d: CheckSignatureKey = %v, want ErrSignatureKey", s.ID(), err)
		}
	})
}
