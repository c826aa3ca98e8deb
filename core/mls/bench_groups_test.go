package mls_test

import (
	"fmt"
	"testing"
	"time"

	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/suite"
)

// A pair are two members of one group, in the same epoch, at its two ends.
type pair struct{ a, b *mls.Group }

// trusting is a verifier that takes every signature for valid.
type trusting struct{}

func (trusting) VerifyAll(_ suite.ID, checks []suite.RawCheck) []bool {
	valid := make([]bool, len(checks))
	for i := range valid {
		valid[i] = true
	}
	return valid
}

var clients int

func newClient(t testing.TB, id suite.ID, v suite.Verifier) *mls.Client {
	t.Helper()
	clients++
	c, err := mls.NewClient(mls.Config{
		Suite:        id,
		Credential:   mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: fmt.Appendf(nil, "member %d", clients)},
		Now:          func() time.Time { return time.Unix(1_700_000_000, 0) },
		Authenticate: func(mls.Identity) error { return nil },
		PastEpochs:   -1,
		Forward:      1 << 24, // one member sends and does not receive for a whole measurement
		Verifier:     v,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newKeyPackage(t testing.TB, c *mls.Client) *mls.KeyPackage {
	t.Helper()
	k, err := c.NewKeyPackage()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// newKeyPackages returns a KeyPackage each of n clients.
func newKeyPackages(t testing.TB, id suite.ID, n int) []*mls.KeyPackage {
	t.Helper()
	packages := make([]*mls.KeyPackage, n)
	for i := range packages {
		packages[i] = newKeyPackage(t, newClient(t, id, trusting{}))
	}
	return packages
}

func commit(t testing.TB, g *mls.Group, o mls.CommitOptions) *mls.Commit {
	t.Helper()
	c, err := g.Commit(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func merge(t testing.TB, g *mls.Group) {
	t.Helper()
	if err := g.MergeCommit(); err != nil {
		t.Fatal(err)
	}
}

func discard(t testing.TB, g *mls.Group) {
	t.Helper()
	if err := g.DiscardCommit(); err != nil {
		t.Fatal(err)
	}
}

func protect(t testing.TB, g *mls.Group) []byte {
	t.Helper()
	m, err := g.Protect(payload, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// createWith creates a group and adds everybody in one commit, with a path.
func createWith(t testing.TB, client *mls.Client, packages []*mls.KeyPackage) (*mls.Group, *mls.Commit) {
	t.Helper()
	g, err := client.CreateGroup(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := mls.CommitOptions{ForcePath: true}
	for _, k := range packages {
		o.Add = append(o.Add, k.Bytes())
	}
	c := commit(t, g, o)
	merge(t, g)
	return g, c
}

// newFreshPair returns the creator and the last member of a group that one
// commit filled. It uses up the last KeyPackage.
func newFreshPair(t testing.TB, id suite.ID, packages []*mls.KeyPackage) pair {
	t.Helper()
	a, c := createWith(t, newClient(t, id, nil), packages)
	b, err := packages[len(packages)-1].Join(c.Welcomes[0].Message, mls.JoinOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return pair{a, b}
}

// newFullPair returns the first and the last member of a group of n in whose
// tree no node is blank and no leaf unmerged.
//
// Every second member joins, adds the next two with a path and is forgotten, so
// that each inner node gets its key from a commit below it. The first member
// follows all commits; nobody else has to, which keeps the work at n joins.
func newFullPair(t testing.TB, id suite.ID, n int) pair {
	t.Helper()
	first, err := newClient(t, id, trusting{}).CreateGroup(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	committer := first
	for members := 1; members < n; {
		added := newKeyPackages(t, id, min(2, n-members))
		o := mls.CommitOptions{ForcePath: true}
		for _, k := range added {
			o.Add = append(o.Add, k.Bytes())
		}
		c := commit(t, committer, o)
		merge(t, committer)
		follow(t, first, committer, c)
		committer, err = added[len(added)-1].Join(c.Welcomes[0].Message, mls.JoinOptions{})
		if err != nil {
			t.Fatal(err)
		}
		members += len(added)
	}
	c := commit(t, committer, mls.CommitOptions{ForcePath: true})
	merge(t, committer)
	follow(t, first, committer, c)
	return pair{first, committer}
}

// follow has g process a commit that the committer made.
func follow(t testing.TB, g, committer *mls.Group, c *mls.Commit) {
	t.Helper()
	if g == committer {
		return
	}
	received, err := g.Process(c.Message)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Merge(received.(*mls.StagedCommit)); err != nil {
		t.Fatal(err)
	}
}
