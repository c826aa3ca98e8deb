package session

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the most bytes of a display name.
const MaxName = 64

// nameBlock is what names are padded to a multiple of, so that the server
// learns little from their length.
const nameBlock = 32

// CleanName trims white space from a display name and returns it. It returns
// ErrName if the rest is empty, longer than MaxName, not UTF-8, without anything
// to see, or holds a character that could make it look like something else:
// control and format characters (bidirectional overrides among them) and line
// breaks. The two joiners that scripts and emoji need are allowed.
func CleanName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) {
		return "", ErrName
	}
	visible := false
	for _, r := range name {
		switch {
		case r == zeroWidthNonJoiner || r == zeroWidthJoiner:
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
			return "", ErrName
		case unicode.IsPrint(r) && !unicode.IsSpace(r) && !unicode.IsMark(r) && !isBlank(r):
			visible = true
		}
	}
	if !visible {
		return "", ErrName
	}
	return name, nil
}

const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
)

// isBlank reports whether r is a letter or symbol that shows nothing.
func isBlank(r rune) bool {
	switch r {
	case '\u115f', '\u1160', '\u3164', '\uffa0', '\u2800': // Hangul fillers, braille blank
		return true
	default:
		return false
	}
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
