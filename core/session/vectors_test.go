package session_test

import (
	"bytes"
	"crypto/hpke"
	"testing"

	"conclave/internal/testkit"
)

type hexBytes = testkit.Hex

type hpkeVector struct {
	Mode           int      `json:"mode"`
	KEM            uint16   `json:"kem_id"`
	KDF            uint16   `json:"kdf_id"`
	AEAD           uint16   `json:"aead_id"`
	Info           hexBytes `json:"info"`
	IkmE           hexBytes `json:"ikmE"`
	IkmR           hexBytes `json:"ikmR"`
	PrivateKey     hexBytes `json:"skRm"`
	PublicKey      hexBytes `json:"pkRm"`
	Encapsulated   hexBytes `json:"enc"`
	SharedSecret   hexBytes `json:"shared_secret"`
	SuiteID        hexBytes `json:"suite_id"`
	Key            hexBytes `json:"key"`
	BaseNonce      hexBytes `json:"base_nonce"`
	ExporterSecret hexBytes `json:"exporter_secret"`
	Encryptions    []struct {
		AAD        hexBytes `json:"aad"`
		Ciphertext hexBytes `json:"ct"`
		Nonce      hexBytes `json:"nonce"`
		Plaintext  hexBytes `json:"pt"`
	} `json:"encryptions"`
	Exports []struct {
		Context hexBytes `json:"exporter_context"`
		Length  int      `json:"L"`
		Value   hexBytes `json:"exported_value"`
	} `json:"exports"`
}

// TestHPKEVectors checks that the library's hybrid KEM is the one that
// docs/protocol.md names. Vectors of other KEMs are not used: sessions have one.
func TestHPKEVectors(t *testing.T) {
	vectors := testkit.Cases[hpkeVector](t, testkit.Vectors(t, "hpke-pq/test-vectors.json"))
	run := 0
	for _, v := range vectors {
		if v.KEM != 0x647a {
			continue
		}
		run++
		k, err := hpke.MLKEM768X25519().NewPrivateKey(v.PrivateKey)
		if err != nil {
			t.Fatalf("NewPrivateKey: %v", err)
		}
		if got := k.PublicKey().Bytes(); !bytes.Equal(got, v.PublicKey) {
			t.Errorf("public key = %x, want %x", got, []byte(v.PublicKey))
		}
		kdf, err := hpke.NewKDF(v.KDF)
		if err != nil {
			t.Fatalf("NewKDF(%d): %v", v.KDF, err)
		}
		aead, err := hpke.NewAEAD(v.AEAD)
		if err != nil {
			t.Fatalf("NewAEAD(%d): %v", v.AEAD, err)
		}
		r, err := hpke.NewRecipient(v.Encapsulated, k, kdf, aead, v.Info)
		if err != nil {
			t.Fatalf("NewRecipient: %v", err)
		}
		for i, e := range v.Encryptions {
			if got, err := r.Open(e.AAD, e.Ciphertext); err != nil || !bytes.Equal(got, e.Plaintext) {
				t.Errorf("encryption %d opens as %x, %v, want %x", i, got, err, []byte(e.Plaintext))
			}
		}
		for i, e := range v.Exports {
			if got, err := r.Export(string(e.Context), e.Length); err != nil || !bytes.Equal(got, e.Value) {
				t.Errorf("export %d = %x, %v, want %x", i, got, err, []byte(e.Value))
			}
		}
	}
	if run != 2 {
		t.Errorf("%d vectors of KEM 0x647a, want 2", run)
	}
}
