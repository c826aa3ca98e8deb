package mls_test

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"conclave/core/mls"
)

// TestEveryMemberCommitsInTurn has every member of groups of 2 to 65 commit in
// turn, and the others follow: every pair of places in every shape of tree.
//
// In wasm only some members of the larger groups, chosen anew for each size, are
// there at all and the others only leaves.
func TestEveryMemberCommitsInTurn(t *testing.T) {
	most, all, some := 65, 65, 1
	if runtime.GOARCH == "wasm" {
		most, all, some = 17, 5, 1
	}
	seed := historySeeds(t, 1)[0]
	rng := newRNG(seed)
	// KeyPackages of those who do not join need not be new ones.
	absent := make([]*mls.KeyPackage, most)
	for i, p := 0, newParty(t, x25519, 1, func(c *mls.Config) { c.Credential.Identity = append([]byte("absent "), c.Credential.Identity...) }); i < most; i++ {
		absent[i] = p.keyPackage(t)
	}
	for n := 2; n <= most; n++ {
		there := rng.Perm(n)
		if n > all {
			there = append(there[:some], 0, n-1)
		}
		slices.Sort(there)
		there = slices.Compact(there)
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			defer func() {
				if t.Failed() {
					t.Logf("CONCLAVE_SEED=%d; there are %v", seed, there)
				}
			}()
			takeTurns(t, n, there, absent)
		})
	}
}

// takeTurns makes a group of n with one commit, of which those at the given
// leaves join, the first among them, and has these commit in turn. At the other
// leaves are those who are absent.
func takeTurns(t *testing.T, n int, there []int, absent []*mls.KeyPackage) {
	p := newParty(t, x25519, 1, nil)
	creator := p.members[0]
	var o mls.CommitOptions
	var packages []*mls.KeyPackage
	for leaf := 1; leaf < n; leaf++ {
		k := absent[leaf]
		if slices.Contains(there, leaf) {
			k = p.keyPackage(t)
		}
		packages, o.Add = append(packages, k), append(o.Add, k.Bytes())
	}
	commit, err := creator.Commit(o)
	if err != nil {
		t.Fatalf("Commit = %v", err)
	}
	if err := creator.MergeCommit(); err != nil {
		t.Fatalf("MergeCommit = %v", err)
	}
	for _, leaf := range there[1:] {
		p.members = append(p.members, joinBy(t, packages[leaf-1], commit.Welcomes, mls.JoinOptions{}))
	}
	for i, g := range p.members {
		if int(g.Self()) != there[i] {
			t.Fatalf("the member for leaf %d is at leaf %d", there[i], g.Self())
		}
		if i%3 == 2 { // another's keys are renewed too
			updater := p.members[(i+1)%len(p.members)]
			message, err := updater.ProposeUpdate(mls.LeafChange{}, mls.SendOptions{Public: i%2 == 0})
			if err != nil {
				t.Fatalf("ProposeUpdate = %v", err)
			}
			p.deliver(t, updater, message)
		}
		commit, err := g.Commit(mls.CommitOptions{Public: i%2 == 1})
		if err != nil {
			t.Fatalf("Commit at leaf %d = %v", g.Self(), err)
		}
		p.deliver(t, g, commit.Message)
		if err := g.MergeCommit(); err != nil {
			t.Fatalf("MergeCommit = %v", err)
		}
		// The authenticator covers the tree, by its hash in the GroupContext.
		for _, other := range p.members {
			if !bytes.Equal(other.EpochAuthenticator(), g.EpochAuthenticator()) || len(other.Members()) != n {
				t.Fatalf("after the commit at leaf %d, leaf %d is in another epoch", g.Self(), other.Self())
			}
		}
	}
	message, err := p.members[len(p.members)-1].Protect([]byte("all in time"), nil)
	if err != nil {
		t.Fatalf("Protect = %v", err)
	}
	for _, g := range p.members[:len(p.members)-1] {
		received, err := g.Process(message)
		if err != nil || !bytes.Equal(received.(*mls.Application).Plaintext, []byte("all in time")) {
			t.Fatalf("Process = %v, %v", received, err)
		}
	}
}
