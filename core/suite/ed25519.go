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

// Check refuses what is not the canonical encoding of a y coordinate (RFC 8032,
// Section 5.1.3) and the points of small order: a key of small order can be given
// signatures that are valid for many messages.
func (ed25519Scheme) Check(public []byte) bool { return checkEd25519Point(public) }

// PreCheck refuses signatures that implementations are known to differ over.
func (ed25519Scheme) PreCheck(signature []byte) bool {
	return len(signature) == ed25519.SignatureSize && checkEd25519Point(signature[:32])
}

func (s ed25519Scheme) Verify(public, message, signature []byte) bool {
	return s.Check(public) && s.PreCheck(signature) && ed25519.Verify(public, message, signature)
}

func (s ed25519Signer) Public() []byte { return s.key.Expose()[ed25519.SeedSize:] }

func (s ed25519Signer) Private() secret.Value { return secret.New(s.key.Expose()[:ed25519.SeedSize]) }

func (s ed25519Signer) Sign(message []byte) ([]byte, error) {
	return ed25519.Sign(s.key.Expose(), message), nil
}

// checkEd25519Point reports whether b encodes a y coordinate canonically and not
// that of a point whose order divides 8. The highest bit is the sign of x.
func checkEd25519Point(b []byte) bool {
	if len(b) != 32 {
		return false
	}
	y := [32]byte(b)
	y[31] &= 0x7f
	p := littleEndianP(0)
	if !lessLittleEndian(&y, &p) {
		return false
	}
	for i := range smallOrderEd25519 {
		if y == smallOrderEd25519[i] {
			return false
		}
	}
	return true
}

func lessLittleEndian(a, b *[32]byte) bool {
	for i := 31; i >= 0; i-- {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// smallOrderEd25519 are the y coordinates, little-endian, of the eight points
// whose order divides 8.
var smallOrderEd25519 = [5][32]byte{
	{},
	{1},
	littleEndianP(-1),
	{
		0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
	},
	{
		0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
	},
}
