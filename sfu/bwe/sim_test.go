package bwe_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"conclave/internal/netem/link"
	"conclave/sfu/bwe"
	"conclave/sfu/share"
)

// A packet in a simulated link.
type packet struct {
	flow *flow
	seq  uint16
	size int
}

// A sim is senders behind one bottleneck, on a virtual clock of 1 ms steps.
type sim struct {
	t     *testing.T
	now   time.Time
	start time.Time
	down  *link.Link[packet]
	flows []*flow
	tcp   *tcp
	queue []time.Duration // of the bottleneck, a sample each 10 ms
}

func newSim(t *testing.T, p link.Profile, flows ...*flow) *sim {
	t.Helper()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := &sim{t: t, now: start, start: start, down: link.New[packet](p, 1), flows: flows}
	for i, f := range flows {
		f.sim = s
		if f.cfg == (bwe.Config{}) {
			f.cfg = bwe.Config{Max: 5 * bwe.Megabit}
		}
		e, err := bwe.New(f.cfg)
		if err != nil {
			t.Fatal(err)
		}
		f.est = e
		f.up = link.New[bwe.Feedback](f.back, uint64(i))
		f.seq = uint16(65000 * (i + 1)) // wraps soon
	}
	return s
}

// at is the time since the start.
func (s *sim) at() time.Duration { return s.now.Sub(s.start) }

// run runs until a time since the start.
func (s *sim) run(until time.Duration) {
	for s.at() < until {
		s.now = s.now.Add(time.Millisecond)
		ms := int(s.at() / time.Millisecond)
		for _, f := range s.flows {
			f.step(ms)
		}
		if s.tcp != nil {
			s.tcp.step()
		}
		for {
			p, ok := s.down.Pop(s.now)
			if !ok {
				break
			}
			if p.flow == nil {
				s.tcp.came()
				continue
			}
			p.flow.came(p)
		}
		if ms%10 == 0 {
			var q time.Duration
			if r := s.down.Profile().Rate; r > 0 {
				q = bwe.BitRate(r).Over(s.down.Queued())
			}
			s.queue = append(s.queue, q)
		}
	}
}

// set changes the bottleneck's rate.
func (s *sim) set(rate int64) {
	p := s.down.Profile()
	p.Rate = rate
	s.down.Set(s.now, p)
}

// queueBetween returns the longest queue between two times.
func (s *sim) queueBetween(from, to time.Duration) time.Duration {
	var q time.Duration
	for _, v := range s.queue[from/(10*time.Millisecond) : to/(10*time.Millisecond)] {
		q = max(q, v)
	}
	return q
}

// A flow is one sender with its estimator, and its receiver.
type flow struct {
	cfg      bwe.Config
	source   source
	back     link.Profile // of the feedback's way
	interval int          // ms between feedbacks; 0: 100
	begin    time.Duration
	noProbe  bool    // cannot send padding
	wire     *wire   // nil: feedback is handed over as it is
	drift    float64 // of the receiver's clock

	sim  *sim
	est  *bwe.Estimator
	up   *link.Link[bwe.Feedback]
	seq  uint16
	wake time.Time

	// Receiver.
	heard   bool
	newest  uint16
	pending []bwe.Arrival

	samples []sample // each 100 ms
	bytes   int      // received since the last sample
}

// A sample is the state of a flow over 100 ms.
type sample struct {
	at       time.Duration
	target   bwe.BitRate
	received bwe.BitRate
	layer    share.Layer
	stats    bwe.Stats
}

func (f *flow) send(size int, id bwe.ProbeID) {
	f.seq++
	f.est.OnSent(f.sim.now, f.seq, size, id)
	f.sim.down.Push(f.sim.now, size, packet{f, f.seq, size})
}

func (f *flow) step(ms int) {
	if f.sim.at() < f.begin {
		return
	}
	f.source.step(f, ms)
	if !f.sim.now.Before(f.wake) {
		if p, ok := f.est.Probe(f.sim.now); ok && !f.noProbe {
			for n := p.Bytes; n > 0; n -= 1200 {
				f.send(1200, p.ID)
			}
		}
		f.wake = f.est.Wake(f.sim.now)
		if limit := f.sim.now.Add(50 * time.Millisecond); f.wake.After(limit) {
			f.wake = limit
		}
	}
	interval := f.interval
	if interval == 0 {
		interval = 100
	}
	if ms%interval == 0 {
		f.report()
	}
	for {
		fb, ok := f.up.Pop(f.sim.now)
		if !ok {
			break
		}
		f.est.OnFeedback(f.sim.now, fb)
	}
	if ms%50 == 0 {
		f.est.Tick(f.sim.now)
	}
	if ms%100 == 0 {
		f.samples = append(f.samples, sample{
			at: f.sim.at(), target: f.est.Target(), received: bwe.BitRate(f.bytes * 80),
			layer: f.source.layer(), stats: f.est.Stats(),
		})
		f.bytes = 0
	}
}

// report sends feedback.
func (f *flow) report() {
	if f.wire != nil {
		for _, fb := range f.wire.feedback(f.sim.t) {
			f.up.Push(f.sim.now, 100, fb)
		}
		return
	}
	if len(f.pending) > 0 {
		f.up.Push(f.sim.now, 100, bwe.Feedback{Arrivals: f.pending})
		f.pending = nil
	}
}

// came notes an arrival, and the packets before it that are missing.
func (f *flow) came(p packet) {
	if f.heard && f.wire == nil {
		for q := f.newest + 1; q != p.seq; q++ {
			f.pending = append(f.pending, bwe.Arrival{Seq: q})
		}
	}
	f.heard, f.newest = true, p.seq
	// The receiver's clock starts elsewhere and has 250 us ticks.
	drift := time.Duration(f.drift * float64(f.sim.at()))
	at := (f.sim.at() + drift + 12345*time.Second).Truncate(250 * time.Microsecond)
	if f.wire != nil {
		f.wire.record(p.seq, at)
	} else {
		f.pending = append(f.pending, bwe.Arrival{Seq: p.seq, At: at, Received: true})
	}
	f.bytes += p.size
}

// between returns the samples of a span of time.
func (f *flow) between(from, to time.Duration) []sample {
	var r []sample
	for _, s := range f.samples {
		if s.at > from && s.at <= to {
			r = append(r, s)
		}
	}
	return r
}

// received is the mean rate received in a span of time.
func (f *flow) received(from, to time.Duration) bwe.BitRate {
	var sum bwe.BitRate
	r := f.between(from, to)
	for _, s := range r {
		sum += s.received
	}
	return sum / bwe.BitRate(max(len(r), 1))
}

// when returns when ok first holds at or after from; it fails if never.
func (f *flow) when(what string, from time.Duration, ok func(sample) bool) time.Duration {
	f.sim.t.Helper()
	for _, s := range f.samples {
		if s.at >= from && ok(s) {
			return s.at - from
		}
	}
	f.sim.t.Errorf("%s: never", what)
	f.dump(from, from+15*time.Second)
	return time.Hour
}

// dump logs a span of time.
func (f *flow) dump(from, to time.Duration) {
	f.sim.t.Helper()
	var b strings.Builder
	for _, s := range f.between(from, to) {
		fmt.Fprintf(&b, "%6.1fs target %-13v recv %-13v cap %-13v queue %-6v loss %.2f rtt %-6v S%dT%d probes %d/%d drain %v limited %v\n",
			s.at.Seconds(), s.target, s.received, s.stats.Capacity, s.stats.Queue.Round(time.Millisecond), s.stats.Loss,
			s.stats.RTT.Round(time.Millisecond), s.layer.Spatial, s.layer.Temporal, s.stats.ProbesWon, s.stats.Probes, s.stats.Draining, s.stats.Limited)
	}
	f.sim.t.Logf("\n%s", b.String())
}

// queueEnd returns how long after from the queue was last longer than limit.
func (s *sim) queueEnd(from, to, limit time.Duration) time.Duration {
	var end time.Duration
	const step = 10 * time.Millisecond
	for at := from; at < to; at += step {
		if s.queue[at/step] > limit {
			end = at - from + step
		}
	}
	return end
}

// queueShare returns the share of the time in which the queue was longer than limit.
func (s *sim) queueShare(from, to, limit time.Duration) float64 {
	const step = 10 * time.Millisecond
	n := 0
	for _, q := range s.queue[from/step : to/step] {
		if q > limit {
			n++
		}
	}
	return float64(n) / float64((to-from)/step)
}
