package mls_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// x25519 is the suite of tests that are not about suites.
const x25519 = suite.MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519

// A party is a group as all its members see it, in the order in which they came.
type party struct {
	suite   suite.ID
	members []*mls.Group
	guests  int // how many were ever made, for their names
	config  func(*mls.Config)
}

// newParty returns a group of n members that have all followed one commit.
func newParty(t testing.TB, id suite.ID, n int, config func(*mls.Config)) *party {
	t.Helper()
	p := &party{suite: id, config: config}
	first, err := p.client(t).CreateGroup(nil, nil)
	if err != nil {
		t.Fatalf("CreateGroup = %v", err)
	}
	p.members = []*mls.Group{first}
	if n > 1 {
		p.add(t, 0, n-1, mls.CommitOptions{})
	}
	return p
}

// partyTime is when parties happen.
var partyTime = time.Unix(1_800_000_000, 0)

// client returns another client, with a name of its own.
func (p *party) client(t testing.TB) *mls.Client {
	t.Helper()
	p.guests++
	config := mls.Config{
		Suite:             p.suite,
		Credential:        mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: fmt.Appendf(nil, "guest %d", p.guests)},
		Now:               func() time.Time { return partyTime },
		AllowJoinRequests: true, AllowExternalCommits: true,
		Authenticate: func(mls.Identity) error { return nil },
		PSK: func(id []byte) (secret.Value, bool) {
			return secret.New([]byte("what all know")), string(id) == "shared"
		},
	}
	if p.config != nil {
		p.config(&config)
	}
	c, err := mls.NewClient(config)
	if err != nil {
		t.Fatalf("NewClient = %v", err)
	}
	return c
}

// keyPackage returns a KeyPackage of another client.
func (p *party) keyPackage(t testing.TB) *mls.KeyPackage {
	t.Helper()
	k, err := p.client(t).NewKeyPackage()
	if err != nil {
		t.Fatalf("NewKeyPackage = %v", err)
	}
	return k
}

// add has a member add n new ones, who join by Welcome.
func (p *party) add(t testing.TB, by, n int, o mls.CommitOptions) {
	t.Helper()
	var packages []*mls.KeyPackage
	for range n {
		k := p.keyPackage(t)
		packages, o.Add = append(packages, k), append(o.Add, k.Bytes())
	}
	commit := p.commit(t, by, o)
	join := mls.JoinOptions{}
	if o.WithoutTree {
		join.RatchetTree = p.members[by].RatchetTree()
	}
	for _, k := range packages {
		p.members = append(p.members, joinBy(t, k, commit.Welcomes, join))
	}
	p.agree(t)
}

// joinBy joins by the one of the Welcomes that is for a KeyPackage.
func joinBy(t testing.TB, k *mls.KeyPackage, welcomes []mls.Welcome, o mls.JoinOptions) *mls.Group {
	t.Helper()
	for _, w := range welcomes {
		for _, ref := range w.KeyPackages {
			if !bytes.Equal(ref, k.Ref()) {
				continue
			}
			g, err := k.Join(w.Message, o)
			if err != nil {
				t.Fatalf("Join = %v", err)
			}
			return g
		}
	}
	t.Fatal("no Welcome for a KeyPackage")
	return nil
}

// commit has a member commit; all others follow, and those who are removed leave.
func (p *party) commit(t testing.TB, by int, o mls.CommitOptions) *mls.Commit {
	t.Helper()
	g := p.members[by]
	commit, err := g.Commit(o)
	if err != nil {
		t.Fatalf("Commit by %d = %v", by, err)
	}
	p.deliver(t, g, commit.Message)
	if err := g.MergeCommit(); err != nil {
		t.Fatalf("MergeCommit = %v", err)
	}
	if len(commit.Welcomes) == 0 {
		p.agree(t)
	}
	return commit
}

// deliver has all but the sender of a handshake message process it, and merge a
// commit.
func (p *party) deliver(t testing.TB, from *mls.Group, message []byte) {
	t.Helper()
	var stay []*mls.Group
	for i, m := range p.members {
		if m == from {
			stay = append(stay, m)
			continue
		}
		received, err := m.Process(message)
		if err != nil {
			t.Fatalf("Process by %d = %v", i, err)
		}
		if commit, ok := received.(*mls.StagedCommit); ok {
			if err := m.Merge(commit); err != nil {
				t.Fatalf("Merge by %d = %v", i, err)
			}
		}
		if !m.IsRemoved() {
			stay = append(stay, m)
		}
	}
	p.members = stay
}

// agree checks that all members are in the same epoch of the same group.
func (p *party) agree(t testing.TB) {
	t.Helper()
	first := p.members[0]
	for i, m := range p.members {
		if m.Epoch() != first.Epoch() || !bytes.Equal(m.EpochAuthenticator(), first.EpochAuthenticator()) {
			t.Fatalf("member %d is in another epoch than member 0", i)
		}
		if !bytes.Equal(m.RatchetTree(), first.RatchetTree()) {
			t.Fatalf("member %d has another tree than member 0", i)
		}
	}
	if n := len(first.Members()); n != len(p.members) {
		t.Fatalf("the tree has %d members, want %d", n, len(p.members))
	}
}

// talk has each member send something to all others.
func (p *party) talk(t testing.TB) {
	t.Helper()
	for i, from := range p.members {
		text := fmt.Appendf(nil, "from %d", i)
		message, err := from.Protect(text, []byte("beside"))
		if err != nil {
			t.Fatalf("Protect by %d = %v", i, err)
		}
		for j, to := range p.members {
			if i == j {
				continue
			}
			received, err := to.Process(message)
			if err != nil {
				t.Fatalf("Process of a message from %d by %d = %v", i, j, err)
			}
			a, ok := received.(*mls.Application)
			if !ok || !bytes.Equal(a.Plaintext, text) || string(a.AuthenticatedData) != "beside" || a.Sender != from.Self() {
				t.Fatalf("member %d received %+v from %d", j, received, i)
			}
		}
	}
}
