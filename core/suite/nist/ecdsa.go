package nist

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"

	"conclave/core/secret"
	"conclave/core/suite"
)

// A scheme is ECDSA over a curve of NIST with the hash of the curve's size:
// ecdsa_secp256r1_sha256 and its like of RFC 8446, Section 4.2.3. Public keys
// are uncompressed points, signatures are DER (RFC 9420, Sections 5.1.1 and
// 5.1.2).
type scheme struct {
	curve elliptic.Curve
	hash  crypto.Hash
}

// A signer holds the key in a func, where fmt does not find it.
type signer struct {
	key    func() *ecdsa.PrivateKey
	public []byte
	hash   crypto.Hash
}

func (s scheme) Generate() suite.Signer {
	key, err := ecdsa.GenerateKey(s.curve, rand.Reader)
	if err != nil {
		panic("nist: internal error: generating an ECDSA key")
	}
	return s.newSigner(key)
}

// New takes the scalar, big-endian. Leading zero bytes may be missing: other
// implementations drop them.
func (s scheme) New(private secret.Value) (suite.Signer, error) {
	size := s.scalarSize()
	if private.Len() > size {
		return nil, suite.ErrPrivateKey
	}
	scalar := make([]byte, size)
	defer clear(scalar)
	copy(scalar[size-private.Len():], private.Expose())
	key, err := ecdsa.ParseRawPrivateKey(s.curve, scalar)
	if err != nil {
		return nil, suite.ErrPrivateKey
	}
	return s.newSigner(key), nil
}

func (s scheme) newSigner(key *ecdsa.PrivateKey) suite.Signer {
	public, err := key.PublicKey.Bytes()
	if err != nil {
		panic("nist: internal error: an ECDSA key off its curve")
	}
	return signer{func() *ecdsa.PrivateKey { return key }, public, s.hash}
}

func (s scheme) scalarSize() int { return (s.curve.Params().BitSize + 7) / 8 }

func (s scheme) Check(public []byte) bool {
	_, err := s.parse(public)
	return err == nil
}

// PreCheck accepts every signature: which ones are DER, VerifyASN1 decides.
func (s scheme) PreCheck([]byte) bool { return true }

func (s scheme) parse(public []byte) (*ecdsa.PublicKey, error) {
	return ecdsa.ParseUncompressedPublicKey(s.curve, public)
}

func (s scheme) Verify(public, message, signature []byte) bool {
	key, err := s.parse(public)
	return err == nil && ecdsa.VerifyASN1(key, s.digest(message), signature)
}

func (s scheme) digest(message []byte) []byte { return digest(s.hash, message) }

func digest(hash crypto.Hash, message []byte) []byte {
	h := hash.New()
	h.Write(message)
	return h.Sum(nil)
}

func (s signer) Public() []byte { return s.public }

func (s signer) Private() secret.Value {
	scalar, err := s.key().Bytes()
	if err != nil {
		panic("nist: internal error: an ECDSA key off its curve")
	}
	return secret.Own(scalar)
}

func (s signer) Sign(message []byte) ([]byte, error) {
	return ecdsa.SignASN1(rand.Reader, s.key(), digest(s.hash, message))
}
