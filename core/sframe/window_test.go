package sframe_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"conclave/core/sframe"
)

func TestReplayWindow(t *testing.T) {
	const top = math.MaxUint64
	tests := []struct {
		name     string
		counters []uint64
		fresh    []bool
	}{
		{"zero once", []uint64{0, 0}, []bool{true, false}},
		{"in order", []uint64{0, 1, 2, 1, 2, 3}, []bool{true, true, true, false, false, true}},
		{"out of order", []uint64{5, 3, 4, 3, 5}, []bool{true, true, true, false, false}},
		{"oldest in the window", []uint64{5000, 5000 - 1023, 5000 - 1023}, []bool{true, true, false}},
		{"older than the window", []uint64{5000, 5000 - 1024, 0}, []bool{true, false, false}},
		{"jump by one window", []uint64{0, 1, 1024, 0, 1, 1025, 2}, []bool{true, true, true, false, false, true, true}},
		{"jump by many windows", []uint64{7, 7 + 1024*5, 7 + 1024*4 + 1, 7}, []bool{true, true, true, false}},
		{"same bit, next round", []uint64{10, 10 + 1024, 11 + 1024, 11, 12}, []bool{true, true, true, false, true}},
		{"bit of an older round", []uint64{10, 500, 1100, 1034, 1034, 500}, []bool{true, true, true, true, false, false}},
		{"far end", []uint64{top - 1, top, top, top - 1, top - 1023, top - 1024}, []bool{true, true, false, false, true, false}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sframe.TestingOnlyWindow(tt.counters); !slices.Equal(got, tt.fresh) {
				t.Errorf("window says %v to %v, want %v", got, tt.counters, tt.fresh)
			}
		})
	}
}

// TestReplayWindowModel compares the ring of bits with a set of all counters.
func TestReplayWindowModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Mostly forwards, in steps of all sizes, as frames come.
		step := rapid.OneOf(rapid.IntRange(-3, 5), rapid.IntRange(-1100, 1500), rapid.IntRange(-5000, 5000))
		var counters []uint64
		at := rapid.Uint64Range(5000, 10_000).Draw(t, "first")
		for _, d := range rapid.SliceOfN(step, 1, 200).Draw(t, "steps") {
			at = uint64(max(0, int64(at)+int64(d)))
			counters = append(counters, at)
		}
		seen := make(map[uint64]bool)
		var top uint64
		for i, got := range sframe.TestingOnlyWindow(counters) {
			c := counters[i]
			want := !seen[c] && (c > top || top-c < sframe.WindowSize)
			if len(seen) == 0 {
				want = true
			}
			if got != want {
				t.Fatalf("window says %v to counter %d of %v, want %v", got, i, counters, want)
			}
			if got {
				seen[c] = true
				top = max(top, c)
			}
		}
	})
}

// A forged frame with a high counter must not push honest frames out of the
// window.
func TestForgeryDoesNotMoveTheWindow(t *testing.T) {
	m := derive(t, sframe.AES256GCMSHA512, 5)
	s, o := newSealer(t, m, 0, 10), newOpener(t, m)
	for range 5 {
		forged := sframe.Header{KID: 5, Counter: math.MaxUint64}.Append(nil)
		forged = append(forged, make([]byte, 40)...)
		if _, _, err := o.Open(nil, forged, nil); !errors.Is(err, sframe.ErrOpen) {
			t.Errorf("Open of a forgery = %v, want ErrOpen", err)
		}
		sealed := seal(t, s, []byte("x"), nil)
		if _, _, err := o.Open(nil, sealed, nil); err != nil {
			t.Errorf("Open after a forgery = %v", err)
		}
		if _, _, err := o.Open(nil, sealed, nil); !errors.Is(err, sframe.ErrReplay) {
			t.Errorf("second Open = %v, want ErrReplay", err)
		}
	}
}
