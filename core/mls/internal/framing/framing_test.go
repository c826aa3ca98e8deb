package framing_test

import (
	"bytes"
	"errors"
	"testing"

	"conclave/core/mls/internal/framing"
	"conclave/core/mls/internal/secrettree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

const (
	public  = mlswire.WireFormatPublicMessage
	private = mlswire.WireFormatPrivateMessage
)

// newEndpoints returns the two ends of a group that is not from the vectors.
func newEndpoints(tb testing.TB, id suite.ID) *endpoints {
	tb.Helper()
	s, err := suite.Lookup(id)
	if err != nil {
		tb.Fatal(err)
	}
	root := bytes.Repeat([]byte{9}, s.HashSize())
	return &endpoints{
		suite: s, groupID: []byte("group"), epoch: 7, context: []byte("encoded group context"),
		key:        s.GenerateSigningKey(),
		senderData: secret.New(bytes.Repeat([]byte{8}, s.HashSize())),
		membership: secret.New(bytes.Repeat([]byte{7}, s.HashSize())),
		sender:     secrettree.New(s, secret.New(root), 4, secrettree.Limits{}),
		receiver:   secrettree.New(s, secret.New(root), 4, secrettree.Limits{}),
	}
}

// contents are one of each kind that a member sends.
func contents() map[string]mlswire.FramedContent {
	remove := &mlswire.Remove{Removed: 3}
	return map[string]mlswire.FramedContent{
		"application": {
			ContentType: mlswire.ContentTypeApplication, ApplicationData: []byte("hello"),
			AuthenticatedData: []byte("seen by all"),
		},
		"proposal": {ContentType: mlswire.ContentTypeProposal, Proposal: remove, AuthenticatedData: []byte("seen by all")},
		"commit": {
			ContentType:       mlswire.ContentTypeCommit,
			Commit:            &mlswire.Commit{Proposals: []mlswire.ProposalOrRef{{Proposal: remove}}},
			AuthenticatedData: []byte("seen by all"),
		},
	}
}

// TestEveryBitMatters flips each bit of each message. Whatever it is in, the
// message is refused, the receiver's keys stay as they are, and the genuine
// message then opens.
func TestEveryBitMatters(t *testing.T) {
	for name, c := range contents() {
		for wf, format := range map[mlswire.WireFormat]string{public: "public", private: "private"} {
			if wf == public && c.ContentType == mlswire.ContentTypeApplication {
				continue
			}
			t.Run(format+" "+name, func(t *testing.T) {
				e := newEndpoints(t, suite.MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519)
				message := e.seals(t, c, wf)
				before := encodeTree(e.receiver)
				// The four bytes before are the version and the wire format; the group
				// id and the epoch are for the group to compare, and are authenticated too.
				for bit := 32; bit < 8*len(message); bit++ {
					changed := bytes.Clone(message)
					changed[bit/8] ^= 1 << (bit % 8)
					if _, err := e.open(changed); err == nil {
						t.Fatalf("the message opens with bit %d of byte %d changed", bit%8, bit/8)
					}
					if !bytes.Equal(encodeTree(e.receiver), before) {
						t.Fatalf("a message with bit %d of byte %d changed changes the keys", bit%8, bit/8)
					}
				}
				if _, err := e.open(message); err != nil {
					t.Errorf("the genuine message: %v", err)
				}
			})
		}
	}
}

func encodeTree(t *secrettree.Tree) []byte {
	var w tlsenc.Writer
	t.Encode(&w)
	return w.Bytes()
}

// Which check it is that refuses, on a path where each alone must hold.
func TestOpenPublicRefuses(t *testing.T) {
	e := newEndpoints(t, suite.Default)
	proposal := contents()["proposal"]
	parse := func(b []byte) *mlswire.PublicMessage {
		m, err := mlswire.ParseMessage(b)
		if err != nil {
			t.Fatal(err)
		}
		return m.PublicMessage
	}
	message := e.seals(t, proposal, public)
	open := func(m *mlswire.PublicMessage, membership secret.Value, context []byte) error {
		_, err := framing.OpenPublic(e.suite, membership, m, context)
		return err
	}
	other := secret.New(make([]byte, e.suite.HashSize()))
	if err := open(parse(message), other, e.context); !errors.Is(err, framing.ErrMembershipTag) {
		t.Errorf("with another membership key: %v, want ErrMembershipTag", err)
	}
	if err := open(parse(message), e.membership, []byte("another context")); !errors.Is(err, framing.ErrMembershipTag) {
		t.Errorf("with another group context: %v, want ErrMembershipTag", err)
	}
	for name, tag := range map[string][]byte{"no": nil, "a short": parse(message).MembershipTag[:16]} {
		m := parse(message)
		m.MembershipTag = tag
		if err := open(m, e.membership, e.context); !errors.Is(err, framing.ErrMembershipTag) {
			t.Errorf("with %s membership tag: %v, want ErrMembershipTag", name, err)
		}
	}
	// The tag covers the signature; the signature is checked by Verify.
	m := parse(message)
	m.Auth.Signature = bytes.Clone(m.Auth.Signature)
	m.Auth.Signature[0] ^= 1
	if err := open(m, e.membership, e.context); !errors.Is(err, framing.ErrMembershipTag) {
		t.Errorf("with another signature: %v, want ErrMembershipTag", err)
	}
	// A member's message that is relabelled as that of an outsider needs no tag,
	// and fails on its signature, which covers the sender.
	m = parse(message)
	m.Content.Sender = mlswire.Sender{Type: mlswire.SenderTypeExternal, Index: vectorMember}
	ac, err := framing.OpenPublic(e.suite, e.membership, m, e.context)
	if err != nil {
		t.Fatalf("relabelled as external: %v, want nil", err)
	}
	if err := framing.Verify(e.suite, e.key.Public(), ac, e.context); !errors.Is(err, suite.ErrSignature) {
		t.Errorf("Verify of a relabelled message = %v, want ErrSignature", err)
	}
}

// A signature holds for one wire format, one group context and one key.
func TestVerifyRefuses(t *testing.T) {
	e := newEndpoints(t, suite.Default)
	ac := e.sign(t, contents()["proposal"], public)
	verify := func(ac *mlswire.AuthenticatedContent, key, context []byte) error {
		return framing.Verify(e.suite, key, ac, context)
	}
	if err := verify(ac, e.key.Public(), e.context); err != nil {
		t.Errorf("Verify = %v, want nil", err)
	}
	other := *ac
	other.WireFormat = private
	for name, err := range map[string]error{
		"another wire format": verify(&other, e.key.Public(), e.context),
		"another context":     verify(ac, e.key.Public(), []byte("another context")),
		"no context":          verify(ac, e.key.Public(), nil),
		"another key":         verify(ac, e.suite.GenerateSigningKey().Public(), e.context),
		"no key":              verify(ac, nil, e.context),
	} {
		if !errors.Is(err, suite.ErrSignature) {
			t.Errorf("Verify with %s = %v, want ErrSignature", name, err)
		}
	}
}

// The signature of an outsider's proposal does not cover the group context, which
// the outsider does not know; that of an external commit does: Section 6.1.
func TestContextOfOutsiders(t *testing.T) {
	e := newEndpoints(t, suite.Default)
	external := contents()["proposal"]
	external.Sender = mlswire.Sender{Type: mlswire.SenderTypeExternal}
	if err := framing.Verify(e.suite, e.key.Public(), e.sign(t, external, public), []byte("another")); err != nil {
		t.Errorf("Verify of an external proposal with another context = %v, want nil", err)
	}
	joins := contents()["commit"]
	joins.Sender = mlswire.Sender{Type: mlswire.SenderTypeNewMemberCommit}
	err := framing.Verify(e.suite, e.key.Public(), e.sign(t, joins, public), []byte("another"))
	if !errors.Is(err, suite.ErrSignature) {
		t.Errorf("Verify of an external commit with another context = %v, want ErrSignature", err)
	}
}

// Who may send what: RFC 9420, Sections 6 and 6.1, all combinations.
func TestSenders(t *testing.T) {
	e := newEndpoints(t, suite.Default)
	add := mlswire.FramedContent{ContentType: mlswire.ContentTypeProposal, Proposal: &mlswire.Add{
		KeyPackage: mlswire.KeyPackage{LeafNode: mlswire.LeafNode{
			Credential: mlswire.Credential{Type: mlswire.CredentialTypeBasic},
			Source:     mlswire.LeafNodeSourceKeyPackage,
		}},
	}}
	all := contents()
	all["add"] = add
	senders := map[mlswire.SenderType]string{
		mlswire.SenderTypeMember: "member", mlswire.SenderTypeExternal: "external",
		mlswire.SenderTypeNewMemberProposal: "new member's proposal", mlswire.SenderTypeNewMemberCommit: "new member's commit",
		9: "unknown",
	}
	// allowed lists what is, in a PublicMessage; in a PrivateMessage, members
	// may send all and others nothing.
	allowed := map[mlswire.SenderType]map[string]error{
		mlswire.SenderTypeMember:            {"proposal": nil, "commit": nil, "add": nil},
		mlswire.SenderTypeExternal:          {"proposal": nil, "add": nil},
		mlswire.SenderTypeNewMemberProposal: {"add": nil},
		mlswire.SenderTypeNewMemberCommit:   {"commit": nil},
	}
	for name, c := range all {
		for sender, who := range senders {
			c.Sender = mlswire.Sender{Type: sender}
			want, ok := allowed[sender][name]
			if !ok {
				want = framing.ErrSender
			}
			if c.ContentType == mlswire.ContentTypeApplication {
				want = framing.ErrPublicApplication
			}
			if _, err := framing.Sign(e.suite, e.key, c, public, e.context); !errors.Is(err, want) {
				t.Errorf("Sign of a public %s by a %s = %v, want %v", name, who, err, want)
			}
			m := &mlswire.PublicMessage{Content: c}
			if c.ContentType == mlswire.ContentTypeCommit {
				m.Auth.ConfirmationTag = []byte{1}
			}
			if want == nil && sender == mlswire.SenderTypeMember {
				want = framing.ErrMembershipTag
			}
			if _, err := framing.OpenPublic(e.suite, e.membership, m, e.context); !errors.Is(err, want) {
				t.Errorf("OpenPublic of a %s by a %s = %v, want %v", name, who, err, want)
			}

			want = nil
			if sender != mlswire.SenderTypeMember {
				want = framing.ErrPrivateSender
			}
			if _, err := framing.Sign(e.suite, e.key, c, private, e.context); !errors.Is(err, want) {
				t.Errorf("Sign of a private %s by a %s = %v, want %v", name, who, err, want)
			}
		}
	}
}

func TestSignRefuses(t *testing.T) {
	e := newEndpoints(t, suite.Default)
	member := mlswire.Sender{Type: mlswire.SenderTypeMember}
	proposal := contents()["proposal"]
	tests := []struct {
		name string
		c    mlswire.FramedContent
		wf   mlswire.WireFormat
		want error
	}{
		{"no proposal", mlswire.FramedContent{ContentType: mlswire.ContentTypeProposal}, private, framing.ErrContent},
		{"no commit", mlswire.FramedContent{ContentType: mlswire.ContentTypeCommit}, private, framing.ErrContent},
		{"no type", mlswire.FramedContent{}, private, framing.ErrContent},
		{"unknown type", mlswire.FramedContent{ContentType: 4}, private, framing.ErrContent},
		{"two contents", mlswire.FramedContent{
			ContentType: mlswire.ContentTypeProposal, Proposal: proposal.Proposal, ApplicationData: []byte{1},
		}, private, framing.ErrContent},
		{"a welcome", mlswire.FramedContent{ContentType: mlswire.ContentTypeApplication}, mlswire.WireFormatWelcome, framing.ErrWireFormat},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.c.Sender = member
			if _, err := framing.Sign(e.suite, e.key, tt.c, tt.wf, e.context); !errors.Is(err, tt.want) {
				t.Errorf("Sign = %v, want %v", err, tt.want)
			}
		})
	}
}

// A commit has a confirmation tag and nothing else has: RFC 9420, Section 6.1.
func TestConfirmationTag(t *testing.T) {
	e := newEndpoints(t, suite.Default)
	before := encodeTree(e.sender)
	for name, c := range contents() {
		for _, wf := range []mlswire.WireFormat{public, private} {
			if wf == public && c.ContentType == mlswire.ContentTypeApplication {
				continue
			}
			ac := e.sign(t, c, wf)
			if ac.Auth.ConfirmationTag == nil {
				ac.Auth.ConfirmationTag = []byte{1}
			} else {
				ac.Auth.ConfirmationTag = nil
			}
			var err error
			if wf == public {
				_, err = framing.SealPublic(e.suite, e.membership, ac, e.context)
			} else {
				_, err = framing.SealPrivate(e.suite, e.senderData, e.sender, ac, 0)
			}
			if !errors.Is(err, framing.ErrConfirmationTag) {
				t.Errorf("sealing a %s: %v, want ErrConfirmationTag", name, err)
			}
		}
	}
	if !bytes.Equal(encodeTree(e.sender), before) {
		t.Error("a refused content consumes a key")
	}
}

// What is signed for one wire format is not sealed in the other.
func TestSealRefusesOtherFormat(t *testing.T) {
	e := newEndpoints(t, suite.Default)
	c := contents()["proposal"]
	if _, err := framing.SealPublic(e.suite, e.membership, e.sign(t, c, private), e.context); !errors.Is(err, framing.ErrWireFormat) {
		t.Errorf("SealPublic = %v, want ErrWireFormat", err)
	}
	if _, err := framing.SealPrivate(e.suite, e.senderData, e.sender, e.sign(t, c, public), 0); !errors.Is(err, framing.ErrWireFormat) {
		t.Errorf("SealPrivate = %v, want ErrWireFormat", err)
	}
}

// A ProposalRef names one signed proposal in one wire format: Section 5.2.
func TestRef(t *testing.T) {
	e := newEndpoints(t, suite.Default)
	ac := e.sign(t, contents()["proposal"], public)
	ref := framing.Ref(e.suite, ac)
	want := e.suite.RefHash("MLS 1.0 Proposal Reference", mlswire.Marshal(ac))
	if !bytes.Equal(ref, want) || len(ref) != e.suite.HashSize() {
		t.Errorf("Ref = %x, want %x", ref, want)
	}
	opened, err := e.open(e.seals(t, contents()["proposal"], private))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(framing.Ref(e.suite, opened), ref) {
		t.Error("two messages have one reference")
	}
}
