package mls_test

import (
	"fmt"
	"testing"

	"conclave/core/mls"
	"conclave/core/suite"
)

// BenchmarkGroup measures what members do, in groups of 2 to 1000, with the
// classical suite and the default one, native and under js/wasm. Beside the time
// each case reports the bytes of what it makes. A "fresh" tree is one that a
// single commit filled: paths go to every leaf. In a "full" one everybody has
// committed: they go to the height of the tree.
//
// Join verifies one signature a member in Go; with a suite.Verifier of the
// platform that part goes away, see BenchmarkJoin.
func BenchmarkGroup(b *testing.B) {
	for _, id := range []suite.ID{1, suite.Default} {
		for _, n := range []int{2, 50, 200, 1000} {
			b.Run(fmt.Sprintf("suite=%#x/n=%d", uint16(id), n), func(b *testing.B) { benchmarkGroup(b, id, n) })
		}
	}
}

func benchmarkGroup(b *testing.B, id suite.ID, n int) {
	b.Run("KeyPackage", func(b *testing.B) { benchmarkKeyPackage(b, id) })
	packages := newKeyPackages(b, id, n-1)
	b.Run("BatchAdd", func(b *testing.B) { benchmarkBatchAdd(b, id, packages) })
	fresh := newFreshPair(b, id, packages)
	full := newFullPair(b, id, n)
	b.Run("Join", func(b *testing.B) { benchmarkJoin(b, fresh, newClient(b, id, nil)) })
	for _, of := range []struct {
		tree string
		pair pair
	}{{"fresh", fresh}, {"full", full}} {
		b.Run("UpdateCommit/"+of.tree, func(b *testing.B) { benchmarkCommit(b, of.pair, mls.CommitOptions{ForcePath: true}) })
		b.Run("ProcessCommit/"+of.tree, func(b *testing.B) { benchmarkProcess(b, of.pair) })
	}
	if n > 2 {
		b.Run("RemoveCommit/full", func(b *testing.B) {
			benchmarkCommit(b, full, mls.CommitOptions{Remove: []mls.LeafIndex{full.b.Self() - 1}})
		})
	}
	b.Run("Encrypt", func(b *testing.B) { benchmarkEncrypt(b, full) })
	b.Run("Decrypt", func(b *testing.B) { benchmarkDecrypt(b, full) })
	b.Run("Export", func(b *testing.B) { benchmarkExport(b, full) })
	b.Run("Snapshot", func(b *testing.B) { benchmarkSnapshot(b, full) })
	b.Run("Restore", func(b *testing.B) { benchmarkRestore(b, full) })
}

// BenchmarkJoin measures joining without the signatures, which a platform's
// verifier takes over.
func BenchmarkJoin(b *testing.B) {
	for _, id := range []suite.ID{1, suite.Default} {
		for _, n := range []int{2, 50, 200, 1000} {
			b.Run(fmt.Sprintf("suite=%#x/n=%d", uint16(id), n), func(b *testing.B) {
				fresh := newFreshPair(b, id, newKeyPackages(b, id, n-1))
				benchmarkJoin(b, fresh, newClient(b, id, trusting{}))
			})
		}
	}
}

func benchmarkKeyPackage(b *testing.B, id suite.ID) {
	client := newClient(b, id, nil)
	var size int
	b.ReportAllocs()
	for b.Loop() {
		k, err := client.NewKeyPackage()
		if err != nil {
			b.Fatal(err)
		}
		size = len(k.Bytes())
	}
	b.ReportMetric(float64(size), "message-B")
}

func benchmarkBatchAdd(b *testing.B, id suite.ID, packages []*mls.KeyPackage) {
	var c *mls.Commit
	b.ReportAllocs()
	for b.Loop() {
		_, c = createWith(b, newClient(b, id, nil), packages)
	}
	b.ReportMetric(float64(len(c.Message)), "commit-B")
	b.ReportMetric(float64(len(c.Welcomes[0].Message)), "welcome-B")
}

// benchmarkJoin joins the pair's group as one member more than it has.
func benchmarkJoin(b *testing.B, p pair, client *mls.Client) {
	var size int
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		k := newKeyPackage(b, client)
		c := commit(b, p.a, mls.CommitOptions{Add: [][]byte{k.Bytes()}})
		discard(b, p.a)
		size = len(c.Welcomes[0].Message)
		b.StartTimer()
		if _, err := k.Join(c.Welcomes[0].Message, mls.JoinOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size), "welcome-B")
}

func benchmarkCommit(b *testing.B, p pair, o mls.CommitOptions) {
	var size int
	b.ReportAllocs()
	for b.Loop() {
		size = len(commit(b, p.a, o).Message)
		discard(b, p.a)
	}
	b.ReportMetric(float64(size), "commit-B")
}

func benchmarkProcess(b *testing.B, p pair) {
	catchUp(b, p.b, commit(b, p.a, mls.CommitOptions{ForcePath: true}).Message)
	discard(b, p.a)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		c := commit(b, p.a, mls.CommitOptions{ForcePath: true})
		discard(b, p.a)
		b.StartTimer()
		if _, err := p.b.Process(c.Message); err != nil {
			b.Fatal(err)
		}
	}
}

// catchUp steps the receiver over what other measurements sent.
func catchUp(b *testing.B, g *mls.Group, message []byte) {
	if _, err := g.Process(message); err != nil {
		b.Fatal(err)
	}
}

// payload is the plaintext of a message, of the size of a chat line.
var payload = make([]byte, 256)

func benchmarkEncrypt(b *testing.B, p pair) {
	var size int
	b.ReportAllocs()
	for b.Loop() {
		size = len(protect(b, p.a))
	}
	b.ReportMetric(float64(size), "message-B")
}

func benchmarkDecrypt(b *testing.B, p pair) {
	catchUp(b, p.b, protect(b, p.a))
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		m := protect(b, p.a)
		b.StartTimer()
		if _, err := p.b.Process(m); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkExport(b *testing.B, p pair) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.a.Export("label", nil, 32); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkSnapshot(b *testing.B, p pair) {
	var size int
	b.ReportAllocs()
	for b.Loop() {
		size = p.a.Snapshot().Len()
	}
	b.ReportMetric(float64(size), "state-B")
}

func benchmarkRestore(b *testing.B, p pair) {
	state := p.a.Snapshot()
	client := newClient(b, p.a.Suite(), nil) // the state brings its own identity
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Restore(state); err != nil {
			b.Fatal(err)
		}
	}
}
