package identity

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the most bytes of a display name, of a person or a device.
const MaxName = 64

// CheckName returns ErrName unless s can be a display name as it is: the rules
// are those of names in meetings. It is UTF-8 of 1 to MaxName bytes with
// something to see, without white space around it, and without characters that
// could make it look like something else: control and format characters
// (bidirectional overrides among them) and line breaks. The two joiners that
// scripts and emoji need are allowed.
func CheckName(s string) error {
	if s == "" || len(s) > MaxName || !utf8.ValidString(s) || strings.TrimSpace(s) != s {
		return ErrName
	}
	visible := false
	for _, r := range s {
		switch {
		case r == zeroWidthNonJoiner || r == zeroWidthJoiner:
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
			return fmt.Errorf("%w: it holds a character that is not shown", ErrName)
		case unicode.IsPrint(r) && !unicode.IsSpace(r) && !unicode.IsMark(r) && !isBlank(r):
			visible = true
		}
	}
	if !visible {
		return ErrName
	}
	return nil
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
