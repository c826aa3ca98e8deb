package suite

import (
	"crypto/ecdh"
	"crypto/rand"
	"slices"

	"conclave/core/secret"
)

// A dhKEM is DHKEM of RFC 9180, Section 4.1.
type dhKEM struct {
	id    uint16
	curve ecdh.Curve
	hash  hashFunction
	// privateSize is Nsk.
	privateSize int
	// scalar finishes a candidate for a private key, in place: it clears the
	// bits above the order of a NIST curve and clamps X25519.
	scalar func([]byte)
	check  func(pub []byte) bool
}

// NewDHKEM returns the KEM over a NIST curve: KEMP256, KEMP384 or KEMP521, with
// its curve and the KDF of its name. Private keys may come without leading zero
// bytes, as other implementations write scalars.
func NewDHKEM(id uint16, curve ecdh.Curve, kdf uint16, privateSize int) KEM {
	return &dhKEM{
		id: id, curve: curve, hash: mustHash(kdf), privateSize: privateSize,
		scalar: func(b []byte) {
			if id == KEMP521 {
				b[0] &= 0x01 // the bitmask of RFC 9180, Section 7.1.3
			}
		},
		check: CheckPoint(curve),
	}
}

// newX25519 returns DHKEM(X25519, HKDF-SHA256).
func newX25519() KEM {
	return &dhKEM{
		id: KEMX25519, curve: ecdh.X25519(), hash: mustHash(KDFSHA256), privateSize: 32,
		scalar: clamp, check: checkX25519,
	}
}

// clamp does what RFC 9180, Section 7.1.2, asks of serialized X25519 keys.
func clamp(b []byte) {
	b[0] &= 248
	b[31] = b[31]&127 | 64
}

func (k *dhKEM) ID() uint16 { return k.id }

func (k *dhKEM) CheckPublicKey(pub []byte) bool { return k.check(pub) }

func (k *dhKEM) GenerateKeyPair() KeyPair {
	key, err := k.curve.GenerateKey(rand.Reader)
	if err != nil {
		panic("suite: internal error: generating a key")
	}
	return k.pair(key)
}

func (k *dhKEM) pair(key *ecdh.PrivateKey) KeyPair {
	private := key.Bytes()
	k.scalar(private)
	return KeyPair{Public: key.PublicKey().Bytes(), Private: secret.Own(private)}
}

// DeriveKeyPair implements DeriveKeyPair of RFC 9180, Section 7.1.3.
func (k *dhKEM) DeriveKeyPair(ikm []byte) KeyPair {
	id := kemSuiteID(k.id)
	prk := k.hash.labeledExtract(id, nil, "dkp_prk", ikm)
	defer clear(prk)
	label, counter := "candidate", []byte{0}
	if k.id == KEMX25519 {
		label, counter = "sk", nil
	}
	for range 256 {
		candidate := k.hash.labeledExpand(id, prk, label, counter, k.privateSize)
		k.scalar(candidate)
		key, err := k.curve.NewPrivateKey(candidate)
		clear(candidate)
		if err == nil {
			return k.pair(key)
		}
		counter[0]++
	}
	// DeriveKeyPairError: once in 2^8000 secrets for P-256, and rarer still for
	// the others. Nobody can find such a secret.
	panic("suite: internal error: no key pair from a secret")
}

// private parses a private key.
func (k *dhKEM) private(b []byte) (*ecdh.PrivateKey, error) {
	if n := len(b); n > 0 && n < k.privateSize && k.id != KEMX25519 {
		padded := make([]byte, k.privateSize)
		defer clear(padded)
		copy(padded[k.privateSize-n:], b)
		b = padded
	}
	key, err := k.curve.NewPrivateKey(b)
	if err != nil {
		return nil, ErrPrivateKey
	}
	return key, nil
}

func (k *dhKEM) PublicKey(private []byte) ([]byte, error) {
	key, err := k.private(private)
	if err != nil {
		return nil, err
	}
	return key.PublicKey().Bytes(), nil
}

// Encapsulate implements Encap of RFC 9180, Section 4.1.
func (k *dhKEM) Encapsulate(pub []byte) (shared, enc []byte, err error) {
	theirs, err := k.curve.NewPublicKey(pub)
	if err != nil {
		return nil, nil, ErrPublicKey
	}
	ephemeral, err := k.curve.GenerateKey(rand.Reader)
	if err != nil {
		panic("suite: internal error: generating a key")
	}
	// Section 7.1.4: ECDH refuses an all-zero result.
	dh, err := ephemeral.ECDH(theirs)
	if err != nil {
		return nil, nil, ErrPublicKey
	}
	defer clear(dh)
	enc = ephemeral.PublicKey().Bytes()
	return k.extractAndExpand(dh, enc, pub), enc, nil
}

// Decapsulate implements Decap of RFC 9180, Section 4.1.
func (k *dhKEM) Decapsulate(private, enc []byte) ([]byte, error) {
	ours, err := k.private(private)
	if err != nil {
		return nil, err
	}
	theirs, err := k.curve.NewPublicKey(enc)
	if err != nil {
		return nil, ErrOpen
	}
	dh, err := ours.ECDH(theirs)
	if err != nil {
		return nil, ErrOpen
	}
	defer clear(dh)
	return k.extractAndExpand(dh, enc, ours.PublicKey().Bytes()), nil
}

// extractAndExpand implements ExtractAndExpand of RFC 9180, Section 4.1, with
// kem_context = enc || pkRm. Nsecret is the size of the hash for every DHKEM.
func (k *dhKEM) extractAndExpand(dh, enc, pub []byte) []byte {
	id := kemSuiteID(k.id)
	prk := k.hash.labeledExtract(id, nil, "eae_prk", dh)
	defer clear(prk)
	return k.hash.labeledExpand(id, prk, "shared_secret", slices.Concat(enc, pub), k.hash.size)
}
