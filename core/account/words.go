package account

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/tyler-smith/go-bip39/wordlists"

	"conclave/core/identity"
	"conclave/core/secret"
)

const (
	// RecoveryWords is how many words a recovery code has.
	RecoveryWords = 12

	codeSize  = 16   // bytes: 128 bits
	wordBits  = 11   // a list of 2048 words
	maxTyped  = 1024 // bytes of what a person typed
	enoughFor = 4    // letters that tell all words of the list apart
)

// Uses of a recovery code.
const (
	labelRecoveryKey  = "Conclave 1.0 recovery key"
	labelRecoveryAuth = "Conclave 1.0 recovery auth"
)

// A RecoveryCode is 128 random bits that open the backup. It is written down as
// 12 words of the English list of BIP 39; the last 4 bits are a checksum.
type RecoveryCode struct{ entropy secret.Value }

// NewRecoveryCode returns a new random code.
func NewRecoveryCode() RecoveryCode { return RecoveryCode{secret.Own(random(codeSize))} }

// ParseRecoveryCode reads 12 words in any case with any white space or numbers
// around them; four letters are enough of each. Errors wrap ErrWords: see
// [WordError].
func ParseRecoveryCode(words string) (RecoveryCode, error) {
	if len(words) > maxTyped {
		return RecoveryCode{}, ErrWords
	}
	typed := strings.FieldsFunc(strings.ToLower(words), func(r rune) bool { return r < 'a' || r > 'z' })
	if len(typed) != RecoveryWords {
		return RecoveryCode{}, fmt.Errorf("%w: there are %d", ErrWords, len(typed))
	}
	bits := make([]byte, codeSize+1) // 128 bits, 4 of checksum, 4 unused
	defer clear(bits)
	for i, word := range typed {
		n, ok := wordNumber(word)
		if !ok {
			return RecoveryCode{}, &WordError{Number: i + 1}
		}
		for j := range wordBits {
			if n>>(wordBits-1-j)&1 == 1 {
				at := i*wordBits + j
				bits[at/8] |= 0x80 >> (at % 8)
			}
		}
	}
	if bits[codeSize] != wordChecksum(bits[:codeSize]) {
		return RecoveryCode{}, fmt.Errorf("%w: a word is wrong or out of order", ErrWords)
	}
	return RecoveryCode{secret.New(bits[:codeSize])}, nil
}

// A WordError says which word, from 1, is not in the list.
type WordError struct{ Number int }

// Error implements error. It does not say the word.
func (e *WordError) Error() string {
	return fmt.Sprintf("account: word %d is not in the list: check its spelling", e.Number)
}

// Unwrap returns ErrWords.
func (e *WordError) Unwrap() error { return ErrWords }

// Words returns the code as 12 words.
func (c RecoveryCode) Words() []string {
	bits := make([]byte, 0, codeSize+1)
	bits = append(bits, c.entropy.Expose()...)
	bits = append(bits, wordChecksum(c.entropy.Expose()))
	defer clear(bits)
	words := make([]string, RecoveryWords)
	for i := range words {
		n := 0
		for j := range wordBits {
			at := i*wordBits + j
			n = n<<1 | int(bits[at/8]>>(7-at%8)&1)
		}
		words[i] = wordlists.English[n]
	}
	return words
}

// Commitment returns what a record names as Recovery: the SHA-256 of the public
// half of the key that user derives from the code. A device compares it before
// it asks the server for the backup, so a mistyped code costs no try.
func (c RecoveryCode) Commitment(user identity.UserID) [32]byte {
	seed := derive(c.entropy, nil, labelRecoveryKey, SeedSize, user[:])
	defer seed.Erase()
	private := ed25519.NewKeyFromSeed(seed.Expose())
	defer clear(private)
	return sha256.Sum256(private[SeedSize:])
}

// AuthKey returns the 32 bytes that the server asks for before it gives out the
// backup. They say nothing of what opens it.
func (c RecoveryCode) AuthKey(user identity.UserID) secret.Value {
	return derive(c.entropy, nil, labelRecoveryAuth, keySize, user[:])
}

// Erase overwrites the code.
func (c RecoveryCode) Erase() { c.entropy.Erase() }

// wordChecksum returns the first 4 bits of the SHA-256 of the code, as the high
// half of a byte.
func wordChecksum(code []byte) byte {
	sum := sha256.Sum256(code)
	return sum[0] & 0xf0
}

// wordNumber returns the place in the list of a word, or of the only one that
// begins with at least four typed letters.
func wordNumber(typed string) (int, bool) {
	n, exact := slices.BinarySearch(wordlists.English, typed)
	if exact {
		return n, true
	}
	if len(typed) >= enoughFor && n < len(wordlists.English) && strings.HasPrefix(wordlists.English[n], typed) {
		return n, true
	}
	return 0, false
}
