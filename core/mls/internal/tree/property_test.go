package tree_test

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
)

// TestHistories runs random commits through the tree and the model.
func TestHistories(t *testing.T) {
	s := mustLookup(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, s, rapid.IntRange(1, 9).Draw(t, "members"))
		for range rapid.IntRange(1, 6).Draw(t, "commits") {
			c := drawCommit(t, w)
			w.commit(t, c)
			w.checkPrivates(t)
		}
	})
}

// drawCommit returns a commit that the rules of a group allow.
func drawCommit(t *rapid.T, w *world) commit {
	var members []tree.LeafIndex
	for i := range w.tree.Members() {
		members = append(members, i)
	}
	c := commit{committer: rapid.SampledFrom(members).Draw(t, "committer"), reload: rapid.Bool().Draw(t, "reload")}
	others := slices.DeleteFunc(slices.Clone(members), func(i tree.LeafIndex) bool { return i == c.committer })
	switch kind := rapid.SampledFrom([]string{"plain", "plain", "plain", "external", "resync"}).Draw(t, "kind"); kind {
	case "external", "resync":
		if kind == "resync" {
			c.removes = []tree.LeafIndex{c.committer}
		}
		// RFC 9420, Section 12.4.3.2: at the leftmost free leaf.
		after := w.model.clone()
		after.apply(tree.Changes{Removes: c.removes})
		c.committer = tree.LeafIndex(after.vacant() / 2)
		c.path = true
		return c
	}
	fates := rapid.SampledFrom([][]string{
		{"keep", "keep", "keep", "update", "remove"},
		{"keep", "remove", "remove", "remove"}, // few are left, far apart
		{"keep"},
	}).Draw(t, "fates")
	for _, i := range others {
		switch rapid.SampledFrom(fates).Draw(t, fmt.Sprint(i)) {
		case "update":
			c.updates = append(c.updates, i)
		case "remove":
			c.removes = append(c.removes, i)
		}
	}
	c.adds = rapid.SampledFrom([]int{0, 0, 1, 2, 5, 12}).Draw(t, "adds")
	// RFC 9420, Section 12.4: a path may be left out only if there are only adds.
	c.path = len(c.updates)+len(c.removes) > 0 || c.adds == 0 || rapid.Bool().Draw(t, "path")
	return c
}

// TestEveryMemberCommits has each member commit in turn, in a group that the
// first has made at once. All process up to 17 members, five of more.
func TestEveryMemberCommits(t *testing.T) {
	s := mustLookup(t, 1)
	for n := 2; n <= 65; n++ {
		if (testing.Short() || runtime.GOARCH == "wasm") && n > 9 && n != 16 && n != 17 && n != 33 {
			continue
		}
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWorld(t, s, n)
			for i := range w.privates {
				if n > 17 && i != 0 && int(i) != n-1 && int(i) != n/2 && int(i) != n/2-1 && int(i) != n/3 {
					delete(w.privates, i)
				}
			}
			watched := len(w.privates)
			w.lazy = n > 17
			for i := range tree.LeafIndex(n) {
				_, watch := w.privates[i]
				w.commit(t, commit{committer: i, path: true})
				if !watch {
					delete(w.privates, i)
				}
			}
			if len(w.privates) != watched {
				t.Fatalf("%d members are left, want %d", len(w.privates), watched)
			}
			w.lazy = false
			w.compare(t)
			w.checkPrivates(t)
		})
	}
}

// TestOriginalSiblingHash adds a member below a parent that is a sibling on the
// path of an earlier commit, so that the member is unmerged at both, RFC 9420,
// Section 7.9.
func TestOriginalSiblingHash(t *testing.T) {
	w := newWorld(t, mustLookup(t, 1), 13)
	for _, c := range []commit{
		{committer: 0, removes: []tree.LeafIndex{6, 10}, path: true},
		{committer: 4, path: true},
		{committer: 11, path: true},
		{committer: 8, path: true},
		{committer: 0, path: true},
		{committer: 0, adds: 2},
		{committer: 2, path: true},
		{committer: 2, adds: 2},
	} {
		w.commit(t, c)
		w.checkPrivates(t)
	}
	if got := w.tree.Parent(11).UnmergedLeaves; !slices.Equal(got, []uint32{6}) {
		t.Errorf("unmerged leaves of node 11 = %d, want 6", got)
	}
	if got := w.tree.Parent(15).UnmergedLeaves; !slices.Equal(got, []uint32{13, 14}) {
		t.Errorf("unmerged leaves of the root = %d, want 13 and 14", got)
	}
}

// TestConcurrentUse works on one tree from several goroutines, for the race
// detector.
func TestConcurrentUse(t *testing.T) {
	w := newWorld(t, mustLookup(t, 1), 9)
	w.commit(t, commit{committer: 3, path: true})
	w.tree = w.loaded(t)
	var group sync.WaitGroup
	for i := range tree.LeafIndex(4) {
		group.Go(func() {
			c := &world{suite: w.suite, tree: w.tree, model: w.model.clone(), privates: maps.Clone(w.privates)}
			c.commit(t, commit{committer: i, adds: 2, removes: []tree.LeafIndex{i + 4}, path: true, reload: i == 0})
			c.checkPrivates(t)
		})
	}
	group.Wait()
	w.compare(t)
	w.checkPrivates(t)
}

// TestSuites runs one history on every suite.
func TestSuites(t *testing.T) {
	for _, id := range []mlswire.CipherSuite{1, 2, 3, 5, 7, 0xf001, 0xf002} {
		t.Run(fmt.Sprintf("%#x", id), func(t *testing.T) {
			w := newWorld(t, mustLookup(t, id), 5)
			for _, c := range []commit{
				{committer: 2, path: true},
				{committer: 4, adds: 2},
				{committer: 1, removes: []tree.LeafIndex{0}, updates: []tree.LeafIndex{5}, adds: 3, path: true},
				{committer: 9, path: true},
				{committer: 9, path: true},
			} {
				w.commit(t, c)
				w.checkPrivates(t)
			}
		})
	}
}

// TestValidation changes trees at random and compares what FromNodes and
// CheckParentHashes say of them with the model.
func TestValidation(t *testing.T) {
	s := mustLookup(t, 1)
	accepted, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, s, rapid.IntRange(2, 6).Draw(t, "members"))
		for range rapid.IntRange(2, 5).Draw(t, "commits") {
			w.commit(t, drawCommit(t, w))
		}
		m := w.model.clone()
		mutate(t, m)
		if m.members() == 0 {
			return
		}
		m.truncate()
		nodes, err := mlswire.ParseRatchetTree(m.wire())
		if err != nil {
			t.Fatalf("ParseRatchetTree = %v", err)
		}
		tr, err := tree.FromNodes(s, nodes)
		if err == nil {
			err = tr.CheckParentHashes()
		}
		if want := m.valid(); (err == nil) != want {
			t.Fatalf("FromNodes and CheckParentHashes = %v, valid by the model: %v", err, want)
		}
		if err == nil {
			accepted++
		} else {
			refused++
		}
	})
	if accepted == 0 || refused == 0 {
		t.Errorf("accepted %d trees and refused %d: one side is not tested", accepted, refused)
	}
}

// mutate makes a small change to one node.
func mutate(t *rapid.T, m *model) {
	x := rapid.IntRange(0, len(m.nodes)-1).Draw(t, "node")
	y := rapid.IntRange(0, len(m.nodes)-1).Draw(t, "other node")
	n := &m.nodes[x]
	if n.leaf != nil {
		leaf := *n.leaf
		n.leaf = &leaf
	}
	unmerged := rapid.Uint32Range(0, uint32(len(m.nodes)/2)+2).Draw(t, "leaf")
	switch kind := rapid.SampledFrom([]string{"nothing", "unmerge", "merge", "parent hash", "take key", "new key", "blank", "swap", "take leaf"}).Draw(t, "mutation"); {
	case kind == "unmerge" && n.parent != nil:
		n.parent.UnmergedLeaves = append(n.parent.UnmergedLeaves, unmerged)
		if rapid.Bool().Draw(t, "sorted") {
			slices.Sort(n.parent.UnmergedLeaves)
		}
	case kind == "merge" && n.parent != nil && len(n.parent.UnmergedLeaves) > 0:
		n.parent.UnmergedLeaves = n.parent.UnmergedLeaves[1:]
	case kind == "parent hash" && n.parent != nil:
		n.parent.ParentHash = append([]byte{1}, n.parent.ParentHash...)
	case kind == "parent hash" && n.leaf != nil:
		n.leaf.ParentHash = append([]byte{1}, n.leaf.ParentHash...)
	case kind == "take key" && n.parent != nil && m.nodes[y].leaf != nil:
		n.parent.EncryptionKey = m.nodes[y].leaf.EncryptionKey
	case kind == "take key" && n.leaf != nil && m.nodes[y].leaf != nil:
		n.leaf.SignatureKey = m.nodes[y].leaf.SignatureKey
	case kind == "new key" && n.parent != nil:
		n.parent.EncryptionKey = m.suite.GenerateKeyPair().Public
	case kind == "blank" && len(m.nodes) > 1:
		*n = modelNode{}
		if level(x) == 0 && rapid.Bool().Draw(t, "path") {
			m.replace(x, nil)
		}
	case kind == "swap" && level(x) == 0 && level(y) == 0:
		m.nodes[x], m.nodes[y] = m.nodes[y], m.nodes[x]
	}
}
