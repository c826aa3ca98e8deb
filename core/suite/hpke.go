package suite

import (
	"crypto/hpke"
	"fmt"

	"conclave/core/mlswire"
	"conclave/core/secret"
)

// A KeyPair is an HPKE key pair.
type KeyPair struct {
	Public  []byte
	Private secret.Value
}

// An hpkeSuite is the HPKE part of a suite: base mode of RFC 9180.
type hpkeSuite struct {
	kem  kem
	kdf  hpke.KDF
	aead hpke.AEAD
}

// GenerateKeyPair returns a new random key pair.
func (s *Suite) GenerateKeyPair() KeyPair {
	key, err := s.kem.GenerateKey()
	if err != nil {
		panic("suite: internal error: generating an HPKE key pair")
	}
	return newKeyPair(key)
}

// DeriveKeyPair derives a key pair from ikm. It implements KEM.DeriveKeyPair,
// RFC 9420, Section 5.1, and RFC 9180, Section 7.1.3.
func (s *Suite) DeriveKeyPair(ikm secret.Value) KeyPair {
	key, err := s.kem.DeriveKeyPair(ikm.Expose())
	if err != nil {
		// NIST curves fail once in 2^256 secrets or less; nobody can choose one.
		panic("suite: internal error: deriving an HPKE key pair")
	}
	return newKeyPair(key)
}

func newKeyPair(key hpke.PrivateKey) KeyPair {
	private, err := key.Bytes()
	if err != nil {
		panic("suite: internal error: an HPKE private key without bytes")
	}
	return KeyPair{Public: key.PublicKey().Bytes(), Private: secret.Own(private)}
}

// PublicKey returns the public key that belongs to an HPKE private key, or
// ErrPrivateKey.
func (s *Suite) PublicKey(private secret.Value) ([]byte, error) {
	key, err := s.kem.newPrivateKey(private.Expose())
	if err != nil {
		return nil, err
	}
	return key.PublicKey().Bytes(), nil
}

// CheckPublicKey returns ErrPublicKey unless pub is an HPKE public key of the
// suite that can be encrypted to: EncryptWithLabel and SendExport do not fail
// for a key that passed.
func (s *Suite) CheckPublicKey(pub []byte) error {
	if !s.kem.check(pub) {
		return ErrPublicKey
	}
	return nil
}

// EncryptWithLabel encrypts plaintext to a public key for the use that label and
// context name, or returns ErrPublicKey. It implements EncryptWithLabel of RFC
// 9420, Section 5.1.3; the label comes without its prefix.
func (s *Suite) EncryptWithLabel(pub []byte, label string, context, plaintext []byte) (mlswire.HPKECiphertext, error) {
	kemOutput, sender, err := s.hpke.sender(pub, labelled(label, context))
	if err != nil {
		return mlswire.HPKECiphertext{}, err
	}
	ciphertext, err := sender.Seal(nil, plaintext)
	if err != nil {
		return mlswire.HPKECiphertext{}, fmt.Errorf("suite: internal error: sealing: %w", err)
	}
	return mlswire.HPKECiphertext{KEMOutput: kemOutput, Ciphertext: ciphertext}, nil
}

// DecryptWithLabel decrypts what EncryptWithLabel made with the same label and
// context. It returns ErrOpen, or ErrPrivateKey for a malformed key. It
// implements DecryptWithLabel of RFC 9420, Section 5.1.3.
func (s *Suite) DecryptWithLabel(private secret.Value, label string, context []byte, c mlswire.HPKECiphertext) (secret.Value, error) {
	recipient, err := s.hpke.recipient(private, c.KEMOutput, labelled(label, context))
	if err != nil {
		return secret.Value{}, err
	}
	plaintext, err := recipient.Open(nil, c.Ciphertext)
	if err != nil {
		return secret.Value{}, ErrOpen
	}
	return secret.Own(plaintext), nil
}

// SendExport returns length bytes that the holder of the private key gets from
// kemOutput, or ErrPublicKey: SetupBaseS(pub, "") and export of the context, RFC
// 9420, Section 8.3. The label comes in full.
func (s *Suite) SendExport(pub []byte, label string, length int) (kemOutput []byte, exported secret.Value, err error) {
	kemOutput, sender, err := s.hpke.sender(pub, nil)
	if err != nil {
		return nil, secret.Value{}, err
	}
	b, err := sender.Export(label, length)
	if err != nil {
		return nil, secret.Value{}, fmt.Errorf("suite: internal error: exporting: %w", err)
	}
	return kemOutput, secret.Own(b), nil
}

// ReceiveExport returns what SendExport returned beside kemOutput: SetupBaseR
// and export, RFC 9420, Section 8.3. It returns ErrOpen, or ErrPrivateKey for a
// malformed key. For another kemOutput than the sender's it may also return
// other bytes.
func (s *Suite) ReceiveExport(private secret.Value, kemOutput []byte, label string, length int) (secret.Value, error) {
	recipient, err := s.hpke.recipient(private, kemOutput, nil)
	if err != nil {
		return secret.Value{}, err
	}
	b, err := recipient.Export(label, length)
	if err != nil {
		return secret.Value{}, fmt.Errorf("suite: internal error: exporting: %w", err)
	}
	return secret.Own(b), nil
}

// sender is SetupBaseS of RFC 9180, Section 5.1.1. It returns ErrPublicKey.
func (h hpkeSuite) sender(pub, info []byte) ([]byte, *hpke.Sender, error) {
	key, err := h.kem.NewPublicKey(pub)
	if err != nil {
		return nil, nil, ErrPublicKey
	}
	kemOutput, sender, err := hpke.NewSender(key, h.kdf, h.aead, info)
	if err != nil {
		return nil, nil, ErrPublicKey
	}
	return kemOutput, sender, nil
}

// recipient is SetupBaseR of RFC 9180, Section 5.1.1. It returns ErrPrivateKey,
// or ErrOpen for a KEM output that cannot be decapsulated.
func (h hpkeSuite) recipient(private secret.Value, kemOutput, info []byte) (*hpke.Recipient, error) {
	key, err := h.kem.newPrivateKey(private.Expose())
	if err != nil {
		return nil, err
	}
	recipient, err := hpke.NewRecipient(kemOutput, key, h.kdf, h.aead, info)
	if err != nil {
		return nil, ErrOpen
	}
	return recipient, nil
}

// labelled returns the EncryptContext of RFC 9420, Section 5.1.3, and the
// SignContent of Section 5.1.2, which are alike.
func labelled(label string, content []byte) []byte {
	b := make([]byte, 0, len(labelPrefix)+len(label)+len(content)+2*lengthSize)
	return appendVector(appendLabel(b, label), content)
}
