package srtp

import "testing"

func TestIndices(t *testing.T) {
	var x Indices
	if _, ok := x.Highest(); ok {
		t.Error("Highest() of none = true")
	}
	for i, s := range []struct {
		sequence uint16
		want     uint64
		ok       bool
	}{
		{65000, 65000, true},
		{65000, 0, false},
		{64990, 64990, true},
		{100, 65636, true},
		{65535, 65535, true},
		{65535, 0, false},
		{64990, 0, false},
		{64612, 64612, false}, // 1024 below the highest
		{64613, 64613, true},
		{100 + 32768, 65636 + 32768, true},
		{100, 0, false}, // half a turn on: taken for the past, where it was given
		{40000, 0, true},
		{100, 0, true},
	} {
		got, ok := x.Next(s.sequence)
		if ok != s.ok || (s.want != 0 && ok && got != s.want) || (ok && uint16(got) != s.sequence) {
			t.Errorf("step %d: Next(%d) = %d, %v, want %d, %v", i, s.sequence, got, ok, s.want, s.ok)
		}
	}
	if h, ok := x.Highest(); !ok || h != 2<<16+100 {
		t.Errorf("Highest() = %d, %v, want %d", h, ok, 2<<16+100)
	}
}

// TestIndicesOnce draws numbers at random: no index comes twice.
func TestIndicesOnce(t *testing.T) {
	var x Indices
	seen := map[uint64]bool{}
	random, given := uint64(1), 0
	for range 300_000 {
		random = random*6364136223846793005 + 1442695040888963407
		sequence := uint16(random >> 40)
		if h, ok := x.Highest(); ok && random>>60 != 0 {
			sequence = uint16(h) + uint16(random>>56&0x1F) - 8
		}
		if index, ok := x.Next(sequence); ok {
			if given++; seen[index] {
				t.Fatalf("index %d is given twice", index)
			}
			seen[index] = true
		}
	}
	if given < 100_000 {
		t.Errorf("only %d indices were given", given)
	}
}

func TestIndicesAllocs(t *testing.T) {
	var x Indices
	var n uint16
	if got := testing.AllocsPerRun(100, func() {
		x.Next(n)
		n += 3
	}); got != 0 {
		t.Errorf("Next allocates %v times, want 0", got)
	}
}
