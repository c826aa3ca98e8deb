package session_test

import (
	"errors"
	"strings"
	"testing"

	"conclave/core/session"
)

func TestCleanName(t *testing.T) {
	tests := []struct {
		name, in, want string
		err            error
	}{
		{"plain", "Ada Lovelace", "Ada Lovelace", nil},
		{"one letter", "A", "A", nil},
		{"trimmed", " \t\u00a0\u3000Ada\u2003\n", "Ada", nil},
		{"64 bytes", strings.Repeat("x", 64), strings.Repeat("x", 64), nil},
		{"64 bytes and spaces", " " + strings.Repeat("x", 64) + " ", strings.Repeat("x", 64), nil},
		{"64 bytes in 16 runes", strings.Repeat("😀", 16), strings.Repeat("😀", 16), nil},
		{"Arabic", "ليلى", "ليلى", nil},
		{"Persian with a non-joiner", "نیک\u200cنام", "نیک\u200cنام", nil},
		{"family emoji with joiners", "👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧", nil},
		{"combining mark", "Zoe\u0308", "Zoe\u0308", nil},
		{"question mark", "?", "?", nil},

		{"empty", "", "", session.ErrName},
		{"only spaces", " \t\u2003", "", session.ErrName},
		{"65 bytes", strings.Repeat("x", 65), "", session.ErrName},
		{"65 bytes in runes", strings.Repeat("ß", 32) + "x", "", session.ErrName},
		{"not UTF-8", "Ada\xff", "", session.ErrName},
		{"half a rune", "Ada\xc3", "", session.ErrName},
		{"surrogate", "Ada\xed\xa0\x80", "", session.ErrName},
		{"NUL", "Ada\x00", "", session.ErrName},
		{"line feed", "Ada\nowner", "", session.ErrName},
		{"escape", "\x1b[31mAda", "", session.ErrName},
		{"C1 control", "Ada\u0085owner", "", session.ErrName},
		{"DEL", "Ada\x7f", "", session.ErrName},
		{"right-to-left override", "Ada\u202egnp.exe", "", session.ErrName},
		{"left-to-right embedding", "\u202aAda", "", session.ErrName},
		{"isolate", "\u2067Ada\u2069", "", session.ErrName},
		{"right-to-left mark", "Ada\u200f", "", session.ErrName},
		{"Arabic letter mark", "Ada\u061c", "", session.ErrName},
		{"line separator", "Ada\u2028x", "", session.ErrName},
		{"paragraph separator", "Ada\u2029x", "", session.ErrName},
		{"zero-width space", "A\u200bda", "", session.ErrName},
		{"byte order mark", "A\ufeffda", "", session.ErrName},
		{"soft hyphen", "A\u00adda", "", session.ErrName},
		{"tag characters", "Ada\U000e0041", "", session.ErrName},
		{"only joiners", "\u200d\u200c", "", session.ErrName},
		{"only marks", "\u0308\u0308", "", session.ErrName},
		{"only a filler", "\u3164", "", session.ErrName},
		{"only a braille blank", "\u2800", "", session.ErrName},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := session.CleanName(tt.in)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Fatalf("CleanName(%q) = %q, %v, want %q, %v", tt.in, got, err, tt.want, tt.err)
			}
			if err == nil {
				if again, err := session.CleanName(got); again != got || err != nil {
					t.Errorf("CleanName(%q) = %q, %v, want it unchanged", got, again, err)
				}
			}
		})
	}
}

func FuzzCleanName(f *testing.F) {
	for _, s := range []string{"Ada", " x ", "\u202e", "\u200d", "\xff", strings.Repeat("x", 65)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		name, err := session.CleanName(in)
		if err != nil {
			if name != "" {
				t.Errorf("CleanName(%q) = %q with error %v", in, name, err)
			}
			return
		}
		if len(name) == 0 || len(name) > session.MaxName || !strings.Contains(in, name) {
			t.Errorf("CleanName(%q) = %q", in, name)
		}
	})
}
