package suite

import (
	"crypto"
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/sha3"
	"encoding/binary"

	"conclave/core/secret"
)

// Hybrid describes a KEM that joins ML-KEM with a curve, of draft-ietf-hpke-pq:
// whoever breaks one of the two learns nothing.
type Hybrid struct {
	ID    uint16
	Label string // what ends the input of the combiner
	Curve ecdh.Curve
	// Sizes in bytes: of what a private key of the curve is made from, of a
	// point, of ML-KEM's encapsulation key and of its ciphertext.
	ScalarSeed, Point, EncapsulationKey, Ciphertext int
	// Parsers of ML-KEM's keys; the private one is a seed of 64 bytes.
	NewEncapsulator func([]byte) (crypto.Encapsulator, error)
	NewDecapsulator func([]byte) (crypto.Decapsulator, error)
	// CheckPoint reports whether a point of the curve can be encapsulated to.
	CheckPoint func([]byte) bool
}

// hybridSeed is the size of a private key: everything is expanded from a seed.
const hybridSeed = 32

// A hybridKEM is a Hybrid at work.
//
//	public key = ML-KEM encapsulation key || point
//	enc        = ML-KEM ciphertext || ephemeral point
//	shared     = SHA3-256(ML-KEM shared || curve shared || ephemeral point || point || label)
type hybridKEM struct{ Hybrid }

// NewHybridKEM returns the KEM that h describes.
func NewHybridKEM(h Hybrid) KEM { return hybridKEM{h} }

// newXWing returns MLKEM768-X25519, also called X-Wing.
func newXWing() KEM {
	return NewHybridKEM(Hybrid{
		ID: KEMMLKEM768X25519, Label: `\.//^\`, Curve: ecdh.X25519(), ScalarSeed: 32, Point: 32,
		EncapsulationKey: mlkem.EncapsulationKeySize768, Ciphertext: mlkem.CiphertextSize768,
		NewEncapsulator: func(b []byte) (crypto.Encapsulator, error) { return mlkem.NewEncapsulationKey768(b) },
		NewDecapsulator: func(b []byte) (crypto.Decapsulator, error) { return mlkem.NewDecapsulationKey768(b) },
		CheckPoint:      checkX25519,
	})
}

func (k hybridKEM) ID() uint16 { return k.Hybrid.ID }

func (k hybridKEM) CheckPublicKey(pub []byte) bool {
	return len(pub) == k.EncapsulationKey+k.Point && k.CheckPoint(pub[k.EncapsulationKey:]) && checkMLKEM(pub[:k.EncapsulationKey])
}

// A hybridKey is a private key, expanded.
type hybridKey struct {
	pq crypto.Decapsulator
	t  *ecdh.PrivateKey
}

func (k hybridKey) public() []byte {
	return append(k.pq.Encapsulator().Bytes(), k.t.PublicKey().Bytes()...)
}

// expand makes the keys of a seed: SHAKE256 yields ML-KEM's seed and then
// candidates for the scalar until one is in range.
func (k hybridKEM) expand(seed []byte) (hybridKey, error) {
	if len(seed) != hybridSeed {
		return hybridKey{}, ErrPrivateKey
	}
	stream := sha3.NewSHAKE256()
	_, _ = stream.Write(seed)
	buffer := make([]byte, mlkem.SeedSize+k.ScalarSeed)
	defer clear(buffer)
	_, _ = stream.Read(buffer)
	pq, err := k.NewDecapsulator(buffer[:mlkem.SeedSize])
	if err != nil {
		panic("suite: internal error: ML-KEM refuses a seed")
	}
	scalar := buffer[mlkem.SeedSize:]
	for {
		// Out of range once in 2^192 tries or less; X25519 takes them all.
		t, err := k.Curve.NewPrivateKey(scalar)
		if err == nil {
			return hybridKey{pq, t}, nil
		}
		_, _ = stream.Read(scalar)
	}
}

func (k hybridKEM) pair(seed []byte) KeyPair {
	key, err := k.expand(seed)
	if err != nil {
		panic("suite: internal error: a seed of the wrong size")
	}
	return KeyPair{Public: key.public(), Private: secret.Own(seed)}
}

func (k hybridKEM) GenerateKeyPair() KeyPair {
	seed := make([]byte, hybridSeed)
	_, _ = rand.Read(seed) // never fails
	return k.pair(seed)
}

// DeriveKeyPair derives the seed with SHAKE256.LabeledDerive of
// draft-ietf-hpke-pq.
func (k hybridKEM) DeriveKeyPair(ikm []byte) KeyPair {
	const label = "DeriveKeyPair"
	h := sha3.NewSHAKE256()
	_, _ = h.Write(ikm)
	b := append([]byte(versionLabel), kemSuiteID(k.Hybrid.ID)...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(label)))
	b = append(b, label...)
	_, _ = h.Write(binary.BigEndian.AppendUint16(b, hybridSeed))
	seed := make([]byte, hybridSeed)
	_, _ = h.Read(seed)
	return k.pair(seed)
}

func (k hybridKEM) PublicKey(private []byte) ([]byte, error) {
	key, err := k.expand(private)
	if err != nil {
		return nil, err
	}
	return key.public(), nil
}

func (k hybridKEM) Encapsulate(pub []byte) (shared, enc []byte, err error) {
	if len(pub) != k.EncapsulationKey+k.Point {
		return nil, nil, ErrPublicKey
	}
	pq, err := k.NewEncapsulator(pub[:k.EncapsulationKey])
	if err != nil {
		return nil, nil, ErrPublicKey
	}
	point := pub[k.EncapsulationKey:]
	theirs, err := k.Curve.NewPublicKey(point)
	if err != nil {
		return nil, nil, ErrPublicKey
	}
	ephemeral, err := k.Curve.GenerateKey(rand.Reader)
	if err != nil {
		panic("suite: internal error: generating a key")
	}
	sharedT, err := ephemeral.ECDH(theirs)
	if err != nil {
		return nil, nil, ErrPublicKey
	}
	sharedPQ, ciphertext := pq.Encapsulate()
	ephemeralPoint := ephemeral.PublicKey().Bytes()
	return k.combine(sharedPQ, sharedT, ephemeralPoint, point), append(ciphertext, ephemeralPoint...), nil
}

func (k hybridKEM) Decapsulate(private, enc []byte) ([]byte, error) {
	key, err := k.expand(private)
	if err != nil {
		return nil, err
	}
	if len(enc) != k.Ciphertext+k.Point {
		return nil, ErrOpen
	}
	point := enc[k.Ciphertext:]
	theirs, err := k.Curve.NewPublicKey(point)
	if err != nil {
		return nil, ErrOpen
	}
	sharedT, err := key.t.ECDH(theirs)
	if err != nil {
		return nil, ErrOpen
	}
	// ML-KEM rejects implicitly: another ciphertext gives another secret.
	sharedPQ, err := key.pq.Decapsulate(enc[:k.Ciphertext])
	if err != nil {
		return nil, ErrOpen
	}
	return k.combine(sharedPQ, sharedT, point, key.t.PublicKey().Bytes()), nil
}

// combine is the combiner of draft-ietf-hpke-pq. It overwrites the two secrets.
func (k hybridKEM) combine(sharedPQ, sharedT, ephemeralPoint, point []byte) []byte {
	h := sha3.New256()
	for _, b := range [][]byte{sharedPQ, sharedT, ephemeralPoint, point, []byte(k.Label)} {
		_, _ = h.Write(b)
	}
	clear(sharedPQ)
	clear(sharedT)
	return h.Sum(nil)
}
