package suite_test

import (
	"bytes"
	"fmt"
	"testing"

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
	SharedSecret   octets `json:"shared_secret"` // inside crypto/hpke, as the next five are
	SuiteID        octets `json:"suite_id"`
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

// withoutHPKE are the algorithms of the file that no suite here has.
var withoutHPKE = map[string]string{
	"KEM 0x0040": "ML-KEM-512",
	"KEM 0x0021": "X448",
	"KDF 0x0012": "TurboSHAKE128",
	"KDF 0x0013": "TurboSHAKE256",
}

func TestVectorsHPKEPQ(t *testing.T) {
	var cases []hpkeCase
	decode(t, "hpke-pq/test-vectors.json", &cases)
	run := make(map[uint16]int)
	for i, c := range cases {
		name := fmt.Sprintf("%d KEM 0x%04x KDF 0x%04x AEAD 0x%04x", i, c.KEM, c.KDF, c.AEAD)
		if what, ok := withoutHPKE[fmt.Sprintf("KEM 0x%04x", c.KEM)]; ok {
			t.Logf("SKIPPED: %s: %s is in no suite", name, what)
			continue
		}
		if what, ok := withoutHPKE[fmt.Sprintf("KDF 0x%04x", c.KDF)]; ok {
			t.Logf("SKIPPED: %s: %s is in no suite", name, what)
			continue
		}
		run[c.KEM]++
		t.Run(name, func(t *testing.T) { testHPKE(t, c) })
	}
	for _, id := range []uint16{0x0041, 0x0042, 0x0050, 0x0051, 0x647a} {
		if run[id] == 0 {
			t.Errorf("the file has no case for KEM 0x%04x", id)
		}
	}
}

func testHPKE(t *testing.T, c hpkeCase) {
	if c.Mode != 0 {
		t.Fatalf("mode %d, want 0, base", c.Mode)
	}
	h, err := suite.NewHPKE(c.KEM, c.KDF, c.AEAD)
	if err != nil {
		t.Fatalf("NewHPKE: %v", err)
	}
	pair := h.DeriveKeyPair(c.IKMR)
	if !bytes.Equal(pair.Public, c.PKRm) || !bytes.Equal(pair.Private.Expose(), c.SKRm) {
		t.Error("DeriveKeyPair does not derive the key pair of the vector")
	}
	if pub, err := h.PublicKey(c.SKRm); err != nil || !bytes.Equal(pub, c.PKRm) {
		t.Errorf("PublicKey = %v, and not the key of the vector", err)
	}
	if !h.Check(c.PKRm) {
		t.Error("CheckPublicKey refuses the public key")
	}
	r, err := h.Recipient(c.SKRm, c.Enc, c.Info)
	if err != nil {
		t.Fatalf("decapsulating: %v", err)
	}
	if len(c.Encryptions) == 0 || len(c.Exports) == 0 {
		t.Error("the case has nothing to open or to export")
	}
	for i, e := range c.Encryptions {
		if got, err := r.Open(e.AAD, e.CT); err != nil || !bytes.Equal(got, e.PT) {
			t.Errorf("Open of number %d = %x, %v, want %x", i, got, err, e.PT)
		}
	}
	for i, e := range c.Exports {
		if got, err := r.Export(string(e.Context), e.Length); err != nil || !bytes.Equal(got, e.Value) {
			t.Errorf("Export of number %d = %x, %v, want %x", i, got, err, e.Value)
		}
	}
}
