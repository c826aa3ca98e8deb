package identity_test

import (
	"errors"
	"strings"
	"testing"

	"conclave/core/identity"
	"conclave/core/session"
)

func TestNormalizeHandle(t *testing.T) {
	tests := []struct{ in, want string }{
		{"grace", "grace"},
		{"Grace", "grace"},
		{"GRACE.HOPPER", "grace.hopper"},
		{"g-_.1", "g-_.1"},
		{"42", "42"},
		{"ｇｒａｃｅ", "grace"},            // full width, RFC 8265, Section 3.3.1
		{"jose\u0301", "josé"},        // composed: NFC
		{"\u212bngström", "ångström"}, // ångström sign
		{"ΓΡΑΙΑ", "γραια"},            // Greek
		{"Ярослав", "ярослав"},        // Cyrillic
		{"שלום", "שלום"},              // right to left
		{"שלום1", "שלום1"},            // with a digit at its end
		{"田中さくら", "田中さくら"},            // Japanese: three scripts, UTS 39, Section 5.1
		{"ハッカー", "ハッカー"},              // the long vowel
		{"金正", "金正"},                  // Han alone
		{"金정", "金정"},                  // Korean
		{"नेहा", "नेहा"},              // letters and marks of one script
		{strings.Repeat("a", 32), strings.Repeat("a", 32)},
	}
	for _, tt := range tests {
		got, err := identity.NormalizeHandle(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("NormalizeHandle(%q) = %q, %v, want %q", tt.in, got, err, tt.want)
			continue
		}
		if again, err := identity.NormalizeHandle(got); err != nil || again != got {
			t.Errorf("NormalizeHandle(%q) = %q, %v: not stable", got, again, err)
		}
	}
}

func TestNormalizeHandleRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"empty":                   "",
		"one letter":              "g",
		"33 letters":              strings.Repeat("a", 33),
		"very long":               strings.Repeat("a", 1<<16),
		"not UTF-8":               "gr\xffce",
		"white space":             "grace hopper",
		"at sign":                 "@grace",
		"slash":                   "gr/ce",
		"a bar":                   "gr|ce",
		"begins with a point":     ".grace",
		"ends with a hyphen":      "grace-",
		"ends with a line":        "grace_",
		"Cyrillic a in Latin":     "gr\u0430ce",
		"Greek o in Latin":        "h\u03bfpper",
		"Latin in Cyrillic":       "ярослаv",
		"Greek and Cyrillic":      "γя",
		"Kana and Hangul":         "さ정",
		"Han with Latin":          "金a",
		"zero-width joiner":       "gra\u200dce",
		"soft hyphen":             "gra\u00adce",
		"right-to-left override":  "gra\u202ece",
		"emoji":                   "grace😀",
		"ligature":                "\ufb01sh",
		"mathematical letters":    "𝗀𝗋𝖺𝖼𝖾",
		"Arabic digits":           "سلام٣",
		"full-width digit in RTL": "a١",
		"a mark of no script":     "q\u0323\u0307x",
		"begins with a mark":      "\u093fनहा",
		"Cherokee":                "ꭺꮇ",
		"Deseret":                 "𐐨𐐩",
		"phonetic click":          "ǃxo!",
		"bidi rule":               "1שלום",
		"control character":       "gra\x00ce",
	} {
		if got, err := identity.NormalizeHandle(in); !errors.Is(err, identity.ErrHandle) {
			t.Errorf("%s: NormalizeHandle(%q) = %q, %v, want ErrHandle", name, in, got, err)
		}
	}
}

// Handles that could be taken for each other have one skeleton.
func TestSkeletonJoinsLookAlikes(t *testing.T) {
	for _, group := range [][]string{
		{"paypal", "paypa1", "pаypаl", "PAYPAL", "p.a_y-pal", "раураl", "раураӏ"},
		{"scope", "ѕсоре", "sc0pe", "scöpe"},
		{"modern", "modem", "rnodern", "mode.rn"},
		{"vvilma", "wilma"},
		{"bob", "b0b", "bo.b"},
		{"ios", "іоѕ", "ιοѕ"},
		{"nova", "ηονα"},
		{"josé", "jose"},
		{"hill", "hi11", "hi|l"},
	} {
		want := identity.Skeleton(group[0])
		for _, h := range group[1:] {
			if got := identity.Skeleton(strings.ToLower(h)); got != want {
				t.Errorf("Skeleton(%q) = %q, that of %q is %q", h, got, group[0], want)
			}
		}
	}
}

// Different people keep different skeletons.
func TestSkeletonKeepsOthersApart(t *testing.T) {
	seen := make(map[string]string)
	for _, h := range []string{
		"grace", "ada", "lin", "kofi", "noor", "mei", "alice", "bob", "carol", "dave", "ярослав", "мария", "γραια",
		"田中", "さくら", "שלום", "नेहा", "hopper", "turing", "42", "4242", "admin", "adrian",
	} {
		s := identity.Skeleton(h)
		if other, taken := seen[s]; taken || s == "" {
			t.Errorf("%q and %q have the skeleton %q", h, other, s)
		}
		seen[s] = h
		if again := identity.Skeleton(s); again != s {
			t.Errorf("Skeleton(%q) = %q: not stable", s, again)
		}
	}
}

// CheckName accepts exactly the names that meetings leave as they are.
func TestCheckName(t *testing.T) {
	for _, s := range []string{
		"", "a", "Grace Hopper", " Grace", "Grace ", strings.Repeat("n", 64), strings.Repeat("n", 65), "Gr\u202eace", "a\nb", "\u200d",
		"👩\u200d🔬", "\u3164", "e\u0301", "\u0301", "\xff", "名前", "a\u00adb", "\u2028", " ", "a\x00",
	} {
		clean, err := session.CleanName(s)
		want := err == nil && clean == s
		if got := identity.CheckName(s) == nil; got != want {
			t.Errorf("CheckName(%q) accepts: %v, meetings: %v", s, got, want)
		}
	}
	if err := identity.CheckName("\u200d"); !errors.Is(err, identity.ErrName) {
		t.Errorf("CheckName = %v, want ErrName", err)
	}
}

// Keys that verifiers differ over, RFC 8032, Section 5.1.3.
func TestValidKey(t *testing.T) {
	bad := map[string][32]byte{
		"zero":                       {},
		"one: the neutral element":   {1},
		"one with a sign":            {0: 1, 31: 0x80},
		"p - 1":                      littleEndian(0xec),
		"p: not reduced":             littleEndian(0xed),
		"p + 1: not reduced":         littleEndian(0xee),
		"2^255 - 1 with a sign":      {0: 0xff, 31: 0xff},
		"a point of order eight":     {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
		"another one, with its sign": {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x85},
	}
	full := bad["2^255 - 1 with a sign"]
	for i := range full {
		full[i] = 0xff
	}
	bad["2^255 - 1 with a sign"] = full
	for name, k := range bad {
		if identity.ValidKey(k) {
			t.Errorf("%s: ValidKey accepts %x", name, k)
		}
	}
	if !identity.ValidKey(public(keyFrom("any", 0))) {
		t.Error("ValidKey refuses an honest key")
	}
}

// littleEndian returns 2^255 - 256 + low.
func littleEndian(low byte) (b [32]byte) {
	for i := range b {
		b[i] = 0xff
	}
	b[0], b[31] = low, 0x7f
	return b
}

// FuzzHandle checks that normalising is stable and that what looks alike is not
// made by normalising.
func FuzzHandle(f *testing.F) {
	for _, s := range []string{"grace", "Ярослав", "ΓΡΑΙΑ", "ｇｒ", "שלום1", "ß", "İi", "ŉa", "Ⅷa", "ǅa"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := identity.NormalizeHandle(s)
		if err != nil {
			return
		}
		if again, err := identity.NormalizeHandle(h); err != nil || again != h {
			t.Errorf("NormalizeHandle(%q) = %q, then %q, %v", s, h, again, err)
		}
		if identity.Skeleton(h) == "" {
			t.Errorf("Skeleton(%q) is empty", h)
		}
		if n := len([]rune(h)); n < identity.MinHandle || n > identity.MaxHandle {
			t.Errorf("%q has %d characters", h, n)
		}
	})
}

func BenchmarkNormalizeHandle(b *testing.B) {
	for b.Loop() {
		if _, err := identity.NormalizeHandle("Grace.Hopper"); err != nil {
			b.Fatal(err)
		}
	}
}
