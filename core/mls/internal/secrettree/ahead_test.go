package secrettree_test

import (
	"bytes"
	"errors"
	"testing"

	"conclave/core/mls/internal/secrettree"
	"conclave/core/tlsenc"
)

// EncodeAhead writes what Encode would after Skip, and changes nothing: for a
// leaf in each state, and for a sender that is behind or ahead already.
func TestEncodeAhead(t *testing.T) {
	for name, leaf := range map[string]uint32{"skipped keys": 0, "sent": 3, "never sent": 1, "beside": 4} {
		for _, to := range []uint32{0, 1, 7, 40} {
			tree := someTree(t)
			before := encode(tree)
			w := tlsenc.NewWriter(0)
			if err := tree.EncodeAhead(w, leaf, to, to/2); err != nil {
				t.Fatalf("%s: EncodeAhead = %v", name, err)
			}
			if !bytes.Equal(encode(tree), before) {
				t.Errorf("%s: EncodeAhead changes the tree", name)
			}
			for _, skip := range []struct {
				kind secrettree.Kind
				to   uint32
			}{{secrettree.Handshake, to}, {app, to / 2}} {
				if err := tree.Skip(leaf, skip.kind, skip.to); err != nil {
					t.Fatalf("%s: Skip = %v", name, err)
				}
			}
			if !bytes.Equal(w.Bytes(), encode(tree)) {
				t.Errorf("%s, to %d: EncodeAhead writes something else than Encode after Skip", name, to)
			}
		}
	}
}

// The tree still works after EncodeAhead has erased its copies.
func TestEncodeAheadSharesNothingThatIsErased(t *testing.T) {
	tree, same := someTree(t), someTree(t)
	for leaf := range uint32(5) {
		if err := tree.EncodeAhead(tlsenc.NewWriter(0), leaf, 9, 9); err != nil {
			t.Fatalf("EncodeAhead = %v", err)
		}
	}
	for leaf := range uint32(5) {
		for _, kind := range []secrettree.Kind{secrettree.Handshake, app} {
			one, err1 := tree.Next(leaf, kind)
			two, err2 := same.Next(leaf, kind)
			if err1 != nil || err2 != nil || !one.Key.Equal(two.Key) || !one.Nonce.Equal(two.Nonce) {
				t.Fatalf("leaf %d: Next = %d, %v and %d, %v", leaf, one.Generation, err1, two.Generation, err2)
			}
		}
	}
	if !bytes.Equal(encode(tree), encode(same)) {
		t.Error("the trees differ, skipped keys among them")
	}
}

func TestEncodeAheadRefuses(t *testing.T) {
	tree := someTree(t)
	w := tlsenc.NewWriter(0)
	if err := tree.EncodeAhead(w, tree.Leaves(), 1, 1); !errors.Is(err, secrettree.ErrNoLeaf) {
		t.Errorf("EncodeAhead of a leaf outside = %v, want ErrNoLeaf", err)
	}
	if err := tree.EncodeAhead(w, 0, 1<<32-1, 1); !errors.Is(err, secrettree.ErrExhausted) {
		t.Errorf("EncodeAhead to the end = %v, want ErrExhausted", err)
	}
	if err := tree.EncodeAhead(w, 0, 1, secrettree.MaxSkip+100); !errors.Is(err, secrettree.ErrTooFar) {
		t.Errorf("EncodeAhead by a lot = %v, want ErrTooFar", err)
	}
	if len(w.Bytes()) != 0 {
		t.Errorf("EncodeAhead writes %d bytes with an error", len(w.Bytes()))
	}
	if tree.Leaves() != 8 {
		t.Errorf("Leaves = %d, want 8", tree.Leaves())
	}
}
