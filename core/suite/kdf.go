package suite

import (
	"crypto/hmac"
	"encoding/binary"

	"conclave/core/secret"
	"conclave/core/tlsenc"
)

const (
	// labelPrefix begins every label but those of RefHash: RFC 9420, Sections
	// 5.1.2, 5.1.3 and 8.
	labelPrefix = "MLS 1.0 "
	// lengthSize is the most that the length of a vector takes: RFC 9420,
	// Section 2.1.2.
	lengthSize = 4
)

// Extract returns KDF.Extract(salt, ikm), HashSize bytes. An empty salt stands
// for HashSize zero bytes, RFC 5869, Section 2.2.
func (s *Suite) Extract(salt, ikm secret.Value) secret.Value {
	return secret.Own(s.hash.extract(salt.Expose(), ikm.Expose()))
}

// ExpandWithLabel derives length bytes from sec for the use that label and
// context name. It implements ExpandWithLabel of RFC 9420, Section 8; the label
// comes without its prefix. It panics if length is negative or more than 255
// times HashSize, which RFC 5869 forbids: the caller bounds what it derives.
func (s *Suite) ExpandWithLabel(sec secret.Value, label string, context []byte, length int) secret.Value {
	// KDFLabel: uint16 length, label<V>, context<V>.
	var room [128]byte
	info := binary.BigEndian.AppendUint16(room[:0], uint16(length)) // expand bounds it
	info = appendLabel(info, label)
	info = appendVector(info, context)
	return secret.Own(s.hash.expand(sec.Expose(), length, info))
}

// DeriveSecret derives HashSize bytes from sec for the use that label names. It
// implements DeriveSecret of RFC 9420, Section 8.
func (s *Suite) DeriveSecret(sec secret.Value, label string) secret.Value {
	return s.ExpandWithLabel(sec, label, nil, s.hash.size)
}

// DeriveTreeSecret derives length bytes from sec for one generation of a
// ratchet. It implements DeriveTreeSecret of RFC 9420, Section 9.1.
func (s *Suite) DeriveTreeSecret(sec secret.Value, label string, generation uint32, length int) secret.Value {
	var context [4]byte
	binary.BigEndian.PutUint32(context[:], generation)
	return s.ExpandWithLabel(sec, label, context[:], length)
}

// extract is HKDF-Extract of RFC 5869, Section 2.2, of the concatenation of ikm.
func (h hashFunction) extract(salt []byte, ikm ...[]byte) []byte {
	mac := hmac.New(h.new, salt)
	for _, b := range ikm {
		mac.Write(b)
	}
	return mac.Sum(nil)
}

// expand is HKDF-Expand of RFC 5869, Section 2.3, with the concatenation of info.
// It panics if it is asked for more than HKDF gives.
func (h hashFunction) expand(prk []byte, length int, info ...[]byte) []byte {
	if length < 0 || length > 255*h.size {
		panic("suite: internal error: deriving more than HKDF gives")
	}
	out := make([]byte, 0, length+h.size)
	mac := hmac.New(h.new, prk)
	for i := byte(1); len(out) < length; i++ {
		if i > 1 {
			mac.Reset()
			mac.Write(out[len(out)-h.size:])
		}
		for _, b := range info {
			mac.Write(b)
		}
		mac.Write([]byte{i})
		out = mac.Sum(out)
	}
	clear(out[length:])
	return out[:length:length]
}

// appendLabel appends label with its prefix as opaque<V>.
func appendLabel(b []byte, label string) []byte {
	b = appendLength(b, len(labelPrefix)+len(label))
	return append(append(b, labelPrefix...), label...)
}

// appendVector appends v as opaque<V>.
func appendVector(b, v []byte) []byte { return append(appendLength(b, len(v)), v...) }

// appendLength appends the length of a vector, RFC 9420, Section 2.1.2. It panics
// if it is more than that can say: the caller bounds what it hashes.
func appendLength(b []byte, n int) []byte {
	switch {
	case n < 1<<6:
		return append(b, byte(n))
	case n < 1<<14:
		return binary.BigEndian.AppendUint16(b, 1<<14|uint16(n))
	case n <= tlsenc.MaxVector:
		return binary.BigEndian.AppendUint32(b, 2<<30|uint32(n))
	default:
		panic("suite: internal error: vector is too long")
	}
}
