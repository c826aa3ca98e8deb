package mls

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"conclave/core/mlswire"
	"conclave/core/suite"
	_ "conclave/core/suite/nist"
)

// Each of these tests is a mistake that another implementation of MLS made,
// although it passed the official vectors.

// A commit with a wrong confirmation tag was refused too late: the group had
// moved on, the genuine commit was refused, and the error told secrets.
func TestLessonConfirmationTag(t *testing.T) {
	s := newScene(t)
	message := forgery{auth: func(a *mlswire.FramedContentAuthData) { a.ConfirmationTag = flip(a.ConfirmationTag, 5) }}.commit(t, s.mallory)
	_, err := s.bob.Process(message)
	if err == nil || err.Error() != ErrConfirmationTag.Error() {
		t.Errorf("Process() = %q, want the sentinel and nothing else", err)
	}
	refuses(t, s.bob, message, ErrConfirmationTag)
	s.turn(t, s.mallory)
}

// A member committed its own removal, and others accepted.
func TestLessonSelfRemoval(t *testing.T) {
	s := newScene(t)
	if _, err := s.alice.Commit(CommitOptions{Remove: []LeafIndex{s.alice.Self()}}); !errors.Is(err, ErrSelfRemove) {
		t.Errorf("Commit() = %v, want ErrSelfRemove", err)
	}
	// Who wants to leave proposes it. Its own commits leave it out.
	ref := s.byReference(t, must1(s.alice.ProposeRemove(s.alice.Self(), SendOptions{})), s.alice)
	must1(s.alice.Commit(CommitOptions{}))
	if n := len(s.alice.pending.Proposals()); n != 0 {
		t.Errorf("the commit took in %d proposals, want 0", n)
	}
	must0(s.alice.DiscardCommit())
	refuses(t, s.bob, forgery{proposals: []mlswire.ProposalOrRef{ref}}.commit(t, s.alice), ErrSelfRemove)
	c := must1(s.mallory.Commit(CommitOptions{}))
	for _, g := range []*Group{s.alice, s.bob} {
		follow(t, g, c.Message)
	}
	if !s.alice.IsRemoved() || s.bob.IsRemoved() {
		t.Error("the commit of another did not remove who wanted to leave")
	}
}

// A member committed its own Update.
func TestLessonOwnUpdate(t *testing.T) {
	s := newScene(t)
	ref := s.byReference(t, must1(s.alice.ProposeUpdate(LeafChange{}, SendOptions{})), s.alice)
	c := must1(s.alice.Commit(CommitOptions{}))
	if n := len(s.alice.pending.Proposals()); n != 0 {
		t.Errorf("the commit took in %d proposals, want 0", n)
	}
	must0(s.alice.DiscardCommit())
	refuses(t, s.bob, forgery{proposals: []mlswire.ProposalOrRef{ref}}.commit(t, s.alice), ErrOwnUpdate)
	follow(t, s.bob, c.Message)
}

// A restored group of one suite went on with the hash of another: all suites
// must export the same, and talk, after they were restored.
func TestLessonRestoredSuite(t *testing.T) {
	for _, id := range suite.IDs() {
		t.Run(fmt.Sprint(id), func(t *testing.T) {
			on := func(c *Config) { c.Suite, c.Capabilities = id, nil }
			alice := must1(testClient(t, "alice", on).CreateGroup(nil, nil))
			k := newKeyPackage(t, testClient(t, "bob", on))
			c := must1(alice.Commit(CommitOptions{Add: [][]byte{k.Bytes()}}))
			must0(alice.MergeCommit())
			bob := must1(k.Join(c.Welcomes[0].Message, JoinOptions{}))
			before := must1(bob.Export("label", []byte("context"), 32))
			bob = must1(k.client.Restore(bob.Snapshot()))
			if after := must1(bob.Export("label", []byte("context"), 32)); !after.Equal(before) {
				t.Error("another secret is exported after restoring")
			}
			if got := must1(alice.Export("label", []byte("context"), 32)); !got.Equal(before) {
				t.Error("the two members export different secrets")
			}
			must1(bob.Process(must1(alice.Protect([]byte("hello"), nil))))
			follow(t, bob, must1(alice.Commit(CommitOptions{})).Message)
			must0(alice.MergeCommit())
			bob = must1(k.client.Restore(bob.Snapshot()))
			if _, err := bob.Protect([]byte("hello"), nil); !errors.Is(err, ErrSaveFirst) {
				t.Fatalf("Protect() right after restoring = %v, want ErrSaveFirst", err)
			}
			bob.Snapshot()
			must1(alice.Process(must1(bob.Protect([]byte("hello"), nil))))
		})
	}
}

// The sender of an Update by value was guessed from its signature key, so that a
// committer could put an old leaf of a third member back: the signature of a
// leaf does not name an epoch.
func TestLessonStaleLeafByValue(t *testing.T) {
	s := newScene(t)
	// Carol updates, so that Mallory has a leaf that Carol has signed for this
	// group and this place; then Carol updates again.
	stale := must1(mlswire.ParseMessage(must1(s.carol.ProposeUpdate(LeafChange{}, SendOptions{Public: true}))))
	update := stale.PublicMessage.Content.Proposal
	s.byReference(t, stale.Marshal(), s.carol)
	for range 2 {
		c := must1(s.alice.Commit(CommitOptions{}))
		s.settle(t, s.alice, c.Message)
	}
	s.turn(t, s.carol)
	refuses(t, s.bob, forgery{proposals: byValue(update)}.commit(t, s.mallory), ErrOwnUpdate)
	s.turn(t, s.mallory)
	// Nor as a proposal: it would have to come from Carol.
	message := forgeProposal(t, s.mallory, s.carol.current.sender(), nil, update)
	refuses(t, s.bob, message, ErrSignature)
	message = forgeProposal(t, s.mallory, s.mallory.current.sender(), nil, update)
	refuses(t, s.bob, message, ErrLeafSignature)
}

// A late message was verified with the tree of the present epoch instead of that
// of its own.
func TestLessonLateMessage(t *testing.T) {
	s := newScene(t)
	late := must1(s.carol.Protect([]byte("sent before"), nil))
	key := s.carol.current.suite.GenerateSigningKey()
	c := must1(s.carol.Commit(CommitOptions{Leaf: LeafChange{SigningKey: key}}))
	s.settle(t, s.carol, c.Message)
	received, err := s.bob.Process(late)
	if err != nil {
		t.Fatalf("Process() of a message of the epoch before = %v", err)
	}
	if got := string(received.(*Application).Plaintext); got != "sent before" {
		t.Errorf("plaintext = %q", got)
	}
}

// KeyPackages travelled without their frame, whose version must be theirs
// (RFC 9420, Section 10).
func TestLessonFramedKeyPackage(t *testing.T) {
	s := newScene(t)
	k := newKeyPackage(t, s.newcomer(t))
	if m, err := mlswire.ParseMessage(k.Bytes()); err != nil || m.KeyPackage == nil {
		t.Errorf("ParseMessage(Bytes()) = %v, %v", m, err)
	}
	if _, err := s.alice.Commit(CommitOptions{Add: [][]byte{mlswire.Marshal(k.public)}}); err == nil {
		t.Error("Commit() took a KeyPackage without its frame")
	}
}

// A group that required extensions and proposals that every client supports
// anyhow was refused, because they must not be listed (RFC 9420, Section 7.2).
func TestLessonDefaultCapabilities(t *testing.T) {
	required := requires(mlswire.RequiredCapabilities{
		ExtensionTypes:  []mlswire.ExtensionType{1, 2, 3, 4, 5},
		ProposalTypes:   []mlswire.ProposalType{1, 2, 3, 4, 5, 6, 7},
		CredentialTypes: []mlswire.CredentialType{1},
	})
	plain := func(c *Config) { c.Capabilities = nil }
	alice, err := testClient(t, "alice", plain).CreateGroup(nil, required.Extensions)
	if err != nil {
		t.Fatalf("CreateGroup() = %v", err)
	}
	k := newKeyPackage(t, testClient(t, "bob", plain))
	c, err := alice.Commit(CommitOptions{Add: [][]byte{k.Bytes()}})
	if err != nil {
		t.Fatalf("Commit() = %v", err)
	}
	must0(alice.MergeCommit())
	bob, err := k.Join(c.Welcomes[0].Message, JoinOptions{})
	if err != nil {
		t.Fatalf("Join() = %v", err)
	}
	c, err = bob.Commit(CommitOptions{Extensions: &required.Extensions})
	if err != nil {
		t.Fatalf("Commit() = %v", err)
	}
	follow(t, alice, c.Message)
}

// Groups of four and more fell apart when each member committed in turn.
func TestLessonEverybodyCommits(t *testing.T) {
	for n := 2; n <= 9; n++ {
		alice := must1(testClient(t, "member 0").CreateGroup(nil, nil))
		members := []*Group{alice}
		var add [][]byte
		var packages []*KeyPackage
		for i := 1; i < n; i++ {
			k := newKeyPackage(t, testClient(t, fmt.Sprint("member ", i)))
			packages, add = append(packages, k), append(add, k.Bytes())
		}
		c := must1(alice.Commit(CommitOptions{Add: add}))
		must0(alice.MergeCommit())
		for _, k := range packages {
			members = append(members, must1(k.Join(c.Welcomes[0].Message, JoinOptions{})))
		}
		for _, committer := range members {
			c := must1(committer.Commit(CommitOptions{}))
			for _, g := range members {
				if g != committer {
					follow(t, g, c.Message)
				}
			}
			must0(committer.MergeCommit())
			for i, g := range members {
				if !bytes.Equal(g.EpochAuthenticator(), committer.EpochAuthenticator()) {
					t.Fatalf("n = %d: member %d is in another epoch", n, i)
				}
			}
		}
	}
}

// Every message of an epoch was encrypted with generation 0: one key and nonce
// for all.
func TestLessonGenerations(t *testing.T) {
	s := newScene(t)
	for want := range uint32(3) {
		received := must1(s.bob.Process(must1(s.carol.Protect([]byte("hello"), nil))))
		if got := received.(*Application).Generation; got != want {
			t.Errorf("generation = %d, want %d", got, want)
		}
	}
}

// A message could be replayed.
func TestLessonReplay(t *testing.T) {
	s := newScene(t)
	m := must1(s.carol.Protect([]byte("hello"), nil))
	must1(s.bob.Process(m))
	refuses(t, s.bob, m, ErrGenerationUsed)
	// Nor after Bob was restored.
	bob := must1(s.bob.client.Restore(s.bob.Snapshot()))
	refuses(t, bob, m, ErrGenerationUsed)
}
