package ice

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 8489, Section 14.5 says HMAC-SHA1
	"encoding/binary"
)

// A lite agent sends no checks to find a path, but it may ask over one that a
// client's check came from, as for consent (RFC 7675, Section 5.1): the answer
// shows that the client reads what is sent there, which a check cannot, since its source may
// be forged.

// TransactionSize is the length of a STUN transaction id.
const TransactionSize = 12

// A Transaction tells the answer to a question of ours. It must be random: who cannot
// read the question cannot answer it.
type Transaction [TransactionSize]byte

// MaxQuestion is the longest question to a client with fragments and a password
// of at most 256 characters, in bytes.
const MaxQuestion = headerSize + attributeSize + UfragLength + 1 + 256 + 3 + 2*attributeSize + 4 + 8 +
	attributeSize + integritySize + attributeSize + fingerprintSize

// AppendQuestion appends a binding request to a client: the username is theirs, then ours,
// and the password is theirs (RFC 8445, Section 7.2.2).
func AppendQuestion(dst []byte, t Transaction, theirs, ours, password string) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, bindingRequest)
	dst = append(dst, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, cookie)
	dst = append(dst, t[:]...)
	dst = appendAttribute(dst, attrUsername, len(theirs)+1+len(ours))
	dst = append(dst, theirs...)
	dst = append(dst, ':')
	dst = append(dst, ours...)
	dst = pad(dst, start)
	dst = appendAttribute(dst, attrPriority, 4)
	dst = binary.BigEndian.AppendUint32(dst, priority(preferenceUDP, 1<<16-1))
	dst = appendAttribute(dst, attrControlled, 8) // we are; the tie-breaker does not matter to who is not
	dst = append(dst, t[:8]...)
	return seal(dst, start, password)
}

// IsAnswer reports whether b is a binding success response, authentic or not.
func IsAnswer(b []byte) bool {
	return IsMessage(b) && binary.BigEndian.Uint16(b) == bindingSuccess
}

// ReadAnswer reports whether b is the authentic answer to the question t that
// was asked with a password.
func ReadAnswer(b []byte, t Transaction, password string) bool {
	if !IsAnswer(b) || !hmac.Equal(b[8:headerSize], t[:]) {
		return false
	}
	for at := headerSize; len(b)-at >= attributeSize; {
		kind, size := binary.BigEndian.Uint16(b[at:]), int(binary.BigEndian.Uint16(b[at+2:]))
		if size > len(b)-at-attributeSize {
			return false
		}
		if kind == attrIntegrity {
			var sum [sha1.Size]byte
			return size == integritySize && hmac.Equal(integrity(sum[:0], b[:at], password), b[at+attributeSize:][:size])
		}
		at += attributeSize + (size+3)&^3
	}
	return false
}
