package suite

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/mlkem"
)

// A kem is a KEM with the checks that crypto/hpke leaves to the first use of a
// key, or makes dearer than they must be.
type kem struct {
	hpke.KEM
	// privateSize is Nsk if private keys may come without their leading zero
	// bytes, as scalars of NIST curves do from some implementations, and 0 if
	// not.
	privateSize int
	// check returns whether pub can be encapsulated to.
	check func(pub []byte) bool
}

func newKEM(id uint16) (kem, error) {
	k, err := hpke.NewKEM(id)
	if err != nil {
		return kem{}, err
	}
	switch id {
	case KEMX25519:
		return kem{k, 0, checkX25519}, nil
	case KEMP256:
		return kem{k, 32, checkPoint(ecdh.P256())}, nil
	case KEMP384:
		return kem{k, 48, checkPoint(ecdh.P384())}, nil
	case KEMP521:
		return kem{k, 66, checkPoint(ecdh.P521())}, nil
	case KEMMLKEM768:
		return kem{k, 0, checkHybrid(mlkem.EncapsulationKeySize768, isEmpty)}, nil
	case KEMMLKEM1024:
		return kem{k, 0, checkHybrid(mlkem.EncapsulationKeySize1024, isEmpty)}, nil
	case KEMMLKEM768P256:
		return kem{k, 0, checkHybrid(mlkem.EncapsulationKeySize768, checkPoint(ecdh.P256()))}, nil
	case KEMMLKEM1024P384:
		return kem{k, 0, checkHybrid(mlkem.EncapsulationKeySize1024, checkPoint(ecdh.P384()))}, nil
	case KEMMLKEM768X25519:
		return kem{k, 0, checkHybrid(mlkem.EncapsulationKeySize768, checkX25519)}, nil
	default:
		return kem{}, errAlgorithm
	}
}

// newPrivateKey parses a private key, or returns ErrPrivateKey.
func (k kem) newPrivateKey(private []byte) (hpke.PrivateKey, error) {
	if n := len(private); n > 0 && n < k.privateSize {
		padded := make([]byte, k.privateSize)
		defer clear(padded)
		copy(padded[k.privateSize-n:], private)
		private = padded
	}
	key, err := k.NewPrivateKey(private)
	if err != nil {
		return nil, ErrPrivateKey
	}
	return key, nil
}

// checkPoint returns the check for a curve of NIST: an uncompressed point that
// is on the curve and not at infinity, RFC 9180, Section 7.1.4.
func checkPoint(c ecdh.Curve) func([]byte) bool {
	return func(pub []byte) bool {
		_, err := c.NewPublicKey(pub)
		return err == nil
	}
}

// checkHybrid returns the check for an ML-KEM key of size bytes with a key of a
// curve, or nothing, behind it: draft-ietf-hpke-pq.
func checkHybrid(size int, curve func([]byte) bool) func([]byte) bool {
	return func(pub []byte) bool {
		return len(pub) >= size && curve(pub[size:]) && checkMLKEM(pub[:size])
	}
}

func isEmpty(b []byte) bool { return len(b) == 0 }

// checkMLKEM does the modulus check of FIPS 203, Section 7.2, on a key of the
// right size: each of the coefficients, packed in 12 bits, is below q. The last
// 32 bytes are a seed.
func checkMLKEM(pub []byte) bool {
	const q = 3329
	ok := true
	for b := pub[:len(pub)-32]; len(b) >= 3; b = b[3:] {
		v := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
		ok = ok && v&0xfff < q && v>>12 < q
	}
	return ok
}

// checkX25519 refuses the points of small order, whose shared secret is zero for
// everyone (RFC 7748, Section 6.1; RFC 9180, Section 7.1.4): nobody could ever
// encrypt to them, so a member with such a key would keep others from
// committing.
func checkX25519(pub []byte) bool {
	if len(pub) != 32 {
		return false
	}
	u := [32]byte(pub)
	u[31] &= 0x7f // RFC 7748, Section 5: the highest bit is ignored
	for i := range smallOrderX25519 {
		if u == smallOrderX25519[i] {
			return false
		}
	}
	return true
}

// smallOrderX25519 are the u coordinates, little-endian, of all points of
// Curve25519 and its twist whose order divides 8, with those that are not
// reduced modulo p = 2^255-19.
var smallOrderX25519 = [7][32]byte{
	{},
	{1},
	{
		0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
		0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
	},
	{
		0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
		0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
	},
	littleEndianP(-1),
	littleEndianP(0),
	littleEndianP(1),
}

// littleEndianP returns p + d for p = 2^255-19 and a small d.
func littleEndianP(d int) [32]byte {
	var b [32]byte
	for i := range b {
		b[i] = 0xff
	}
	b[0], b[31] = byte(0xed+d), 0x7f
	return b
}
