package suite

import "slices"

// A Row describes a cipher suite by its parts. The hash and the
// MAC of a suite are those of its KDF, as in every suite of RFC 9420, Section
// 17.1.
type Row struct {
	ID     ID
	Name   string
	KEM    KEM
	KDF    uint16 // RFC 9180, Section 7.2
	AEAD   uint16 // RFC 9180, Section 7.3
	Scheme Scheme
}

// The numbers of the algorithms that a row may name, of IANA's HPKE registry.
const (
	KEMP256           uint16 = 0x0010 // DHKEM(P-256, HKDF-SHA256)
	KEMP384           uint16 = 0x0011 // DHKEM(P-384, HKDF-SHA384)
	KEMP521           uint16 = 0x0012 // DHKEM(P-521, HKDF-SHA512)
	KEMX25519         uint16 = 0x0020 // DHKEM(X25519, HKDF-SHA256)
	KEMMLKEM1024P384  uint16 = 0x0051 // MLKEM1024-P384
	KEMMLKEM768X25519 uint16 = 0x647a // MLKEM768-X25519, also called X-Wing

	KDFSHA256 uint16 = 0x0001
	KDFSHA384 uint16 = 0x0002
	KDFSHA512 uint16 = 0x0003

	AEADAES128GCM        uint16 = 0x0001
	AEADAES256GCM        uint16 = 0x0002
	AEADChaCha20Poly1305 uint16 = 0x0003
)

// The suites that sign with Ed25519. Package nist has the others.
func init() {
	Register(Row{
		MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519, "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
		newX25519(), KDFSHA256, AEADAES128GCM,
		ed25519Scheme{},
	})
	Register(Row{
		MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519, "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
		newX25519(), KDFSHA256, AEADChaCha20Poly1305,
		ed25519Scheme{},
	})
	Register(Row{
		MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519, "MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519",
		newXWing(), KDFSHA384, AEADAES256GCM,
		ed25519Scheme{},
	})
}

// Register adds a suite. It is called while packages are initialized and at no
// other time, and panics if the row cannot be used: an algorithm is not known or
// the number is taken.
func Register(r Row) {
	s, err := newSuite(r)
	if err != nil {
		panic("suite: internal error: row " + r.Name + ": " + err.Error())
	}
	i, taken := find(r.ID)
	if taken {
		panic("suite: internal error: row " + r.Name + ": its number is taken")
	}
	registered = slices.Insert(registered, i, s)
}

func newSuite(r Row) (*Suite, error) {
	h, err := newHashFunction(r.KDF)
	if err != nil {
		return nil, err
	}
	a, err := newAEADAlgorithm(r.AEAD)
	if err != nil {
		return nil, err
	}
	return &Suite{row: r, hash: h, aead: a, schedule: newKeySchedule(r.KEM.ID(), r.KDF, r.AEAD, h, a.keySize)}, nil
}
