package bwe_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"conclave/sfu/bwe"
)

// TestCollapse holds that a link which becomes much slower at once is known as
// such within some packets: a queue that overflows tears pictures apart, which
// costs the receiver more than the fall itself. Pictures leave at once.
func TestCollapse(t *testing.T) {
	for _, tt := range []struct {
		from, to int64
		queue    int           // bytes
		interval int           // ms
		mean     time.Duration // until the target is below what the link carries
		worst    time.Duration
	}{
		{3_000_000, 400_000, 64_000, 100, 200 * time.Millisecond, 300 * time.Millisecond},
		{3_000_000, 400_000, 64_000, 50, 200 * time.Millisecond, 400 * time.Millisecond},
		{20_000_000, 300_000, 32_000, 100, 220 * time.Millisecond, 300 * time.Millisecond},
		{20_000_000, 300_000, 32_000, 50, 200 * time.Millisecond, 250 * time.Millisecond},
	} {
		var sum, worst time.Duration
		const runs = 16
		for seed := range uint64(runs) {
			down, back := path(tt.from, 40*time.Millisecond)
			down.Queue = tt.queue
			src := newLayered()
			src.rng, src.burst = rand.New(rand.NewPCG(seed, 7)), true
			f := &flow{source: src, back: back, interval: tt.interval}
			s := newSim(t, down, f)
			at := 20*second + time.Duration(seed)*13*time.Millisecond
			s.run(at)
			s.set(tt.to)
			for s.at() < at+3*second && f.est.Target() > bwe.BitRate(tt.to) {
				s.run(s.at() + time.Millisecond)
			}
			sum, worst = sum+s.at()-at, max(worst, s.at()-at)
		}
		t.Logf("%v to %v, feedback each %d ms: known after %v, at worst %v", bwe.BitRate(tt.from), bwe.BitRate(tt.to), tt.interval, sum/runs, worst)
		if sum/runs > tt.mean || worst > tt.worst {
			t.Error("too slow")
		}
	}
}
