package ice

import "encoding/binary"

// The header of a STUN message (RFC 8489, Section 5), and of an attribute
// (Section 14). Attributes are padded to multiples of four bytes; the padding
// does not count in their length.
//
//	| type (2) | length (2), without header | magic cookie (4) | transaction (12) |
//	| type (2) | length (2) | value | padding |
const (
	headerSize    = 20
	attributeSize = 4 // header of an attribute
	cookie        = 0x2112A442

	bindingRequest = 0x0001
	bindingSuccess = 0x0101
	bindingError   = 0x0111

	integritySize   = 20 // HMAC-SHA1
	fingerprintSize = 4
	fingerprintXOR  = 0x5354554E // RFC 8489, Section 14.7
	maxUsername     = 513        // bytes; it must be shorter (RFC 8489, Section 14.3)
)

// Attributes, from RFC 8489, Section 18.3 and RFC 8445, Section 20.1. Below optional,
// whoever does not know an attribute must not process the message.
const (
	attrMappedAddress     = 0x0001
	attrUsername          = 0x0006
	attrIntegrity         = 0x0008
	attrErrorCode         = 0x0009
	attrUnknown           = 0x000A
	attrRealm             = 0x0014
	attrNonce             = 0x0015
	attrIntegritySHA256   = 0x001C
	attrPasswordAlgorithm = 0x001D
	attrUserhash          = 0x001E
	attrXORMappedAddress  = 0x0020
	attrPriority          = 0x0024
	attrUseCandidate      = 0x0025
	optional              = 0x8000
	attrFingerprint       = 0x8028
	attrControlled        = 0x8029
	attrControlling       = 0x802A
)

// understood reports whether an attribute that must be understood is.
func understood(kind uint16) bool {
	switch kind {
	case attrMappedAddress, attrUsername, attrIntegrity, attrErrorCode, attrUnknown, attrRealm, attrNonce,
		attrIntegritySHA256, attrPasswordAlgorithm, attrUserhash, attrXORMappedAddress, attrPriority, attrUseCandidate:
		return true
	}
	return false
}

// IsMessage reports whether a datagram looks like STUN (RFC 8489, Section 5): two
// zero bits, a length that fits, and the magic cookie.
func IsMessage(b []byte) bool {
	if len(b) < headerSize || b[0] > 3 {
		return false
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	return n%4 == 0 && n == len(b)-headerSize && binary.BigEndian.Uint32(b[4:]) == cookie
}
