package mls_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"conclave/core/mls"
	"conclave/core/mlswire"
)

// Messages may arrive in any order, several times or not at all. What becomes of
// each follows from the newest that arrived: it opens once, if it is at most
// Window before that and at most Forward after it, RFC 9420, Sections 9 and 15.3.
// Application data and proposals come from two ratchets, each with a window.
func TestMessagesInAnyOrder(t *testing.T) {
	const forward, window, sent = 12, 5, 40
	seed := historySeeds(t, 1)[0]
	rng := newRNG(seed)
	defer func() {
		if t.Failed() {
			t.Logf("CONCLAVE_SEED=%d", seed)
		}
	}()
	for round := range 20 {
		proposals := round%2 == 1
		p := newParty(t, x25519, 2, func(c *mls.Config) { c.Forward, c.Window = forward, window })
		from, to := p.members[round/2%2], p.members[1-round/2%2]
		var messages [][]byte
		for i := range sent {
			var m []byte
			var err error
			if proposals {
				m, err = from.ProposePSK([]byte("shared"), mls.SendOptions{AuthenticatedData: fmt.Append(nil, i)})
			} else {
				m, err = from.Protect(fmt.Append(nil, i), nil)
			}
			if err != nil {
				t.Fatalf("sending message %d: %v", i, err)
			}
			messages = append(messages, m)
		}
		used, next := map[int]bool{}, 0 // next is one past the newest that arrived
		for range 3 * sent {
			// Around where the windows end, for the most part.
			i := min(sent-1, max(0, next-window-2+rng.IntN(window+forward+4)))
			var want error
			switch {
			case i > next+forward:
				want = mls.ErrGenerationTooFar
			case used[i] || i < next && next-1-i > window:
				want = mls.ErrGenerationUsed
			}
			before := to.Snapshot().Expose()
			received, err := to.Process(messages[i])
			if !errors.Is(err, want) {
				t.Fatalf("round %d: message %d with %d the newest: %v, want %v", round, i, next-1, err, want)
			}
			if err != nil {
				if !bytes.Equal(to.Snapshot().Expose(), before) {
					t.Fatalf("round %d: message %d is refused and changes the group", round, i)
				}
				continue
			}
			used[i], next = true, max(next, i+1)
			switch r := received.(type) {
			case *mls.Application:
				if proposals || string(r.Plaintext) != fmt.Sprint(i) || r.Generation != uint32(i) {
					t.Fatalf("message %d is %q of generation %d", i, r.Plaintext, r.Generation)
				}
			case *mls.Proposed:
				if !proposals || string(r.AuthenticatedData) != fmt.Sprint(i) {
					t.Fatalf("proposal %d is %q", i, r.AuthenticatedData)
				}
			}
			if rng.IntN(4) == 0 {
				to = restored(t, p, to)
			}
		}
	}
}

// restored saves and restores a member of a party.
func restored(t *testing.T, p *party, g *mls.Group) *mls.Group {
	t.Helper()
	again, err := p.client(t).Restore(g.Snapshot())
	if err != nil {
		t.Fatalf("Restore = %v", err)
	}
	return again
}

// The first message of an epoch may come when the epoch has ended, and before it
// nothing was sent in it: its secret tree was never used.
func TestFirstMessageIsLate(t *testing.T) {
	for _, between := range []string{"nothing", "a snapshot", "saved and restored"} {
		t.Run(between, func(t *testing.T) {
			p := newParty(t, x25519, 3, nil)
			message, err := p.members[0].Protect([]byte("late"), nil)
			if err != nil {
				t.Fatalf("Protect = %v", err)
			}
			handshake := mls.CommitOptions{Public: true} // a private one would use the tree
			p.commit(t, 1, handshake)
			g := p.members[2]
			switch between {
			case "a snapshot":
				g.Snapshot()
			case "saved and restored":
				g = restored(t, p, g)
			}
			received, err := g.Process(message)
			if err != nil {
				t.Fatalf("Process = %v", err)
			}
			if a := received.(*mls.Application); string(a.Plaintext) != "late" || a.Epoch != 1 {
				t.Errorf("received %q of epoch %d, want late of epoch 1", a.Plaintext, a.Epoch)
			}
		})
	}
}

// A member that missed a commit can do nothing with those after it, and is as
// the others once it has them all.
func TestMissedCommits(t *testing.T) {
	for _, public := range []bool{false, true} {
		p := newParty(t, x25519, 4, nil)
		away := p.members[3]
		p.members = p.members[:3]
		var missed [][]byte
		for i := range 6 {
			o := mls.CommitOptions{Public: public}
			if i == 2 {
				o.Extensions = &mlswire.Extensions{}
			}
			commit, err := p.members[i%3].Commit(o)
			if err != nil {
				t.Fatalf("Commit = %v", err)
			}
			p.deliver(t, p.members[i%3], commit.Message)
			if err := p.members[i%3].MergeCommit(); err != nil {
				t.Fatalf("MergeCommit = %v", err)
			}
			missed = append(missed, commit.Message)
		}
		data, err := p.members[0].Protect([]byte("now"), nil)
		if err != nil {
			t.Fatalf("Protect = %v", err)
		}
		for i := range missed {
			before := away.Snapshot().Expose()
			for j, later := range append(missed[i+1:len(missed):len(missed)], data) {
				if _, err := away.Process(later); !errors.Is(err, mls.ErrWrongEpoch) {
					t.Fatalf("public %t: message %d after %d that are missing: %v, want ErrWrongEpoch", public, j, i+1, err)
				}
			}
			if !bytes.Equal(away.Snapshot().Expose(), before) {
				t.Fatal("messages of later epochs change the group")
			}
			received, err := away.Process(missed[i])
			if err != nil {
				t.Fatalf("Process of missed commit %d = %v", i, err)
			}
			if err := away.Merge(received.(*mls.StagedCommit)); err != nil {
				t.Fatalf("Merge = %v", err)
			}
		}
		if !bytes.Equal(away.EpochAuthenticator(), p.members[0].EpochAuthenticator()) {
			t.Error("having all commits, the member is in another epoch")
		}
		if _, err := away.Process(data); err != nil {
			t.Errorf("Process of data of the new epoch = %v", err)
		}
	}
}

// A proposal that is made twice is one: its signature is the same both times, so
// that a commit could not tell which of them it means.
func TestProposeTwice(t *testing.T) {
	p := newParty(t, x25519, 3, nil)
	g := p.members[0]
	if _, err := g.ProposeRemove(2, mls.SendOptions{}); err != nil {
		t.Fatalf("ProposeRemove = %v", err)
	}
	if _, err := g.ProposeRemove(2, mls.SendOptions{}); !errors.Is(err, mls.ErrDuplicateProposal) {
		t.Errorf("ProposeRemove again = %v, want ErrDuplicateProposal", err)
	}
	if n := len(g.Proposals()); n != 1 {
		t.Errorf("%d proposals wait, want 1", n)
	}
	if _, err := g.ProposeRemove(2, mls.SendOptions{AuthenticatedData: []byte("again")}); err != nil {
		t.Errorf("ProposeRemove with other authenticated data = %v, want nil", err)
	}
}
