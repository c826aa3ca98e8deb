package suite_test

import (
	"testing"

	"conclave/core/secret"
	"conclave/core/suite"
)

// The cost of what groups do most. Run under js/wasm too: there a curve
// operation takes six to ten times as long.
func BenchmarkSuite(b *testing.B) {
	for _, id := range []suite.ID{1, 2, 7, suite.Default, 0xF002} {
		s := lookup(b, id)
		b.Run(s.Name(), func(b *testing.B) { benchmarkSuite(b, s) })
	}
}

func benchmarkSuite(b *testing.B, s *suite.Suite) {
	pair, key := s.GenerateKeyPair(), s.GenerateSigningKey()
	sec, context := secret.New(make([]byte, s.HashSize())), make([]byte, 32)
	content := make([]byte, 300)
	c, err := s.EncryptWithLabel(pair.Public, "UpdatePathNode", content, sec.Expose())
	if err != nil {
		b.Fatal(err)
	}
	signature, err := s.SignWithLabel(key, "LeafNodeTBS", content)
	if err != nil {
		b.Fatal(err)
	}
	aeadKey, nonce := secret.New(make([]byte, s.KeySize())), secret.New(make([]byte, s.NonceSize()))
	for _, op := range []struct {
		name string
		do   func() error
	}{
		{"Generate", func() error { s.GenerateKeyPair(); return nil }},
		{"Derive", func() error { s.DeriveKeyPair(sec); return nil }},
		{"Check", func() error { return s.CheckPublicKey(pair.Public) }},
		{"Encrypt", func() error {
			_, err := s.EncryptWithLabel(pair.Public, "UpdatePathNode", content, sec.Expose())
			return err
		}},
		{"Decrypt", func() error { _, err := s.DecryptWithLabel(pair.Private, "UpdatePathNode", content, c); return err }},
		{"Sign", func() error { _, err := s.SignWithLabel(key, "LeafNodeTBS", content); return err }},
		{"Verify", func() error { return s.VerifyWithLabel(key.Public(), "LeafNodeTBS", content, signature) }},
		{"Expand", func() error { s.ExpandWithLabel(sec, "tree", context, s.HashSize()); return nil }},
		{"Seal", func() error { s.Seal(aeadKey, nonce, context, content); return nil }},
		{"Hash", func() error { s.Hash(content); return nil }},
	} {
		b.Run(op.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := op.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
