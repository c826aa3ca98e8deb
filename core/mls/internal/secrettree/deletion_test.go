package secrettree_test

import (
	"bytes"
	"testing"

	"conclave/core/mls/internal/secrettree"
	"conclave/core/secret"
	"conclave/core/suite"
)

// TestDeletionSchedule is the example of RFC 9420, Section 9.2: in the tree
//
//	   G
//	 E   F
//	A B C D
//
// a receiver gets generation 1 of D's application messages and not 0. It derives
// every secret by itself and looks for it in the state.
func TestDeletionSchedule(t *testing.T) {
	s := lookup(t, suite.Default)
	derive := func(from secret.Value, label, context string, length int) secret.Value {
		return s.ExpandWithLabel(from, label, []byte(context), length)
	}
	child := func(n secret.Value, side string) secret.Value { return derive(n, "tree", side, s.HashSize()) }
	g := root(s)
	e, f := child(g, "left"), child(g, "right")
	a, b, c, d := child(e, "left"), child(e, "right"), child(f, "left"), child(f, "right")
	hr0, ar0 := derive(d, "handshake", "", s.HashSize()), derive(d, "application", "", s.HashSize())
	const gen0, gen1 = "\x00\x00\x00\x00", "\x00\x00\x00\x01"
	ar1 := derive(ar0, "secret", gen0, s.HashSize())
	ar2 := derive(ar1, "secret", gen1, s.HashSize())
	k0, n0 := derive(ar0, "key", gen0, s.KeySize()), derive(ar0, "nonce", gen0, s.NonceSize())
	k1, n1 := derive(ar1, "key", gen1, s.KeySize()), derive(ar1, "nonce", gen1, s.NonceSize())

	encryptionSecret := root(s)
	tree := secrettree.New(s, encryptionSecret, 4, secrettree.Limits{})
	mustUse(t, tree, 3, app, 1)
	state := encode(tree)

	deleted := map[string]secret.Value{"G": g, "F": f, "D": d, "AR0": ar0, "AR1": ar1, "K1": k1, "N1": n1}
	// A and B are derived only when needed.
	absent := map[string]secret.Value{"A": a, "B": b}
	kept := map[string]secret.Value{"K0": k0, "N0": n0, "AR2": ar2, "HR0": hr0, "E": e, "C": c}
	for name, v := range deleted {
		if bytes.Contains(state, v.Expose()) {
			t.Errorf("%s is consumed and not deleted", name)
		}
	}
	for name, v := range absent {
		if bytes.Contains(state, v.Expose()) {
			t.Errorf("%s is derived before it is needed", name)
		}
	}
	for name, v := range kept {
		if !bytes.Contains(state, v.Expose()) {
			t.Errorf("%s is deleted and not consumed", name)
		}
	}
	if !bytes.Equal(encryptionSecret.Expose(), make([]byte, s.HashSize())) {
		t.Error("the encryption_secret is consumed and not overwritten")
	}

	mustUse(t, tree, 3, app, 0)
	for name, v := range map[string]secret.Value{"K0": k0, "N0": n0} {
		if bytes.Contains(encode(tree), v.Expose()) {
			t.Errorf("%s is used and not deleted", name)
		}
	}
}

// What Use consumes is overwritten in place, not only dropped: both the candidate
// and the key that was kept.
func TestUsedKeysAreOverwritten(t *testing.T) {
	tree := newTree(t, 2)
	mustUse(t, tree, 0, app, 5)
	kept, err := tree.Find(0, app, 2)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := tree.Find(0, app, 6)
	if err != nil {
		t.Fatal(err)
	}
	stored := tree.Kept(0, app)[2]
	for name, c := range map[string]secrettree.Candidate{"a kept key": kept, "a new key": fresh} {
		if err := tree.Use(c); err != nil {
			t.Fatalf("Use of %s = %v", name, err)
		}
		for _, v := range []secret.Value{c.Key.Key, c.Nonce} {
			if !bytes.Equal(v.Expose(), make([]byte, v.Len())) {
				t.Errorf("%s is not overwritten by Use", name)
			}
		}
	}
	for _, v := range []secret.Value{stored.Key, stored.Nonce} {
		if !bytes.Equal(v.Expose(), make([]byte, v.Len())) {
			t.Error("the stored key is not overwritten by Use")
		}
	}
}

// A generation that falls out of the window is overwritten.
func TestForgottenKeysAreOverwritten(t *testing.T) {
	tree := newTreeLimits(t, 2, secrettree.Limits{Window: 2, Forward: 10})
	mustUse(t, tree, 0, app, 2)
	forgotten, err := tree.Find(0, app, 0)
	if err != nil {
		t.Fatal(err)
	}
	stored := tree.Kept(0, app)[0]
	mustUse(t, tree, 0, app, 3)
	if !bytes.Equal(stored.Key.Expose(), make([]byte, lookup(t, suite.Default).KeySize())) {
		t.Error("a key before the window is not overwritten")
	}
	if err := tree.Use(forgotten); err == nil {
		t.Error("a key before the window can be used")
	}
}

// A candidate is the caller's: erasing it, for a message that is refused, leaves
// the key for the genuine one.
func TestErasedCandidateLeavesTheKey(t *testing.T) {
	tree := newTree(t, 2)
	mustUse(t, tree, 0, app, 5)
	before := encode(tree)
	for _, generation := range []uint32{2, 7} {
		c, err := tree.Find(0, app, generation)
		if err != nil {
			t.Fatal(err)
		}
		c.Erase()
	}
	if !bytes.Equal(encode(tree), before) {
		t.Error("erasing a candidate changed the tree")
	}
}

// The secrets of ratchets and leaves are overwritten in place too.
func TestConsumedSecretsAreOverwritten(t *testing.T) {
	s := lookup(t, suite.Default)
	zero := make([]byte, s.HashSize())
	leafSecret := root(s)
	tree := secrettree.New(s, leafSecret, 1, secrettree.Limits{})
	mustUse(t, tree, 0, app, 0)
	if !bytes.Equal(leafSecret.Expose(), zero) {
		t.Error("the secret of a leaf is not overwritten")
	}
	ratchetSecret := tree.RatchetSecret(0, app)
	if bytes.Equal(ratchetSecret.Expose(), zero) {
		t.Fatal("the ratchet has no secret")
	}
	mustUse(t, tree, 0, app, 3)
	if !bytes.Equal(ratchetSecret.Expose(), zero) {
		t.Error("the secret of a ratchet is not overwritten")
	}
}
