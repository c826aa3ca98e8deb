package keytrans

// MaxVersion is the greatest version of a name. A directory refuses more.
const MaxVersion = 1 << 30

// maxLadder is the most steps of a ladder: 31 that climb, 29 that search.
const maxLadder = 64

// A LadderStep is a version that a ladder looks at, and whether it must exist.
type LadderStep struct {
	Version uint32
	Exists  bool
}

// Ladder returns the versions to look at, in order, to prove that n is the
// greatest. It climbs by 1, 3, 7, 15, … 2^k-1 to the first that does not exist
// and searches between that and the last that does; the last two versions are
// never further apart than n and n+1. For n = 0 it begins with 0; above, a
// version 0 proves nothing that version 1 does not. It panics if n is greater
// than MaxVersion: callers check what they parse.
//
// Two ladders for different versions n < m always meet: the one for m has a
// version that must exist and that the one for n shows missing. A server that
// plants a version far above the true one is therefore refused by whoever is
// shown it or seen by the owner.
func Ladder(n uint32) []LadderStep {
	if n > MaxVersion {
		panic("keytrans: internal error: a version is too great")
	}
	steps := make([]LadderStep, 0, 8)
	if n == 0 {
		return append(steps, LadderStep{0, true}, LadderStep{1, false})
	}
	low, high := uint32(0), uint32(1) // low exists
	for ; high <= n; high = 2*high + 1 {
		steps = append(steps, LadderStep{high, true})
		low = high
	}
	steps = append(steps, LadderStep{high, false})
	for high-low > 1 {
		middle := low + (high-low)/2
		steps = append(steps, LadderStep{middle, middle <= n})
		if middle <= n {
			low = middle
		} else {
			high = middle
		}
	}
	return steps
}
