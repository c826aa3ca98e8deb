package mls_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"conclave/core/mls"
	"conclave/core/mlswire"
)

// A member that has lost its state replaces its old leaf by an external commit.
func TestResync(t *testing.T) {
	p := newParty(t, x25519, 4, nil)
	known := false
	p.config = func(c *mls.Config) { c.KnownGroup = func([]byte) bool { return known } }
	lost := p.client(t)
	k, err := lost.NewKeyPackage()
	if err != nil {
		t.Fatalf("NewKeyPackage = %v", err)
	}
	commit := p.commit(t, 0, mls.CommitOptions{Add: [][]byte{k.Bytes()}})
	p.members = append(p.members, joinBy(t, k, commit.Welcomes, mls.JoinOptions{}))
	known = true // which is no hindrance to a resync
	info, err := p.members[0].GroupInfo(false)
	if err != nil {
		t.Fatalf("GroupInfo = %v", err)
	}
	if _, _, err := lost.JoinExternal(info, mls.ExternalOptions{}); !errors.Is(err, mls.ErrNoTree) {
		t.Errorf("JoinExternal without a tree = %v, want ErrNoTree", err)
	}
	o := mls.ExternalOptions{RatchetTree: p.members[0].RatchetTree(), Resync: true}
	if _, _, err := p.client(t).JoinExternal(info, o); !errors.Is(err, mls.ErrNoOldLeaf) {
		t.Errorf("JoinExternal of a stranger = %v, want ErrNoOldLeaf", err)
	}
	if _, _, err := lost.JoinExternal(info, mls.ExternalOptions{RatchetTree: o.RatchetTree}); !errors.Is(err, mls.ErrKnownGroup) {
		t.Errorf("JoinExternal to a known group = %v, want ErrKnownGroup", err)
	}
	known = false
	if _, _, err := lost.JoinExternal(info, mls.ExternalOptions{RatchetTree: o.RatchetTree}); !errors.Is(err, mls.ErrDuplicateSignatureKey) {
		t.Errorf("JoinExternal beside the old leaf = %v, want ErrDuplicateSignatureKey", err)
	}
	known = true
	old := p.members[4]
	again := p.joinExternally(t, lost, o)
	if !old.IsRemoved() || len(p.members) != 5 {
		t.Error("the old leaf is still there")
	}
	if !bytes.Equal(again.EpochAuthenticator(), p.members[0].EpochAuthenticator()) {
		t.Error("the member is in another epoch")
	}
	p.talk(t)
	p.commit(t, 4, mls.CommitOptions{})
	p.talk(t)
}

// Who joins a group by a Welcome without the tree needs it beside the Welcome.
func TestJoinWithoutTree(t *testing.T) {
	p := newParty(t, x25519, 1, nil)
	k := p.keyPackage(t)
	commit := p.commit(t, 0, mls.CommitOptions{Add: [][]byte{k.Bytes()}, WithoutTree: true})
	if _, err := k.Join(commit.Welcomes[0].Message, mls.JoinOptions{}); !errors.Is(err, mls.ErrNoTree) {
		t.Errorf("Join without the tree = %v, want ErrNoTree", err)
	}
	p.members = append(p.members, joinBy(t, k, commit.Welcomes, mls.JoinOptions{RatchetTree: p.members[0].RatchetTree()}))
	p.agree(t)
}

// A client whose leaf nobody would take makes no KeyPackage.
func TestOwnLeafIsChecked(t *testing.T) {
	tests := []struct {
		name   string
		change func(*mls.Config)
		want   error
	}{
		{"extension that is not supported", func(c *mls.Config) {
			c.LeafExtensions = mlswire.Extensions{{Type: 0xff00}}
		}, mls.ErrLeafExtension},
		{"extension in the wrong place", func(c *mls.Config) {
			c.KeyPackageExtensions = mlswire.Extensions{{Type: mlswire.ExtensionTypeExternalPub, Data: []byte{0}}}
		}, mls.ErrExtensionPlace},
		{"lifetime that is too long", func(c *mls.Config) {
			c.Lifetime = 365 * 24 * time.Hour
		}, mls.ErrLifetimeRange},
		{"x509 without a certificate", func(c *mls.Config) {
			c.Credential = mlswire.Credential{Type: mlswire.CredentialTypeX509}
		}, mls.ErrCredential},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &party{suite: x25519, config: tt.change}
			if _, err := p.client(t).NewKeyPackage(); !errors.Is(err, tt.want) {
				t.Errorf("NewKeyPackage = %v, want %v", err, tt.want)
			}
		})
	}
}

// The only member of a group replaces itself.
func TestResyncAlone(t *testing.T) {
	p := newParty(t, x25519, 1, nil)
	c := p.client(t)
	g, err := c.CreateGroup(nil, nil)
	if err != nil {
		t.Fatalf("CreateGroup = %v", err)
	}
	p.members = []*mls.Group{g}
	p.joinExternally(t, c, mls.ExternalOptions{Resync: true})
	if len(p.members) != 1 || p.members[0] == g || !g.IsRemoved() {
		t.Fatal("the member did not replace itself")
	}
	p.add(t, 0, 2, mls.CommitOptions{})
	p.talk(t)
}

// A commit announces itself to those who look at it before they merge it.
func TestStagedCommitShowsAnExternalJoin(t *testing.T) {
	p := newParty(t, x25519, 2, nil)
	info, err := p.members[0].GroupInfo(true)
	if err != nil {
		t.Fatalf("GroupInfo = %v", err)
	}
	g, commit, err := p.client(t).JoinExternal(info, mls.ExternalOptions{AuthenticatedData: []byte("let me in"), GroupInfo: true})
	if err != nil {
		t.Fatalf("JoinExternal = %v", err)
	}
	received, err := p.members[1].Process(commit.Message)
	if err != nil {
		t.Fatalf("Process = %v", err)
	}
	s := received.(*mls.StagedCommit)
	if !s.IsExternal() || s.Committer() != g.Self() || s.Removed() || !s.HasPath() || s.Epoch() != 2 ||
		string(s.AuthenticatedData()) != "let me in" || len(s.Members()) != 3 || len(s.Proposals()) != 1 {
		t.Errorf("the staged commit shows %+v", s)
	}
	// The GroupInfo that came with it is of the new epoch.
	if _, _, err := p.client(t).JoinExternal(commit.GroupInfo, mls.ExternalOptions{}); err != nil {
		t.Errorf("JoinExternal by the GroupInfo of the new epoch = %v", err)
	}
}

// A service that is not in the group proposes to add, to remove and more.
func TestExternalSender(t *testing.T) {
	p := newParty(t, x25519, 3, nil)
	service := p.client(t)
	var senders mlswire.ExternalSenders
	senders = append(senders, mlswire.ExternalSender{
		SignatureKey: service.SignatureKey(),
		Credential:   mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: []byte("service")},
	})
	extensions := mlswire.Extensions{{Type: mlswire.ExtensionTypeExternalSenders, Data: mlswire.Marshal(senders)}}
	p.commit(t, 0, mls.CommitOptions{Extensions: &extensions})

	k := p.keyPackage(t)
	m, err := mlswire.ParseMessage(k.Bytes())
	if err != nil {
		t.Fatalf("ParseMessage = %v", err)
	}
	g := p.members[0]
	for _, proposal := range []mlswire.Proposal{
		&mlswire.Remove{Removed: uint32(p.members[2].Self())},
		&mlswire.Add{KeyPackage: *m.KeyPackage},
	} {
		message, err := service.ProposeExternal(0, g.GroupID(), g.Epoch(), proposal)
		if err != nil {
			t.Fatalf("ProposeExternal(%T) = %v", proposal, err)
		}
		p.deliver(t, nil, message)
	}
	if _, err := service.ProposeExternal(0, g.GroupID(), g.Epoch(), &mlswire.Update{}); !errors.Is(err, mls.ErrExternalProposal) {
		t.Errorf("ProposeExternal of an Update = %v, want ErrExternalProposal", err)
	}
	if message, err := service.ProposeExternal(1, g.GroupID(), g.Epoch(), &mlswire.Remove{}); err != nil {
		t.Errorf("ProposeExternal = %v", err)
	} else if _, err := g.Process(message); !errors.Is(err, mls.ErrSender) {
		t.Errorf("Process of a proposal of an unknown sender = %v, want ErrSender", err)
	}
	commit := p.commit(t, 1, mls.CommitOptions{})
	p.members = append(p.members, joinBy(t, k, commit.Welcomes, mls.JoinOptions{}))
	p.agree(t)
	p.talk(t)
}

// A client asks to be added, and a member agrees.
func TestNewMemberProposal(t *testing.T) {
	p := newParty(t, x25519, 2, nil)
	k := p.keyPackage(t)
	message, err := k.ProposeJoin(p.members[0].GroupID(), p.members[0].Epoch())
	if err != nil {
		t.Fatalf("ProposeJoin = %v", err)
	}
	p.deliver(t, nil, message)
	commit := p.commit(t, 1, mls.CommitOptions{})
	p.members = append(p.members, joinBy(t, k, commit.Welcomes, mls.JoinOptions{}))
	p.agree(t)
	p.talk(t)
	if _, err := k.ProposeJoin(nil, 0); !errors.Is(err, mls.ErrKeyPackageUsed) {
		t.Errorf("ProposeJoin with a used KeyPackage = %v, want ErrKeyPackageUsed", err)
	}
}
