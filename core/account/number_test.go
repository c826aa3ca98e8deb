package account_test

import (
	"strings"
	"testing"

	"conclave/core/account"
	"conclave/core/identity"
)

func TestSafetyNumber(t *testing.T) {
	a, b := identity.UserID{1}, identity.UserID{2}
	keyA, keyB := [32]byte{1}, [32]byte{2}
	number := account.SafetyNumber(a, keyA, b, keyB)
	if other := account.SafetyNumber(b, keyB, a, keyA); other != number {
		t.Errorf("the two sides see %s and %s", number, other)
	}
	groups := strings.Fields(number)
	if len(groups) != 12 || len(number) != 12*5+11 || strings.Trim(number, "0123456789 ") != "" {
		t.Errorf("%q is not twelve groups of five digits", number)
	}
	if number != "45218 71072 48591 52755 65569 80307 45395 25825 79920 98502 85718 83197" {
		t.Errorf("the number has changed: %s", number)
	}
	// Who changes one side changes that side's half and leaves the other.
	changed := strings.Fields(account.SafetyNumber(a, [32]byte{3}, b, keyB))
	same := 0
	for _, g := range changed {
		for _, h := range groups {
			if g == h {
				same++
			}
		}
	}
	if same != 6 {
		t.Errorf("%d groups of the other side stay, want 6", same)
	}
	if account.SafetyNumber(identity.UserID{3}, keyA, b, keyB) == number {
		t.Error("another user with the same key has the same number")
	}
}

// A code of 42 bits is read from its first bit on.
func TestCodeOf(t *testing.T) {
	emoji, numbers := account.CodeOf([6]byte{0xfc, 0x00, 0x00, 0x00, 0x00, 0x7f})
	if emoji != [7]int{63, 0, 0, 0, 0, 0, 1} || numbers != [3]int{10_000 + 63<<8, 10_000, 10_001} {
		t.Errorf("CodeOf = %v, %v", emoji, numbers)
	}
	emoji, numbers = account.CodeOf([6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xc0})
	if emoji != [7]int{63, 63, 63, 63, 63, 63, 63} || numbers != [3]int{26_383, 26_383, 26_383} {
		t.Errorf("CodeOf = %v, %v", emoji, numbers)
	}
}
