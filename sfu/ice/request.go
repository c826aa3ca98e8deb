package ice

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 8489, Section 14.5 says HMAC-SHA1
	"encoding/binary"
	"hash/crc32"
)

// maxUnknown bounds the unknown attributes that an answer lists.
const maxUnknown = 4

// A Request is a connectivity check: a STUN binding request. The zero value is
// ready for Read. It aliases what it read.
type Request struct {
	raw       []byte
	username  []byte
	integrity int // offset of MESSAGE-INTEGRITY

	unknown  [maxUnknown]uint16 // attributes that must be understood
	unknowns int

	// UseCandidate says that the client nominates this path (RFC 8445, Section 7.1.2).
	UseCandidate bool
	// Priority is that of the path as the client sees it, 0 if it is not told.
	Priority uint32
	// Conflict says that the client takes itself for controlled, as we are.
	Conflict bool
}

// Read reads a check and reports whether it is one: a binding request of a
// length that fits, with USERNAME, MESSAGE-INTEGRITY and a FINGERPRINT that is right.
// Nothing of it is to be believed before Authenticate.
func (r *Request) Read(b []byte) bool {
	*r = Request{}
	if !IsMessage(b) || binary.BigEndian.Uint16(b) != bindingRequest {
		return false
	}
	r.raw = b
	for at := headerSize; at < len(b); {
		if len(b)-at < attributeSize {
			return false
		}
		kind, size := binary.BigEndian.Uint16(b[at:]), int(binary.BigEndian.Uint16(b[at+2:]))
		if size > len(b)-at-attributeSize {
			return false
		}
		value := b[at+attributeSize:][:size]
		if kind == attrFingerprint {
			// It is the last one. Without username and integrity before it, nobody
			// could authenticate the request.
			return r.username != nil && r.integrity != 0 && size == fingerprintSize &&
				at+attributeSize+size == len(b) && binary.BigEndian.Uint32(value) == fingerprint(b[:at])
		}
		if r.integrity == 0 && !r.attribute(kind, value, at) { // what follows integrity is ignored, Section 14.5
			return false
		}
		at += attributeSize + (size+3)&^3
	}
	return false // no FINGERPRINT; RFC 8445, Section 7.1 demands it
}

// attribute takes note of one attribute; of several of one kind the first
// counts (RFC 8489, Section 14).
func (r *Request) attribute(kind uint16, value []byte, at int) bool {
	switch kind {
	case attrUsername:
		if len(value) == 0 || len(value) >= maxUsername {
			return false
		}
		if r.username == nil {
			r.username = value
		}
	case attrIntegrity:
		r.integrity = at
		return len(value) == integritySize
	case attrPriority:
		if len(value) != 4 {
			return false
		}
		if r.Priority == 0 {
			r.Priority = binary.BigEndian.Uint32(value)
		}
	case attrUseCandidate:
		r.UseCandidate = true
	case attrControlled:
		r.Conflict = true
	default:
		if kind < optional && !understood(kind) && r.unknowns < maxUnknown {
			r.unknown[r.unknowns] = kind
			r.unknowns++
		}
	}
	return true
}

// Username returns the two halves of USERNAME (RFC 8445, Section 7.2.2): our
// fragment, and the client's. They are nil if there is no colon.
func (r *Request) Username() (ours, theirs []byte) {
	ours, theirs, ok := bytes.Cut(r.username, []byte(":"))
	if !ok {
		return nil, nil
	}
	return ours, theirs
}

// Authenticate reports whether MESSAGE-INTEGRITY was made with our password
// (RFC 8489, Sections 9.1.3 and 14.5). It takes the same time wherever they differ.
func (r *Request) Authenticate(password string) bool {
	if r.integrity == 0 {
		return false
	}
	var sum [sha1.Size]byte
	got := r.raw[r.integrity+attributeSize:][:integritySize]
	return hmac.Equal(integrity(sum[:0], r.raw[:r.integrity], password), got)
}

// Acceptable reports whether Respond answers with success, so that the path and what the
// request asks for count. The request must be authentic.
func (r *Request) Acceptable() bool { return !r.Conflict && r.unknowns == 0 }

// integrity appends the HMAC of a message that ends before its
// MESSAGE-INTEGRITY. The length in the header counts that attribute.
func integrity(dst, message []byte, password string) []byte {
	var length [2]byte
	binary.BigEndian.PutUint16(length[:], uint16(len(message)-headerSize+attributeSize+integritySize))
	h := hmac.New(sha1.New, []byte(password))
	h.Write(message[:2])
	h.Write(length[:])
	h.Write(message[4:])
	return h.Sum(dst)
}

// fingerprint returns that of a message that ends before it. The length in
// the header must count it already.
func fingerprint(message []byte) uint32 {
	return crc32.ChecksumIEEE(message) ^ fingerprintXOR
}
