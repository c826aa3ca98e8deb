package account

import (
	"bytes"
	"crypto/sha512"
	"strconv"
	"strings"

	"conclave/core/identity"
)

// numberRounds is how often each side is hashed: it makes looking for a key with
// a similar number 12 bits dearer.
const numberRounds = 5200

// SafetyNumber returns the 60 digits that stand for two identities, the same on
// both sides: twelve groups of five, with spaces. Each side gives thirty digits
// (100 bits) of SHA-512 over its user and identity key, hashed 5200 times; the
// smaller half comes first. It changes when an identity key does.
func SafetyNumber(a identity.UserID, aKey [32]byte, b identity.UserID, bKey [32]byte) string {
	first, second := numberHalf(a, aKey), numberHalf(b, bKey)
	if bytes.Compare(first[:], second[:]) > 0 {
		first, second = second, first
	}
	groups := make([]string, 0, 12)
	for _, half := range [][30]byte{first, second} {
		for i := 0; i < len(half); i += 5 {
			var v uint64
			for _, c := range half[i : i+5] {
				v = v<<8 | uint64(c)
			}
			// 40 bits modulo 100,000: the bias is below 2^-23.
			digits := strconv.FormatUint(v%100_000, 10)
			groups = append(groups, strings.Repeat("0", 5-len(digits))+digits)
		}
	}
	return strings.Join(groups, " ")
}

func numberHalf(user identity.UserID, key [32]byte) [30]byte {
	b := make([]byte, 0, sha512.Size+len(key)+len(user))
	b = append(b, "Conclave 1.0 safety number"...)
	b = append(b, user[:]...)
	b = append(b, key[:]...)
	sum := sha512.Sum512(b)
	for range numberRounds - 1 {
		b = append(b[:0], sum[:]...)
		b = append(b, user[:]...)
		b = append(b, key[:]...)
		sum = sha512.Sum512(b)
	}
	return [30]byte(sum[:30])
}
