package identity

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

// Code points of a handle.
const (
	MinHandle = 2
	MaxHandle = 32
)

// NormalizeHandle returns the one form of a handle in which it is stored, looked
// up and signed, or an error that wraps ErrHandle. It applies the
// UsernameCaseMapped profile of PRECIS, RFC 8265, Section 3.3 (width, lower case,
// NFC, the Bidi Rule), and on top of it: 2 to 32 code points; letters and marks
// of one script, the digits 0 to 9 and . _ -; a letter or digit at both ends.
// Scripts are those recommended for identifiers (Unicode Standard Annex 31,
// Table 5), and mixed as in UTS 39, Section 5.1: Japanese, Korean and Chinese
// writing with their scripts count as one.
func NormalizeHandle(s string) (string, error) {
	if len(s) > 2*maxHandleBytes || !utf8.ValidString(s) {
		return "", ErrHandle
	}
	h, err := precis.UsernameCaseMapped.String(s)
	if err != nil {
		return "", fmt.Errorf("%w: it holds a character that handles cannot", ErrHandle)
	}
	if again, err := precis.UsernameCaseMapped.String(h); err != nil || again != h {
		return "", ErrHandle // RFC 8264, Section 7: the rules must be stable
	}
	n := utf8.RuneCountInString(h)
	if n < MinHandle || n > MaxHandle {
		return "", fmt.Errorf("%w: it has %d characters", ErrHandle, n)
	}
	first, _ := utf8.DecodeRuneInString(h)
	last, _ := utf8.DecodeLastRuneInString(h)
	if !isHandleLetter(first) && !isDigit(first) || isSeparator(last) {
		return "", fmt.Errorf("%w: it begins or ends with another character", ErrHandle)
	}
	scripts := allScripts
	for _, r := range h {
		switch {
		case isDigit(r) || isSeparator(r):
		case isHandleLetter(r) || unicode.IsMark(r):
			scripts &= scriptsOf(r)
		default:
			return "", fmt.Errorf("%w: it holds a character that is no letter, digit or . _ -", ErrHandle)
		}
		if scripts == 0 {
			return "", fmt.Errorf("%w: it mixes scripts or uses a rare one", ErrHandle)
		}
	}
	return h, nil
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func isSeparator(r rune) bool { return r == '.' || r == '_' || r == '-' }

// isHandleLetter reports whether r is a letter: modifier letters only where they
// are part of writing a language (the Japanese long vowel, Thai repetition).
func isHandleLetter(r rune) bool { return unicode.IsLetter(r) }
