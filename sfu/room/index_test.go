package room

import (
	"math/rand/v2"
	"testing"
)

// TestIndexIsGivenOnce draws numbers around a rising one: no index comes twice,
// each fits its number, and none that is new and near is refused.
func TestIndexIsGivenOnce(t *testing.T) {
	for _, first := range []uint16{0, 1, 20000, 32767, 65535} {
		rng := rand.New(rand.NewPCG(uint64(first), 1))
		var x index
		given := map[uint64]bool{}
		if i, ok := x.next(first); !ok || i != uint64(first) {
			t.Fatalf("first %d: index %d, %v", first, i, ok)
		}
		given[uint64(first)] = true
		highest := uint64(first)
		for range 200_000 {
			want := highest + 3 - rng.Uint64N(1500)
			if rng.IntN(1000) == 0 {
				want = highest + rng.Uint64N(30_000)
			}
			i, ok := x.next(uint16(want))
			fits := want < 1<<62 && want+indexWindow > highest && !given[want]
			if ok != fits || ok && i != want {
				t.Fatalf("first %d, highest %d: number %d has index %d, %v; want %d, %v", first, highest, uint16(want), i, ok, want, fits)
			}
			if ok {
				given[i] = true
				highest = max(highest, i)
			}
		}
		if highest>>16 < 2 {
			t.Errorf("the numbers did not wrap: %d", highest)
		}
	}
}
