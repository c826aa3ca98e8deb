package ice

import (
	"encoding/binary"
	"net/netip"
)

// MaxResponse is the longest answer in bytes.
const MaxResponse = headerSize + attributeSize + 32 + attributeSize + 2*maxUnknown +
	attributeSize + integritySize + attributeSize + fingerprintSize

// Error codes and their reasons, from RFC 8489, Section 14.8 and RFC 8445, Section 7.3.1.1.
const (
	codeUnknown  = 420
	codeConflict = 487
)

// Respond appends the answer to an authentic request that came from an
// address: success with XOR-MAPPED-ADDRESS, error 420 if there are attributes
// that must be understood and are not, or 487 if the client wants to be
// controlled, upon which it changes its role (RFC 8445, Section 7.3.1.1). The password is ours.
//
// The answer is shorter than the request: whoever sends from a forged
// address has less to throw at it than without us.
func (r *Request) Respond(dst []byte, from netip.AddrPort, password string) []byte {
	start := len(dst)
	kind := uint16(bindingSuccess)
	if !r.Acceptable() {
		kind = bindingError
	}
	dst = binary.BigEndian.AppendUint16(dst, kind)
	dst = append(dst, 0, 0)
	dst = append(dst, r.raw[4:headerSize]...)
	switch {
	case r.unknowns > 0:
		dst = appendError(dst, codeUnknown, "Unknown Attribute")
		dst = appendAttribute(dst, attrUnknown, 2*r.unknowns)
		for _, kind := range r.unknown[:r.unknowns] {
			dst = binary.BigEndian.AppendUint16(dst, kind)
		}
		dst = pad(dst, start)
	case r.Conflict:
		dst = appendError(dst, codeConflict, "Role Conflict")
	default:
		dst = appendAddress(dst, r.raw[4:headerSize], from)
	}
	return seal(dst, start, password)
}

// appendAddress appends XOR-MAPPED-ADDRESS (RFC 8489, Section 14.2); key is the
// cookie and the transaction. IPv4 in IPv6 is IPv4.
func appendAddress(dst, key []byte, a netip.AddrPort) []byte {
	addr := a.Addr().Unmap()
	size, family := 8, byte(1)
	if addr.Is6() {
		size, family = 20, 2
	}
	dst = appendAttribute(dst, attrXORMappedAddress, size)
	dst = append(dst, 0, family)
	dst = binary.BigEndian.AppendUint16(dst, a.Port()^(cookie>>16))
	if addr.Is4() {
		b := addr.As4()
		for i, v := range b {
			dst = append(dst, v^key[i])
		}
		return dst
	}
	b := addr.As16()
	for i, v := range b {
		dst = append(dst, v^key[i])
	}
	return dst
}

// appendError appends ERROR-CODE (RFC 8489, Section 14.8): class and number.
func appendError(dst []byte, code int, reason string) []byte {
	start := len(dst)
	dst = appendAttribute(dst, attrErrorCode, 4+len(reason))
	dst = append(dst, 0, 0, byte(code/100), byte(code%100))
	dst = append(dst, reason...)
	return pad(dst, start)
}

func appendAttribute(dst []byte, kind uint16, size int) []byte {
	dst = binary.BigEndian.AppendUint16(dst, kind)
	return binary.BigEndian.AppendUint16(dst, uint16(size))
}

// pad fills up to a multiple of four bytes after start.
func pad(dst []byte, start int) []byte {
	for (len(dst)-start)%4 != 0 {
		dst = append(dst, 0)
	}
	return dst
}

// seal appends MESSAGE-INTEGRITY and FINGERPRINT to the message that begins at
// start and sets its length.
func seal(dst []byte, start int, password string) []byte {
	at := len(dst)
	dst = appendAttribute(dst, attrIntegrity, integritySize)
	dst = integrity(dst, dst[start:at], password)
	binary.BigEndian.PutUint16(dst[start+2:], uint16(len(dst)-start-headerSize+attributeSize+fingerprintSize))
	sum := fingerprint(dst[start:])
	dst = appendAttribute(dst, attrFingerprint, fingerprintSize)
	return binary.BigEndian.AppendUint32(dst, sum)
}
