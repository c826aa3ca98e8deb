package secrettree_test

import (
	"testing"

	"conclave/core/mls/internal/secrettree"
	"conclave/core/suite"
)

func BenchmarkNext(b *testing.B) {
	b.ReportAllocs()
	tree := newTree(b, 1000)
	for b.Loop() {
		if _, err := tree.Next(7, secrettree.Application); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFindUse(b *testing.B) {
	b.ReportAllocs()
	tree := newTree(b, 1000)
	generation := uint32(0)
	for b.Loop() {
		c, err := tree.Find(7, secrettree.Application, generation)
		if err != nil {
			b.Fatal(err)
		}
		if err := tree.Use(c); err != nil {
			b.Fatal(err)
		}
		generation++
	}
}

func BenchmarkFirst(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		tree := newTree(b, 1000)
		c, err := tree.Find(7, secrettree.Application, 0)
		if err != nil {
			b.Fatal(err)
		}
		if err := tree.Use(c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFarthest is the most that one hostile message costs.
func BenchmarkFarthest(b *testing.B) {
	b.ReportAllocs()
	tree := newTree(b, 1000)
	for b.Loop() {
		if _, err := tree.Find(7, secrettree.Application, secrettree.DefaultForward); err != nil {
			b.Fatal(err)
		}
	}
}

func lookup(tb testing.TB, id suite.ID) *suite.Suite {
	tb.Helper()
	s, err := suite.Lookup(id)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func newTree(tb testing.TB, leaves uint32) *secrettree.Tree {
	tb.Helper()
	return newTreeLimits(tb, leaves, secrettree.Limits{})
}
