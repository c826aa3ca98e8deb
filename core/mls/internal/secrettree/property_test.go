package secrettree_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"conclave/core/mls/internal/secrettree"
)

// TestModel draws messages in any order, replayed and lost, and holds the tree
// against a model of two lines: a generation may be used once, and only from
// Window before the newest to Forward after it. Between steps the tree may be
// written and read back.
func TestModel(tt *testing.T) {
	const leaves = 5
	limits := secrettree.Limits{Forward: 12, Window: 5}
	type ratchetID struct {
		leaf uint32
		kind secrettree.Kind
	}
	rapid.Check(tt, func(t *rapid.T) {
		tree := newTreeLimits(tt, leaves, limits)
		used := map[ratchetID]map[uint32]bool{}
		next := map[ratchetID]uint32{} // one past the newest used
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			id := ratchetID{
				rapid.Uint32Range(0, leaves-1).Draw(t, "leaf"),
				rapid.SampledFrom([]secrettree.Kind{secrettree.Handshake, app}).Draw(t, "kind"),
			}
			low := next[id] - min(next[id], limits.Window+3)
			generation := rapid.Uint32Range(low, next[id]+limits.Forward+2).Draw(t, "generation")
			var want error
			switch {
			case generation > next[id]+limits.Forward:
				want = secrettree.ErrTooFar
			case generation < next[id] && (used[id][generation] || next[id]-1-generation > limits.Window):
				want = secrettree.ErrGenerationUsed
			}

			before := encode(tree)
			c, err := tree.Find(id.leaf, id.kind, generation)
			if !errors.Is(err, want) {
				t.Fatalf("Find(%v, %d) = %v, want %v", id, generation, err, want)
			}
			if !bytes.Equal(encode(tree), before) {
				t.Fatalf("Find(%v, %d) changes the tree", id, generation)
			}
			if err != nil || rapid.Bool().Draw(t, "forged") {
				continue
			}
			if err := tree.Use(c); err != nil {
				t.Fatalf("Use(%v, %d) = %v", id, generation, err)
			}
			if used[id] == nil {
				used[id] = map[uint32]bool{}
			}
			used[id][generation] = true
			next[id] = max(next[id], generation+1)
			if got := tree.Generation(id.leaf, id.kind); got != next[id] {
				t.Fatalf("Generation(%v) = %d, want %d", id, got, next[id])
			}
			if rapid.Bool().Draw(t, "reload") {
				tree, err = decode(tt, encode(tree), limits)
				if err != nil {
					t.Fatalf("Decode = %v", err)
				}
			}
		}
	})
}
