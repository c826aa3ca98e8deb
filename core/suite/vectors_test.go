package suite_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"testing"

	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/internal/testkit"
)

// octets are bytes that JSON has in hex.
type octets []byte

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *octets) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	*o = b
	return err
}

func (o octets) secret() secret.Value { return secret.New(o) }

func decode(t *testing.T, name string, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(testkit.Vectors(t, name)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// cryptoBasics is a case of crypto-basics.json. A field that is missing stays
// empty and fails the comparison.
type cryptoBasics struct {
	CipherSuite suite.ID `json:"cipher_suite"`
	RefHash     struct {
		Label      string `json:"label"`
		Value, Out octets
	} `json:"ref_hash"`
	ExpandWithLabel struct {
		Secret  octets
		Label   string
		Context octets
		Length  int
		Out     octets
	} `json:"expand_with_label"`
	DeriveSecret struct {
		Label       string
		Secret, Out octets
	} `json:"derive_secret"`
	DeriveTreeSecret struct {
		Secret     octets
		Label      string
		Generation uint32
		Length     int
		Out        octets
	} `json:"derive_tree_secret"`
	SignWithLabel struct {
		Priv, Pub octets
		Content   octets
		Label     string
		Signature octets
	} `json:"sign_with_label"`
	EncryptWithLabel struct {
		Priv, Pub          octets
		Label              string
		Context, Plaintext octets
		KEMOutput          octets `json:"kem_output"`
		Ciphertext         octets
	} `json:"encrypt_with_label"`
}

// withoutImplementation are the suites of RFC 9420 that are not implemented.
var withoutImplementation = map[suite.ID]string{
	4: "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448: X448 and Ed448 are not implemented",
	6: "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448: X448 and Ed448 are not implemented",
}

func TestVectorsCryptoBasics(t *testing.T) {
	var cases []cryptoBasics
	decode(t, "mls/crypto-basics.json", &cases)
	seen := make(map[suite.ID]bool)
	for _, c := range cases {
		seen[c.CipherSuite] = true
		if why, ok := withoutImplementation[c.CipherSuite]; ok {
			t.Logf("SKIPPED: suite %s", why)
			continue
		}
		s := lookup(t, c.CipherSuite)
		t.Run(s.Name(), func(t *testing.T) {
			testDerivations(t, s, c)
			testSignature(t, s, c)
			testEncryption(t, s, c)
		})
	}
	for id := suite.ID(1); id <= 7; id++ {
		if !seen[id] {
			t.Errorf("the file has no case for suite %d", id)
		}
	}
}

func testDerivations(t *testing.T, s *suite.Suite, c cryptoBasics) {
	t.Helper()
	equal := func(what string, got []byte, want octets) {
		if len(want) == 0 || !bytes.Equal(got, want) {
			t.Errorf("%s = %x, want %x", what, got, want)
		}
	}
	equal("RefHash", s.RefHash(c.RefHash.Label, c.RefHash.Value), c.RefHash.Out)
	e := c.ExpandWithLabel
	equal("ExpandWithLabel", s.ExpandWithLabel(e.Secret.secret(), e.Label, e.Context, e.Length).Expose(), e.Out)
	d := c.DeriveSecret
	equal("DeriveSecret", s.DeriveSecret(d.Secret.secret(), d.Label).Expose(), d.Out)
	g := c.DeriveTreeSecret
	equal("DeriveTreeSecret", s.DeriveTreeSecret(g.Secret.secret(), g.Label, g.Generation, g.Length).Expose(), g.Out)
}

func testSignature(t *testing.T, s *suite.Suite, c cryptoBasics) {
	t.Helper()
	v := c.SignWithLabel
	if err := s.VerifyWithLabel(v.Pub, v.Label, v.Content, v.Signature); err != nil {
		t.Errorf("VerifyWithLabel: %v", err)
	}
	key, err := s.NewSigningKey(v.Priv.secret())
	if err != nil {
		t.Fatalf("NewSigningKey: %v", err)
	}
	if !bytes.Equal(key.Public(), v.Pub) {
		t.Errorf("Public = %x, want %x", key.Public(), v.Pub)
	}
	signature, err := s.SignWithLabel(key, v.Label, v.Content)
	if err != nil {
		t.Fatalf("SignWithLabel: %v", err)
	}
	if err := s.VerifyWithLabel(v.Pub, v.Label, v.Content, signature); err != nil {
		t.Errorf("VerifyWithLabel of our signature: %v", err)
	}
	// Ed25519 has one signature for a message.
	if len(v.Signature) == 64 && !bytes.Equal(signature, v.Signature) {
		t.Errorf("SignWithLabel = %x, want %x", signature, v.Signature)
	}
}

func testEncryption(t *testing.T, s *suite.Suite, c cryptoBasics) {
	t.Helper()
	v := c.EncryptWithLabel
	if pub, err := s.PublicKey(v.Priv.secret()); err != nil || !bytes.Equal(pub, v.Pub) {
		t.Errorf("PublicKey = %x, %v, want %x", pub, err, v.Pub)
	}
	open := func(what string, ciphertext mlswire.HPKECiphertext) {
		got, err := s.DecryptWithLabel(v.Priv.secret(), v.Label, v.Context, ciphertext)
		if err != nil || !bytes.Equal(got.Expose(), v.Plaintext) {
			t.Errorf("DecryptWithLabel of %s = %x, %v, want %x", what, got.Expose(), err, v.Plaintext)
		}
	}
	open("the vector", mlswire.HPKECiphertext{KEMOutput: v.KEMOutput, Ciphertext: v.Ciphertext})
	ours, err := s.EncryptWithLabel(v.Pub, v.Label, v.Context, v.Plaintext)
	if err != nil {
		t.Fatalf("EncryptWithLabel: %v", err)
	}
	open("our encryption", ours)
}
