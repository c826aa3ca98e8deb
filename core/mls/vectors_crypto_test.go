package mls_test

import (
	"testing"

	"conclave/core/mls/internal/schedule"
	"conclave/core/mls/internal/secrettree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
	"conclave/internal/testkit/mlskit"
)

type cryptoVector struct {
	CipherSuite suite.ID `json:"cipher_suite"`
	RefHash     struct {
		Label      string
		Value, Out hexBytes
	} `json:"ref_hash"`
	ExpandWithLabel struct {
		Secret, Context, Out hexBytes
		Label                string
		Length               int
	} `json:"expand_with_label"`
	DeriveSecret struct {
		Secret, Out hexBytes
		Label       string
	} `json:"derive_secret"`
	DeriveTreeSecret struct {
		Secret, Out hexBytes
		Label       string
		Generation  uint32
		Length      int
	} `json:"derive_tree_secret"`
	SignWithLabel struct {
		Priv, Pub, Content, Signature hexBytes
		Label                         string
	} `json:"sign_with_label"`
	EncryptWithLabel struct {
		Priv, Pub, Context, Plaintext, Ciphertext hexBytes
		KEMOutput                                 hexBytes `json:"kem_output"`
		Label                                     string
	} `json:"encrypt_with_label"`
}

func testCryptoBasics(t *testing.T, v cryptoVector) {
	s := vectorSuite(t, v.CipherSuite)
	equal(t, "RefHash", s.RefHash(v.RefHash.Label, v.RefHash.Value), v.RefHash.Out)
	e := v.ExpandWithLabel
	equal(t, "ExpandWithLabel", s.ExpandWithLabel(secret.New(e.Secret), e.Label, e.Context, e.Length).Expose(), e.Out)
	d := v.DeriveSecret
	equal(t, "DeriveSecret", s.DeriveSecret(secret.New(d.Secret), d.Label).Expose(), d.Out)
	g := v.DeriveTreeSecret
	equal(t, "DeriveTreeSecret", s.DeriveTreeSecret(secret.New(g.Secret), g.Label, g.Generation, g.Length).Expose(), g.Out)

	sign := v.SignWithLabel
	key, err := s.NewSigningKey(secret.New(mlskit.Scalar(v.CipherSuite, sign.Priv)))
	if err != nil {
		t.Fatalf("NewSigningKey = %v", err)
	}
	equal(t, "signature key", key.Public(), sign.Pub)
	ours, err := s.SignWithLabel(key, sign.Label, sign.Content)
	if err != nil {
		t.Fatalf("SignWithLabel = %v", err)
	}
	for _, signature := range [][]byte{sign.Signature, ours} {
		if err := s.VerifyWithLabel(sign.Pub, sign.Label, sign.Content, signature); err != nil {
			t.Errorf("VerifyWithLabel = %v", err)
		}
	}
	c := v.EncryptWithLabel
	sealed, err := s.EncryptWithLabel(c.Pub, c.Label, c.Context, c.Plaintext)
	if err != nil {
		t.Fatalf("EncryptWithLabel = %v", err)
	}
	for _, sealed := range []mlswire.HPKECiphertext{sealed, {KEMOutput: c.KEMOutput, Ciphertext: c.Ciphertext}} {
		opened, err := s.DecryptWithLabel(secret.New(mlskit.Scalar(v.CipherSuite, c.Priv)), c.Label, c.Context, sealed)
		if err != nil {
			t.Fatalf("DecryptWithLabel = %v", err)
		}
		equal(t, "plaintext", opened.Expose(), c.Plaintext)
	}
}

type deserializationVector struct {
	Header hexBytes `json:"vlbytes_header"`
	Length uint32   `json:"length"`
}

func testDeserialization(t *testing.T, v deserializationVector) {
	r := tlsenc.NewReader(append(v.Header, make([]byte, v.Length)...))
	if got := r.Vector(tlsenc.MaxVector); r.Done() != nil || uint64(len(got)) != uint64(v.Length) {
		t.Errorf("Vector returns %d bytes, %v, want %d", len(got), r.Done(), v.Length)
	}
}

type scheduleVector struct {
	CipherSuite       suite.ID `json:"cipher_suite"`
	GroupID           hexBytes `json:"group_id"`
	InitialInitSecret hexBytes `json:"initial_init_secret"`
	Epochs            []struct {
		TreeHash                hexBytes `json:"tree_hash"`
		CommitSecret            hexBytes `json:"commit_secret"`
		PSKSecret               hexBytes `json:"psk_secret"`
		ConfirmedTranscriptHash hexBytes `json:"confirmed_transcript_hash"`
		GroupContext            hexBytes `json:"group_context"`
		JoinerSecret            hexBytes `json:"joiner_secret"`
		WelcomeSecret           hexBytes `json:"welcome_secret"` // package schedule keeps it to itself and has its test
		InitSecret              hexBytes `json:"init_secret"`
		SenderDataSecret        hexBytes `json:"sender_data_secret"`
		EncryptionSecret        hexBytes `json:"encryption_secret"`
		ExporterSecret          hexBytes `json:"exporter_secret"`
		EpochAuthenticator      hexBytes `json:"epoch_authenticator"`
		ExternalSecret          hexBytes `json:"external_secret"`
		ConfirmationKey         hexBytes `json:"confirmation_key"`
		MembershipKey           hexBytes `json:"membership_key"`
		ResumptionPSK           hexBytes `json:"resumption_psk"`
		ExternalPub             hexBytes `json:"external_pub"`
		Exporter                struct {
			Label           string
			Context, Secret hexBytes
			Length          int
		} `json:"exporter"`
	} `json:"epochs"`
}

func testKeySchedule(t *testing.T, v scheduleVector) {
	s := vectorSuite(t, v.CipherSuite)
	initSecret := secret.New(v.InitialInitSecret)
	for i, e := range v.Epochs {
		context := mlswire.Marshal(&mlswire.GroupContext{
			Version: mlswire.MLS10, CipherSuite: v.CipherSuite, GroupID: v.GroupID, Epoch: uint64(i),
			TreeHash: e.TreeHash, ConfirmedTranscriptHash: e.ConfirmedTranscriptHash,
		})
		equal(t, "GroupContext", context, e.GroupContext)
		joiner := schedule.Joiner(s, initSecret, secret.New(e.CommitSecret), context)
		equal(t, "joiner_secret", joiner.Expose(), e.JoinerSecret)
		got := schedule.NewMember(s, joiner, secret.New(e.PSKSecret)).Epoch(context)
		equal(t, "init_secret", got.Init.Expose(), e.InitSecret)
		equal(t, "sender_data_secret", got.SenderData.Expose(), e.SenderDataSecret)
		equal(t, "encryption_secret", got.Encryption.Expose(), e.EncryptionSecret)
		equal(t, "exporter_secret", got.Exporter.Expose(), e.ExporterSecret)
		equal(t, "epoch_authenticator", got.Authenticator.Expose(), e.EpochAuthenticator)
		equal(t, "external_secret", got.External.Expose(), e.ExternalSecret)
		equal(t, "confirmation_key", got.Confirmation.Expose(), e.ConfirmationKey)
		equal(t, "membership_key", got.Membership.Expose(), e.MembershipKey)
		equal(t, "resumption_psk", got.Resumption.Expose(), e.ResumptionPSK)
		equal(t, "external_pub", got.ExternalKeyPair().Public, e.ExternalPub)
		exported, err := got.Export(e.Exporter.Label, e.Exporter.Context, e.Exporter.Length)
		if err != nil {
			t.Fatalf("Export = %v", err)
		}
		equal(t, "exporter", exported.Expose(), e.Exporter.Secret)
		initSecret = got.Init
	}
}

type pskVector struct {
	CipherSuite suite.ID `json:"cipher_suite"`
	PSKs        []struct {
		ID    hexBytes `json:"psk_id"`
		PSK   hexBytes `json:"psk"`
		Nonce hexBytes `json:"psk_nonce"`
	} `json:"psks"`
	PSKSecret hexBytes `json:"psk_secret"`
}

func testPSKSecret(t *testing.T, v pskVector) {
	var list []schedule.PSK
	for _, p := range v.PSKs {
		id := mlswire.PreSharedKeyID{Type: mlswire.PSKTypeExternal, PSKID: p.ID, PSKNonce: p.Nonce}
		list = append(list, schedule.PSK{ID: id, Secret: secret.New(p.PSK)})
	}
	got, err := schedule.PSKSecret(vectorSuite(t, v.CipherSuite), list)
	if err != nil {
		t.Fatalf("PSKSecret = %v", err)
	}
	equal(t, "psk_secret", got.Expose(), v.PSKSecret)
}

type secretTreeVector struct {
	CipherSuite      suite.ID `json:"cipher_suite"`
	EncryptionSecret hexBytes `json:"encryption_secret"`
	SenderData       struct {
		Secret     hexBytes `json:"sender_data_secret"`
		Ciphertext hexBytes
		Key, Nonce hexBytes
	} `json:"sender_data"`
	Leaves [][]struct {
		Generation       uint32
		ApplicationKey   hexBytes `json:"application_key"`
		ApplicationNonce hexBytes `json:"application_nonce"`
		HandshakeKey     hexBytes `json:"handshake_key"`
		HandshakeNonce   hexBytes `json:"handshake_nonce"`
	} `json:"leaves"`
}

func testSecretTree(t *testing.T, v secretTreeVector) {
	s := vectorSuite(t, v.CipherSuite)
	tree := secrettree.New(s, secret.New(v.EncryptionSecret), uint32(len(v.Leaves)), secrettree.Limits{})
	check := func(leaf int, kind secrettree.Kind, generation uint32, key, nonce []byte) {
		c, err := tree.Find(uint32(leaf), kind, generation)
		if err != nil {
			t.Fatalf("Find(%d, %d, %d) = %v", leaf, kind, generation, err)
		}
		equal(t, "key", c.Key.Key.Expose(), key)
		equal(t, "nonce", c.Nonce.Expose(), nonce)
	}
	for leaf, generations := range v.Leaves {
		for _, g := range generations {
			check(leaf, secrettree.Application, g.Generation, g.ApplicationKey, g.ApplicationNonce)
			check(leaf, secrettree.Handshake, g.Generation, g.HandshakeKey, g.HandshakeNonce)
		}
	}
	// RFC 9420, Section 6.3.2; package framing has these inside.
	sample := v.SenderData.Ciphertext[:min(len(v.SenderData.Ciphertext), s.HashSize())]
	from := secret.New(v.SenderData.Secret)
	equal(t, "sender data key", s.ExpandWithLabel(from, "key", sample, s.KeySize()).Expose(), v.SenderData.Key)
	equal(t, "sender data nonce", s.ExpandWithLabel(from, "nonce", sample, s.NonceSize()).Expose(), v.SenderData.Nonce)
}

type transcriptVector struct {
	CipherSuite          suite.ID `json:"cipher_suite"`
	ConfirmationKey      hexBytes `json:"confirmation_key"`
	AuthenticatedContent hexBytes `json:"authenticated_content"`
	InterimBefore        hexBytes `json:"interim_transcript_hash_before"`
	ConfirmedAfter       hexBytes `json:"confirmed_transcript_hash_after"`
	InterimAfter         hexBytes `json:"interim_transcript_hash_after"`
}

func testTranscriptHashes(t *testing.T, v transcriptVector) {
	s := vectorSuite(t, v.CipherSuite)
	a, err := mlswire.ParseAuthenticatedContent(v.AuthenticatedContent)
	if err != nil {
		t.Fatalf("ParseAuthenticatedContent = %v", err)
	}
	confirmed := schedule.ConfirmedTranscriptHash(s, v.InterimBefore, a)
	equal(t, "confirmed_transcript_hash", confirmed, v.ConfirmedAfter)
	if !s.VerifyMAC(secret.New(v.ConfirmationKey), confirmed, a.Auth.ConfirmationTag) {
		t.Error("the confirmation tag is not valid")
	}
	equal(t, "interim_transcript_hash", schedule.InterimTranscriptHash(s, confirmed, a.Auth.ConfirmationTag), v.InterimAfter)
}
