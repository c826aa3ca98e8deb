package bwe_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"conclave/internal/netem/link"
	"conclave/sfu/bwe"
	"conclave/sfu/share"
)

const second = time.Second

func isBest(s sample) bool { return s.layer == share.Layer{Spatial: 2, Temporal: 2} }

// path is a link with a delay of half a round trip, and the way back.
func path(rate int64, rtt time.Duration) (down, back link.Profile) {
	return link.Profile{Rate: rate, Delay: rtt / 2}, link.Profile{Delay: rtt / 2}
}

// share of the samples for which ok holds.
func fraction(samples []sample, ok func(sample) bool) float64 {
	n := 0
	for _, s := range samples {
		if ok(s) {
			n++
		}
	}
	return float64(n) / float64(max(len(samples), 1))
}

// TestStep is the profile of a link that falls from 3 Mbit/s to 400 kbit/s and
// comes back, with a camera in L3T3 and a voice.
func TestStep(t *testing.T) {
	for _, tt := range []struct {
		name    string
		rtt     time.Duration
		queue   int           // of the bottleneck, bytes
		fall    time.Duration // until a layer is sent that fits
		drained time.Duration // until the queue is at most 300 ms for good
	}{
		{"rtt 40 ms", 40 * time.Millisecond, 0, 500 * time.Millisecond, 4 * second},
		{"rtt 200 ms", 200 * time.Millisecond, 0, 800 * time.Millisecond, 4 * second},
		{"short buffer", 40 * time.Millisecond, 15_000, 500 * time.Millisecond, second},
		{"long buffer", 40 * time.Millisecond, 300_000, 500 * time.Millisecond, 4 * second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			down, back := path(3_000_000, tt.rtt)
			down.Queue = tt.queue
			f := &flow{source: newLayered(), back: back}
			s := newSim(t, down, f)
			s.run(20 * second)
			start := f.when("best layer at the start", 0, isBest)
			s.set(400_000)
			s.run(60 * second)
			fall := f.when("layer below 400 kbit/s", 20*second, func(s sample) bool {
				return s.target <= 400_000 && s.layer.Spatial <= 1
			})
			drained := s.queueEnd(20*second, 60*second, 300*time.Millisecond)
			mean := f.received(25*second, 60*second)
			s.set(3_000_000)
			s.run(90 * second)
			again := f.when("best layer again", 60*second, isBest)
			kept := fraction(f.between(72*second, 90*second), isBest)
			t.Logf("start %v, fall %v, queue <= 300 ms after %v, longest after 5 s %v, mean at 400 kbit/s %v, back %v, kept %.2f",
				start, fall, drained, s.queueBetween(25*second, 60*second), mean, again, kept)
			if start > 8*second || fall > tt.fall || drained > tt.drained || mean < 280_000 || again > 8*second || kept < 0.99 {
				t.Error("too slow, or too little")
				f.dump(19*second, 30*second)
				f.dump(58*second, 90*second)
			}
		})
	}
}

// TestConstant holds that a link of 300 kbit/s is used without a queue.
func TestConstant(t *testing.T) {
	down, back := path(300_000, 40*time.Millisecond)
	f := &flow{source: newLayered(), back: back}
	s := newSim(t, down, f)
	s.run(120 * second)
	mean, queue := f.received(10*second, 120*second), s.queueBetween(10*second, 120*second)
	over := fraction(f.between(10*second, 120*second), func(s sample) bool { return s.target > 330_000 })
	t.Logf("mean %v, longest queue %v, target above 330 kbit/s %.3f of the time", mean, queue, over)
	if mean < 150_000 || queue > 300*time.Millisecond || over > 0.01 {
		t.Error("badly used")
		f.dump(0, 40*second)
	}
}

// TestElastic holds that a source which sends whatever it may fills a link.
func TestElastic(t *testing.T) {
	for _, rate := range []int64{150_000, 1_000_000, 4_000_000} {
		down, back := path(rate, 60*time.Millisecond)
		down.Queue = int(rate / 8 / 4)
		f := &flow{source: &elastic{}, back: back}
		s := newSim(t, down, f)
		s.run(120 * second)
		used := float64(f.received(20*second, 120*second)) / float64(rate)
		queue := s.queueBetween(20*second, 120*second)
		t.Logf("%v: used %.2f, longest queue %v, lost %d", bwe.BitRate(rate), used, queue, s.down.Stats().Dropped)
		if used < 0.8 || queue > 250*time.Millisecond {
			t.Errorf("%v: badly used", bwe.BitRate(rate))
			f.dump(0, 60*second)
		}
	}
}

// TestApplicationLimited holds that the estimate does not run away from what is
// sent, and that it is found quickly when more is wanted.
func TestApplicationLimited(t *testing.T) {
	down, back := path(3_000_000, 40*time.Millisecond)
	src := &elastic{limit: 500_000}
	f := &flow{source: src, back: back}
	s := newSim(t, down, f)
	s.run(60 * second)
	for _, v := range f.between(0, 60*second) {
		if v.target > 800_000 {
			t.Fatalf("target %v while 500 kbit/s are sent", v.target)
		}
	}
	src.limit = 0
	s.run(80 * second)
	took := f.when("2.5 Mbit/s", 60*second, func(s sample) bool { return s.received > 2_500_000 })
	t.Logf("took %v", took)
	if took > 4*second {
		t.Error("too slow")
		f.dump(60*second, 80*second)
	}
}

// TestNoDemandNoProbe holds that nothing is sent that nobody wants.
func TestNoDemandNoProbe(t *testing.T) {
	down, back := path(3_000_000, 40*time.Millisecond)
	f := &flow{source: &elastic{limit: 200_000}, back: back}
	s := newSim(t, down, f)
	s.run(30 * second)
	if n := f.est.Stats().Probes; n != 0 {
		t.Errorf("%d clusters without demand", n)
	}
}

// TestRandomLoss holds that loss which is not congestion does not starve.
func TestRandomLoss(t *testing.T) {
	for _, tt := range []struct {
		loss float64
		best float64 // least fraction of the time at the best layer
	}{{0.01, 0.99}, {0.05, 0.98}, {0.15, 0.9}} {
		down, back := path(3_000_000, 40*time.Millisecond)
		down.Loss = tt.loss
		back.Loss = tt.loss
		f := &flow{source: newLayered(), back: back}
		s := newSim(t, down, f)
		s.run(120 * second)
		took := f.when("best layer", 0, isBest)
		best := fraction(f.between(15*second, 120*second), isBest)
		t.Logf("loss %.2f: best layer after %v, then %.3f of the time", tt.loss, took, best)
		if took > 10*second || best < tt.best {
			t.Errorf("loss %.2f starves", tt.loss)
			f.dump(0, 60*second)
		}
	}
}

// TestJitter holds that jitter of 30 ms does not starve, nor hide congestion.
func TestJitter(t *testing.T) {
	down, back := path(3_000_000, 60*time.Millisecond)
	down.Jitter, back.Jitter = 30*time.Millisecond, 30*time.Millisecond
	f := &flow{source: newLayered(), back: back}
	s := newSim(t, down, f)
	s.run(60 * second)
	took := f.when("best layer", 0, isBest)
	best := fraction(f.between(15*second, 60*second), isBest)
	s.set(400_000)
	s.run(100 * second)
	fall := f.when("layer below 400 kbit/s", 60*second, func(s sample) bool { return s.target <= 400_000 && s.layer.Spatial <= 1 })
	mean := f.received(65*second, 100*second)
	s.set(3_000_000)
	s.run(130 * second)
	again := f.when("best layer again", 100*second, isBest)
	t.Logf("best layer after %v, then %.3f of the time, fall %v, mean at 400 kbit/s %v, back %v", took, best, fall, mean, again)
	if took > 10*second || best < 0.95 || fall > second || mean < 200_000 || again > 10*second {
		t.Error("jitter is taken for congestion, or hides it")
		f.dump(0, 20*second)
		f.dump(59*second, 80*second)
		f.dump(98*second, 120*second)
	}
}

// TestFeedbackLoss holds that missing feedback is not taken for loss.
func TestFeedbackLoss(t *testing.T) {
	down, back := path(3_000_000, 40*time.Millisecond)
	back.Loss = 0.3
	f := &flow{source: newLayered(), back: back}
	s := newSim(t, down, f)
	s.run(60 * second)
	took := f.when("best layer", 0, isBest)
	best := fraction(f.between(15*second, 60*second), isBest)
	t.Logf("best layer after %v, then %.3f of the time", took, best)
	if took > 10*second || best < 0.95 {
		t.Error("starves")
		f.dump(0, 30*second)
	}
}

// TestFeedbackOutage holds that the rate falls while nothing is heard and comes
// back.
func TestFeedbackOutage(t *testing.T) {
	down, back := path(3_000_000, 40*time.Millisecond)
	f := &flow{source: newLayered(), back: back}
	s := newSim(t, down, f)
	s.run(20 * second)
	before := f.est.Target()
	out := back
	out.Loss = 1
	f.up.Set(s.now, out)
	s.run(25 * second)
	during := f.est.Target()
	f.up.Set(s.now, back)
	s.run(45 * second)
	again := f.when("best layer again", 25*second, isBest)
	t.Logf("before %v, during %v, back after %v", before, during, again)
	if during > before/2 || again > 8*second {
		t.Error("outage badly handled")
		f.dump(19*second, 40*second)
	}
}

// TestClockDrift holds that a receiver's clock that runs 300 ppm fast or
// slow is not taken for a queue.
func TestClockDrift(t *testing.T) {
	for _, drift := range []float64{300e-6, -300e-6} {
		down, back := path(3_000_000, 40*time.Millisecond)
		f := &flow{source: newLayered(), back: back, drift: drift}
		s := newSim(t, down, f)
		s.run(120 * second)
		if best := fraction(f.between(15*second, 120*second), isBest); best < 0.99 {
			t.Errorf("drift %v: best layer %.3f of the time", drift, best)
			f.dump(0, 60*second)
		}
	}
}

// TestWithoutProbes holds that a caller which cannot send padding gets up by media
// alone, though slowly, and does not queue for it.
func TestWithoutProbes(t *testing.T) {
	down, back := path(3_000_000, 40*time.Millisecond)
	f := &flow{source: newLayered(), back: back, noProbe: true}
	s := newSim(t, down, f)
	s.run(60 * second)
	took := f.when("best layer", 0, isBest)
	s.set(400_000)
	s.run(120 * second)
	queue := s.queueBetween(66*second, 120*second)
	over := fraction(s.flows[0].between(66*second, 120*second), func(s sample) bool { return s.target > 530_000 })
	t.Logf("best layer after %v, longest queue %v, above 530 kbit/s %.2f of the time", took, queue, over)
	if took > 40*second || queue > second || over > 0 {
		t.Error("badly used")
		f.dump(0, 30*second)
		f.dump(60*second, 90*second)
	}
}

// TestSeeds holds the step for many phases and sources, with feedback of several
// intervals.
func TestSeeds(t *testing.T) {
	var fall, again, drained time.Duration
	for seed := range uint64(24) {
		down, back := path(3_000_000, 50*time.Millisecond)
		down.Jitter = 5 * time.Millisecond
		src := newLayered()
		src.rng = rand.New(rand.NewPCG(seed, 7))
		src.burst = seed%2 == 1
		f := &flow{source: src, back: back, interval: []int{50, 100, 200}[seed%3]}
		s := newSim(t, down, f)
		phase := time.Duration(seed) * 7 * time.Millisecond
		s.run(10*second + phase)
		s.set(400_000)
		s.run(30*second + phase)
		s.set(3_000_000)
		s.run(50 * second)
		a := f.when("layer below 400 kbit/s", 10*second+phase, func(s sample) bool { return s.target <= 400_000 && s.layer.Spatial <= 1 })
		b := f.when("best layer again", 30*second+phase, isBest)
		fall, again = max(fall, a), max(again, b)
		drained = max(drained, s.queueEnd(10*second+phase, 30*second, 300*time.Millisecond))
		kept := fraction(f.between(40*second, 50*second), isBest)
		mean := f.received(15*second, 30*second)
		if a > second || b > 8*second || kept < 0.95 || mean < 200_000 {
			t.Errorf("seed %d: fall %v, mean at 400 kbit/s %v, back %v, kept %.2f", seed, a, mean, b, kept)
			f.dump(10*second, 45*second)
		}
	}
	t.Logf("worst fall %v, queue <= 300 ms after %v, back %v", fall, drained, again)
}

// TestStalls holds that a path which stands still for a moment and then delivers all
// at once, as radio and busy machines do, is not taken for a slow one.
func TestStalls(t *testing.T) {
	for _, stall := range []time.Duration{100 * time.Millisecond, 300 * time.Millisecond, 600 * time.Millisecond} {
		down, back := path(20_000_000, 40*time.Millisecond)
		f := &flow{source: newLayered(), back: back}
		s := newSim(t, down, f)
		s.run(10 * second)
		for at := 10 * second; at < 90*second; at += 3*second + 70*time.Millisecond {
			s.run(at)
			s.set(1000)
			s.run(at + stall)
			s.set(20_000_000)
		}
		samples := f.between(10*second, 90*second)
		best := fraction(samples, isBest)
		off := fraction(samples, func(s sample) bool { return s.layer.Spatial < 1 })
		t.Logf("stalls of %v: best layer %.2f of the time, lowest or none %.2f", stall, best, off)
		if best < 0.8 || off > 0.05 {
			t.Error("taken for a slow path")
			f.dump(12*second, 25*second)
		}
	}
}
