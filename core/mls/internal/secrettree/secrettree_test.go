package secrettree_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"

	"conclave/core/mls/internal/secrettree"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

const app = secrettree.Application

// root is the encryption secret of the tests' trees.
func root(s *suite.Suite) secret.Value {
	return secret.Own(bytes.Repeat([]byte{7}, s.HashSize()))
}

func newTreeLimits(tb testing.TB, leaves uint32, limits secrettree.Limits) *secrettree.Tree {
	tb.Helper()
	s := lookup(tb, suite.Default)
	return secrettree.New(s, root(s), leaves, limits)
}

func encode(t *secrettree.Tree) []byte {
	var w tlsenc.Writer
	t.Encode(&w)
	return w.Bytes()
}

func decode(tb testing.TB, b []byte, limits secrettree.Limits) (*secrettree.Tree, error) {
	tb.Helper()
	r := tlsenc.NewReader(b)
	tree, err := secrettree.Decode(lookup(tb, suite.Default), &r, limits)
	if err == nil {
		err = r.Done()
	}
	return tree, err
}

// use finds and consumes a generation.
func use(t *secrettree.Tree, leaf uint32, kind secrettree.Kind, generation uint32) error {
	c, err := t.Find(leaf, kind, generation)
	if err != nil {
		return err
	}
	return t.Use(c)
}

// mustUse is use of a key that must be there.
func mustUse(tb testing.TB, t *secrettree.Tree, leaf uint32, kind secrettree.Kind, generations ...uint32) {
	tb.Helper()
	for _, g := range generations {
		if err := use(t, leaf, kind, g); err != nil {
			tb.Fatalf("using generation %d of leaf %d: %v", g, leaf, err)
		}
	}
}

// refuses checks that Find fails with want and changes no byte.
func refuses(tb testing.TB, t *secrettree.Tree, leaf uint32, kind secrettree.Kind, generation uint32, want error) {
	tb.Helper()
	before := encode(t)
	if _, err := t.Find(leaf, kind, generation); !errors.Is(err, want) {
		tb.Errorf("Find(%d, %d, %d) = %v, want %v", leaf, kind, generation, err, want)
	}
	if !bytes.Equal(encode(t), before) {
		tb.Errorf("Find(%d, %d, %d) fails and changes the tree", leaf, kind, generation)
	}
}

func TestSenderAndReceiverAgree(t *testing.T) {
	for _, leaves := range []uint32{1, 2, 3, 5, 8, 33} {
		sender, receiver := newTree(t, leaves), newTree(t, leaves)
		for leaf := range leaves {
			for _, kind := range []secrettree.Kind{secrettree.Handshake, app} {
				for range 3 {
					sent, err := sender.Next(leaf, kind)
					if err != nil {
						t.Fatalf("Next = %v", err)
					}
					found, err := receiver.Find(leaf, kind, sent.Generation)
					if err != nil {
						t.Fatalf("Find(%d, %d, %d) = %v", leaf, kind, sent.Generation, err)
					}
					if !found.Key.Key.Equal(sent.Key) || !found.Nonce.Equal(sent.Nonce) {
						t.Fatalf("%d leaves: leaf %d: keys of generation %d differ", leaves, leaf, sent.Generation)
					}
					if err := receiver.Use(found); err != nil {
						t.Fatalf("Use = %v", err)
					}
				}
			}
		}
		if !bytes.Equal(encode(sender), encode(receiver)) {
			t.Errorf("%d leaves: sender and receiver end in different states", leaves)
		}
	}
}

// Every key of a tree is different from every other.
func TestKeysDiffer(t *testing.T) {
	tree := newTree(t, 8)
	seen := map[string]string{}
	for leaf := range uint32(8) {
		for _, kind := range []secrettree.Kind{secrettree.Handshake, app} {
			for range 4 {
				k, err := tree.Next(leaf, kind)
				if err != nil {
					t.Fatal(err)
				}
				name := fmt.Sprintf("leaf %d, kind %d, generation %d", leaf, kind, k.Generation)
				for _, b := range [][]byte{k.Key.Expose(), k.Nonce.Expose()} {
					if other, ok := seen[string(b)]; ok {
						t.Fatalf("%s repeats a key or nonce of %s", name, other)
					}
					seen[string(b)] = name
				}
			}
		}
	}
}

func TestReplay(t *testing.T) {
	tree := newTree(t, 4)
	mustUse(t, tree, 2, app, 0, 1, 5, 3)
	for _, used := range []uint32{0, 1, 3, 5} {
		refuses(t, tree, 2, app, used, secrettree.ErrGenerationUsed)
	}
	mustUse(t, tree, 2, app, 2, 4, 6)
	mustUse(t, tree, 2, secrettree.Handshake, 0) // the other ratchet is another
	mustUse(t, tree, 3, app, 0)                  // and so is the other leaf
}

// A key that was found twice can be used once, whatever came between.
func TestStaleCandidate(t *testing.T) {
	tree := newTree(t, 4)
	first, err := tree.Find(1, app, 3)
	if err != nil {
		t.Fatal(err)
	}
	second, err := tree.Find(1, app, 3)
	if err != nil {
		t.Fatal(err)
	}
	mustUse(t, tree, 1, app, 7)
	if err := tree.Use(first); err != nil {
		t.Errorf("Use of a skipped key = %v, want nil", err)
	}
	before := encode(tree)
	if err := tree.Use(second); !errors.Is(err, secrettree.ErrGenerationUsed) {
		t.Errorf("second Use = %v, want ErrGenerationUsed", err)
	}
	if !bytes.Equal(encode(tree), before) {
		t.Error("a refused Use changes the tree")
	}
}

func TestForwardLimit(t *testing.T) {
	tree := newTreeLimits(t, 4, secrettree.Limits{Forward: 10, Window: 3})
	refuses(t, tree, 0, app, 11, secrettree.ErrTooFar)
	mustUse(t, tree, 0, app, 10)
	refuses(t, tree, 0, app, 22, secrettree.ErrTooFar)
	mustUse(t, tree, 0, app, 21)
	refuses(t, tree, 0, app, math.MaxUint32-1, secrettree.ErrTooFar)
}

func TestWindow(t *testing.T) {
	tree := newTreeLimits(t, 4, secrettree.Limits{Forward: 100, Window: 3})
	mustUse(t, tree, 0, app, 10)
	for g := range uint32(7) {
		refuses(t, tree, 0, app, g, secrettree.ErrGenerationUsed)
	}
	mustUse(t, tree, 0, app, 7)
	mustUse(t, tree, 0, app, 11) // moves the window to 8
	mustUse(t, tree, 0, app, 8, 9)

	// The window holds no more keys than it says.
	tree = newTreeLimits(t, 4, secrettree.Limits{Forward: 100, Window: 3})
	mustUse(t, tree, 0, app, 50)
	size := len(encode(tree))
	mustUse(t, tree, 0, app, 100)
	if got := len(encode(tree)); got != size {
		t.Errorf("the state grows from %d to %d bytes beyond its window", size, got)
	}
}

func TestDefaultLimits(t *testing.T) {
	tree := newTree(t, 2)
	refuses(t, tree, 0, app, secrettree.DefaultForward+1, secrettree.ErrTooFar)
	mustUse(t, tree, 0, app, secrettree.DefaultForward)
	refuses(t, tree, 0, app, secrettree.DefaultForward-secrettree.DefaultWindow-1, secrettree.ErrGenerationUsed)
	mustUse(t, tree, 0, app, secrettree.DefaultForward-secrettree.DefaultWindow)
}

// nearEnd returns a tree of two leaves whose leaf 0 has come to the generation
// before the last usable one.
func nearEnd(t *testing.T) *secrettree.Tree {
	t.Helper()
	s := lookup(t, suite.Default)
	var w tlsenc.Writer
	w.Uint8(1) // height
	w.Uint8(0) // split
	w.Uint8(2) // ratchets
	for range 2 {
		w.Uint32(math.MaxUint32 - 2)
		w.Fixed(make([]byte, s.HashSize()))
		w.Uint32(0)
	}
	w.Uint8(1) // secret
	w.Fixed(make([]byte, s.HashSize()))
	tree, err := decode(t, w.Bytes(), secrettree.Limits{})
	if err != nil {
		t.Fatalf("Decode = %v", err)
	}
	return tree
}

func TestExhaustedSender(t *testing.T) {
	tree := nearEnd(t)
	for _, want := range []uint32{math.MaxUint32 - 2, math.MaxUint32 - 1} {
		if k, err := tree.Next(0, app); err != nil || k.Generation != want {
			t.Fatalf("Next = generation %d, %v, want %d", k.Generation, err, want)
		}
	}
	before := encode(tree)
	for range 3 {
		if k, err := tree.Next(0, app); !errors.Is(err, secrettree.ErrExhausted) {
			t.Fatalf("Next at the end = generation %d, %v, want ErrExhausted", k.Generation, err)
		}
	}
	if err := tree.Skip(0, app, math.MaxUint32); !errors.Is(err, secrettree.ErrExhausted) {
		t.Errorf("Skip to the end = %v, want ErrExhausted", err)
	}
	if !bytes.Equal(encode(tree), before) {
		t.Error("a refused Next changes the tree")
	}
	if _, err := tree.Next(0, secrettree.Handshake); err != nil {
		t.Errorf("Next of the other ratchet = %v, want nil", err)
	}
}

func TestExhaustedReceiver(t *testing.T) {
	refuses(t, newTree(t, 2), 0, app, math.MaxUint32, secrettree.ErrExhausted)
	tree := nearEnd(t)
	refuses(t, tree, 0, app, math.MaxUint32, secrettree.ErrExhausted)
	mustUse(t, tree, 0, app, math.MaxUint32-1)
	refuses(t, tree, 0, app, math.MaxUint32, secrettree.ErrExhausted)
	refuses(t, tree, 0, app, 0, secrettree.ErrGenerationUsed)
	mustUse(t, tree, 0, app, math.MaxUint32-2)
}

func TestNoLeaf(t *testing.T) {
	tree := newTree(t, 3) // a tree of four
	for _, leaf := range []uint32{4, 5, 1 << 31, math.MaxUint32} {
		refuses(t, tree, leaf, app, 0, secrettree.ErrNoLeaf)
		if _, err := tree.Next(leaf, app); !errors.Is(err, secrettree.ErrNoLeaf) {
			t.Errorf("Next(%d) = %v, want ErrNoLeaf", leaf, err)
		}
		if err := tree.Skip(leaf, app, 1); !errors.Is(err, secrettree.ErrNoLeaf) {
			t.Errorf("Skip(%d) = %v, want ErrNoLeaf", leaf, err)
		}
		if g := tree.Generation(leaf, app); g != 0 {
			t.Errorf("Generation(%d) = %d, want 0", leaf, g)
		}
	}
	mustUse(t, tree, 3, app, 0)
}

func TestSkip(t *testing.T) {
	skipped, stepped := newTree(t, 8), newTree(t, 8)
	for range 9 {
		if _, err := stepped.Next(5, app); err != nil {
			t.Fatal(err)
		}
	}
	if err := skipped.Skip(5, app, 9); err != nil {
		t.Fatalf("Skip = %v", err)
	}
	if !bytes.Equal(encode(skipped), encode(stepped)) {
		t.Error("Skip(9) and nine times Next end in different states")
	}
	if err := skipped.Skip(5, app, 4); err != nil || skipped.Generation(5, app) != 9 {
		t.Errorf("Skip backwards = %v, generation %d, want nil and 9", err, skipped.Generation(5, app))
	}
	before := encode(skipped)
	if err := skipped.Skip(5, app, 10+secrettree.MaxSkip); !errors.Is(err, secrettree.ErrTooFar) {
		t.Errorf("Skip too far = %v, want ErrTooFar", err)
	}
	if !bytes.Equal(encode(skipped), before) {
		t.Error("a refused Skip changes the tree")
	}
}

func TestErase(t *testing.T) {
	s := lookup(t, suite.Default)
	tree := newTree(t, 4)
	mustUse(t, tree, 1, app, 3)
	tree.Erase()
	b := encode(tree)
	for i := 0; i+16 <= len(b); i++ {
		// Tags, counts and generations are less than four bytes in a row.
		if !bytes.Contains(b[i:i+16], []byte{0, 0}) {
			t.Fatalf("bytes %x remain after Erase", b[i:i+16])
		}
	}
	if want := 3 * s.HashSize(); bytes.Count(b, []byte{0}) < want {
		t.Errorf("%d zeros after Erase, want %d", bytes.Count(b, []byte{0}), want)
	}
}

// State grows with the members that sent, not with the members.
func TestSize(t *testing.T) {
	s := lookup(t, suite.Default)
	tree := newTree(t, 1<<20)
	if got, want := len(encode(tree)), 2+s.HashSize(); got != want {
		t.Errorf("a new tree of 2^20 leaves takes %d bytes, want %d", got, want)
	}
	mustUse(t, tree, 12345, app, 0)
	perLevel, perLeaf := 2+s.HashSize(), 1+2*(4+s.HashSize()+4)
	if got, most := len(encode(tree)), 1+20*perLevel+perLeaf; got > most {
		t.Errorf("after one sender a tree of 2^20 leaves takes %d bytes, want at most %d", got, most)
	}
}

// TestAllocations holds how much a message costs: three derivations in order,
// two of them before the message is known to be genuine.
func TestAllocations(t *testing.T) {
	tree, s, sec := newTree(t, 1000), lookup(t, suite.Default), root(lookup(t, suite.Default))
	mustUse(t, tree, 7, app, 0)
	derive := testing.AllocsPerRun(100, func() { s.DeriveTreeSecret(sec, "secret", 1, s.HashSize()) })
	next := uint32(1)
	got := testing.AllocsPerRun(100, func() { mustUse(t, tree, 7, app, next); next++ })
	if most := 3*derive + 8; got > most {
		t.Errorf("receiving takes %v allocations, want at most %v: three derivations of %v each", got, most, derive)
	}
}
