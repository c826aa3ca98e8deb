package suite_test

import (
	"bytes"
	"crypto/hpke"
	"errors"
	"fmt"
	"testing"

	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// hpkeCase is a case of hpke-pq/test-vectors.json, draft-ietf-hpke-pq.
type hpkeCase struct {
	Mode           int
	KEM            uint16 `json:"kem_id"`
	KDF            uint16 `json:"kdf_id"`
	AEAD           uint16 `json:"aead_id"`
	Info           octets
	IKME           octets `json:"ikmE"` // what the sender drew; not used, it draws its own
	IKMR           octets `json:"ikmR"`
	SKRm           octets `json:"skRm"`
	PKRm           octets `json:"pkRm"`
	Enc            octets
	SharedSecret   octets `json:"shared_secret"`
	SuiteID        octets `json:"suite_id"` // follows from the three numbers
	Key            octets
	BaseNonce      octets `json:"base_nonce"`
	ExporterSecret octets `json:"exporter_secret"`
	Encryptions    []struct{ AAD, CT, Nonce, PT octets }
	Exports        []struct {
		Context octets `json:"exporter_context"`
		Length  int    `json:"L"`
		Value   octets `json:"exported_value"`
	}
}

// withoutHPKE are the KEMs of the file that no suite here has.
var withoutHPKE = map[uint16]string{
	0x0021: "X448",
	0x0040: "ML-KEM-512",
	0x0041: "ML-KEM-768 alone",
	0x0042: "ML-KEM-1024 alone",
	0x0050: "MLKEM768-P256",
}

// kems are the KEMs of all suites.
func kems(t *testing.T) map[uint16]suite.KEM {
	t.Helper()
	all := make(map[uint16]suite.KEM)
	for _, id := range suite.IDs() {
		k := lookup(t, id).KEM()
		all[k.ID()] = k
	}
	return all
}

func TestVectorsHPKEPQ(t *testing.T) {
	var cases []hpkeCase
	decode(t, "hpke-pq/test-vectors.json", &cases)
	kems, complete := kems(t), make(map[uint16]bool)
	for i, c := range cases {
		name := fmt.Sprintf("%d KEM 0x%04x KDF 0x%04x AEAD 0x%04x", i, c.KEM, c.KDF, c.AEAD)
		if what, ok := withoutHPKE[c.KEM]; ok {
			t.Logf("SKIPPED: %s: %s is in no suite", name, what)
			continue
		}
		t.Run(name, func(t *testing.T) {
			if c.Mode != 0 {
				t.Fatalf("mode %d, want 0, base", c.Mode)
			}
			testKEM(t, kems[c.KEM], c)
			if c.KDF >= 0x0010 {
				t.Logf("SKIPPED: the key schedule with KDF 0x%04x, of the SHAKE family: it is in no suite", c.KDF)
				return
			}
			s, err := suite.NewSuite(suite.Row{KEM: kems[c.KEM], KDF: c.KDF, AEAD: c.AEAD})
			if err != nil {
				t.Fatalf("NewSuite: %v", err)
			}
			testKeySchedule(t, s, c)
			complete[c.KEM] = true
		})
	}
	for _, id := range []uint16{suite.KEMMLKEM768X25519, suite.KEMMLKEM1024P384} {
		if !complete[id] {
			t.Errorf("the file has no complete case for KEM 0x%04x", id)
		}
	}
}

func testKEM(t *testing.T, k suite.KEM, c hpkeCase) {
	t.Helper()
	if k == nil {
		t.Fatal("no suite has this KEM, and it is not listed as missing")
	}
	pair, private := k.DeriveKeyPair(c.IKMR), bytes.Clone(c.SKRm)
	if c.KEM == suite.KEMX25519 { // the file has not clamped it, as RFC 9180, Section 7.1.2, demands
		private[0] &= 248
		private[31] = private[31]&127 | 64
	}
	if !bytes.Equal(pair.Public, c.PKRm) || !bytes.Equal(pair.Private.Expose(), private) {
		t.Error("DeriveKeyPair does not derive the key pair of the vector")
	}
	if pub, err := k.PublicKey(c.SKRm); err != nil || !bytes.Equal(pub, c.PKRm) {
		t.Errorf("PublicKey = %v, and not the key of the vector", err)
	}
	if !k.CheckPublicKey(c.PKRm) {
		t.Error("CheckPublicKey refuses the public key")
	}
	if shared, err := k.Decapsulate(c.SKRm, c.Enc); err != nil || !bytes.Equal(shared, c.SharedSecret) {
		t.Errorf("Decapsulate = %x, %v, want %x", shared, err, c.SharedSecret)
	}
}

func testKeySchedule(t *testing.T, s *suite.Suite, c hpkeCase) {
	t.Helper()
	k := s.KeySchedule(bytes.Clone(c.SharedSecret), c.Info)
	for name, pair := range map[string][2][]byte{
		"key":             {k.Key.Expose(), c.Key},
		"base_nonce":      {k.BaseNonce.Expose(), c.BaseNonce},
		"exporter_secret": {k.ExporterSecret.Expose(), c.ExporterSecret},
	} {
		if !bytes.Equal(pair[0], pair[1]) {
			t.Errorf("%s = %x, want %x", name, pair[0], pair[1])
		}
	}
	if len(c.Encryptions) == 0 || len(c.Exports) == 0 || !bytes.Equal(c.Encryptions[0].Nonce, c.BaseNonce) {
		t.Error("the case has nothing to open or to export, or another first nonce")
	}
	for i, e := range c.Encryptions {
		if got, err := s.Open(k.Key, e.Nonce.secret(), e.AAD, e.CT); err != nil || !bytes.Equal(got, e.PT) {
			t.Errorf("Open of number %d = %x, %v, want %x", i, got, err, e.PT)
		}
		if got := s.Seal(k.Key, e.Nonce.secret(), e.AAD, e.PT); !bytes.Equal(got, e.CT) {
			t.Errorf("Seal of number %d = %x, want %x", i, got, e.CT)
		}
	}
	for i, e := range c.Exports {
		if got := s.ExportFrom(k, string(e.Context), e.Length); !bytes.Equal(got.Expose(), e.Value) {
			t.Errorf("Export of number %d = %x, want %x", i, got.Expose(), e.Value)
		}
	}
}

// crypto/hpke opens what we seal and the other way round, for every suite.
func TestAgainstCryptoHPKE(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		o := newOracle(t, s)
		for i := range 8 {
			ikm := bytes.Repeat([]byte{byte(i)}, s.HashSize())
			pair := s.DeriveKeyPair(secret.New(ikm))
			theirs, err := o.kem.DeriveKeyPair(ikm)
			if err != nil || !bytes.Equal(theirs.PublicKey().Bytes(), pair.Public) {
				t.Fatalf("crypto/hpke derives another key pair: %v", err)
			}
			if private, err := theirs.Bytes(); err != nil || !bytes.Equal(private, pair.Private.Expose()) {
				t.Errorf("crypto/hpke derives another private key: %v", err)
			}
			// "label" with its prefix is 13 bytes long, the context 8: RFC 9420, Section 5.1.3.
			info := append([]byte("\x0dMLS 1.0 label\x08"), "contexts"...)
			o.opens(t, s, theirs, pair, info)
			o.seals(t, s, theirs, pair, info)
		}
	})
}

// An oracle is a suite's HPKE by crypto/hpke.
type oracle struct {
	kem  hpke.KEM
	kdf  hpke.KDF
	aead hpke.AEAD
}

func newOracle(t *testing.T, s *suite.Suite) oracle {
	t.Helper()
	kem, kdf, aead := s.HPKE()
	var o oracle
	var errs [3]error
	o.kem, errs[0] = hpke.NewKEM(kem)
	o.kdf, errs[1] = hpke.NewKDF(kdf)
	o.aead, errs[2] = hpke.NewAEAD(aead)
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return o
}

// opens checks that crypto/hpke opens and exports what the suite sent.
func (o oracle) opens(t *testing.T, s *suite.Suite, key hpke.PrivateKey, pair suite.KeyPair, info []byte) {
	t.Helper()
	c, err := s.EncryptWithLabel(pair.Public, "label", []byte("contexts"), []byte("plaintext"))
	if err != nil {
		t.Fatalf("EncryptWithLabel: %v", err)
	}
	got, err := hpke.Open(key, o.kdf, o.aead, info, append(bytes.Clone(c.KEMOutput), c.Ciphertext...))
	if err != nil || string(got) != "plaintext" {
		t.Errorf("crypto/hpke opens %q, %v", got, err)
	}
	enc, exported, err := s.SendExport(pair.Public, "exporter context", 40)
	if err != nil {
		t.Fatalf("SendExport: %v", err)
	}
	r, err := hpke.NewRecipient(enc, key, o.kdf, o.aead, nil)
	if err != nil {
		t.Fatalf("crypto/hpke does not take our enc: %v", err)
	}
	if got, err := r.Export("exporter context", 40); err != nil || !bytes.Equal(got, exported.Expose()) {
		t.Errorf("crypto/hpke exports %x, %v, want %x", got, err, exported.Expose())
	}
}

// seals checks that the suite opens and exports what crypto/hpke sent.
func (o oracle) seals(t *testing.T, s *suite.Suite, key hpke.PrivateKey, pair suite.KeyPair, info []byte) {
	t.Helper()
	enc, sender, err := hpke.NewSender(key.PublicKey(), o.kdf, o.aead, info)
	if err != nil {
		t.Fatal(err)
	}
	ciphertext, err := sender.Seal(nil, []byte("plaintext"))
	if err != nil {
		t.Fatal(err)
	}
	c := mlswire.HPKECiphertext{KEMOutput: enc, Ciphertext: ciphertext}
	if got, err := s.DecryptWithLabel(pair.Private, "label", []byte("contexts"), c); err != nil || string(got.Expose()) != "plaintext" {
		t.Errorf("DecryptWithLabel of what crypto/hpke sealed: %v", err)
	}
	enc, sender, err = hpke.NewSender(key.PublicKey(), o.kdf, o.aead, nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := sender.Export("exporter context", 40)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.ReceiveExport(pair.Private, enc, "exporter context", 40); err != nil || !bytes.Equal(got.Expose(), want) {
		t.Errorf("ReceiveExport = %v, and not what crypto/hpke exports", err)
	}
}

// An Encrypter keeps what depends on the context; it must be the same each time.
func TestEncrypter(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		e := s.EncrypterWithLabel("Welcome", []byte("context"))
		var outputs [][]byte
		for i := range 3 {
			pair, plaintext := s.GenerateKeyPair(), []byte{byte(i)}
			c, err := e.Encrypt(pair.Public, plaintext)
			if err != nil {
				t.Fatalf("Encrypt: %v", err)
			}
			got, err := s.DecryptWithLabel(pair.Private, "Welcome", []byte("context"), c)
			if err != nil || !bytes.Equal(got.Expose(), plaintext) {
				t.Errorf("DecryptWithLabel of number %d = %x, %v, want %x", i, got.Expose(), err, plaintext)
			}
			for _, before := range outputs {
				if bytes.Equal(before, c.KEMOutput) {
					t.Error("one KEM output for two keys")
				}
			}
			outputs = append(outputs, c.KEMOutput)
		}
		if _, err := e.Encrypt(nil, nil); !errors.Is(err, suite.ErrPublicKey) {
			t.Errorf("Encrypt to no key = %v, want ErrPublicKey", err)
		}
	})
}
