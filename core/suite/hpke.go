package suite

import (
	"conclave/core/mlswire"
	"conclave/core/secret"
)

// GenerateKeyPair returns a new random HPKE key pair.
func (s *Suite) GenerateKeyPair() KeyPair { return s.row.KEM.GenerateKeyPair() }

// DeriveKeyPair derives an HPKE key pair from ikm. It implements
// KEM.DeriveKeyPair, RFC 9420, Section 5.1, and RFC 9180, Section 7.1.3.
func (s *Suite) DeriveKeyPair(ikm secret.Value) KeyPair { return s.row.KEM.DeriveKeyPair(ikm.Expose()) }

// PublicKey returns the public key that belongs to an HPKE private key, or
// ErrPrivateKey.
func (s *Suite) PublicKey(private secret.Value) ([]byte, error) {
	return s.row.KEM.PublicKey(private.Expose())
}

// CheckPublicKey returns ErrPublicKey unless pub is an HPKE public key of the
// suite that can be encrypted to: EncryptWithLabel and SendExport do not fail
// for a key that passed.
func (s *Suite) CheckPublicKey(pub []byte) error {
	if !s.row.KEM.CheckPublicKey(pub) {
		return ErrPublicKey
	}
	return nil
}

// EncryptWithLabel encrypts plaintext to a public key for the use that label and
// context name, or returns ErrPublicKey. It implements EncryptWithLabel of RFC
// 9420, Section 5.1.3; the label comes without its prefix. An [Encrypter] does
// the same for many public keys.
func (s *Suite) EncryptWithLabel(pub []byte, label string, context, plaintext []byte) (mlswire.HPKECiphertext, error) {
	return s.EncrypterWithLabel(label, context).Encrypt(pub, plaintext)
}

// An Encrypter encrypts to many public keys for one use. What depends on the
// context alone it does once: the context of a Welcome is its encrypted
// GroupInfo, whose tree is as long as the group, and hashing that again for each
// new member would make the work quadratic. It may be used concurrently.
type Encrypter struct {
	suite    *Suite
	infoHash []byte
}

// EncrypterWithLabel returns the Encrypter for the use that label and context
// name: its Encrypt is EncryptWithLabel.
func (s *Suite) EncrypterWithLabel(label string, context []byte) *Encrypter {
	return &Encrypter{s, s.schedule.infoHash(labelled(label, context))}
}

// Encrypt encrypts plaintext to a public key, or returns ErrPublicKey. It
// implements SealBase of RFC 9180, Section 6.1, with an empty aad.
func (e *Encrypter) Encrypt(pub, plaintext []byte) (mlswire.HPKECiphertext, error) {
	shared, enc, err := e.suite.row.KEM.Encapsulate(pub)
	if err != nil {
		return mlswire.HPKECiphertext{}, err
	}
	c := e.suite.schedule.context(shared, e.infoHash)
	defer c.erase()
	return mlswire.HPKECiphertext{KEMOutput: enc, Ciphertext: e.suite.Seal(c.key, c.baseNonce, nil, plaintext)}, nil
}

// DecryptWithLabel decrypts what EncryptWithLabel made with the same label and
// context. It returns ErrOpen, or ErrPrivateKey for a malformed key. It
// implements DecryptWithLabel of RFC 9420, Section 5.1.3.
func (s *Suite) DecryptWithLabel(private secret.Value, label string, context []byte, c mlswire.HPKECiphertext) (secret.Value, error) {
	shared, err := s.row.KEM.Decapsulate(private.Expose(), c.KEMOutput)
	if err != nil {
		return secret.Value{}, err
	}
	k := s.schedule.context(shared, s.schedule.infoHash(labelled(label, context)))
	defer k.erase()
	plaintext, err := s.Open(k.key, k.baseNonce, nil, c.Ciphertext)
	if err != nil {
		return secret.Value{}, err
	}
	return secret.Own(plaintext), nil
}

// SendExport returns length bytes that the holder of the private key gets from
// kemOutput, or ErrPublicKey: SetupBaseS(pub, "") and export of the context, RFC
// 9420, Section 8.3. The label comes in full. It panics like ExpandWithLabel.
func (s *Suite) SendExport(pub []byte, label string, length int) (kemOutput []byte, exported secret.Value, err error) {
	shared, enc, err := s.row.KEM.Encapsulate(pub)
	if err != nil {
		return nil, secret.Value{}, err
	}
	return enc, s.export(shared, label, length), nil
}

// ReceiveExport returns what SendExport returned beside kemOutput: SetupBaseR
// and export, RFC 9420, Section 8.3. It returns ErrOpen, or ErrPrivateKey for a
// malformed key. For another kemOutput than the sender's it may also return
// other bytes.
func (s *Suite) ReceiveExport(private secret.Value, kemOutput []byte, label string, length int) (secret.Value, error) {
	shared, err := s.row.KEM.Decapsulate(private.Expose(), kemOutput)
	if err != nil {
		return secret.Value{}, err
	}
	return s.export(shared, label, length), nil
}

func (s *Suite) export(shared []byte, label string, length int) secret.Value {
	c := s.schedule.context(shared, s.schedule.infoHash(nil))
	defer c.erase()
	return s.schedule.export(c, label, length)
}

// labelled returns the EncryptContext of RFC 9420, Section 5.1.3, and the
// SignContent of Section 5.1.2, which are alike.
func labelled(label string, content []byte) []byte {
	b := make([]byte, 0, len(labelPrefix)+len(label)+len(content)+2*lengthSize)
	return appendVector(appendLabel(b, label), content)
}
