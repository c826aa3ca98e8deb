package ice

import (
	"crypto/rand"
	"encoding/base64"
)

// Credentials are the short-term credentials of one side (RFC 8445,
// Section 5.3). The password is secret between the two sides.
type Credentials struct {
	Ufrag, Password string
}

const (
	ufragBytes    = 12 // 16 characters: 96 bits, so that none is guessed and no two are equal
	passwordBytes = 24 // 32 characters: 192 bits; at least 128 bits are asked for
	// UfragLength is the length of the username fragments that GenerateCredentials makes.
	UfragLength = ufragBytes * 4 / 3
)

// GenerateCredentials returns new credentials from crypto/rand. The characters
// are those of ice-char: letters, digits, "+" and "/" (RFC 8839, Section 5.4).
func GenerateCredentials() Credentials {
	var b [ufragBytes + passwordBytes]byte
	rand.Read(b[:]) // never fails
	return Credentials{
		Ufrag:    base64.RawStdEncoding.EncodeToString(b[:ufragBytes]),
		Password: base64.RawStdEncoding.EncodeToString(b[ufragBytes:]),
	}
}
