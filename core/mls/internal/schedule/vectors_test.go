package schedule_test

import (
	"bytes"
	"fmt"
	"testing"

	"conclave/core/mls/internal/schedule"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/internal/testkit"
	"conclave/internal/testkit/mlskit"
)

type hexBytes = testkit.Hex

func equal(t *testing.T, name string, got secret.Value, want []byte) {
	t.Helper()
	if !bytes.Equal(got.Expose(), want) {
		t.Errorf("%s = %x, want %x", name, got.Expose(), want)
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
		WelcomeSecret           hexBytes `json:"welcome_secret"`
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
			Label   string   `json:"label"`
			Context hexBytes `json:"context"`
			Length  int      `json:"length"`
			Secret  hexBytes `json:"secret"`
		} `json:"exporter"`
	} `json:"epochs"`
}

func TestKeyScheduleVectors(t *testing.T) {
	for _, v := range testkit.Cases[scheduleVector](t, testkit.Vectors(t, "mls/key-schedule.json")) {
		t.Run(fmt.Sprintf("suite=%d", v.CipherSuite), func(t *testing.T) {
			s := mlskit.Suite(t, v.CipherSuite)
			initSecret := secret.New(v.InitialInitSecret)
			for n, want := range v.Epochs {
				context := mlswire.Marshal(&mlswire.GroupContext{
					Version:                 mlswire.MLS10,
					CipherSuite:             v.CipherSuite,
					GroupID:                 v.GroupID,
					Epoch:                   uint64(n),
					TreeHash:                want.TreeHash,
					ConfirmedTranscriptHash: want.ConfirmedTranscriptHash,
				})
				if !bytes.Equal(context, want.GroupContext) {
					t.Fatalf("epoch %d: GroupContext = %x, want %x", n, context, []byte(want.GroupContext))
				}
				joiner := schedule.Joiner(s, initSecret, secret.New(want.CommitSecret), context)
				equal(t, "joiner_secret", joiner, want.JoinerSecret)
				member := schedule.NewMember(s, joiner, secret.New(want.PSKSecret))
				equal(t, "welcome_secret", member.WelcomeSecret(), want.WelcomeSecret)

				e := member.Epoch(context)
				equal(t, "init_secret", e.Init, want.InitSecret)
				equal(t, "sender_data_secret", e.SenderData, want.SenderDataSecret)
				equal(t, "encryption_secret", e.Encryption, want.EncryptionSecret)
				equal(t, "exporter_secret", e.Exporter, want.ExporterSecret)
				equal(t, "epoch_authenticator", e.Authenticator, want.EpochAuthenticator)
				equal(t, "external_secret", e.External, want.ExternalSecret)
				equal(t, "confirmation_key", e.Confirmation, want.ConfirmationKey)
				equal(t, "membership_key", e.Membership, want.MembershipKey)
				equal(t, "resumption_psk", e.Resumption, want.ResumptionPSK)
				if got := e.ExternalKeyPair().Public; !bytes.Equal(got, want.ExternalPub) {
					t.Errorf("external_pub = %x, want %x", got, []byte(want.ExternalPub))
				}
				exported, err := e.Export(want.Exporter.Label, want.Exporter.Context, want.Exporter.Length)
				if err != nil {
					t.Fatalf("Export = %v", err)
				}
				equal(t, "exporter", exported, want.Exporter.Secret)
				initSecret = e.Init
			}
		})
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

func TestPSKSecretVectors(t *testing.T) {
	for _, v := range testkit.Cases[pskVector](t, testkit.Vectors(t, "mls/psk_secret.json")) {
		t.Run(fmt.Sprintf("suite=%d/n=%d", v.CipherSuite, len(v.PSKs)), func(t *testing.T) {
			s := mlskit.Suite(t, v.CipherSuite)
			var psks []schedule.PSK
			for _, p := range v.PSKs {
				id := mlswire.PreSharedKeyID{Type: mlswire.PSKTypeExternal, PSKID: p.ID, PSKNonce: p.Nonce}
				psks = append(psks, schedule.PSK{ID: id, Secret: secret.New(p.PSK)})
			}
			got, err := schedule.PSKSecret(s, psks)
			if err != nil {
				t.Fatalf("PSKSecret = %v", err)
			}
			equal(t, "psk_secret", got, v.PSKSecret)
			for i, p := range v.PSKs {
				equal(t, "a psk after PSKSecret", psks[i].Secret, p.PSK)
			}
		})
	}
}

type transcriptVector struct {
	CipherSuite          suite.ID `json:"cipher_suite"`
	ConfirmationKey      hexBytes `json:"confirmation_key"`
	AuthenticatedContent hexBytes `json:"authenticated_content"`
	InterimBefore        hexBytes `json:"interim_transcript_hash_before"`
	ConfirmedAfter       hexBytes `json:"confirmed_transcript_hash_after"`
	InterimAfter         hexBytes `json:"interim_transcript_hash_after"`
}

func TestTranscriptHashVectors(t *testing.T) {
	for _, v := range testkit.Cases[transcriptVector](t, testkit.Vectors(t, "mls/transcript-hashes.json")) {
		t.Run(fmt.Sprintf("suite=%d", v.CipherSuite), func(t *testing.T) {
			s := mlskit.Suite(t, v.CipherSuite)
			commit, err := mlswire.ParseAuthenticatedContent(v.AuthenticatedContent)
			if err != nil {
				t.Fatalf("ParseAuthenticatedContent = %v", err)
			}
			confirmed := schedule.ConfirmedTranscriptHash(s, v.InterimBefore, commit)
			if !bytes.Equal(confirmed, v.ConfirmedAfter) {
				t.Errorf("ConfirmedTranscriptHash = %x, want %x", confirmed, []byte(v.ConfirmedAfter))
			}
			epoch := &schedule.Epoch{Confirmation: secret.New(v.ConfirmationKey)}
			epoch = epoch.WithSuite(s)
			if !epoch.VerifyConfirmationTag(confirmed, commit.Auth.ConfirmationTag) {
				t.Error("VerifyConfirmationTag = false, want true")
			}
			if got := epoch.ConfirmationTag(confirmed); !bytes.Equal(got, commit.Auth.ConfirmationTag) {
				t.Errorf("ConfirmationTag = %x, want %x", got, commit.Auth.ConfirmationTag)
			}
			interim := schedule.InterimTranscriptHash(s, confirmed, commit.Auth.ConfirmationTag)
			if !bytes.Equal(interim, v.InterimAfter) {
				t.Errorf("InterimTranscriptHash = %x, want %x", interim, []byte(v.InterimAfter))
			}
		})
	}
}

type welcomeVector struct {
	CipherSuite suite.ID `json:"cipher_suite"`
	InitPriv    hexBytes `json:"init_priv"`
	KeyPackage  hexBytes `json:"key_package"`
	SignerPub   hexBytes `json:"signer_pub"`
	Welcome     hexBytes `json:"welcome"`
}

func TestWelcomeVectors(t *testing.T) {
	for _, v := range testkit.Cases[welcomeVector](t, testkit.Vectors(t, "mls/welcome.json")) {
		t.Run(fmt.Sprintf("suite=%d", v.CipherSuite), func(t *testing.T) {
			s := mlskit.Suite(t, v.CipherSuite)
			groupSecrets, groupInfo := openWelcomeVector(t, s, &v)

			// The confirmation tag proves the whole way from the joiner secret.
			psk, err := schedule.PSKSecret(s, nil)
			if err != nil {
				t.Fatal(err)
			}
			epoch := schedule.NewMember(s, groupSecrets.JoinerSecret, psk).Epoch(mlswire.Marshal(&groupInfo.GroupContext))
			confirmed := groupInfo.GroupContext.ConfirmedTranscriptHash
			if !epoch.VerifyConfirmationTag(confirmed, groupInfo.ConfirmationTag) {
				t.Error("VerifyConfirmationTag = false, want true")
			}
			err = s.VerifyWithLabel(v.SignerPub, "GroupInfoTBS", groupInfo.TBS(), groupInfo.Signature)
			if err != nil {
				t.Errorf("the signature of the GroupInfo: %v", err)
			}
		})
	}
}

func openWelcomeVector(t *testing.T, s *suite.Suite, v *welcomeVector) (*schedule.GroupSecrets, *mlswire.GroupInfo) {
	t.Helper()
	keyPackage, err := mlswire.ParseMessage(v.KeyPackage)
	if err != nil || keyPackage.KeyPackage == nil {
		t.Fatalf("ParseMessage(key_package) = %v, %v", keyPackage, err)
	}
	message, err := mlswire.ParseMessage(v.Welcome)
	if err != nil || message.Welcome == nil {
		t.Fatalf("ParseMessage(welcome) = %v, %v", message, err)
	}
	ref := s.RefHash("MLS 1.0 KeyPackage Reference", mlswire.Marshal(keyPackage.KeyPackage))
	private := mlskit.Scalar(v.CipherSuite, v.InitPriv)
	for _, e := range message.Welcome.Secrets {
		if !bytes.Equal(e.NewMember, ref) {
			continue
		}
		sealed := message.Welcome.EncryptedGroupInfo
		groupSecrets, err := schedule.OpenGroupSecrets(s, secret.New(private), sealed, e.EncryptedGroupSecrets)
		if err != nil {
			t.Fatalf("OpenGroupSecrets = %v", err)
		}
		b, err := schedule.NewMember(s, groupSecrets.JoinerSecret, schedule.Zero(s)).OpenGroupInfo(sealed)
		if err != nil {
			t.Fatalf("OpenGroupInfo = %v", err)
		}
		groupInfo, err := mlswire.ParseGroupInfo(b)
		if err != nil {
			t.Fatalf("ParseGroupInfo = %v", err)
		}
		return groupSecrets, groupInfo
	}
	t.Fatal("the Welcome has no secrets for the KeyPackage")
	return nil, nil
}

// TestGroupSecretsVectors reads the group_secrets of messages.json and writes
// them back. The other fields are for package mlswire.
func TestGroupSecretsVectors(t *testing.T) {
	for i, v := range testkit.Cases[map[string]hexBytes](t, testkit.Vectors(t, "mls/messages.json")) {
		want := v["group_secrets"]
		g, err := schedule.ParseGroupSecrets(secret.New(want))
		if err != nil {
			t.Fatalf("%d: ParseGroupSecrets = %v", i, err)
		}
		if got := g.Encode(); !bytes.Equal(got, want) {
			t.Errorf("%d: group secrets are written back as %x, want %x", i, got, []byte(want))
		}
	}
}
