package account_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"conclave/core/account"
)

func TestSplitPassword(t *testing.T) {
	params := account.PasswordParams{Salt: bytes.Repeat([]byte{7}, 16), Cost: cheap}
	split := func(password, origin, handle string, p account.PasswordParams) string {
		t.Helper()
		keys, err := account.SplitPassword(password, origin, handle, p, cheap)
		if err != nil {
			t.Fatalf("SplitPassword = %v, want nil", err)
		}
		defer keys.Erase()
		if keys.Auth.Len() != 32 || keys.Wrap.Len() != 32 || keys.Auth.Equal(keys.Wrap) {
			t.Error("the two halves are not two keys")
		}
		return hex.EncodeToString(keys.Auth.Expose()[:8]) + hex.EncodeToString(keys.Wrap.Expose()[:8])
	}
	want := split("correct horse", "example.org", "grace", params)
	if want != "1875589dde6f8b461f82a85df0130271" {
		t.Errorf("what a password becomes has changed: %s", want)
	}
	salt := account.PasswordParams{Salt: bytes.Repeat([]byte{8}, 16), Cost: cheap}
	cost := account.PasswordParams{Salt: params.Salt, Cost: account.Cost{Time: 2, Memory: 8, Threads: 1}}
	for name, got := range map[string]string{
		"password": split("correct horsf", "example.org", "grace", params),
		"origin":   split("correct horse", "example.net", "grace", params),
		"handle":   split("correct horse", "example.org", "kofi", params),
		"boundary": split("correct horse", "example.orgg", "race", params),
		"salt":     split("correct horse", "example.org", "grace", salt),
		"cost":     split("correct horse", "example.org", "grace", cost),
	} {
		if got == want {
			t.Errorf("another %s gives the same keys", name)
		}
	}
	// RFC 8265, Section 4.2: other white space becomes a space, and NFC.
	if split("correct\u3000horse", "example.org", "grace", params) != want {
		t.Error("an ideographic space is another password")
	}
	if split("e\u0301tude", "o", "h", params) != split("\u00e9tude", "o", "h", params) {
		t.Error("a password is not normalised")
	}
}

func TestSplitPasswordRefuses(t *testing.T) {
	good := bytes.Repeat([]byte{7}, 16)
	for name, tt := range map[string]struct {
		salt  []byte
		cost  account.Cost
		least account.Cost
		want  error
	}{
		"too few passes":     {good, account.Cost{Time: 2, Memory: 64 << 10, Threads: 1}, account.PasswordCost, account.ErrCost},
		"too little memory":  {good, account.Cost{Time: 3, Memory: 64<<10 - 1, Threads: 1}, account.PasswordCost, account.ErrCost},
		"too many passes":    {good, account.Cost{Time: 11, Memory: 8, Threads: 1}, cheap, account.ErrCost},
		"too much memory":    {good, account.Cost{Time: 1, Memory: 256<<10 + 1, Threads: 1}, cheap, account.ErrCost},
		"huge":               {good, account.Cost{Time: 1 << 31, Memory: 1 << 31, Threads: 255}, cheap, account.ErrCost},
		"no threads":         {good, account.Cost{Time: 1, Memory: 8}, cheap, account.ErrCost},
		"too many threads":   {good, account.Cost{Time: 1, Memory: 64, Threads: 5}, cheap, account.ErrCost},
		"memory of a thread": {good, account.Cost{Time: 1, Memory: 31, Threads: 4}, cheap, account.ErrCost},
		"no passes":          {good, account.Cost{Memory: 8, Threads: 1}, account.Cost{}, account.ErrCost},
		"short salt":         {good[1:], cheap, cheap, account.ErrMalformed},
		"long salt":          {bytes.Repeat(good, 5), cheap, cheap, account.ErrMalformed},
	} {
		p := account.PasswordParams{Salt: tt.salt, Cost: tt.cost}
		if _, err := account.SplitPassword("correct horse", "o", "h", p, tt.least); !errors.Is(err, tt.want) {
			t.Errorf("%s: SplitPassword = %v, want %v", name, err, tt.want)
		}
	}
	p := account.PasswordParams{Salt: good, Cost: cheap}
	for _, password := range []string{"", "a\x00b", "\xff", strings.Repeat("a", 2000)} {
		if _, err := account.SplitPassword(password, "o", "h", p, cheap); !errors.Is(err, account.ErrMalformed) {
			t.Errorf("password %.10q: SplitPassword = %v, want ErrMalformed", password, err)
		}
	}
}

func TestCheckPassphrase(t *testing.T) {
	for _, s := range []string{
		"otter lamp quarry sixteen", "gravel-4-Mimosa!zq", "x7Kp29vQmw4ZtR8c", "ein Boot fährt über Land",
	} {
		if err := account.CheckPassphrase(s); err != nil {
			t.Errorf("CheckPassphrase(%q) = %v, want nil", s, err)
		}
	}
	for _, s := range []string{
		"", "hunter2", "short one", "aaaaaaaaaaaaaaaaaaaaaa", "abcdefghijklmnopqrstuvwxyz", "passwordpassword",
		"password password password", "abababababababababab", "1234567890123456", "correct horse horse correct", "ABCDEFGHabcdefgh12",
	} {
		if err := account.CheckPassphrase(s); !errors.Is(err, account.ErrWeak) {
			t.Errorf("CheckPassphrase(%q) = %v, want ErrWeak", s, err)
		}
	}
}
