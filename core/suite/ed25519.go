package suite

import (
	"crypto/ed25519"
	"crypto/rand"

	"conclave/core/secret"
)

// ed25519Scheme is Ed25519 of RFC 8032.
type ed25519Scheme struct{}

// An ed25519Signer holds an [ed25519.PrivateKey].
type ed25519Signer struct{ key secret.Value }

func (ed25519Scheme) Generate() Signer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic("suite: internal error: generating an Ed25519 key")
	}
	return ed25519Signer{secret.Own(key)}
}

func (ed25519Scheme) New(private secret.Value) (Signer, error) {
	if private.Len() != ed25519.SeedSize {
		return nil, ErrPrivateKey
	}
	return ed25519Signer{secret.Own(ed25519.NewKeyFromSeed(private.Expose()))}, nil
}

func (ed25519Scheme) Check(public []byte) bool { return len(public) == ed25519.PublicKeySize }

func (s ed25519Scheme) Verify(public, message, signature []byte) bool {
	return s.Check(public) && ed25519.Verify(public, message, signature)
}

func (s ed25519Signer) Public() []byte { return s.key.Expose()[ed25519.SeedSize:] }

func (s ed25519Signer) Private() secret.Value { return secret.New(s.key.Expose()[:ed25519.SeedSize]) }

func (s ed25519Signer) Sign(message []byte) ([]byte, error) {
	return ed25519.Sign(s.key.Expose(), message), nil
}
