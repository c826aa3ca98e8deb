package secrettree_test

import (
	"bytes"
	"fmt"
	"testing"

	"conclave/core/mls/internal/secrettree"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/internal/testkit"
	"conclave/internal/testkit/mlskit"
)

type hexBytes = testkit.Hex

type treeVector struct {
	CipherSuite      suite.ID `json:"cipher_suite"`
	EncryptionSecret hexBytes `json:"encryption_secret"`
	SenderData       struct {
		Secret     hexBytes `json:"sender_data_secret"` // see package framing
		Ciphertext hexBytes `json:"ciphertext"`
		Key        hexBytes `json:"key"`
		Nonce      hexBytes `json:"nonce"`
	} `json:"sender_data"`
	Leaves [][]struct {
		Generation       uint32   `json:"generation"`
		ApplicationKey   hexBytes `json:"application_key"`
		ApplicationNonce hexBytes `json:"application_nonce"`
		HandshakeKey     hexBytes `json:"handshake_key"`
		HandshakeNonce   hexBytes `json:"handshake_nonce"`
	} `json:"leaves"`
}

// TestVectors runs secret-tree.json both ways: as the sender that skips ahead,
// and as the receiver that finds and uses.
func TestVectors(t *testing.T) {
	for i, v := range testkit.Cases[treeVector](t, testkit.Vectors(t, "mls/secret-tree.json")) {
		t.Run(fmt.Sprintf("%d/suite=%d/leaves=%d", i, v.CipherSuite, len(v.Leaves)), func(t *testing.T) {
			runTreeVector(t, mlskit.Suite(t, v.CipherSuite), &v)
		})
	}
}

func runTreeVector(t *testing.T, s *suite.Suite, v *treeVector) {
	t.Helper()
	leaves := uint32(len(v.Leaves))
	sender := secrettree.New(s, secret.New(v.EncryptionSecret), leaves, secrettree.Limits{})
	receiver := secrettree.New(s, secret.New(v.EncryptionSecret), leaves, secrettree.Limits{})
	check := func(name string, got secrettree.Key, generation uint32, key, nonce []byte) {
		t.Helper()
		if got.Generation != generation || !bytes.Equal(got.Key.Expose(), key) || !bytes.Equal(got.Nonce.Expose(), nonce) {
			t.Errorf("%s: key of generation %d = %x, %x, want %x, %x of %d",
				name, got.Generation, got.Key.Expose(), got.Nonce.Expose(), key, nonce, generation)
		}
	}
	for leaf, generations := range v.Leaves {
		for _, g := range generations {
			for kind, want := range map[secrettree.Kind][2]hexBytes{
				secrettree.Handshake:   {g.HandshakeKey, g.HandshakeNonce},
				secrettree.Application: {g.ApplicationKey, g.ApplicationNonce},
			} {
				if err := sender.Skip(uint32(leaf), kind, g.Generation); err != nil {
					t.Fatalf("Skip(%d, %d, %d) = %v", leaf, kind, g.Generation, err)
				}
				key, err := sender.Next(uint32(leaf), kind)
				if err != nil {
					t.Fatalf("Next(%d, %d) = %v", leaf, kind, err)
				}
				check("Next", key, g.Generation, want[0], want[1])
				found, err := receiver.Find(uint32(leaf), kind, g.Generation)
				if err != nil {
					t.Fatalf("Find(%d, %d, %d) = %v", leaf, kind, g.Generation, err)
				}
				check("Find", found.Key, g.Generation, want[0], want[1])
				if err := receiver.Use(found); err != nil {
					t.Fatalf("Use = %v", err)
				}
			}
		}
	}
}
