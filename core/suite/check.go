package suite

import "crypto/ecdh"

// CheckPoint returns the check for public keys of a NIST curve: an uncompressed
// point that is on the curve and not at infinity, RFC 9180, Section 7.1.4.
func CheckPoint(c ecdh.Curve) func([]byte) bool {
	return func(pub []byte) bool {
		_, err := c.NewPublicKey(pub)
		return err == nil
	}
}

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
