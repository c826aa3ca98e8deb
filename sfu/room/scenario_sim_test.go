package room_test

import (
	"testing"
	"time"

	"conclave/internal/netem/link"
	"conclave/sfu/bwe"
)

// isFull reports whether all layers are sent.
func isFull(s viewerSample) bool { return s.spatial == 2 && s.temporal == 2 }

// share returns in what part of the samples between two times ok holds.
func (v *viewer) part(from, to time.Duration, ok func(viewerSample) bool) float64 {
	n, all := 0, 0
	for _, s := range v.trace {
		if s.at > from && s.at <= to {
			all++
			if ok(s) {
				n++
			}
		}
	}
	return float64(n) / float64(max(all, 1))
}

// mean is the mean rate that came, in kbit/s.
func (v *viewer) mean(from, to time.Duration) float64 {
	var sum float64
	n := 0
	for _, s := range v.trace {
		if s.at > from && s.at <= to {
			sum += s.received
			n++
		}
	}
	return sum / float64(max(n, 1))
}

func (v *viewer) voiceGap() (gap time.Duration, lost int) {
	for _, h := range v.voices {
		gap, lost = max(gap, h.gap), lost+h.lost
	}
	return gap, lost
}

// TestSimPaths holds that loss, distance and jitter cost next to nothing.
func TestSimPaths(t *testing.T) {
	for _, tt := range []struct {
		name string
		down link.Profile
		back link.Profile
	}{
		{"good", link.Profile{Rate: 3_000_000, Delay: 20 * time.Millisecond}, link.Profile{Delay: 20 * time.Millisecond}},
		{"loss 1 %", link.Profile{Rate: 3_000_000, Delay: 20 * time.Millisecond, Loss: 0.01}, link.Profile{Delay: 20 * time.Millisecond, Loss: 0.01}},
		{"loss 5 %", link.Profile{Rate: 3_000_000, Delay: 20 * time.Millisecond, Loss: 0.05}, link.Profile{Delay: 20 * time.Millisecond, Loss: 0.05}},
		{"rtt 200 ms", link.Profile{Rate: 3_000_000, Delay: 100 * time.Millisecond}, link.Profile{Delay: 100 * time.Millisecond}},
		{"rtt 200 ms, loss 5 %", link.Profile{Rate: 3_000_000, Delay: 100 * time.Millisecond, Loss: 0.05}, link.Profile{Delay: 100 * time.Millisecond, Loss: 0.05}},
		{"jitter 30 ms", link.Profile{Rate: 3_000_000, Delay: 20 * time.Millisecond, Jitter: 30 * time.Millisecond}, link.Profile{Delay: 20 * time.Millisecond, Jitter: 30 * time.Millisecond}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(3) {
				w := newWorld(t, seed)
				newSVC(w, 1, 1_500_000)
				p := w.pipe(tt.down)
				v := newViewer(w, 2, p, tt.back)
				v.show(2, 1280, 720, 1)
				w.run(60 * second)
				s := v.slots[0]
				freeze, at := s.freeze(10*second, 60*second)
				gap, lost := v.voiceGap()
				t.Logf("full after %v, then %.3f of the time; freeze %v at %v; lost %.4f; %d PLI; repair %.1f %%, probes %.1f %%; queue %v; voice gap %v, lost %d",
					v.reaches(0, isFull), v.part(10*second, 60*second, isFull), freeze, at, s.lost(10*second, 59*second), s.asks,
					100*float64(v.sent.repair)/float64(v.sent.video), 100*float64(v.sent.probes)/float64(v.sent.video), p.longest(10*second, 60*second), gap, lost)
				if testing.Verbose() && seed == 0 && v.part(10*second, 60*second, isFull) < 0.95 {
					v.dump(0, 60*second)
				}
			}
		})
	}
}

// TestSimShared holds that two receivers behind one bottleneck get 40 to 60 % each.
func TestSimShared(t *testing.T) {
	for _, rate := range []int64{700_000, 1_200_000, 2_000_000, 3_000_000} {
		for _, begin := range []time.Duration{0, 15 * second} {
			for seed := range uint64(3) {
				w := newWorld(t, seed)
				newSVC(w, 1, 1_500_000)
				p := w.pipe(link.Profile{Rate: rate, Delay: 20 * time.Millisecond})
				a := newViewer(w, 2, p, link.Profile{Delay: 20 * time.Millisecond})
				a.show(2, 1280, 720, 1)
				w.run(begin)
				b := newViewer(w, 3, p, link.Profile{Delay: 20 * time.Millisecond})
				b.show(2, 1280, 720, 1)
				w.run(120 * second)
				ra, rb := a.mean(40*second, 120*second), b.mean(40*second, 120*second)
				fa, _ := a.slots[0].freeze(20*second, 120*second)
				fb, _ := b.slots[0].freeze(20*second, 120*second)
				t.Logf("%v, second after %v: %.2f, used %.2f, freezes %v %v, queue %v", bwe.BitRate(rate), begin, ra/(ra+rb), (ra+rb)*1000/float64(rate), fa, fb, p.longest(40*second, 120*second))
			}
		}
	}
}

// TestSimBesideTCP holds that a greedy flow keeps 30 %, and the camera a picture.
func TestSimBesideTCP(t *testing.T) {
	for _, rate := range []int64{1_000_000, 2_000_000, 4_000_000} {
		w := newWorld(t, 1)
		newSVC(w, 1, 1_500_000)
		p := w.pipe(link.Profile{Rate: rate, Delay: 20 * time.Millisecond})
		v := newViewer(w, 2, p, link.Profile{Delay: 20 * time.Millisecond})
		v.show(2, 1280, 720, 1)
		w.run(10 * second)
		w.greedy = &greedy{w: w, pipe: p, window: 4, rtt: 25 * time.Millisecond}
		w.run(100 * second)
		freeze, at := v.slots[0].freeze(10*second, 100*second)
		t.Logf("%v: TCP %.2f, ours %.2f, freeze %v at %v, lost %.3f, off %.2f", bwe.BitRate(rate), float64(w.greedy.received)*8/90/float64(rate),
			v.mean(10*second, 100*second)*1000/float64(rate), freeze, at, v.slots[0].lost(10*second, 99*second), v.part(10*second, 100*second, func(s viewerSample) bool { return s.spatial < 0 }))
	}
}
