package suite_test

import (
	"bytes"
	"crypto/hkdf"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	_ "conclave/core/suite/nist"
	"conclave/core/tlsenc"
)

// parameters are what RFC 9420, Section 17.1, and the draft say of each suite:
// sizes of hash, AEAD key, HPKE public and private key, KEM output, signature
// public and private key.
var parameters = []struct {
	id                                                suite.ID
	name                                              string
	hash, key, public, private, enc, signPub, signKey int
}{
	{1, "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519", 32, 16, 32, 32, 32, 32, 32},
	{2, "MLS_128_DHKEMP256_AES128GCM_SHA256_P256", 32, 16, 65, 32, 65, 65, 32},
	{3, "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519", 32, 32, 32, 32, 32, 32, 32},
	{5, "MLS_256_DHKEMP521_AES256GCM_SHA512_P521", 64, 32, 133, 66, 133, 133, 66},
	{7, "MLS_256_DHKEMP384_AES256GCM_SHA384_P384", 48, 32, 97, 48, 97, 97, 48},
	{0xF001, "MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519", 48, 32, 1216, 32, 1120, 32, 32},
	{0xF002, "MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384", 48, 32, 1665, 32, 1665, 97, 48},
}

// each runs test for every registered suite.
func each(t *testing.T, test func(t *testing.T, s *suite.Suite)) {
	t.Helper()
	for _, id := range suite.IDs() {
		s := lookup(t, id)
		t.Run(s.Name(), func(t *testing.T) { test(t, s) })
	}
}

func lookup(t testing.TB, id suite.ID) *suite.Suite {
	t.Helper()
	s, err := suite.Lookup(id)
	if err != nil {
		t.Fatalf("Lookup(%d): %v", id, err)
	}
	return s
}

func TestParameters(t *testing.T) {
	var ids []suite.ID
	for _, p := range parameters {
		ids = append(ids, p.id)
		s := lookup(t, p.id)
		pair, signing := s.GenerateKeyPair(), s.GenerateSigningKey()
		c, err := s.EncryptWithLabel(pair.Public, "l", nil, nil)
		if err != nil {
			t.Fatalf("suite %d: EncryptWithLabel: %v", p.id, err)
		}
		got := []int{
			s.HashSize(), s.KeySize(), s.NonceSize(), len(pair.Public), pair.Private.Len(), len(c.KEMOutput),
			len(c.Ciphertext), len(signing.Public()), signing.Private().Len(), len(s.Hash()), s.NewHash().Size(),
		}
		want := []int{p.hash, p.key, 12, p.public, p.private, p.enc, 16, p.signPub, p.signKey, p.hash, p.hash}
		if s.ID() != p.id || s.Name() != p.name || !slices.Equal(got, want) {
			t.Errorf("suite %d: %d %s %v, want %s %v", p.id, s.ID(), s.Name(), got, p.name, want)
		}
	}
	if got := suite.IDs(); !slices.Equal(got, ids) {
		t.Errorf("IDs() = %v, want %v", got, ids)
	}
	if suite.Default != 0xF001 {
		t.Errorf("Default = %#x, want 0xF001", suite.Default)
	}
}

func TestLookupRefuses(t *testing.T) {
	for _, id := range []suite.ID{0, 4, 6, 8, 0x0A0A, 0xF000, 0xF003, 0xFFFF} {
		if s, err := suite.Lookup(id); s != nil || !errors.Is(err, suite.ErrUnknown) {
			t.Errorf("Lookup(%d) = %v, %v, want ErrUnknown", id, s, err)
		}
	}
}

func TestRegisterRefuses(t *testing.T) {
	kem := lookup(t, 1).KEM()
	for _, tt := range []struct {
		name string
		row  suite.Row
	}{
		{"a number that is taken", suite.Row{ID: 1, KEM: kem, KDF: suite.KDFSHA256, AEAD: suite.AEADAES128GCM}},
		{"an unknown KDF", suite.Row{ID: 0xF0FF, KEM: kem, KDF: 0x0010, AEAD: suite.AEADAES128GCM}},
		{"an unknown AEAD", suite.Row{ID: 0xF0FF, KEM: kem, KDF: suite.KDFSHA256, AEAD: 0xFFFF}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := suite.IDs()
			mustPanic(t, "Register", func() { suite.Register(tt.row) })
			if !slices.Equal(suite.IDs(), before) {
				t.Error("Register changed the table")
			}
		})
	}
}

// Secrets must not show, whichever verb prints what holds them.
func TestSecretsDoNotPrint(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		pair, signing := s.GenerateKeyPair(), s.GenerateSigningKey()
		holder := struct {
			Key  *suite.SigningKey
			key  suite.SigningKey
			pair suite.KeyPair
		}{signing, *signing, pair}
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%X", "%s", "%d", "%q"} {
			text := fmt.Sprintf(verb, holder) + fmt.Sprintf(verb, signing) + fmt.Sprintf(verb, *signing) + fmt.Sprintf(verb, pair)
			for name, private := range map[string]secret.Value{"signing key": signing.Private(), "private key": pair.Private} {
				for _, canary := range []string{
					hex.EncodeToString(private.Expose()[4:10]),
					strings.ToUpper(hex.EncodeToString(private.Expose()[4:10])),
					strings.Trim(fmt.Sprint(private.Expose()[4:10]), "[]"),
					strings.Trim(fmt.Sprintf("%#v", private.Expose()[4:10]), "[]byte{}"),
				} {
					if strings.Contains(text, canary) {
						t.Errorf("%s shows the %s: %s", verb, name, text)
					}
				}
			}
		}
		if got := fmt.Sprintf("%v", signing); got != "[signing key]" {
			t.Errorf("Sprintf(%%v) = %q, want [signing key]", got)
		}
		if b, err := json.Marshal(signing); !errors.Is(err, secret.ErrMarshal) {
			t.Errorf("json.Marshal = %q, %v, want ErrMarshal", b, err)
		}
		if b, err := signing.MarshalBinary(); !errors.Is(err, secret.ErrMarshal) {
			t.Errorf("MarshalBinary = %q, %v, want ErrMarshal", b, err)
		}
	})
}

func TestEncryptWithLabel(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		pair, other := s.GenerateKeyPair(), s.GenerateKeyPair()
		plaintext, context := []byte("path secret"), []byte("group context")
		c, err := s.EncryptWithLabel(pair.Public, "UpdatePathNode", context, plaintext)
		if err != nil {
			t.Fatalf("EncryptWithLabel: %v", err)
		}
		got, err := s.DecryptWithLabel(pair.Private, "UpdatePathNode", context, c)
		if err != nil || !bytes.Equal(got.Expose(), plaintext) {
			t.Errorf("DecryptWithLabel = %x, %v, want %x", got.Expose(), err, plaintext)
		}
		flip := func(b []byte, i int) []byte { b = bytes.Clone(b); b[i] ^= 1; return b }
		for _, tt := range []struct {
			name    string
			private secret.Value
			label   string
			context []byte
			c       mlswire.HPKECiphertext
			want    error
		}{
			{"another key", other.Private, "UpdatePathNode", context, c, suite.ErrOpen},
			{"another label", pair.Private, "Welcome", context, c, suite.ErrOpen},
			{"another context", pair.Private, "UpdatePathNode", nil, c, suite.ErrOpen},
			{"a changed KEM output", pair.Private, "UpdatePathNode", context, mlswire.HPKECiphertext{KEMOutput: flip(c.KEMOutput, 7), Ciphertext: c.Ciphertext}, suite.ErrOpen},
			{"a short KEM output", pair.Private, "UpdatePathNode", context, mlswire.HPKECiphertext{KEMOutput: c.KEMOutput[1:], Ciphertext: c.Ciphertext}, suite.ErrOpen},
			{"a long KEM output", pair.Private, "UpdatePathNode", context, mlswire.HPKECiphertext{KEMOutput: append(bytes.Clone(c.KEMOutput), 0), Ciphertext: c.Ciphertext}, suite.ErrOpen},
			{"no KEM output", pair.Private, "UpdatePathNode", context, mlswire.HPKECiphertext{Ciphertext: c.Ciphertext}, suite.ErrOpen},
			{"a zero KEM output", pair.Private, "UpdatePathNode", context, mlswire.HPKECiphertext{KEMOutput: make([]byte, len(c.KEMOutput)), Ciphertext: c.Ciphertext}, suite.ErrOpen},
			{"a changed ciphertext", pair.Private, "UpdatePathNode", context, mlswire.HPKECiphertext{KEMOutput: c.KEMOutput, Ciphertext: flip(c.Ciphertext, 0)}, suite.ErrOpen},
			{"no ciphertext", pair.Private, "UpdatePathNode", context, mlswire.HPKECiphertext{KEMOutput: c.KEMOutput}, suite.ErrOpen},
			{"no private key", secret.Value{}, "UpdatePathNode", context, c, suite.ErrPrivateKey},
			{"a long private key", secret.New(append(bytes.Clone(pair.Private.Expose()), 0)), "UpdatePathNode", context, c, suite.ErrPrivateKey},
		} {
			got, err := s.DecryptWithLabel(tt.private, tt.label, tt.context, tt.c)
			if !errors.Is(err, tt.want) || got.Len() != 0 {
				t.Errorf("%s: DecryptWithLabel = %d bytes, %v, want %v", tt.name, got.Len(), err, tt.want)
			}
		}
	})
}

func TestExport(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		pair, other := s.GenerateKeyPair(), s.GenerateKeyPair()
		const label = "MLS 1.0 external init secret"
		kemOutput, sent, err := s.SendExport(pair.Public, label, s.HashSize())
		if err != nil || sent.Len() != s.HashSize() {
			t.Fatalf("SendExport = %d bytes, %v", sent.Len(), err)
		}
		got, err := s.ReceiveExport(pair.Private, kemOutput, label, s.HashSize())
		if err != nil || !got.Equal(sent) {
			t.Errorf("ReceiveExport does not return what was sent: %v", err)
		}
		if got, err := s.ReceiveExport(pair.Private, kemOutput, label+"!", s.HashSize()); err != nil || got.Equal(sent) {
			t.Errorf("ReceiveExport with another label: equal %v, %v", got.Equal(sent), err)
		}
		if got, err := s.ReceiveExport(other.Private, kemOutput, label, s.HashSize()); err != nil || got.Equal(sent) {
			t.Errorf("ReceiveExport with another key: equal %v, %v", got.Equal(sent), err)
		}
		if _, err := s.ReceiveExport(pair.Private, kemOutput[1:], label, s.HashSize()); !errors.Is(err, suite.ErrOpen) {
			t.Errorf("ReceiveExport of a short KEM output = %v, want ErrOpen", err)
		}
		if _, err := s.ReceiveExport(secret.Value{}, kemOutput, label, s.HashSize()); !errors.Is(err, suite.ErrPrivateKey) {
			t.Errorf("ReceiveExport without a key = %v, want ErrPrivateKey", err)
		}
		if _, _, err := s.SendExport(pair.Public[1:], label, s.HashSize()); !errors.Is(err, suite.ErrPublicKey) {
			t.Errorf("SendExport to a short key = %v, want ErrPublicKey", err)
		}
	})
}

func TestSeal(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		key, nonce := secret.New(make([]byte, s.KeySize())), secret.New(make([]byte, s.NonceSize()))
		aad, plaintext := []byte("aad"), []byte("plaintext")
		c := s.Seal(key, nonce, aad, plaintext)
		if got, err := s.Open(key, nonce, aad, c); err != nil || !bytes.Equal(got, plaintext) || len(c) != len(plaintext)+16 {
			t.Errorf("Open = %q, %v", got, err)
		}
		for i := range c {
			changed := bytes.Clone(c)
			changed[i] ^= 0x80
			if got, err := s.Open(key, nonce, aad, changed); !errors.Is(err, suite.ErrOpen) || got != nil {
				t.Errorf("Open with byte %d changed = %q, %v, want ErrOpen", i, got, err)
			}
		}
		for n := range c {
			if _, err := s.Open(key, nonce, aad, c[:n]); !errors.Is(err, suite.ErrOpen) {
				t.Errorf("Open of %d bytes = %v, want ErrOpen", n, err)
			}
		}
		if _, err := s.Open(key, nonce, nil, c); !errors.Is(err, suite.ErrOpen) {
			t.Errorf("Open with another aad = %v, want ErrOpen", err)
		}
		for _, size := range [][2]int{{0, 12}, {s.KeySize() - 1, 12}, {48 - s.KeySize(), 12}, {s.KeySize(), 11}, {s.KeySize(), 0}} {
			mustPanic(t, fmt.Sprintf("Seal with sizes %v", size), func() {
				s.Seal(secret.New(make([]byte, size[0])), secret.New(make([]byte, size[1])), nil, nil)
			})
		}
	})
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s does not panic", what)
		}
	}()
	f()
}

// The lengths of vectors are encoded like tlsenc does, in one, two and four bytes.
func TestRefHashOfLongValues(t *testing.T) {
	s := lookup(t, 1)
	for _, n := range []int{0, 1, 63, 64, 1<<13 - 1, 1 << 13, 1<<14 - 1, 1 << 14, 1 << 17} {
		value := make([]byte, n)
		w := tlsenc.NewWriter(n)
		w.Vector([]byte("label"))
		w.Vector(value)
		if got, want := s.RefHash("label", value), s.Hash(w.Bytes()); !bytes.Equal(got, want) {
			t.Errorf("RefHash of %d bytes = %x, want %x", n, got, want)
		}
	}
}

// RFC 5869, Section 2.3: HKDF-Expand gives 255 times the hash and no more.
func TestExpandBounds(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		sec, most := secret.New(make([]byte, s.HashSize())), 255*s.HashSize()
		longest := s.ExpandWithLabel(sec, "label", nil, most).Expose()
		want, err := hkdf.Expand(s.NewHash, sec.Expose(), string(binary.BigEndian.AppendUint16(nil, uint16(most)))+"\x0dMLS 1.0 label\x00", most)
		if err != nil || !bytes.Equal(longest, want) {
			t.Errorf("ExpandWithLabel of %d bytes is not what crypto/hkdf gives: %v", most, err)
		}
		if got := s.ExpandWithLabel(sec, "label", nil, 0); got.Len() != 0 {
			t.Errorf("ExpandWithLabel of 0 bytes gives %d", got.Len())
		}
		mustPanic(t, "ExpandWithLabel of a byte more", func() { s.ExpandWithLabel(sec, "label", nil, most+1) })
		mustPanic(t, "ExpandWithLabel of -1 bytes", func() { s.ExpandWithLabel(sec, "label", nil, -1) })
	})
}

func TestMAC(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		key := secret.New([]byte("key"))
		tag := s.MAC(key, []byte("data"))
		if len(tag) != s.HashSize() || !s.VerifyMAC(key, []byte("data"), tag) {
			t.Error("VerifyMAC refuses what MAC made")
		}
		changed := bytes.Clone(tag)
		changed[len(tag)-1] ^= 1
		if s.VerifyMAC(key, []byte("data"), changed) || s.VerifyMAC(key, []byte("data"), tag[:len(tag)-1]) ||
			s.VerifyMAC(key, []byte("data"), nil) || s.VerifyMAC(key, []byte("date"), tag) || s.VerifyMAC(secret.Value{}, []byte("data"), tag) {
			t.Error("VerifyMAC accepts what is wrong")
		}
	})
}
