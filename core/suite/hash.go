package suite

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"hash"

	"conclave/core/secret"
)

var errAlgorithm = errors.New("unknown algorithm")

// A hashFunction is the hash of a suite and of its KDF.
type hashFunction struct {
	new  func() hash.Hash
	size int // Nh
}

func newHashFunction(kdf uint16) (hashFunction, error) {
	switch kdf {
	case KDFSHA256:
		return hashFunction{sha256.New, sha256.Size}, nil
	case KDFSHA384:
		return hashFunction{sha512.New384, sha512.Size384}, nil
	case KDFSHA512:
		return hashFunction{sha512.New, sha512.Size}, nil
	default:
		return hashFunction{}, errAlgorithm
	}
}

// mustHash is newHashFunction for the constants of this package and package nist.
func mustHash(kdf uint16) hashFunction {
	h, err := newHashFunction(kdf)
	if err != nil {
		panic("suite: internal error: unknown KDF")
	}
	return h
}

// NewHash returns the suite's hash function, with nothing written to it.
func (s *Suite) NewHash() hash.Hash { return s.hash.new() }

// Hash returns the hash of the concatenation of data.
func (s *Suite) Hash(data ...[]byte) []byte {
	h := s.hash.new()
	for _, d := range data {
		h.Write(d)
	}
	return h.Sum(nil)
}

// RefHash hashes a value for the use that label names. It implements RefHash of
// RFC 9420, Section 5.2: the caller passes the label in full, such as "MLS 1.0
// KeyPackage Reference".
func (s *Suite) RefHash(label string, value []byte) []byte {
	var room [64]byte
	head := appendLength(appendVector(room[:0], []byte(label)), len(value))
	return s.Hash(head, value)
}

// MAC returns the message authentication code of data, HMAC with the suite's
// hash.
func (s *Suite) MAC(key secret.Value, data []byte) []byte {
	h := hmac.New(s.hash.new, key.Expose())
	h.Write(data)
	return h.Sum(nil)
}

// VerifyMAC reports, in constant time, whether tag is the MAC of data.
func (s *Suite) VerifyMAC(key secret.Value, data, tag []byte) bool {
	return hmac.Equal(s.MAC(key, data), tag)
}
