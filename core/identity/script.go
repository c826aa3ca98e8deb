package identity

import "unicode"

// A scriptSet is a set of scripts, a bit each.
type scriptSet uint64

// Scripts of UTS 39, Section 5.1 that stand for several.
const (
	japanese scriptSet = 1 << iota
	korean
	bopomofo
	firstPlain // the first of plainScripts
)

const allScripts = ^scriptSet(0)

// plainScripts are the scripts recommended for identifiers, Unicode Standard
// Annex 31, Table 5, that stand alone.
var plainScripts = []*unicode.RangeTable{
	unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Arabic, unicode.Armenian, unicode.Bengali,
	unicode.Devanagari, unicode.Ethiopic, unicode.Georgian, unicode.Gujarati, unicode.Gurmukhi,
	unicode.Hebrew, unicode.Kannada, unicode.Khmer, unicode.Lao, unicode.Malayalam, unicode.Myanmar,
	unicode.Oriya, unicode.Sinhala, unicode.Tamil, unicode.Telugu, unicode.Thaana, unicode.Thai,
	unicode.Tibetan,
}

// longVowel is the Japanese long vowel mark, which no single script owns.
const longVowel = '\u30fc'

// scriptsOf returns the scripts that a letter or mark is part of: none for one
// of a script that is not recommended, or of no script. Combining marks that
// belong to no script are not accepted: what is left of them after NFC is no
// letter of any language in common use.
func scriptsOf(r rune) scriptSet {
	switch {
	case unicode.Is(unicode.Han, r):
		return japanese | korean | bopomofo
	case unicode.In(r, unicode.Hiragana, unicode.Katakana) || r == longVowel:
		return japanese
	case unicode.Is(unicode.Hangul, r):
		return korean
	case unicode.Is(unicode.Bopomofo, r):
		return bopomofo
	}
	for i, table := range plainScripts {
		if unicode.Is(table, r) {
			return firstPlain << i
		}
	}
	return 0
}
