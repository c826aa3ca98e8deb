package mls_test

import (
	"errors"
	"fmt"
	"testing"

	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/suite"
)

// Messages of ended epochs are read for as long as the configuration says, and
// show who sent them then.
func TestLateMessages(t *testing.T) {
	p := newParty(t, x25519, 4, func(c *mls.Config) { c.PastEpochs = 2 })
	leaver, reader := p.members[3], p.members[0]
	var late [][]byte
	for range 3 {
		message, err := leaver.Protect([]byte("late"), nil)
		if err != nil {
			t.Fatalf("Protect = %v", err)
		}
		late = append(late, message)
	}
	own, err := reader.Protect([]byte("own"), nil)
	if err != nil {
		t.Fatalf("Protect = %v", err)
	}
	p.commit(t, 1, mls.CommitOptions{Remove: []mls.LeafIndex{leaver.Self()}})
	p.add(t, 1, 1, mls.CommitOptions{}) // somebody else takes the leaf

	received, err := reader.Process(late[1])
	if err != nil {
		t.Fatalf("Process of a late message = %v", err)
	}
	if a := received.(*mls.Application); a.Epoch != 1 || string(a.Credential.Identity) != "guest 4" || a.Generation != 1 {
		t.Errorf("the late message shows epoch %d, %s, generation %d", a.Epoch, a.Credential.Identity, a.Generation)
	}
	for _, tt := range []struct {
		name    string
		message []byte
		want    error
	}{
		{"a replay", late[1], mls.ErrGenerationUsed},
		{"one that was skipped", late[0], nil},
		{"an own message", own, mls.ErrOwnMessage},
	} {
		if _, err := reader.Process(tt.message); !errors.Is(err, tt.want) {
			t.Errorf("Process of %s = %v, want %v", tt.name, err, tt.want)
		}
	}
	// The joiner has never been in that epoch.
	if _, err := p.members[3].Process(late[2]); !errors.Is(err, mls.ErrWrongEpoch) {
		t.Errorf("Process by the joiner = %v, want ErrWrongEpoch", err)
	}
	p.commit(t, 1, mls.CommitOptions{})
	if _, err := reader.Process(late[2]); !errors.Is(err, mls.ErrWrongEpoch) {
		t.Errorf("Process after three epochs = %v, want ErrWrongEpoch", err)
	}
}

// A handshake message of an ended epoch is never read, public or not.
func TestLateHandshake(t *testing.T) {
	for _, public := range []bool{false, true} {
		t.Run(fmt.Sprintf("public=%v", public), func(t *testing.T) {
			p := newParty(t, x25519, 3, nil)
			proposal, err := p.members[1].ProposeUpdate(mls.LeafChange{}, mls.SendOptions{Public: public})
			if err != nil {
				t.Fatalf("ProposeUpdate = %v", err)
			}
			commit := p.commit(t, 0, mls.CommitOptions{Public: public})
			for _, message := range [][]byte{proposal, commit.Message} {
				if _, err := p.members[2].Process(message); !errors.Is(err, mls.ErrWrongEpoch) {
					t.Errorf("Process = %v, want ErrWrongEpoch", err)
				}
			}
		})
	}
}

// A member changes its signing key and credential, with a proposal or a commit.
func TestLeafChange(t *testing.T) {
	var asked []mls.Identity
	p := newParty(t, x25519, 3, func(c *mls.Config) {
		c.Authenticate = func(id mls.Identity) error { asked = append(asked, id); return nil }
	})
	s, err := suite.Lookup(x25519)
	if err != nil {
		t.Fatal(err)
	}
	change := func(name string) mls.LeafChange {
		return mls.LeafChange{
			SigningKey: s.GenerateSigningKey(),
			Credential: &mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: []byte(name)},
		}
	}
	renamed := func(i int, name string) {
		t.Helper()
		m, ok := p.members[0].Member(p.members[i].Self())
		if !ok || string(m.Credential.Identity) != name {
			t.Errorf("member %d is %s, want %s", i, m.Credential.Identity, name)
		}
		last := asked[len(asked)-1]
		if string(last.Credential.Identity) != name || last.Previous == nil || string(last.Previous.Identity) != fmt.Sprintf("guest %d", i+1) {
			t.Errorf("Authenticate was asked about %+v", last)
		}
	}
	message, err := p.members[1].ProposeUpdate(change("by proposal"), mls.SendOptions{})
	if err != nil {
		t.Fatalf("ProposeUpdate = %v", err)
	}
	p.deliver(t, p.members[1], message)
	p.commit(t, 0, mls.CommitOptions{})
	renamed(1, "by proposal")
	p.commit(t, 2, mls.CommitOptions{Leaf: change("by commit")})
	renamed(2, "by commit")
	for i := range p.members {
		p.commit(t, i, mls.CommitOptions{})
	}
	p.talk(t)
}

// A member that lacks a pre-shared key learns that it is removed all the same.
func TestRemovedWithoutPSK(t *testing.T) {
	p := newParty(t, x25519, 2, nil)
	p.config = func(c *mls.Config) { c.PSK = nil }
	p.add(t, 0, 1, mls.CommitOptions{})
	gone := p.members[2]
	commit, err := p.members[0].Commit(mls.CommitOptions{PSK: [][]byte{[]byte("shared")}})
	if err != nil {
		t.Fatalf("Commit = %v", err)
	}
	if _, err := gone.Process(commit.Message); !errors.Is(err, mls.ErrUnknownPSK) {
		t.Errorf("Process = %v, want ErrUnknownPSK", err)
	}
	if err := p.members[0].DiscardCommit(); err != nil {
		t.Fatalf("DiscardCommit = %v", err)
	}
	p.commit(t, 0, mls.CommitOptions{PSK: [][]byte{[]byte("shared")}, Remove: []mls.LeafIndex{gone.Self()}})
	if !gone.IsRemoved() {
		t.Error("the member was not removed")
	}
}

// A group that was joined with a KeyPackage that was saved could be joined again
// with it, and must be saved before it sends: RFC 9420, Section 6.3.1.
func TestSaveAfterJoining(t *testing.T) {
	p := newParty(t, x25519, 1, nil)
	c := p.client(t)
	k, err := c.NewKeyPackage()
	if err != nil {
		t.Fatalf("NewKeyPackage = %v", err)
	}
	saved := k.Snapshot()
	commit := p.commit(t, 0, mls.CommitOptions{Add: [][]byte{k.Bytes()}})
	for range 2 {
		k, err := c.RestoreKeyPackage(saved)
		if err != nil {
			t.Fatalf("RestoreKeyPackage = %v", err)
		}
		g := joinBy(t, k, commit.Welcomes, mls.JoinOptions{})
		if _, err := g.Protect(nil, nil); !errors.Is(err, mls.ErrSaveFirst) {
			t.Fatalf("Protect = %v, want ErrSaveFirst", err)
		}
		g.Snapshot()
		if _, err := g.Protect(nil, nil); err != nil {
			t.Errorf("Protect after Snapshot = %v", err)
		}
	}
	g := joinBy(t, k, commit.Welcomes, mls.JoinOptions{})
	if _, err := g.Commit(mls.CommitOptions{}); !errors.Is(err, mls.ErrSaveFirst) {
		t.Errorf("Commit = %v, want ErrSaveFirst", err)
	}
}

// Whoever restores a snapshot of the epoch before gets into the new epoch again,
// so that a group that was saved sends nothing there before it is saved: RFC
// 9420, Section 6.3.1.
func TestSaveAfterMerge(t *testing.T) {
	p := newParty(t, x25519, 2, nil)
	for i, m := range p.members {
		m.Snapshot()
		p.commit(t, 0, mls.CommitOptions{Public: true})
		if _, err := m.Protect(nil, nil); !errors.Is(err, mls.ErrSaveFirst) {
			t.Errorf("Protect by %d after a merge = %v, want ErrSaveFirst", i, err)
		}
		m.Snapshot()
		if _, err := m.Protect(nil, nil); err != nil {
			t.Errorf("Protect by %d after Snapshot = %v", i, err)
		}
	}
}

// A proposal that is dropped is neither committed nor in the way of messages.
func TestDropProposal(t *testing.T) {
	p := newParty(t, x25519, 3, nil)
	message, err := p.members[1].ProposeRemove(p.members[2].Self(), mls.SendOptions{})
	if err != nil {
		t.Fatalf("ProposeRemove = %v", err)
	}
	p.deliver(t, p.members[1], message)
	if _, err := p.members[0].Process(message); !errors.Is(err, mls.ErrGenerationUsed) {
		t.Errorf("Process of a replay = %v, want ErrGenerationUsed", err)
	}
	dropper := p.members[0]
	ref := dropper.Proposals()[0].Ref
	if !dropper.DropProposal(ref) || dropper.DropProposal(ref) {
		t.Error("DropProposal does not report what it did")
	}
	if _, err := dropper.Protect(nil, nil); err != nil {
		t.Errorf("Protect = %v", err)
	}
	commit, err := p.members[1].Commit(mls.CommitOptions{})
	if err != nil {
		t.Fatalf("Commit = %v", err)
	}
	if _, err := dropper.Process(commit.Message); !errors.Is(err, mls.ErrUnknownProposal) {
		t.Errorf("Process of a commit that refers to it = %v, want ErrUnknownProposal", err)
	}
	if err := p.members[1].DiscardCommit(); err != nil {
		t.Fatalf("DiscardCommit = %v", err)
	}
	p.commit(t, 0, mls.CommitOptions{})
	if len(p.members) != 3 {
		t.Error("the dropped proposal was committed")
	}
}

// A public proposal that comes twice is kept once.
func TestDuplicateProposal(t *testing.T) {
	p := newParty(t, x25519, 2, nil)
	message, err := p.members[1].ProposePSK([]byte("shared"), mls.SendOptions{Public: true})
	if err != nil {
		t.Fatalf("ProposePSK = %v", err)
	}
	p.deliver(t, p.members[1], message)
	if _, err := p.members[0].Process(message); !errors.Is(err, mls.ErrDuplicateProposal) {
		t.Errorf("Process again = %v, want ErrDuplicateProposal", err)
	}
	p.commit(t, 0, mls.CommitOptions{})
}

// What members export is the same for all, and other in the next epoch.
func TestExport(t *testing.T) {
	p := newParty(t, x25519, 3, nil)
	seen := make(map[string]bool)
	for range 2 {
		first, err := p.members[0].Export("label", []byte("context"), 40)
		if err != nil {
			t.Fatalf("Export = %v", err)
		}
		for _, m := range p.members {
			if v, err := m.Export("label", []byte("context"), 40); err != nil || !v.Equal(first) || v.Len() != 40 {
				t.Errorf("Export differs between members: %v", err)
			}
		}
		if v, err := p.members[0].Export("label", []byte("other"), 40); err != nil || v.Equal(first) {
			t.Errorf("Export does not depend on the context: %v", err)
		}
		if seen[string(first.Expose())] {
			t.Error("Export does not depend on the epoch")
		}
		seen[string(first.Expose())] = true
		p.commit(t, 1, mls.CommitOptions{})
	}
}
