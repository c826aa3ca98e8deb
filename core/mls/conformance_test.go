package mls_test

import (
	"bytes"
	"testing"
	"time"

	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/suite"
)

// The tests of the conformance_*_test.go files hold requirements of RFC 9420 that
// docs/mls-conformance.md lists and that no other test holds. They use suite 1
// but where a requirement depends on the suite.

// conformTime is when these tests happen.
var conformTime = time.Unix(1_800_000_000, 0)

// conformClient returns a client whose basic credential is name. change, which
// may be nil, changes its configuration.
func conformClient(t *testing.T, name string, change func(*mls.Config)) *mls.Client {
	t.Helper()
	config := mls.Config{
		Suite:             suite.MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519,
		Credential:        mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: []byte(name)},
		Now:               func() time.Time { return conformTime },
		AllowJoinRequests: true, AllowExternalCommits: true,
		Authenticate: func(mls.Identity) error { return nil },
	}
	if change != nil {
		change(&config)
	}
	c, err := mls.NewClient(config)
	if err != nil {
		t.Fatalf("NewClient(%s) = %v", name, err)
	}
	return c
}

// conformGroup returns a group of clients, the first of which has created it and
// added the others with a path.
func conformGroup(t *testing.T, clients ...*mls.Client) []*mls.Group {
	t.Helper()
	first, err := clients[0].CreateGroup([]byte("group"), nil)
	if err != nil {
		t.Fatalf("CreateGroup = %v", err)
	}
	groups := []*mls.Group{first}
	var packages []*mls.KeyPackage
	o := mls.CommitOptions{ForcePath: true}
	for _, c := range clients[1:] {
		k, err := c.NewKeyPackage()
		if err != nil {
			t.Fatalf("NewKeyPackage = %v", err)
		}
		packages, o.Add = append(packages, k), append(o.Add, k.Bytes())
	}
	if len(packages) == 0 {
		return groups
	}
	commit, err := first.Commit(o)
	if err != nil {
		t.Fatalf("Commit = %v", err)
	}
	if err := first.MergeCommit(); err != nil {
		t.Fatalf("MergeCommit = %v", err)
	}
	for _, k := range packages {
		g, err := k.Join(commit.Welcomes[0].Message, mls.JoinOptions{})
		if err != nil {
			t.Fatalf("Join = %v", err)
		}
		groups = append(groups, g)
	}
	return groups
}

// conformMembers returns a group of n members.
func conformMembers(t *testing.T, n int) []*mls.Group {
	t.Helper()
	clients := make([]*mls.Client, n)
	for i := range clients {
		clients[i] = conformClient(t, string(rune('a'+i)), nil)
	}
	return conformGroup(t, clients...)
}

// conformDeliver has each of groups process and merge a commit.
func conformDeliver(t *testing.T, commit []byte, groups ...*mls.Group) {
	t.Helper()
	for i, g := range groups {
		received, err := g.Process(commit)
		if err != nil {
			t.Fatalf("receiver %d: Process = %v", i, err)
		}
		if err := g.Merge(received.(*mls.StagedCommit)); err != nil {
			t.Fatalf("receiver %d: Merge = %v", i, err)
		}
	}
}

// conformAgree checks that groups are in one epoch and understand each other.
func conformAgree(t *testing.T, groups ...*mls.Group) {
	t.Helper()
	for i, g := range groups {
		if g.Epoch() != groups[0].Epoch() || !bytes.Equal(g.EpochAuthenticator(), groups[0].EpochAuthenticator()) {
			t.Fatalf("member %d is in another epoch than member 0", i)
		}
	}
	for i, from := range groups {
		m, err := from.Protect([]byte("hello"), nil)
		if err != nil {
			t.Fatalf("member %d: Protect = %v", i, err)
		}
		for j, to := range groups {
			if i == j {
				continue
			}
			if _, err := to.Process(m); err != nil {
				t.Fatalf("member %d: Process of member %d's message = %v", j, i, err)
			}
		}
	}
}

// TestJoinedKeysAreTheGroups holds that a KeyPackage which was used has nothing
// left to erase: its keys are the group's.
func TestJoinedKeysAreTheGroups(t *testing.T) {
	creator := conformMembers(t, 1)[0]
	k, err := conformClient(t, "joiner", nil).NewKeyPackage()
	if err != nil {
		t.Fatal(err)
	}
	c, err := creator.Commit(mls.CommitOptions{Add: [][]byte{k.Bytes()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := creator.MergeCommit(); err != nil {
		t.Fatal(err)
	}
	joined, err := k.Join(c.Welcomes[0].Message, mls.JoinOptions{})
	if err != nil {
		t.Fatal(err)
	}
	k.Erase()
	update, err := creator.Commit(mls.CommitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := creator.MergeCommit(); err != nil {
		t.Fatal(err)
	}
	conformDeliver(t, update.Message, joined)
	conformAgree(t, creator, joined)
}

// TestCommitProcessedTwice holds that a commit which was not merged can be
// processed again, also if its key was one kept for late messages (RFC 9420,
// Sections 9.2 and 14).
func TestCommitProcessedTwice(t *testing.T) {
	members := conformMembers(t, 3)
	commit, err := members[0].Commit(mls.CommitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	later, err := members[0].ProposeUpdate(mls.LeafChange{}, mls.SendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// The proposal overtakes the commit.
	if _, err := members[1].Process(later); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := members[1].Process(commit.Message); err != nil {
			t.Fatalf("Process = %v", err)
		}
	}
}
