package mls_test

import (
	"errors"
	"runtime"
	"testing"

	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/suite"
	_ "conclave/core/suite/nist" // the suites of NIST's curves
)

// reload saves and restores every member.
func (p *party) reload(t testing.TB) {
	t.Helper()
	for i, m := range p.members {
		p.members[i] = reloaded(t, m)
	}
}

func reloaded(t testing.TB, g *mls.Group) *mls.Group {
	t.Helper()
	r, err := g.Reload()
	if err != nil {
		t.Fatalf("saving and restoring a group: %v", err)
	}
	return r
}

// propose has a member propose, and all others keep it.
func (p *party) propose(t testing.TB, by int, message []byte, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("a proposal by %d: %v", by, err)
	}
	p.deliver(t, p.members[by], message)
	p.reload(t)
}

// follow has member by make a commit, all be saved and restored while it is
// pending, and all follow it.
func (p *party) follow(t testing.TB, by int, o mls.CommitOptions) *mls.Commit {
	t.Helper()
	commit, err := p.members[by].Commit(o)
	if err != nil {
		t.Fatalf("Commit by %d = %v", by, err)
	}
	p.reload(t)
	g := p.members[by]
	p.deliver(t, g, commit.Message)
	p.reload(t)
	for i, m := range p.members {
		if !m.HasPendingCommit() {
			continue
		}
		if err := m.MergeCommit(); err != nil {
			t.Fatalf("MergeCommit by %d = %v", i, err)
		}
	}
	p.reload(t)
	return commit
}

// Saving and restoring between every two steps changes nothing, in all suites. In
// wasm the large curves take a minute, and say no more than they do natively.
func TestReloadBetweenSteps(t *testing.T) {
	for _, id := range suite.IDs() {
		s, err := suite.Lookup(id)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(s.Name(), func(t *testing.T) {
			if runtime.GOOS == "js" && s.HashSize() > 32 && id != suite.Default {
				t.Skip("runs natively")
			}
			reloadBetweenSteps(t, id)
		})
	}
}

func reloadBetweenSteps(t *testing.T, id suite.ID) {
	p := newParty(t, id, 3, nil)
	p.reload(t)
	p.talk(t)
	p.reload(t)

	// An Update of one's own, with another signing key, that another commits.
	s, err := suite.Lookup(id)
	if err != nil {
		t.Fatal(err)
	}
	message, err := p.members[1].ProposeUpdate(mls.LeafChange{SigningKey: s.GenerateSigningKey()}, mls.SendOptions{})
	p.propose(t, 1, message, err)
	message, err = p.members[2].ProposeUpdate(mls.LeafChange{}, mls.SendOptions{AuthenticatedData: []byte("beside")})
	p.propose(t, 2, message, err)
	message, err = p.members[2].ProposePSK([]byte("shared"), mls.SendOptions{Public: true})
	p.propose(t, 2, message, err)
	late, err := p.members[0].Protect(nil, nil)
	if !errors.Is(err, mls.ErrPendingProposals) {
		t.Errorf("Protect = %x, %v after restoring, want ErrPendingProposals", late, err)
	}
	p.follow(t, 0, mls.CommitOptions{AuthenticatedData: []byte("beside")})
	p.agree(t)
	p.talk(t)

	// Adding two, who are restored before they join.
	k1, k2 := p.keyPackage(t), p.keyPackage(t)
	commit := p.follow(t, 1, mls.CommitOptions{Add: [][]byte{k1.Bytes(), k2.Bytes()}})
	for _, k := range []*mls.KeyPackage{k1, k2} {
		r, err := k.Reload()
		if err != nil {
			t.Fatalf("saving and restoring a KeyPackage: %v", err)
		}
		p.members = append(p.members, reloaded(t, joinBy(t, r, commit.Welcomes, mls.JoinOptions{})))
	}
	p.agree(t)
	p.talk(t)

	// A commit without a path, by the reference of a message that is kept.
	message, err = p.members[3].ProposeResumptionPSK(p.members[3].Epoch(), mls.SendOptions{})
	p.propose(t, 3, message, err)
	p.follow(t, 4, mls.CommitOptions{})
	p.agree(t)

	// A commit that does not come to be, and one that removes.
	if _, err := p.members[0].Commit(mls.CommitOptions{}); err != nil {
		t.Fatalf("Commit = %v", err)
	}
	p.reload(t)
	p.follow(t, 2, mls.CommitOptions{Remove: []mls.LeafIndex{p.members[4].Self()}})
	p.agree(t)
	p.talk(t)

	// Ending with a ReInit.
	p.follow(t, 1, mls.CommitOptions{ReInit: &mlswire.ReInit{
		GroupID: []byte("next"), Version: mlswire.MLS10, CipherSuite: id,
	}})
	p.agree(t)
	if p.members[0].ReInit() == nil {
		t.Error("a restored group does not know that it has ended")
	}
}

// A group that this client was removed from can be restored, and still be looked
// at.
func TestReloadRemoved(t *testing.T) {
	p := newParty(t, x25519, 3, nil)
	gone := p.members[2]
	p.commit(t, 0, mls.CommitOptions{Remove: []mls.LeafIndex{gone.Self()}})
	if !gone.IsRemoved() {
		t.Fatal("the member is not removed; this test proves nothing")
	}
	again := reloaded(t, gone)
	if !again.IsRemoved() || len(again.Members()) != 3 {
		t.Errorf("the restored group has %d members, removed %t", len(again.Members()), again.IsRemoved())
	}
	if _, err := again.Protect(nil, nil); !errors.Is(err, mls.ErrRemoved) {
		t.Errorf("Protect = %v, want ErrRemoved", err)
	}
	again.Erase()
	reloaded(t, again)
}

// Late messages of past epochs are opened after restoring, once, although their
// senders have changed keys, left, or been replaced.
func TestReloadPastEpochs(t *testing.T) {
	p := newParty(t, x25519, 4, func(c *mls.Config) { c.PastEpochs = 8 })
	s, err := suite.Lookup(x25519)
	if err != nil {
		t.Fatal(err)
	}
	reader := 0
	type sent struct {
		message []byte
		from    mls.Member
		epoch   uint64
	}
	var late []sent
	send := func() {
		for i, m := range p.members {
			if i == reader {
				continue
			}
			for range 2 {
				message, err := m.Protect([]byte("late"), nil)
				if err != nil {
					t.Fatalf("Protect = %v", err)
				}
				from, _ := m.Member(m.Self())
				late = append(late, sent{message, from, m.Epoch()})
			}
		}
	}
	send()
	p.follow(t, 1, mls.CommitOptions{Leaf: mls.LeafChange{SigningKey: s.GenerateSigningKey()}})
	send()
	p.follow(t, 0, mls.CommitOptions{Remove: []mls.LeafIndex{p.members[2].Self()}})
	send()
	p.add(t, 0, 3, mls.CommitOptions{})
	p.reload(t)
	send()
	p.follow(t, 0, mls.CommitOptions{Remove: []mls.LeafIndex{p.members[2].Self(), p.members[3].Self(), p.members[4].Self()}})
	p.follow(t, 0, mls.CommitOptions{})

	for i, l := range late {
		p.members[reader] = reloaded(t, p.members[reader])
		received, err := p.members[reader].Process(l.message)
		if err != nil {
			t.Fatalf("message %d of epoch %d: Process = %v", i, l.epoch, err)
		}
		a, ok := received.(*mls.Application)
		if !ok || a.Sender != l.from.Index || string(a.Credential.Identity) != string(l.from.Credential.Identity) || a.Epoch != l.epoch {
			t.Fatalf("message %d of epoch %d is received as %+v", i, l.epoch, received)
		}
		p.members[reader] = reloaded(t, p.members[reader])
		if received, err := p.members[reader].Process(l.message); err == nil {
			t.Fatalf("message %d is received a second time: %+v", i, received)
		}
	}
}

// A member that is restored over and over, and is silent, can still be heard when
// it sends at last; one that has sent never uses a generation again.
func TestLease(t *testing.T) {
	p := newParty(t, x25519, 2, nil)
	sender, reader := p.members[0], p.members[1]
	protect := func() ([]byte, error) { return sender.Protect([]byte("x"), nil) }
	generation := func(message []byte) uint32 {
		t.Helper()
		received, err := reader.Process(message)
		if err != nil {
			t.Fatalf("Process = %v", err)
		}
		return received.(*mls.Application).Generation
	}
	// Without a snapshot there is nothing to keep to.
	for range 2 * mls.Lease {
		message, err := protect()
		if err != nil {
			t.Fatalf("Protect = %v", err)
		}
		generation(message)
	}
	sender.Snapshot()
	var last uint32
	for range mls.Lease {
		message, err := protect()
		if err != nil {
			t.Fatalf("Protect = %v within the lease", err)
		}
		last = generation(message)
	}
	if _, err := protect(); !errors.Is(err, mls.ErrSaveFirst) {
		t.Fatalf("Protect = %v after the lease, want ErrSaveFirst", err)
	}
	state := sender.Snapshot()
	for range 5000 {
		sender = sender.Restart(t)
	}
	if !sender.Snapshot().Equal(state) {
		t.Error("restarting changes the state of a silent member")
	}
	if _, err := protect(); !errors.Is(err, mls.ErrSaveFirst) {
		t.Fatalf("Protect = %v after restoring, want ErrSaveFirst", err)
	}
	sender.Snapshot()
	message, err := protect()
	if err != nil {
		t.Fatalf("Protect = %v after another snapshot", err)
	}
	if got := generation(message); got <= last || got > last+1+mls.Lease {
		t.Errorf("the restored sender uses generation %d after %d", got, last)
	}
}

// What a sender has sent since a snapshot cannot be used again by who restores
// that snapshot, nor does the snapshot hold the keys for it.
func TestLeaseCoversWhatIsLost(t *testing.T) {
	p := newParty(t, x25519, 2, nil)
	seen := make(map[uint32]bool)
	for range 5 {
		state := p.members[0].Snapshot()
		for range mls.Lease {
			message, err := p.members[0].Protect(nil, nil)
			if err != nil {
				t.Fatalf("Protect = %v", err)
			}
			received, err := p.members[1].Process(message)
			if err != nil {
				t.Fatalf("Process = %v", err)
			}
			g := received.(*mls.Application).Generation
			if seen[g] {
				t.Fatalf("generation %d is used twice", g)
			}
			seen[g] = true
		}
		p.members[0] = p.members[0].RestartFrom(t, state)
		if _, err := p.members[0].Protect(nil, nil); !errors.Is(err, mls.ErrSaveFirst) {
			t.Fatalf("Protect = %v after restoring, want ErrSaveFirst", err)
		}
	}
}
