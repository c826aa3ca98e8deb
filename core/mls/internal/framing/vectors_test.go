package framing_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"conclave/core/mls/internal/framing"
	"conclave/core/mls/internal/secrettree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/internal/testkit"
	"conclave/internal/testkit/mlskit"
)

type hexBytes = testkit.Hex

type protectionVector struct {
	CipherSuite             suite.ID `json:"cipher_suite"`
	GroupID                 hexBytes `json:"group_id"`
	Epoch                   uint64   `json:"epoch"`
	TreeHash                hexBytes `json:"tree_hash"`
	ConfirmedTranscriptHash hexBytes `json:"confirmed_transcript_hash"`
	SignaturePriv           hexBytes `json:"signature_priv"`
	SignaturePub            hexBytes `json:"signature_pub"`
	EncryptionSecret        hexBytes `json:"encryption_secret"`
	SenderDataSecret        hexBytes `json:"sender_data_secret"`
	MembershipKey           hexBytes `json:"membership_key"`
	Proposal                hexBytes `json:"proposal"`
	ProposalPriv            hexBytes `json:"proposal_priv"`
	ProposalPub             hexBytes `json:"proposal_pub"`
	Commit                  hexBytes `json:"commit"`
	CommitPriv              hexBytes `json:"commit_priv"`
	CommitPub               hexBytes `json:"commit_pub"`
	Application             hexBytes `json:"application"`
	ApplicationPriv         hexBytes `json:"application_priv"`
}

// vectorMember is the leaf of the sender of every message, in a tree of two.
const vectorMember = 1

// TestMessageProtectionVectors opens every message of message-protection.json,
// and seals each content anew and opens that, as the format's description asks.
func TestMessageProtectionVectors(t *testing.T) {
	for _, v := range testkit.Cases[protectionVector](t, testkit.Vectors(t, "mls/message-protection.json")) {
		t.Run(fmt.Sprintf("suite=%d", v.CipherSuite), func(t *testing.T) {
			e := v.endpoints(t, mlskit.Suite(t, v.CipherSuite))
			proposal := mlswire.FramedContent{ContentType: mlswire.ContentTypeProposal}
			commit := mlswire.FramedContent{ContentType: mlswire.ContentTypeCommit}
			application := mlswire.FramedContent{ContentType: mlswire.ContentTypeApplication}
			for _, c := range []struct {
				content *mlswire.FramedContent
				raw     []byte
			}{{&proposal, v.Proposal}, {&commit, v.Commit}} {
				if err := parseBody(c.raw, c.content); err != nil {
					t.Fatalf("parsing %x: %v", c.raw, err)
				}
			}
			application.ApplicationData = v.Application

			// The messages of the file begin a fresh tree each: the two of a
			// ratchet are both of generation 0.
			e.opens(t, "proposal_pub", v.ProposalPub, v.Proposal)
			e.opens(t, "proposal_priv", v.ProposalPriv, v.Proposal)
			e.receiver = v.tree(e.suite)
			e.opens(t, "commit_pub", v.CommitPub, v.Commit)
			e.opens(t, "commit_priv", v.CommitPriv, v.Commit)
			e.opens(t, "application_priv", v.ApplicationPriv, v.Application)

			e.opens(t, "our public proposal", e.seals(t, proposal, mlswire.WireFormatPublicMessage), v.Proposal)
			e.opens(t, "our private proposal", e.seals(t, proposal, mlswire.WireFormatPrivateMessage), v.Proposal)
			e.opens(t, "our public commit", e.seals(t, commit, mlswire.WireFormatPublicMessage), v.Commit)
			e.opens(t, "our private commit", e.seals(t, commit, mlswire.WireFormatPrivateMessage), v.Commit)
			e.opens(t, "our application data", e.seals(t, application, mlswire.WireFormatPrivateMessage), v.Application)
		})
	}
}

// parseBody decodes the raw proposal or commit of a vector.
func parseBody(raw []byte, c *mlswire.FramedContent) (err error) {
	if c.ContentType == mlswire.ContentTypeProposal {
		c.Proposal, err = mlswire.ParseProposal(raw)
	} else {
		c.Commit, err = mlswire.ParseCommit(raw)
	}
	return err
}

func (v *protectionVector) tree(s *suite.Suite) *secrettree.Tree {
	return secrettree.New(s, secret.New(v.EncryptionSecret), 2, secrettree.Limits{})
}

// endpoints are the two ends of a group of two.
type endpoints struct {
	suite      *suite.Suite
	groupID    []byte
	epoch      uint64
	context    []byte
	key        *suite.SigningKey
	senderData secret.Value
	membership secret.Value
	sender     *secrettree.Tree
	receiver   *secrettree.Tree
}

func (v *protectionVector) endpoints(t *testing.T, s *suite.Suite) *endpoints {
	t.Helper()
	key, err := s.NewSigningKey(secret.New(mlskit.Scalar(v.CipherSuite, v.SignaturePriv)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(key.Public(), v.SignaturePub) {
		t.Fatalf("public key of signature_priv = %x, want %x", key.Public(), []byte(v.SignaturePub))
	}
	return &endpoints{
		suite:   s,
		groupID: v.GroupID,
		epoch:   v.Epoch,
		context: mlswire.Marshal(&mlswire.GroupContext{
			Version: mlswire.MLS10, CipherSuite: v.CipherSuite, GroupID: v.GroupID, Epoch: v.Epoch,
			TreeHash: v.TreeHash, ConfirmedTranscriptHash: v.ConfirmedTranscriptHash,
		}),
		key:        key,
		senderData: secret.New(v.SenderDataSecret),
		membership: secret.New(v.MembershipKey),
		sender:     v.tree(s),
		receiver:   v.tree(s),
	}
}

// sign returns c, completed and signed.
func (e *endpoints) sign(t testing.TB, c mlswire.FramedContent, wf mlswire.WireFormat) *mlswire.AuthenticatedContent {
	t.Helper()
	c.GroupID, c.Epoch = e.groupID, e.epoch
	if c.Sender == (mlswire.Sender{}) {
		c.Sender = mlswire.Sender{Type: mlswire.SenderTypeMember, Index: vectorMember}
	}
	ac, err := framing.Sign(e.suite, e.key, c, wf, e.context)
	if err != nil {
		t.Fatalf("Sign = %v", err)
	}
	if c.ContentType == mlswire.ContentTypeCommit {
		ac.Auth.ConfirmationTag = bytes.Repeat([]byte{0x5a}, e.suite.HashSize())
	}
	return ac
}

// seals returns the message of a content.
func (e *endpoints) seals(t testing.TB, c mlswire.FramedContent, wf mlswire.WireFormat) []byte {
	t.Helper()
	ac := e.sign(t, c, wf)
	m := mlswire.Message{Version: mlswire.MLS10, WireFormat: wf}
	var err error
	if wf == mlswire.WireFormatPublicMessage {
		m.PublicMessage, err = framing.SealPublic(e.suite, e.membership, ac, e.context)
	} else {
		// The sender goes on where the vector's messages end.
		k := secrettree.Handshake
		if c.ContentType == mlswire.ContentTypeApplication {
			k = secrettree.Application
		}
		if err := e.sender.Skip(vectorMember, k, e.receiver.Generation(vectorMember, k)); err != nil {
			t.Fatal(err)
		}
		m.PrivateMessage, err = framing.SealPrivate(e.suite, e.senderData, e.sender, ac, 32)
	}
	if err != nil {
		t.Fatalf("sealing: %v", err)
	}
	return mlswire.Marshal(&m)
}

// open opens a message, verifies it and consumes its key.
func (e *endpoints) open(message []byte) (*mlswire.AuthenticatedContent, error) {
	m, err := mlswire.ParseMessage(message)
	if err != nil {
		return nil, err
	}
	if m.PublicMessage != nil {
		ac, err := framing.OpenPublic(e.suite, e.membership, m.PublicMessage, e.context)
		if err != nil {
			return nil, err
		}
		return ac, framing.Verify(e.suite, e.key.Public(), ac, e.context)
	}
	opened, err := framing.OpenPrivate(e.suite, e.senderData, e.receiver, m.PrivateMessage, onlyVectorMember)
	if err != nil {
		return nil, err
	}
	if err := framing.Verify(e.suite, e.key.Public(), opened.Content, e.context); err != nil {
		return nil, err
	}
	return opened.Content, e.receiver.Use(opened.Key)
}

func (e *endpoints) opens(t *testing.T, name string, message, want []byte) {
	t.Helper()
	ac, err := e.open(message)
	if err != nil {
		t.Errorf("opening %s: %v", name, err)
		return
	}
	var got []byte
	switch ac.Content.ContentType {
	case mlswire.ContentTypeApplication:
		got = ac.Content.ApplicationData
	case mlswire.ContentTypeProposal:
		got = mlswire.Marshal(ac.Content.Proposal)
	case mlswire.ContentTypeCommit:
		got = mlswire.Marshal(ac.Content.Commit)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s holds %x, want %x", name, got, want)
	}
	if who := (mlswire.Sender{Type: mlswire.SenderTypeMember, Index: vectorMember}); ac.Content.Sender != who {
		t.Errorf("%s is from %v, want %v", name, ac.Content.Sender, who)
	}
}

var errNotMember = errors.New("not a member")

func onlyVectorMember(leaf uint32) error {
	if leaf != vectorMember {
		return errNotMember
	}
	return nil
}
