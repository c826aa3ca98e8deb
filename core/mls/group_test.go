package mls_test

import (
	"errors"
	"fmt"
	"testing"

	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/suite"
)

// Every suite carries a group through all that a group does.
func TestSuites(t *testing.T) {
	for _, id := range suite.IDs() {
		t.Run(fmt.Sprintf("%#04x", uint16(id)), func(t *testing.T) {
			p := newParty(t, id, 3, nil)
			p.talk(t)
			p.add(t, 2, 2, mls.CommitOptions{WithoutTree: true, WelcomePerJoiner: true, ForcePath: true})
			p.talk(t)
			p.commit(t, 4, mls.CommitOptions{}) // an empty commit renews keys
			p.commit(t, 1, mls.CommitOptions{Remove: []mls.LeafIndex{p.members[3].Self()}, PSK: [][]byte{[]byte("shared")}})
			p.joinExternally(t, p.client(t), mls.ExternalOptions{PSK: [][]byte{[]byte("shared")}})
			p.talk(t)
		})
	}
}

// joinExternally has a client join by an external commit.
func (p *party) joinExternally(t *testing.T, c *mls.Client, o mls.ExternalOptions) *mls.Group {
	t.Helper()
	info, err := p.members[0].GroupInfo(o.RatchetTree == nil)
	if err != nil {
		t.Fatalf("GroupInfo = %v", err)
	}
	g, commit, err := c.JoinExternal(info, o)
	if err != nil {
		t.Fatalf("JoinExternal = %v", err)
	}
	p.deliver(t, nil, commit.Message)
	p.members = append(p.members, g)
	p.agree(t)
	return g
}

// Every member commits in turn, in groups of all sizes around the powers of two.
func TestEveryoneCommits(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 8, 9} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			p := newParty(t, x25519, n, nil)
			for round := range 2 {
				for i := range p.members {
					p.commit(t, i, mls.CommitOptions{Public: round == 1})
				}
				p.talk(t)
			}
		})
	}
}

// Proposals of every kind are sent by one member and committed by another.
func TestProposalsByReference(t *testing.T) {
	tests := []struct {
		name    string
		propose func(t *testing.T, p *party, g *mls.Group, o mls.SendOptions) ([]byte, error)
		check   func(t *testing.T, p *party)
	}{
		{"remove", func(_ *testing.T, p *party, g *mls.Group, o mls.SendOptions) ([]byte, error) {
			return g.ProposeRemove(p.members[3].Self(), o)
		}, func(t *testing.T, p *party) {
			if len(p.members) != 3 {
				t.Errorf("%d members, want 3", len(p.members))
			}
		}},
		{"update", func(_ *testing.T, _ *party, g *mls.Group, o mls.SendOptions) ([]byte, error) {
			return g.ProposeUpdate(mls.LeafChange{}, o)
		}, nil},
		{"psk", func(_ *testing.T, _ *party, g *mls.Group, o mls.SendOptions) ([]byte, error) {
			return g.ProposePSK([]byte("shared"), o)
		}, nil},
		{"resumption psk", func(_ *testing.T, _ *party, g *mls.Group, o mls.SendOptions) ([]byte, error) {
			return g.ProposeResumptionPSK(g.Epoch(), o)
		}, nil},
		{"extensions", func(_ *testing.T, _ *party, g *mls.Group, o mls.SendOptions) ([]byte, error) {
			return g.ProposeExtensions(mlswire.Extensions{{Type: mlswire.ExtensionTypeRequiredCapabilities, Data: []byte{0, 0, 0}}}, o)
		}, func(t *testing.T, p *party) {
			if n := len(p.members[1].Extensions()); n != 1 {
				t.Errorf("%d extensions, want 1", n)
			}
		}},
		{"reinit", func(_ *testing.T, _ *party, g *mls.Group, o mls.SendOptions) ([]byte, error) {
			return g.ProposeReInit(mlswire.ReInit{GroupID: []byte("next"), Version: mlswire.MLS10, CipherSuite: x25519}, o)
		}, func(t *testing.T, p *party) {
			for _, m := range p.members {
				if m.ReInit() == nil {
					t.Error("no ReInit")
				}
				if _, err := m.Protect(nil, nil); !errors.Is(err, mls.ErrReInit) {
					t.Errorf("Protect = %v, want ErrReInit", err)
				}
				if _, err := m.Commit(mls.CommitOptions{}); !errors.Is(err, mls.ErrReInit) {
					t.Errorf("Commit = %v, want ErrReInit", err)
				}
			}
		}},
	}
	for _, public := range []bool{false, true} {
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s/public=%v", tt.name, public), func(t *testing.T) {
				p := newParty(t, x25519, 4, nil)
				message, err := tt.propose(t, p, p.members[1], mls.SendOptions{Public: public})
				if err != nil {
					t.Fatalf("proposing: %v", err)
				}
				p.deliver(t, p.members[1], message)
				for i, m := range p.members {
					if n := len(m.Proposals()); n != 1 {
						t.Fatalf("member %d has %d proposals, want 1", i, n)
					}
					if _, err := m.Protect(nil, nil); !errors.Is(err, mls.ErrPendingProposals) {
						t.Fatalf("Protect = %v, want ErrPendingProposals", err)
					}
				}
				before := p.members[0].RatchetTree()
				p.commit(t, 2, mls.CommitOptions{})
				if tt.check != nil {
					tt.check(t, p)
				} else if tt.name == "update" && string(before) == string(p.members[0].RatchetTree()) {
					t.Error("the tree did not change")
				}
				for i, m := range p.members {
					if n := len(m.Proposals()); n != 0 {
						t.Errorf("member %d still has %d proposals", i, n)
					}
				}
			})
		}
	}
}

// A client that is proposed joins when the proposal is committed.
func TestAddByReference(t *testing.T) {
	p := newParty(t, x25519, 2, nil)
	k := p.keyPackage(t)
	message, err := p.members[0].ProposeAdd(k.Bytes(), mls.SendOptions{})
	if err != nil {
		t.Fatalf("ProposeAdd = %v", err)
	}
	p.deliver(t, p.members[0], message)
	commit, err := p.members[1].Commit(mls.CommitOptions{})
	if err != nil {
		t.Fatalf("Commit = %v", err)
	}
	p.deliver(t, p.members[1], commit.Message)
	if err := p.members[1].MergeCommit(); err != nil {
		t.Fatalf("MergeCommit = %v", err)
	}
	p.members = append(p.members, joinBy(t, k, commit.Welcomes, mls.JoinOptions{}))
	p.agree(t)
	p.talk(t)
	if _, err := k.Join(commit.Welcomes[0].Message, mls.JoinOptions{}); !errors.Is(err, mls.ErrKeyPackageUsed) {
		t.Errorf("Join again = %v, want ErrKeyPackageUsed", err)
	}
}

// A member that is removed learns it, and can do nothing any more.
func TestRemoved(t *testing.T) {
	p := newParty(t, x25519, 3, nil)
	gone := p.members[2]
	commit, err := p.members[0].Commit(mls.CommitOptions{Remove: []mls.LeafIndex{gone.Self()}})
	if err != nil {
		t.Fatalf("Commit = %v", err)
	}
	received, err := gone.Process(commit.Message)
	if err != nil {
		t.Fatalf("Process = %v", err)
	}
	staged := received.(*mls.StagedCommit)
	if !staged.Removed() || staged.Members() != nil {
		t.Error("the staged commit does not remove the member")
	}
	if err := gone.Merge(staged); err != nil {
		t.Fatalf("Merge = %v", err)
	}
	if len(gone.Members()) != 3 || gone.Epoch() != 1 || !gone.IsRemoved() {
		t.Error("the last epoch cannot be looked at")
	}
	_, errProtect := gone.Protect(nil, nil)
	_, errCommit := gone.Commit(mls.CommitOptions{})
	_, errProcess := gone.Process(commit.Message)
	_, errPropose := gone.ProposeUpdate(mls.LeafChange{}, mls.SendOptions{})
	_, errExport := gone.Export("", nil, 1)
	_, errInfo := gone.GroupInfo(true)
	for i, err := range []error{errProtect, errCommit, errProcess, errPropose, errExport, errInfo, gone.Merge(staged)} {
		if !errors.Is(err, mls.ErrRemoved) {
			t.Errorf("call %d = %v, want ErrRemoved", i, err)
		}
	}
	if gone.EpochAuthenticator() != nil {
		t.Error("the epoch authenticator is still there")
	}
}

// While an own commit waits, another one arrives and is merged.
func TestOvertaken(t *testing.T) {
	p := newParty(t, x25519, 3, nil)
	slow := p.members[1]
	lost, err := slow.Commit(mls.CommitOptions{Add: [][]byte{p.keyPackage(t).Bytes()}})
	if err != nil {
		t.Fatalf("Commit = %v", err)
	}
	if _, err := slow.Commit(mls.CommitOptions{}); !errors.Is(err, mls.ErrPendingCommit) {
		t.Errorf("second Commit = %v, want ErrPendingCommit", err)
	}
	if _, err := slow.Process(lost.Message); !errors.Is(err, mls.ErrOwnMessage) {
		t.Errorf("Process of the own commit = %v, want ErrOwnMessage", err)
	}
	p.commit(t, 0, mls.CommitOptions{})
	if slow.HasPendingCommit() {
		t.Error("the lost commit still waits")
	}
	if err := slow.MergeCommit(); !errors.Is(err, mls.ErrNoPendingCommit) {
		t.Errorf("MergeCommit = %v, want ErrNoPendingCommit", err)
	}
	if _, err := p.members[0].Process(lost.Message); !errors.Is(err, mls.ErrWrongEpoch) {
		t.Errorf("Process of the lost commit = %v, want ErrWrongEpoch", err)
	}
	p.talk(t)
}

// Of two staged commits one is merged, and the other can be no more.
func TestStaleCommit(t *testing.T) {
	p := newParty(t, x25519, 3, nil)
	var staged [2]*mls.StagedCommit
	for i := range staged {
		commit, err := p.members[i].Commit(mls.CommitOptions{})
		if err != nil {
			t.Fatalf("Commit = %v", err)
		}
		received, err := p.members[2].Process(commit.Message)
		if err != nil {
			t.Fatalf("Process = %v", err)
		}
		staged[i] = received.(*mls.StagedCommit)
	}
	if err := p.members[0].Merge(staged[0]); !errors.Is(err, mls.ErrStaleCommit) {
		t.Errorf("Merge into another group = %v, want ErrStaleCommit", err)
	}
	if err := p.members[2].Merge(staged[1]); err != nil {
		t.Errorf("Merge = %v", err)
	}
	for i, s := range []*mls.StagedCommit{staged[0], staged[1], nil} {
		if err := p.members[2].Merge(s); !errors.Is(err, mls.ErrStaleCommit) {
			t.Errorf("Merge of stale commit %d = %v, want ErrStaleCommit", i, err)
		}
	}
}
