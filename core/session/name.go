package session

import (
	"strings"

	"conclave/core/displayname"
)

// MaxName is the most bytes of a display name.
const MaxName = displayname.Max

// nameBlock is what names are padded to a multiple of, so that the server
// learns little from their length.
const nameBlock = 32

// CleanName trims white space from a display name and returns it. It returns
// ErrName if the rest is not one: see [displayname.Check].
func CleanName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if displayname.Check(name) != nil {
		return "", ErrName
	}
	return name, nil
}

// padName returns length, name and zeros, to a multiple of nameBlock.
func padName(name string) []byte {
	b := make([]byte, (1+len(name)+nameBlock-1)/nameBlock*nameBlock)
	b[0] = byte(len(name))
	copy(b[1:], name)
	return b
}

// unpadName is the inverse of padName. It accepts only what padName makes of a
// name that CleanName leaves as it is.
func unpadName(b []byte) (string, error) {
	if len(b) == 0 || int(b[0]) > len(b)-1 {
		return "", ErrName
	}
	name := string(b[1 : 1+b[0]])
	clean, err := CleanName(name)
	if err != nil || clean != name || string(padName(name)) != string(b) {
		return "", ErrName
	}
	return name, nil
}
