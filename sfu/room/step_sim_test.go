package room_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"conclave/internal/netem/link"
	"conclave/sfu/bwe"
)

const second = time.Second

// dump logs what a viewer saw.
func (v *viewer) dump(from, to time.Duration) {
	var b strings.Builder
	for _, s := range v.trace {
		if s.at < from || s.at > to {
			continue
		}
		fmt.Fprintf(&b, "%6.1fs target %5.0f recv %5.0f queue %-5v loss %.2f drain %-5v S%dT%d shown %d\n",
			s.at.Seconds(), s.target, s.received, s.queue.Round(time.Millisecond), s.loss, s.draining, s.spatial, s.temporal, s.decoded)
	}
	v.w.t.Logf("\n%s", b.String())
}

// reaches returns how long after from ok first holds.
func (v *viewer) reaches(from time.Duration, ok func(viewerSample) bool) time.Duration {
	for _, s := range v.trace {
		if s.at >= from && ok(s) {
			return s.at - from
		}
	}
	return time.Hour
}

// A fall is a link that falls and comes back, and what is to be seen of it.
type fall struct {
	name     string
	camera   bwe.BitRate
	from, to int64
	queue    int
	delay    time.Duration // one way
	interval int           // ms between feedbacks
}

// A fallen is what was seen.
type fallen struct {
	freeze, rise, down, up time.Duration
	queue, standing        time.Duration
	dropped                uint64
	lost                   float64
	keys                   int
}

func (f fall) run(t *testing.T, seed uint64) (fallen, *viewer) {
	t.Helper()
	w := newWorld(t, seed)
	c := newSVC(w, 1, f.camera)
	p := w.pipe(link.Profile{Rate: f.from, Queue: f.queue, Delay: f.delay})
	v := newViewer(w, 2, p, link.Profile{Delay: f.delay})
	v.interval = f.interval
	v.show(2, 1280, 720, 1)
	at := 15*second + time.Duration(seed)*13*time.Millisecond
	w.run(at)
	keys := len(c.encoders[0].keyTimes)
	w.set(p, f.to)
	w.run(at + 15*second)
	var r fallen
	r.keys = len(c.encoders[0].keyTimes) - keys
	w.set(p, f.from)
	w.run(at + 30*second)
	s := v.slots[0]
	r.freeze, _ = s.freeze(at-second, at+15*second)
	r.rise, _ = s.freeze(at+15*second, at+30*second)
	r.down = v.reaches(at, func(s viewerSample) bool { return s.spatial < 2 })
	r.up = v.reaches(at+15*second, func(s viewerSample) bool { return s.spatial == 2 && s.temporal == 2 })
	r.queue, r.standing = p.longest(at, at+15*second), p.above(at, at+15*second, 300*time.Millisecond)
	r.dropped, r.lost = p.link.Stats().Dropped, s.lost(at, at+29*second)
	return r, v
}

func TestSimStep(t *testing.T) {
	for _, f := range []fall{
		{"3 to 0.4, 100", 1_500_000, 3_000_000, 400_000, 64_000, 20 * time.Millisecond, 100},
		{"3 to 0.4, 50", 1_500_000, 3_000_000, 400_000, 64_000, 20 * time.Millisecond, 50},
		{"4 to 0.4, 2.5M", 2_500_000, 4_000_000, 400_000, 64_000, 20 * time.Millisecond, 100},
		{"4 to 0.4, 2.5M 50", 2_500_000, 4_000_000, 400_000, 64_000, 20 * time.Millisecond, 50},
		{"browser", 1_500_000, 20_000_000, 300_000, 32_000, 10 * time.Millisecond, 100},
		{"browser 50", 1_500_000, 20_000_000, 300_000, 32_000, 10 * time.Millisecond, 50},
	} {
		var sum, worst fallen
		var freezes []time.Duration
		const n = 10
		for seed := range uint64(n) {
			r, _ := f.run(t, seed)
			freezes = append(freezes, r.freeze.Round(time.Millisecond))
			worst.freeze, worst.rise = max(worst.freeze, r.freeze), max(worst.rise, r.rise)
			worst.down, worst.up = max(worst.down, r.down), max(worst.up, r.up)
			worst.queue, worst.standing = max(worst.queue, r.queue), max(worst.standing, r.standing)
			worst.dropped, worst.lost = max(worst.dropped, r.dropped), max(worst.lost, r.lost)
			sum.dropped += r.dropped
			sum.keys += r.keys
		}
		t.Logf("%s: freeze %v rise %v, layer down %v up %v, queue %v standing %v, dropped %d/%d lost %.3f keys %d\n   %v", f.name, worst.freeze, worst.rise, worst.down, worst.up,
			worst.queue, worst.standing, sum.dropped/n, worst.dropped, worst.lost, sum.keys/n, freezes)
	}
}
