// Package share divides a receiver's bandwidth among the streams it shows:
// audio first, then by priority (screen, large tile, thumbnails); at one
// priority every stream gets its lower layers before any gets a higher one. A
// stream whose lowest layer does not fit is paused; audio never is.
//
// Start with [NewAllocator] and call [Allocator.Allocate] when the estimate, the
// view or the measured rates change, and otherwise about every 100 ms: going
// down takes effect at once, going up needs a margin and a while. The result says
// how much more bandwidth would help, which is what [bwe.Estimator.SetDemand]
// wants to know.
//
// An Allocator has no clock and no lock, and does not allocate after warm-up.
package share

import (
	"math"
	"time"

	"conclave/sfu/bwe"
)

// A Layer is an operating point: everything up to a spatial and a temporal id.
// It has the fields of layer.Layer and converts to it.
type Layer struct{ Spatial, Temporal int8 }

// Off is the layer of a paused stream.
var Off = Layer{-1, -1}

// A Priority orders streams; higher is served first. The values are those
// of ViewItem.priority in the protocol.
type Priority uint32

// Priorities.
const (
	Thumbnail Priority = 1
	Large     Priority = 2
	Screen    Priority = 3
	Audio     Priority = 1 << 16 // this and above: reserved first, never paused
)

// A LayerRate is the measured rate of a layer, including all layers below it.
type LayerRate struct {
	Layer Layer
	Rate  bwe.BitRate
}

// A Stream is one stream that the receiver shows.
type Stream struct {
	ID       uint32
	Priority Priority
	Want     Layer       // highest layer of use to the receiver
	Rates    []LayerRate // layers the publisher sends now, in any order; those without a rate are not offered
}

// Least is the rate of the stream's lowest layer, as a decision reckons it; 0 if
// nothing is wanted or known of it.
func (s *Stream) Least() bwe.BitRate {
	if s.Priority >= Audio {
		return audioReserve
	}
	var least bwe.BitRate
	for _, l := range s.Rates {
		if l.Rate > 0 && s.Want != Off && (least == 0 || l.Rate < least) {
			least = l.Rate
		}
	}
	return least
}

// A Choice is the layer that a stream gets.
type Choice struct {
	ID      uint32
	Layer   Layer       // Off: pause
	Rate    bwe.BitRate // of the layer as it is reckoned; 0 if unknown or paused
	Starved bool        // bandwidth, not Want or the publisher, holds it at this layer
}

// A Decision is the outcome of one allocation.
type Decision struct {
	Choices []Choice    // in the order of the streams; valid until the next call
	Used    bwe.BitRate // sum of the choices' rates, audio at its reservation
	Next    bwe.BitRate // total at which the next stream takes its next step up; 0 if none wants one
	Full    bwe.BitRate // total at which every stream has what it wants; 0 if all have
}

const (
	// MaxStreams bounds the streams of one receiver. More are paused.
	MaxStreams = 256

	// audioReserve is kept for each audio stream, which is measured as almost
	// nothing while it is silent: Opus at 32 kbit/s with its RTP headers.
	audioReserve = 48 * bwe.Kilobit

	// A step up needs margin times its rate: encoders overshoot and
	// estimates waver by about this much.
	margin = 1.1

	// rateRise is the time in which a rise of a measured rate is believed. A
	// key frame, which each step up asks for, raises it for a second, and is not
	// a reason to step down: if the path does not bear it, the budget falls.
	rateRise = 4 * time.Second

	// upHold is how long a step up must have fitted. Each fall soon after a
	// rise doubles it, up to maxHold.
	upHold  = 700 * time.Millisecond
	maxHold = 16 * upHold

	// flapTime is how soon after a rise a fall counts as soon, and how
	// long without one until the hold is upHold again.
	flapTime = 15 * time.Second

	// A budget so many times the one of the rise that did not last is another
	// path: the hold is upHold. It is also for a picture that is paused.
	changed = 1.5
)

// An Allocator divides the bandwidth of one receiver.
type Allocator struct {
	memories map[uint32]memory // by stream ID
	entries  []entry           // of the decision in progress, in the order of the streams
	order    []int             // indices of entries, by priority
	choices  []Choice
	round    uint64
}

// A memory is what the Allocator keeps of a stream between decisions.
type memory struct {
	layer   Layer         // last choice
	fitting time.Time     // since when a step up has fitted; zero: it does not
	raised  time.Time     // last step up; zero once it was followed by a fall
	budget  bwe.BitRate   // at that step
	fell    time.Time     // last fall soon after a rise
	hold    time.Duration // how long a step up must fit
	rate    bwe.BitRate   // of layer, as it was reckoned
	at      time.Time     // of that
	round   uint64        // last decision that had the stream
}

// NewAllocator returns an Allocator.
func NewAllocator() *Allocator {
	return &Allocator{memories: make(map[uint32]memory)}
}

// Allocate divides budget among streams, whose IDs are distinct.
//
// It fills twice. The first time with a margin and as high as wanted: who gets
// more than it has could rise. The second time with the whole budget, where only
// those may rise that could for a while, so that everybody else keeps what
// it has unless it no longer fits.
func (a *Allocator) Allocate(now time.Time, budget bwe.BitRate, streams []Stream) Decision {
	a.prepare(now, streams)
	for i := range a.entries {
		a.entries[i].limit = len(a.entries[i].steps()) - 1
	}
	a.fill(bwe.BitRate(float64(budget) / margin))
	for i := range a.entries {
		e := &a.entries[i]
		e.limit = e.mayReach(now, budget)
	}
	a.fill(budget)
	d := a.decide(streams)
	a.remember(now, budget)
	return d
}

// prepare makes an entry of each stream and orders them by priority.
func (a *Allocator) prepare(now time.Time, streams []Stream) {
	a.round++
	a.entries, a.order = a.entries[:0], a.order[:0]
	for i := range streams[:min(len(streams), MaxStreams)] {
		s := &streams[i]
		if len(a.entries) < cap(a.entries) {
			a.entries = a.entries[:i+1]
		} else {
			a.entries = append(a.entries, entry{})
		}
		m, known := a.memories[s.ID]
		a.entries[i].set(now, s, m, known)
		a.order = append(a.order, i)
		for j := i; j > 0 && a.entries[a.order[j-1]].priority < s.Priority; j-- {
			a.order[j], a.order[j-1] = a.order[j-1], a.order[j]
		}
	}
}

// fill sets each entry's level, at most its limit, within budget.
func (a *Allocator) fill(budget bwe.BitRate) {
	for i := range a.entries {
		e := &a.entries[i]
		e.level = -1
		if e.isAudio() {
			e.level = e.limit
			budget -= e.rate(e.level)
		}
	}
	for from := 0; from < len(a.order); {
		to := from + 1
		priority := a.entries[a.order[from]].priority
		for to < len(a.order) && a.entries[a.order[to]].priority == priority {
			to++
		}
		if priority < Audio {
			budget = a.fillGroup(a.order[from:to], budget)
		}
		from = to
	}
}

// fillGroup raises the entries of one priority level by level and returns
// what is left of budget. Who cannot afford a level gets none above it.
func (a *Allocator) fillGroup(group []int, budget bwe.BitRate) bwe.BitRate {
	for level := range maxSteps {
		for _, i := range group {
			e := &a.entries[i]
			if e.level != level-1 || e.limit < level {
				continue
			}
			if cost := e.rate(level) - e.rate(level-1); cost <= budget {
				e.level = level
				budget -= cost
			}
		}
	}
	return budget
}

// decide reads the entries' levels into a Decision.
func (a *Allocator) decide(streams []Stream) Decision {
	a.choices = a.choices[:0]
	var d Decision
	var full, step bwe.BitRate
	starved := false
	for i := range a.entries {
		e := &a.entries[i]
		c := Choice{ID: e.id, Layer: e.layer(e.level), Rate: e.rate(e.level)}
		top := len(e.steps()) - 1
		d.Used += e.rate(e.level)
		full += e.rate(top)
		if e.level < top {
			c.Starved = true
			cost := e.rate(e.level+1) - e.rate(e.level)
			if !starved || cost < step {
				step = cost
			}
			starved = true
		}
		a.choices = append(a.choices, c)
	}
	if starved {
		d.Next = bwe.BitRate(math.Ceil(float64(d.Used+step)*margin)) + 1
		d.Full = bwe.BitRate(math.Ceil(float64(full)*margin)) + 1
	}
	for i := len(a.entries); i < len(streams); i++ {
		a.choices = append(a.choices, Choice{ID: streams[i].ID, Layer: Off, Starved: true})
	}
	d.Choices = a.choices
	return d
}

// remember keeps what the next decision needs and forgets streams that are gone.
func (a *Allocator) remember(now time.Time, budget bwe.BitRate) {
	kept := 0
	for i := range a.entries {
		e := &a.entries[i]
		if !e.measured {
			continue // its first rates are taken as they come
		}
		kept++
		m := e.memory
		had := e.current
		switch {
		case !e.known:
			m = memory{hold: upHold}
		case e.level > had:
			m.raised, m.fitting, m.budget = now, time.Time{}, budget
		case e.level < had:
			m.fitting = time.Time{}
			if now.Sub(m.raised) < flapTime {
				m.hold = min(2*m.hold, maxHold)
				m.fell = now
				m.raised = time.Time{} // the steps of one fall count once
			}
		}
		if m.hold > upHold && now.Sub(m.fell) > flapTime+m.hold {
			m.hold = upHold
		}
		m.layer, m.round = e.layer(e.level), a.round
		m.rate, m.at = e.rate(e.level), now
		a.memories[e.id] = m
	}
	if len(a.memories) == kept {
		return
	}
	for id, m := range a.memories {
		if m.round != a.round {
			delete(a.memories, id)
		}
	}
}
