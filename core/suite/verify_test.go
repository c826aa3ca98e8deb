package suite_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// platform is a Verifier that counts what it is asked.
type platform struct {
	asked  int
	answer func(suite.RawCheck) bool
	drop   int // answers left out at the end
}

func (p *platform) VerifyAll(_ suite.ID, checks []suite.RawCheck) []bool {
	p.asked += len(checks)
	var answers []bool
	for _, c := range checks[:len(checks)-p.drop] {
		answers = append(answers, p.answer(c))
	}
	return answers
}

func checksOf(t *testing.T, s *suite.Suite, n int) []suite.Check {
	t.Helper()
	var checks []suite.Check
	for i := range n {
		key, content := s.GenerateSigningKey(), []byte{byte(i)}
		signature, err := s.SignWithLabel(key, "LeafNodeTBS", content)
		if err != nil {
			t.Fatalf("SignWithLabel: %v", err)
		}
		checks = append(checks, suite.Check{PublicKey: key.Public(), Label: "LeafNodeTBS", Content: content, Signature: signature})
	}
	return checks
}

func TestVerifyAll(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		checks := checksOf(t, s, 3)
		if err := s.VerifyAll(checks); err != nil {
			t.Errorf("VerifyAll: %v", err)
		}
		if err := s.VerifyAll(nil); err != nil {
			t.Errorf("VerifyAll of nothing: %v", err)
		}
		checks[2].Content = []byte("x")
		if err := s.VerifyAll(checks); !errors.Is(err, suite.ErrSignature) || !strings.HasSuffix(err.Error(), " 2") {
			t.Errorf("VerifyAll = %v, want ErrSignature for number 2", err)
		}
	})
}

func TestVerifyAllWith(t *testing.T) {
	s := lookup(t, suite.Default)
	valid := func(c suite.RawCheck) bool { return ed25519.Verify(c.PublicKey, c.Message, c.Signature) }
	checks := checksOf(t, s, 4)
	p := &platform{answer: valid}
	if err := s.VerifyAllWith(p, checks); err != nil || p.asked != 4 {
		t.Errorf("VerifyAllWith = %v after %d questions, want nil after 4", err, p.asked)
	}
	if err := s.VerifyAllWith(nil, checks); err != nil {
		t.Errorf("VerifyAllWith(nil): %v", err)
	}
	for name, p := range map[string]*platform{
		"a verifier that says no":           {answer: func(suite.RawCheck) bool { return false }},
		"a verifier that answers too few":   {answer: valid, drop: 1},
		"a verifier that does not answer":   {answer: valid, drop: 4},
		"a verifier that refuses the third": {answer: func(c suite.RawCheck) bool { return !bytes.Equal(c.PublicKey, checks[2].PublicKey) }},
	} {
		if err := s.VerifyAllWith(p, checks); !errors.Is(err, suite.ErrSignature) {
			t.Errorf("%s: VerifyAllWith = %v, want ErrSignature", name, err)
		}
	}
}

// What implementations differ over never reaches a Verifier.
func TestVerifyAllWithAsksNothingDoubtful(t *testing.T) {
	s := lookup(t, suite.Default)
	yes := &platform{answer: func(suite.RawCheck) bool { return true }}
	small := suite.SmallOrderEd25519[3]
	for name, change := range map[string]func(*suite.Check){
		"a key of small order": func(c *suite.Check) { c.PublicKey = small[:] },
		"R of small order":     func(c *suite.Check) { copy(c.Signature, small[:]) },
		"a short key":          func(c *suite.Check) { c.PublicKey = c.PublicKey[1:] },
		"a short signature":    func(c *suite.Check) { c.Signature = c.Signature[1:] },
		"a long signature":     func(c *suite.Check) { c.Signature = append(c.Signature, 0) },
		"no signature":         func(c *suite.Check) { c.Signature = nil },
	} {
		checks := checksOf(t, s, 2)
		change(&checks[1])
		if err := s.VerifyAllWith(yes, checks); !errors.Is(err, suite.ErrSignature) || yes.asked != 0 {
			t.Errorf("%s: VerifyAllWith = %v after %d questions, want ErrSignature after none", name, err, yes.asked)
		}
	}
}

// A content that no vector holds comes from whoever sends a gigabyte, and has no
// valid signature.
func TestVerifyTooLong(t *testing.T) {
	if strconv.IntSize < 64 || runtime.GOARCH == "wasm" {
		t.Skip("no room for a content of a gigabyte")
	}
	s := lookup(t, 1)
	content := make([]byte, tlsenc.MaxVector+1) // never touched
	check := suite.Check{PublicKey: s.GenerateSigningKey().Public(), Label: "l", Content: content, Signature: make([]byte, 64)}
	check.Signature[0] = 2 // a point that is not of small order
	for name, verify := range map[string]func() error{
		"VerifyWithLabel": func() error { return s.VerifyWithLabel(check.PublicKey, check.Label, content, check.Signature) },
		"VerifyAll":       func() error { return s.VerifyAll([]suite.Check{check}) },
		"VerifyAllWith": func() error {
			return s.VerifyAllWith(&platform{answer: func(suite.RawCheck) bool { return true }}, []suite.Check{check})
		},
	} {
		if err := verify(); !errors.Is(err, suite.ErrSignature) {
			t.Errorf("%s = %v, want ErrSignature", name, err)
		}
	}
}
