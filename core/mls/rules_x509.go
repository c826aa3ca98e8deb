package mls

import "bytes"

// DER tags that lead to the public key of a certificate, RFC 5280, Section 4.1.
const (
	derInteger     = 0x02
	derBitString   = 0x03
	derSequence    = 0x30
	derVersion     = 0xa0 // [0] EXPLICIT
	derLongForm    = 0x80
	derMaxLenBytes = 4
)

// certifies reports whether the end-entity certificate of a chain holds exactly
// key as its public key, which RFC 9420, Section 5.3 demands of an x509
// credential. It decides nothing else: the chain is for the Authentication
// Service to judge. (Package crypto/x509 would double the size of a browser's
// client for this one field.)
func certifies(chain [][]byte, key []byte) bool {
	if len(chain) == 0 {
		return false
	}
	// Certificate ::= SEQUENCE { tbsCertificate SEQUENCE {
	//     [0] version OPTIONAL, serialNumber, signature, issuer, validity,
	//     subject, subjectPublicKeyInfo SEQUENCE { algorithm, BIT STRING } ...
	certificate, rest, ok := derTake(chain[0], derSequence)
	if !ok || len(rest) != 0 {
		return false
	}
	tbs, _, ok := derTake(certificate, derSequence)
	if !ok {
		return false
	}
	if _, after, ok := derTake(tbs, derVersion); ok {
		tbs = after
	}
	for _, tag := range []byte{derInteger, derSequence, derSequence, derSequence, derSequence} {
		if _, tbs, ok = derTake(tbs, tag); !ok {
			return false
		}
	}
	info, _, ok := derTake(tbs, derSequence)
	if !ok {
		return false
	}
	if _, info, ok = derTake(info, derSequence); !ok {
		return false
	}
	bits, rest, ok := derTake(info, derBitString)
	// The first byte counts unused bits.
	return ok && len(rest) == 0 && len(bits) > 1 && bits[0] == 0 && bytes.Equal(bits[1:], key)
}

// derTake takes one element with the given tag from the front of b and returns
// what it holds and what follows it.
func derTake(b []byte, tag byte) (value, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != tag {
		return nil, nil, false
	}
	n, b := int(b[1]), b[2:]
	if n >= derLongForm {
		size := n - derLongForm
		if size == 0 || size > derMaxLenBytes || size > len(b) {
			return nil, nil, false
		}
		var long uint64
		for _, x := range b[:size] {
			long = long<<8 | uint64(x)
		}
		b = b[size:]
		if long > uint64(len(b)) {
			return nil, nil, false
		}
		n = int(long)
	}
	if n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}
