package identity

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Skeleton returns what a normalised handle looks like: two handles with the
// same skeleton could be taken for each other, and a server gives out only one of
// them. It is coarser than the skeleton of UTS 39, Section 4: accents and
// separators are dropped too. It is not a handle and is not shown.
//
// Handles do not mix scripts, so only whole words that look like Latin ones
// matter here; of those the table has the common letters, not all of Unicode.
func Skeleton(handle string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(handle) {
		if isSeparator(r) || unicode.Is(unicode.Mn, r) && unicode.Is(unicode.Inherited, r) {
			continue
		}
		if like, ok := lookAlikes[r]; ok {
			b.WriteString(like)
		} else {
			b.WriteRune(r)
		}
	}
	return digraphs.Replace(b.String())
}

// digraphs are two letters that look like one.
var digraphs = strings.NewReplacer("rn", "m", "vv", "w")

// lookAlikes maps a letter to the Latin one that it looks like.
var lookAlikes = map[rune]string{
	// Latin and digits.
	'1': "l", 'I': "l", '|': "l", '0': "o", 'ı': "i", 'ɩ': "i", 'ł': "l", 'ø': "o", 'đ': "d", 'ð': "d",
	'ħ': "h", 'ŧ': "t", 'ŋ': "n", 'ĸ': "k", 'ɑ': "a", 'ɡ': "g", 'þ': "p", 'ƿ': "p", 'æ': "ae", 'œ': "oe", 'ß': "ss",
	// Cyrillic.
	'а': "a", 'в': "b", 'ь': "b", 'с': "c", 'ԁ': "d", 'е': "e", 'һ': "h", 'н': "h", 'і': "i", 'ј': "j", 'к': "k",
	'ӏ': "l", 'м': "m", 'п': "n", 'о': "o", 'р': "p", 'ԛ': "q", 'г': "r", 'ѕ': "s", 'т': "t", 'ц': "u", 'ѵ': "v",
	'ԝ': "w", 'ѡ': "w", 'х': "x", 'у': "y", 'ү': "y",
	// Greek.
	'α': "a", 'β': "b", 'ϲ': "c", 'ς': "c", 'ε': "e", 'η': "n", 'ι': "i", 'ϳ': "j", 'κ': "k", 'ν': "v", 'ο': "o",
	'σ': "o", 'ρ': "p", 'τ': "t", 'υ': "u", 'ω': "w", 'χ': "x", 'γ': "y",
	// Armenian.
	'օ': "o", 'ո': "n", 'ս': "u", 'հ': "h", 'զ': "q", 'յ': "j", 'լ': "l", 'ց': "g", 'ք': "p",
	// Circles and strokes of other scripts.
	'ס': "o", 'ו': "l", 'ן': "l", 'ه': "o", 'ا': "l", 'ဝ': "o", 'ଠ': "o", 'ഠ': "o", 'ძ': "d",
}
