package tree_test

import (
	"fmt"
	"testing"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/suite"
)

// benchMembers is the size of the groups of the benchmarks.
const benchMembers = 1000

// A benchGroup is a tree in which leaf 0 knows what a member knows, and a path
// that the last member sends.
type benchGroup struct {
	tree    *tree.Tree
	private *tree.Private
	sender  tree.LeafIndex
}

// fresh returns a group that was made by one batch of adds and a commit with a
// path by leaf 0: all other parents are blank.
func fresh(b *testing.B, s *suite.Suite) benchGroup {
	b.Helper()
	leaves, _ := newLeaves(s, benchMembers)
	t := tree.New(s, leaves[0])
	t, _, err := t.Apply(tree.Changes{Adds: leaves[1:]})
	if err != nil {
		b.Fatalf("Apply = %v", err)
	}
	path := commitPath(b, t, 0)
	return benchGroup{path.Tree, path.Private, benchMembers - 1}
}

// full returns a group in which each member has sent a commit, leaf 0 last.
func full(b *testing.B, s *suite.Suite) benchGroup {
	b.Helper()
	g := fresh(b, s)
	for i := range tree.LeafIndex(benchMembers) {
		path := commitPath(b, g.tree, benchMembers-1-i)
		g.tree, g.private = path.Tree, path.Private
	}
	return g
}

func commitPath(b *testing.B, t *tree.Tree, from tree.LeafIndex) *tree.Path {
	b.Helper()
	path, err := t.NewPath(from, func(encryptionKey, parentHash []byte) (*mlswire.LeafNode, error) {
		leaf := *t.Leaf(from)
		leaf.Source, leaf.EncryptionKey, leaf.ParentHash = mlswire.LeafNodeSourceCommit, encryptionKey, parentHash
		return &leaf, nil
	})
	if err != nil {
		b.Fatalf("NewPath = %v", err)
	}
	return path
}

// eachGroup runs bench on full and fresh groups of suite 1 and the default.
func eachGroup(b *testing.B, bench func(b *testing.B, g benchGroup)) {
	for _, id := range []suite.ID{1, suite.Default} {
		s := mustLookup(b, id)
		b.Run(fmt.Sprintf("suite=%#x/full", id), func(b *testing.B) { bench(b, full(b, s)) })
		b.Run(fmt.Sprintf("suite=%#x/fresh", id), func(b *testing.B) { bench(b, fresh(b, s)) })
	}
}

func BenchmarkCreate(b *testing.B) {
	eachGroup(b, func(b *testing.B, g benchGroup) {
		b.ReportAllocs()
		for b.Loop() {
			path := commitPath(b, g.tree, 0)
			up, err := path.Encrypt(path.Tree.Hash(), nil)
			if err != nil {
				b.Fatalf("Encrypt = %v", err)
			}
			b.ReportMetric(float64(len(mlswire.Marshal(up))), "wire-B")
		}
	})
}

func BenchmarkProcess(b *testing.B) {
	eachGroup(b, func(b *testing.B, g benchGroup) {
		path := commitPath(b, g.tree, g.sender)
		up, err := path.Encrypt(path.Tree.Hash(), nil)
		if err != nil {
			b.Fatalf("Encrypt = %v", err)
		}
		b.ReportAllocs()
		for b.Loop() {
			after, err := g.tree.ApplyPath(g.sender, up)
			if err != nil {
				b.Fatalf("ApplyPath = %v", err)
			}
			if _, _, err := after.OpenPath(g.private, g.sender, up, after.Hash(), nil); err != nil {
				b.Fatalf("OpenPath = %v", err)
			}
		}
	})
}

// BenchmarkApplyPath is what an observer without keys does.
func BenchmarkApplyPath(b *testing.B) {
	eachGroup(b, func(b *testing.B, g benchGroup) {
		up, err := commitPath(b, g.tree, g.sender).Encrypt(nil, nil)
		if err != nil {
			b.Fatalf("Encrypt = %v", err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := g.tree.ApplyPath(g.sender, up); err != nil {
				b.Fatalf("ApplyPath = %v", err)
			}
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	eachGroup(b, func(b *testing.B, g benchGroup) {
		nodes := g.tree.Nodes()
		b.ReportAllocs()
		for b.Loop() {
			t, err := tree.FromNodes(g.tree.Suite(), nodes)
			if err != nil {
				b.Fatalf("FromNodes = %v", err)
			}
			if err := t.CheckParentHashes(); err != nil {
				b.Fatalf("CheckParentHashes = %v", err)
			}
		}
	})
}

func BenchmarkApply(b *testing.B) {
	eachGroup(b, func(b *testing.B, g benchGroup) {
		leaves, _ := newLeaves(g.tree.Suite(), 10)
		b.ReportAllocs()
		for b.Loop() {
			_, added, err := g.tree.Apply(tree.Changes{Removes: []tree.LeafIndex{5, 700}, Adds: leaves})
			if err != nil || len(added) != 10 {
				b.Fatalf("Apply = %v", err)
			}
		}
	})
}

func BenchmarkCheckUnique(b *testing.B) {
	eachGroup(b, func(b *testing.B, g benchGroup) {
		b.ReportAllocs()
		for b.Loop() {
			if err := g.tree.CheckUnique([]tree.LeafIndex{3, 500}); err != nil {
				b.Fatalf("CheckUnique = %v", err)
			}
		}
	})
}
