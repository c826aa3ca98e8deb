package identity

// ValidKey reports whether key is an Ed25519 public key that may stand in a
// record: the canonical encoding of a y coordinate (RFC 8032, Section 5.1.3) that
// is not one of a point of small order. A key of small order can be given
// signatures that are valid for many messages, and programs differ over keys
// that are not canonical.
func ValidKey(key [keySize]byte) bool {
	key[keySize-1] &= 0x7f // the sign of x
	p := littleEndianP(0)
	if !lessLittleEndian(&key, &p) {
		return false
	}
	for i := range smallOrder {
		if key == smallOrder[i] {
			return false
		}
	}
	return true
}

// smallOrder are the y coordinates, little-endian, of the eight points of
// edwards25519 whose order divides 8: 0, 1, p-1 and two roots.
var smallOrder = [5][keySize]byte{
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

// littleEndianP returns p + d for p = 2^255-19 and a small d.
func littleEndianP(d int) [keySize]byte {
	var b [keySize]byte
	for i := range b {
		b[i] = 0xff
	}
	b[0], b[keySize-1] = byte(0xed+d), 0x7f
	return b
}

func lessLittleEndian(a, b *[keySize]byte) bool {
	for i := keySize - 1; i >= 0; i-- {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}
