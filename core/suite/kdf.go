package suite

import (
	"crypto/hmac"
	"encoding/binary"
	"fmt"

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
	h := hmac.New(s.hash.new, salt.Expose())
	h.Write(ikm.Expose())
	return secret.Own(h.Sum(nil))
}

// ExpandWithLabel derives length bytes from sec for the use that label and
// context name. It implements ExpandWithLabel of RFC 9420, Section 8; the label
// comes without its prefix. It panics if length is negative or more than 255
// times HashSize, which RFC 5869 forbids: the caller bounds what it derives.
func (s *Suite) ExpandWithLabel(sec secret.Value, label string, context []byte, length int) secret.Value {
	if length < 0 || length > 255*s.hash.size {
		panic(fmt.Sprintf("suite: internal error: deriving %d bytes", length))
	}
	// KDFLabel: uint16 length, label<V>, context<V>.
	var room [128]byte
	info := binary.BigEndian.AppendUint16(room[:0], uint16(length)) //nolint:gosec // bounded above
	info = appendLabel(info, label)
	info = appendVector(info, context)
	return s.expand(sec, info, length)
}

// DeriveSecret derives HashSize bytes from sec for the use that label names. It
// implements DeriveSecret of RFC 9420, Section 8.
func (s *Suite) DeriveSecret(sec secret.Value, label string) secret.Value {
	return s.ExpandWithLabel(sec, label, nil, s.hash.size)
}

// DeriveTreeSecret derives length bytes from sec for one generation of a
// ratchet. It implements DeriveTreeSecret of RFC 9420, Section 9.
func (s *Suite) DeriveTreeSecret(sec secret.Value, label string, generation uint32, length int) secret.Value {
	var context [4]byte
	binary.BigEndian.PutUint32(context[:], generation)
	return s.ExpandWithLabel(sec, label, context[:], length)
}

// expand is HKDF-Expand, RFC 5869, Section 2.3.
func (s *Suite) expand(prk secret.Value, info []byte, length int) secret.Value {
	out := make([]byte, 0, length+s.hash.size)
	mac := hmac.New(s.hash.new, prk.Expose())
	for i := byte(1); len(out) < length; i++ {
		if i > 1 {
			mac.Reset()
			mac.Write(out[len(out)-s.hash.size:])
		}
		mac.Write(info)
		mac.Write([]byte{i})
		out = mac.Sum(out)
	}
	clear(out[length:])
	return secret.Own(out[:length:length])
}

// appendLabel appends label with its prefix as opaque<V>.
func appendLabel(b []byte, label string) []byte {
	w := tlsenc.NewWriter(len(labelPrefix) + len(label) + lengthSize)
	w.Vector([]byte(labelPrefix + label))
	return append(b, w.Bytes()...)
}

// appendVector appends v as opaque<V>.
func appendVector(b, v []byte) []byte {
	w := tlsenc.NewWriter(len(v) + lengthSize)
	w.Vector(v)
	return append(b, w.Bytes()...)
}
