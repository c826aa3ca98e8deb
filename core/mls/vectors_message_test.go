package mls_test

import (
	"errors"
	"testing"

	"conclave/core/mls/internal/framing"
	"conclave/core/mls/internal/schedule"
	"conclave/core/mls/internal/secrettree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
	"conclave/internal/testkit/mlskit"
)

type messagesVector struct {
	Welcome                hexBytes `json:"mls_welcome"`
	GroupInfo              hexBytes `json:"mls_group_info"`
	KeyPackage             hexBytes `json:"mls_key_package"`
	RatchetTree            hexBytes `json:"ratchet_tree"`
	GroupSecrets           hexBytes `json:"group_secrets"`
	Add                    hexBytes `json:"add_proposal"`
	Update                 hexBytes `json:"update_proposal"`
	Remove                 hexBytes `json:"remove_proposal"`
	PreSharedKey           hexBytes `json:"pre_shared_key_proposal"`
	ReInit                 hexBytes `json:"re_init_proposal"`
	ExternalInit           hexBytes `json:"external_init_proposal"`
	GroupContextExtensions hexBytes `json:"group_context_extensions_proposal"`
	Commit                 hexBytes `json:"commit"`
	PublicApplication      hexBytes `json:"public_message_application"`
	PublicProposal         hexBytes `json:"public_message_proposal"`
	PublicCommit           hexBytes `json:"public_message_commit"`
	PrivateMessage         hexBytes `json:"private_message"`
}

func testMessages(t *testing.T, v messagesVector) {
	for name, m := range map[string]hexBytes{
		"mls_welcome": v.Welcome, "mls_group_info": v.GroupInfo, "mls_key_package": v.KeyPackage,
		"public_message_application": v.PublicApplication, "public_message_proposal": v.PublicProposal,
		"public_message_commit": v.PublicCommit, "private_message": v.PrivateMessage,
	} {
		again(t, name, m, mlswire.ParseMessage)
	}
	again(t, "ratchet_tree", v.RatchetTree, mlswire.ParseRatchetTree)
	again(t, "commit", v.Commit, mlswire.ParseCommit)
	for kind, p := range map[mlswire.ProposalType]hexBytes{
		mlswire.ProposalTypeAdd: v.Add, mlswire.ProposalTypeUpdate: v.Update, mlswire.ProposalTypeRemove: v.Remove,
		mlswire.ProposalTypePreSharedKey: v.PreSharedKey, mlswire.ProposalTypeReInit: v.ReInit,
		mlswire.ProposalTypeExternalInit: v.ExternalInit, mlswire.ProposalTypeGroupContextExtensions: v.GroupContextExtensions,
	} {
		// The vectors leave the type out.
		var w tlsenc.Writer
		w.Uint16(uint16(kind))
		w.Fixed(p)
		again(t, "proposal", w.Bytes(), mlswire.ParseProposal)
	}
	testGroupSecrets(t, v.GroupSecrets)
}

// again checks that what is parsed is encoded as it was.
func again[T mlswire.Encoder](t *testing.T, name string, b []byte, parse func([]byte) (T, error)) {
	t.Helper()
	v, err := parse(b)
	if err != nil {
		t.Errorf("parsing %s: %v", name, err)
		return
	}
	equal(t, name, mlswire.Marshal(v), b)
}

// testGroupSecrets has GroupSecrets take the way that they take in a Welcome.
// The secrets of the vectors have no suite, so only those of 32 bytes can be
// opened with one; the others must be refused for their length.
func testGroupSecrets(t *testing.T, b []byte) {
	t.Helper()
	s := vectorSuite(t, 1)
	keys := s.GenerateKeyPair()
	sealed, err := s.EncryptWithLabel(keys.Public, "Welcome", nil, b)
	if err != nil {
		t.Fatalf("EncryptWithLabel = %v", err)
	}
	got, err := schedule.OpenGroupSecrets(s, keys.Private, nil, sealed)
	if errors.Is(err, schedule.ErrSecretLength) {
		return
	}
	if err != nil {
		t.Errorf("parsing group_secrets: %v", err)
		return
	}
	again, err := got.Seal(s, keys.Public, nil)
	if err != nil {
		t.Fatalf("Seal = %v", err)
	}
	opened, err := s.DecryptWithLabel(keys.Private, "Welcome", nil, again)
	if err != nil {
		t.Fatalf("DecryptWithLabel = %v", err)
	}
	equal(t, "group_secrets", opened.Expose(), b)
}

type protectionVector struct {
	CipherSuite      suite.ID `json:"cipher_suite"`
	GroupID          hexBytes `json:"group_id"`
	Epoch            uint64   `json:"epoch"`
	TreeHash         hexBytes `json:"tree_hash"`
	TranscriptHash   hexBytes `json:"confirmed_transcript_hash"`
	SignaturePriv    hexBytes `json:"signature_priv"`
	SignaturePub     hexBytes `json:"signature_pub"`
	EncryptionSecret hexBytes `json:"encryption_secret"`
	SenderDataSecret hexBytes `json:"sender_data_secret"`
	MembershipKey    hexBytes `json:"membership_key"`
	Proposal         hexBytes `json:"proposal"`
	ProposalPriv     hexBytes `json:"proposal_priv"`
	ProposalPub      hexBytes `json:"proposal_pub"`
	Commit           hexBytes `json:"commit"`
	CommitPriv       hexBytes `json:"commit_priv"`
	CommitPub        hexBytes `json:"commit_pub"`
	Application      hexBytes `json:"application"`
	ApplicationPriv  hexBytes `json:"application_priv"`
}

func testMessageProtection(t *testing.T, v protectionVector) {
	s := vectorSuite(t, v.CipherSuite)
	signer, err := s.NewSigningKey(secret.New(mlskit.Scalar(v.CipherSuite, v.SignaturePriv)))
	if err != nil {
		t.Fatalf("NewSigningKey = %v", err)
	}
	for _, m := range []struct{ message, content hexBytes }{
		{v.ProposalPub, v.Proposal},
		{v.ProposalPriv, v.Proposal},
		{v.CommitPub, v.Commit},
		{v.CommitPriv, v.Commit},
		{v.ApplicationPriv, v.Application},
	} {
		a := v.open(t, s, m.message)
		equal(t, "content", body(a), m.content)
		// And the other way round: the same content, signed and protected by us.
		a.Auth.ConfirmationTag = nil
		signed, err := framing.Sign(s, signer, a.Content, a.WireFormat, v.context())
		if err != nil {
			t.Fatalf("Sign = %v", err)
		}
		if a.Content.ContentType == mlswire.ContentTypeCommit {
			signed.Auth.ConfirmationTag = make([]byte, s.HashSize())
		}
		equal(t, "own content", body(v.open(t, s, v.seal(t, s, signed))), m.content)
	}
}

func (v *protectionVector) open(t *testing.T, s *suite.Suite, message []byte) *mlswire.AuthenticatedContent {
	t.Helper()
	m, err := mlswire.ParseMessage(message)
	if err != nil {
		t.Fatalf("ParseMessage = %v", err)
	}
	var a *mlswire.AuthenticatedContent
	if m.PublicMessage != nil {
		a, err = framing.OpenPublic(s, secret.New(v.MembershipKey), m.PublicMessage, v.context())
	} else {
		var opened *framing.Opened
		opened, err = framing.OpenPrivate(s, secret.New(v.SenderDataSecret), v.keys(s), m.PrivateMessage, func(leaf uint32) error {
			if leaf != 1 { // as the description of the vectors says
				return errNotSender
			}
			return nil
		})
		if err == nil {
			a = opened.Content
		}
	}
	if err != nil {
		t.Fatalf("opening a message: %v", err)
	}
	if err := framing.Verify(s, v.SignaturePub, a, v.context()); err != nil {
		t.Fatalf("Verify = %v", err)
	}
	return a
}

var errNotSender = errors.New("not the sender of the vectors")

func (v *protectionVector) seal(t *testing.T, s *suite.Suite, a *mlswire.AuthenticatedContent) []byte {
	t.Helper()
	m := mlswire.Message{Version: mlswire.MLS10, WireFormat: a.WireFormat}
	var err error
	if a.WireFormat == mlswire.WireFormatPublicMessage {
		m.PublicMessage, err = framing.SealPublic(s, secret.New(v.MembershipKey), a, v.context())
	} else {
		m.PrivateMessage, err = framing.SealPrivate(s, secret.New(v.SenderDataSecret), v.keys(s), a, 0)
	}
	if err != nil {
		t.Fatalf("protecting a message: %v", err)
	}
	return m.Marshal()
}

func (v *protectionVector) keys(s *suite.Suite) *secrettree.Tree {
	return secrettree.New(s, secret.New(v.EncryptionSecret), 2, secrettree.Limits{})
}

func (v *protectionVector) context() []byte {
	return mlswire.Marshal(&mlswire.GroupContext{
		Version: mlswire.MLS10, CipherSuite: v.CipherSuite, GroupID: v.GroupID, Epoch: v.Epoch,
		TreeHash: v.TreeHash, ConfirmedTranscriptHash: v.TranscriptHash,
	})
}

// body returns what the vectors show of a content.
func body(a *mlswire.AuthenticatedContent) []byte {
	switch a.Content.ContentType {
	case mlswire.ContentTypeProposal:
		return mlswire.Marshal(a.Content.Proposal)
	case mlswire.ContentTypeCommit:
		return mlswire.Marshal(a.Content.Commit)
	default:
		return a.Content.ApplicationData
	}
}

type welcomeVector struct {
	CipherSuite suite.ID `json:"cipher_suite"`
	InitPriv    hexBytes `json:"init_priv"`
	KeyPackage  hexBytes `json:"key_package"`
	SignerPub   hexBytes `json:"signer_pub"`
	Welcome     hexBytes `json:"welcome"`
}

// testWelcome opens a Welcome. There is no tree with it, so that nobody can join.
func testWelcome(t *testing.T, v welcomeVector) {
	s := vectorSuite(t, v.CipherSuite)
	k, err := mlswire.ParseMessage(v.KeyPackage)
	if err != nil {
		t.Fatalf("ParseMessage = %v", err)
	}
	m, err := mlswire.ParseMessage(v.Welcome)
	if err != nil {
		t.Fatalf("ParseMessage = %v", err)
	}
	ref := s.RefHash("MLS 1.0 KeyPackage Reference", mlswire.Marshal(k.KeyPackage))
	for _, e := range m.Welcome.Secrets {
		if string(e.NewMember) != string(ref) {
			continue
		}
		sealed := m.Welcome.EncryptedGroupInfo
		secrets, err := schedule.OpenGroupSecrets(s, secret.New(mlskit.Scalar(v.CipherSuite, v.InitPriv)), sealed, e.EncryptedGroupSecrets)
		if err != nil {
			t.Fatalf("OpenGroupSecrets = %v", err)
		}
		member := schedule.NewMember(s, secrets.JoinerSecret, schedule.Zero(s))
		b, err := member.OpenGroupInfo(sealed)
		if err != nil {
			t.Fatalf("OpenGroupInfo = %v", err)
		}
		info, err := mlswire.ParseGroupInfo(b)
		if err != nil {
			t.Fatalf("ParseGroupInfo = %v", err)
		}
		if err := s.VerifyWithLabel(v.SignerPub, "GroupInfoTBS", info.TBS(), info.Signature); err != nil {
			t.Errorf("signature of the GroupInfo: %v", err)
		}
		epoch := member.Epoch(mlswire.Marshal(&info.GroupContext))
		if !epoch.VerifyConfirmationTag(info.GroupContext.ConfirmedTranscriptHash, info.ConfirmationTag) {
			t.Error("the confirmation tag is not valid")
		}
		return
	}
	t.Fatal("the Welcome is not for the KeyPackage")
}
