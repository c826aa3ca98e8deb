package account_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"conclave/core/account"
	"conclave/core/identity"
)

// Test vectors of BIP 39 for 128 bits.
var codeVectors = map[string]string{
	"00000000000000000000000000000000": strings.Repeat("abandon ", 11) + "about",
	"7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f": "legal winner thank year wave sausage worth useful legal winner thank yellow",
	"80808080808080808080808080808080": "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
	"ffffffffffffffffffffffffffffffff": strings.Repeat("zoo ", 11) + "wrong",
}

func TestRecoveryCode(t *testing.T) {
	for entropy, words := range codeVectors {
		c, err := account.ParseRecoveryCode(words)
		if err != nil || hex.EncodeToString(c.Entropy()) != entropy {
			t.Errorf("ParseRecoveryCode(%q) = %x, %v", words, c.Entropy(), err)
			continue
		}
		if got := strings.Join(c.Words(), " "); got != words {
			t.Errorf("Words = %q, want %q", got, words)
		}
	}
	c := account.NewRecoveryCode()
	again, err := account.ParseRecoveryCode(strings.Join(c.Words(), " "))
	if err != nil || !bytes.Equal(c.Entropy(), again.Entropy()) || len(c.Words()) != account.RecoveryWords {
		t.Errorf("a new code is read back as another: %v", err)
	}
	if bytes.Equal(c.Entropy(), account.NewRecoveryCode().Entropy()) {
		t.Error("two new codes are the same")
	}
}

// People write in capitals, with numbers and lines, and leave letters out.
func TestRecoveryCodeAsTyped(t *testing.T) {
	const words = "letter advice cage absurd amount doctor acoustic avoid letter advice cage above"
	want, err := account.ParseRecoveryCode(words)
	if err != nil {
		t.Fatal(err)
	}
	for _, typed := range []string{
		strings.ToUpper(words), "  " + strings.ReplaceAll(words, " ", "\n\t ") + "\r\n",
		"lett advi cage absu amou doct acou avoi lett advi cage abov",
		"1. letter 2. advice 3. cage 4. absurd 5. amount 6. doctor 7. acoustic 8. avoid 9. letter 10. advice 11. cage 12. above",
	} {
		c, err := account.ParseRecoveryCode(typed)
		if err != nil || !bytes.Equal(c.Entropy(), want.Entropy()) {
			t.Errorf("ParseRecoveryCode(%q) = %v", typed, err)
		}
	}
}

func TestRecoveryCodeRefuses(t *testing.T) {
	const words = "letter advice cage absurd amount doctor acoustic avoid letter advice cage above"
	for name, typed := range map[string]string{
		"nothing": "", "eleven": words[:strings.LastIndex(words, " ")], "thirteen": words + " above",
		"checksum": strings.Replace(words, "above", "abandon", 1), "order": strings.Replace(words, "letter advice", "advice letter", 1),
		"very long": strings.Repeat(words+" ", 100),
	} {
		if _, err := account.ParseRecoveryCode(typed); !errors.Is(err, account.ErrWords) {
			t.Errorf("%s: ParseRecoveryCode = %v, want ErrWords", name, err)
		}
	}
	for typed, number := range map[string]int{
		strings.Replace(words, "cage", "kage", 1):      3,
		strings.Replace(words, "advice", "adv", 1):     2, // three letters are not enough
		strings.Replace(words, "doctor", "doctors", 1): 6, // and too many are wrong
		strings.Replace(words, "above", "zzzz", 1):     12,
	} {
		_, err := account.ParseRecoveryCode(typed)
		var wrong *account.WordError
		if !errors.As(err, &wrong) || wrong.Number != number || !errors.Is(err, account.ErrWords) {
			t.Errorf("ParseRecoveryCode(%q) = %v, want word %d", typed, err, number)
			continue
		}
		for word := range strings.FieldsSeq(typed) {
			if strings.Contains(err.Error(), word+" ") && word != "letter" {
				t.Errorf("the error tells a word: %v", err)
			}
		}
	}
}

// The keys of a code are apart from each other and from those of other users.
// Their values are part of the format.
func TestRecoveryCodeKeys(t *testing.T) {
	c, err := account.ParseRecoveryCode(codeVectors["7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f"])
	if err != nil {
		t.Fatal(err)
	}
	a, b := identity.UserID{1}, identity.UserID{2}
	commitment, auth := c.Commitment(a), c.AuthKey(a).Expose()
	if c.Commitment(b) == commitment || bytes.Equal(c.AuthKey(b).Expose(), auth) || bytes.Equal(auth, commitment[:]) {
		t.Error("two users or two uses share a key")
	}
	if got := hex.EncodeToString(commitment[:8]) + hex.EncodeToString(auth[:8]); got != "347c73968dd9d5fdcc658800cc2c43e2" {
		t.Errorf("the keys of a code have changed: %s", got)
	}
	c.Erase()
	if !bytes.Equal(c.Entropy(), make([]byte, 16)) {
		t.Error("Erase leaves the code")
	}
}
