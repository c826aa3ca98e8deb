package account

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Least of a passphrase that protects a backup.
const (
	leastCharacters = 16 // code points
	leastDifferent  = 8  // characters
	leastWords      = 4  // different ones, where it has several
)

// CheckPassphrase returns ErrWeak for a passphrase that is too easy to guess to
// protect a backup: who has the backup may guess for ever. It asks for 16
// characters, eight of them different and less than half of them runs such as
// abcdefgh or 1111; if there are several words, for four different ones. It cannot
// tell a quotation from a good passphrase: a generated code is better, and the
// interface offers it.
func CheckPassphrase(passphrase string) error {
	different := make(map[rune]bool)
	steps := 0
	last := rune(-2)
	for _, r := range passphrase {
		r = unicode.ToLower(r)
		different[r] = true
		if d := r - last; d >= -1 && d <= 1 {
			steps++
		}
		last = r
	}
	words := strings.Fields(strings.ToLower(passphrase))
	several := len(words) > 1
	slices.Sort(words)
	words = slices.Compact(words)
	n := utf8.RuneCountInString(passphrase)
	if n < leastCharacters || len(different) < leastDifferent || 2*steps >= n || several && len(words) < leastWords {
		return ErrWeak
	}
	return nil
}
