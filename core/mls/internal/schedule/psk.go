package schedule

import (
	"math"

	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// A PSK is a pre-shared key with its name, RFC 9420, Section 8.4.
type PSK struct {
	ID     mlswire.PreSharedKeyID
	Secret secret.Value
}

// PSKSecret combines pre-shared keys, in the order of the commit or of the
// GroupSecrets, into the psk_secret. Without any it is [Zero]. More than a
// PSKLabel can count are ErrTooManyPSKs.
//
// It implements RFC 9420, Section 8.4.
func PSKSecret(s *suite.Suite, psks []PSK) (secret.Value, error) {
	if len(psks) > math.MaxUint16 {
		return secret.Value{}, ErrTooManyPSKs
	}
	zero, result := Zero(s), Zero(s)
	for i := range psks {
		extracted := s.Extract(zero, psks[i].Secret)
		input := s.ExpandWithLabel(extracted, "derived psk", pskLabel(&psks[i].ID, i, len(psks)), s.HashSize())
		extracted.Erase()
		// The input is the salt, as in the RFC's pseudocode; its diagram draws
		// the two arguments the other way round.
		next := s.Extract(input, result)
		input.Erase()
		result.Erase()
		result = next
	}
	return result, nil
}

// pskLabel encodes PSKLabel, RFC 9420, Section 8.4:
//
//	PreSharedKeyID id | uint16 index | uint16 count
func pskLabel(id *mlswire.PreSharedKeyID, index, count int) []byte {
	var w tlsenc.Writer
	id.Encode(&w)
	w.Uint16(uint16(index)) // PSKSecret bounds both
	w.Uint16(uint16(count))
	return w.Bytes()
}
