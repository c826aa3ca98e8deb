// Package displayname says what can be shown as the name of a person or a device,
// in a meeting as in an account.
package displayname

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Max is the most bytes of a name.
const Max = 64

var (
	// Err says that a text is not a name.
	Err = errors.New("displayname: not a name")
	// ErrHidden says that it holds a character that is not shown. It is an Err.
	ErrHidden = fmt.Errorf("%w: it holds a character that is not shown", Err)
)

// Check returns Err or ErrHidden unless s can be a name as it is: UTF-8 of 1 to
// Max bytes with something to see, without white space around it, and without
// characters that could make it look like something else: control and format
// characters (bidirectional overrides among them) and line breaks. The two joiners
// that scripts and emoji need are allowed.
func Check(s string) error {
	if s == "" || len(s) > Max || !utf8.ValidString(s) || strings.TrimSpace(s) != s {
		return Err
	}
	visible := false
	for _, r := range s {
		switch {
		case r == zeroWidthNonJoiner || r == zeroWidthJoiner:
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
			return ErrHidden
		case unicode.IsPrint(r) && !unicode.IsSpace(r) && !unicode.IsMark(r) && !isBlank(r):
			visible = true
		}
	}
	if !visible {
		return Err
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
