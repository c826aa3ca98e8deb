package mls

import (
	"bytes"
	"errors"
	"testing"

	"conclave/core/mls/internal/secrettree"
	"conclave/core/mlswire"
)

// duo returns two groups of one epoch.
func duo(t *testing.T) (a, b *Group) {
	t.Helper()
	a, err := testClient(t, "a").CreateGroup(nil, nil)
	if err != nil {
		t.Fatalf("CreateGroup = %v", err)
	}
	k, err := testClient(t, "b").NewKeyPackage()
	if err != nil {
		t.Fatalf("NewKeyPackage = %v", err)
	}
	c, err := a.Commit(CommitOptions{Add: [][]byte{k.Bytes()}, ForcePath: true})
	if err != nil {
		t.Fatalf("Commit = %v", err)
	}
	if err := a.MergeCommit(); err != nil {
		t.Fatalf("MergeCommit = %v", err)
	}
	if b, err = k.Join(c.Welcomes[0].Message, JoinOptions{}); err != nil {
		t.Fatalf("Join = %v", err)
	}
	return a, b
}

// A commit can be processed until it is merged; then its key is gone, although
// the keys of late messages are kept: RFC 9420, Section 9.2.
func TestMergeConsumesTheKeyOfTheCommit(t *testing.T) {
	a, b := duo(t)
	c, err := a.Commit(CommitOptions{})
	if err != nil {
		t.Fatalf("Commit = %v", err)
	}
	before := b.Snapshot()
	var staged *StagedCommit
	for range 2 {
		received, err := b.Process(c.Message)
		if err != nil {
			t.Fatalf("Process = %v", err)
		}
		staged = received.(*StagedCommit)
	}
	if !before.Equal(b.Snapshot()) {
		t.Error("a commit that was not merged has changed the group")
	}
	keys := b.messages
	if _, err := keys.Find(0, secrettree.Handshake, 0); err != nil {
		t.Fatalf("Find before the merge = %v", err)
	}
	if err := b.Merge(staged); err != nil {
		t.Fatalf("Merge = %v", err)
	}
	if _, err := keys.Find(0, secrettree.Handshake, 0); !errors.Is(err, secrettree.ErrGenerationUsed) {
		t.Errorf("Find after the merge = %v, want ErrGenerationUsed", err)
	}
}

// When an epoch has ended its secrets are zero, but for what late messages and
// resumption need; and after the last epoch that is kept, these too.
func TestMergeErasesTheEpoch(t *testing.T) {
	a, b := duo(t)
	old := b.current
	gone := map[string][]byte{
		"exporter":      old.secrets.Exporter.Expose(),
		"external":      old.secrets.External.Expose(),
		"confirmation":  old.secrets.Confirmation.Expose(),
		"membership":    old.secrets.Membership.Expose(),
		"authenticator": old.secrets.Authenticator.Expose(),
		"init":          old.secrets.Init.Expose(),
	}
	kept := map[string][]byte{
		"sender data": old.secrets.SenderData.Expose(),
		"resumption":  old.secrets.Resumption.Expose(),
	}
	for range DefaultPastEpochs {
		advance(t, a, b)
		for name, v := range gone {
			if !isZero(v) {
				t.Errorf("the %s secret is still there", name)
			}
		}
		for name, v := range kept {
			if isZero(v) {
				t.Errorf("the %s secret is gone", name)
			}
		}
	}
	advance(t, a, b)
	for name, v := range kept {
		if !isZero(v) {
			t.Errorf("the %s secret is still there after %d epochs", name, DefaultPastEpochs+1)
		}
	}
}

// The secrets of an own commit are zero when another commit is merged, or when
// it is discarded.
func TestLostCommitIsErased(t *testing.T) {
	a, b := duo(t)
	for _, lose := range []func(){
		func() { advance(t, a, b) },
		func() { _ = b.DiscardCommit() },
		func() { b.Erase() },
	} {
		if _, err := b.Commit(CommitOptions{}); err != nil {
			t.Fatalf("Commit = %v", err)
		}
		init := b.pending.next.secrets.Init.Expose()
		if isZero(init) {
			t.Fatal("the secret is zero too early")
		}
		lose()
		if !isZero(init) {
			t.Error("a secret of the lost commit is still there")
		}
	}
}

// An own Update that is dropped leaves no private key.
func TestDroppedUpdateIsErased(t *testing.T) {
	a, _ := duo(t)
	if _, err := a.ProposeUpdate(LeafChange{}, SendOptions{}); err != nil {
		t.Fatalf("ProposeUpdate = %v", err)
	}
	key := a.proposals[0].update.leafKey.Private.Expose()
	if isZero(key) {
		t.Fatal("the key is zero too early")
	}
	if !a.DropProposal(a.proposals[0].ref) || !isZero(key) {
		t.Error("the key is still there")
	}
}

// What a caller does with its slices afterwards changes no group.
func TestExtensionsAreCopied(t *testing.T) {
	extensions := mlswire.Extensions{{Type: mlswire.ExtensionTypeRequiredCapabilities, Data: []byte{0, 0, 0}}}
	g, err := testClient(t, "a").CreateGroup(nil, extensions)
	if err != nil {
		t.Fatalf("CreateGroup = %v", err)
	}
	if _, err := g.ProposeExtensions(extensions, SendOptions{}); err != nil {
		t.Fatalf("ProposeExtensions = %v", err)
	}
	announced := mlswire.ReInit{GroupID: []byte("next"), Version: mlswire.MLS10, CipherSuite: quick, Extensions: extensions}
	if _, err := g.Commit(CommitOptions{ReInit: &announced}); err != nil {
		t.Fatalf("Commit = %v", err)
	}
	before := g.Snapshot()
	extensions[0].Type, extensions[0].Data[0], announced.GroupID[0] = 77, 77, 'x'
	if !before.Equal(g.Snapshot()) {
		t.Error("the group changed with the caller's slices")
	}
}

// advance has a commit and b follow.
func advance(t *testing.T, a, b *Group) {
	t.Helper()
	c, err := a.Commit(CommitOptions{})
	if err != nil {
		t.Fatalf("Commit = %v", err)
	}
	if err := a.MergeCommit(); err != nil {
		t.Fatalf("MergeCommit = %v", err)
	}
	received, err := b.Process(c.Message)
	if err != nil {
		t.Fatalf("Process = %v", err)
	}
	if err := b.Merge(received.(*StagedCommit)); err != nil {
		t.Fatalf("Merge = %v", err)
	}
}

func isZero(b []byte) bool { return bytes.Equal(b, make([]byte, len(b))) }
