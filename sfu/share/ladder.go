package share

import (
	"math"
	"time"

	"conclave/sfu/bwe"
)

// maxSteps bounds a stream's ladder: four spatial by four temporal layers, more
// than any browser sends.
const maxSteps = 16

// An entry is a stream in a decision.
type entry struct {
	id       uint32
	priority Priority
	known    bool   // memory is of an earlier decision
	measured bool   // the ladder has rates
	memory   memory // as it was before this decision, but for fitting
	current  int    // step of the last choice; -1: paused
	limit    int    // step it may have
	level    int    // step it gets; -1: paused

	ladder [maxSteps]LayerRate
	n      int
}

// set fills e for s.
func (e *entry) set(now time.Time, s *Stream, m memory, known bool) {
	e.id, e.priority, e.memory, e.known = s.ID, s.Priority, m, known
	e.climb(s)
	e.current = -1
	if !known || m.layer == Off || e.n == 0 {
		return
	}
	e.current = 0
	for i, l := range e.steps() {
		if l.Layer.Spatial <= m.layer.Spatial && l.Layer.Temporal <= m.layer.Temporal {
			e.current = i
		}
	}
	if e.layer(e.current) == m.layer && !e.isAudio() {
		e.damp(m.rate, now.Sub(m.at))
	}
}

// damp lowers the rates if that of the current step has risen since it was
// last reckoned, so that the rise is believed by and by.
func (e *entry) damp(last bwe.BitRate, passed time.Duration) {
	measured := float64(e.rate(e.current))
	rise := measured - float64(last)
	if rise <= 0 || last <= 0 {
		return
	}
	believed := min(max(passed.Seconds()/rateRise.Seconds(), 0), 1)
	share := (float64(last) + rise*believed) / measured
	for i := range e.steps() {
		e.ladder[i].Rate = bwe.BitRate(float64(e.ladder[i].Rate) * share)
	}
}

// isAudio reports whether e is served before all video and never paused.
func (e *entry) isAudio() bool { return e.priority >= Audio }

// steps are the layers worth choosing from, cheapest and worst first.
func (e *entry) steps() []LayerRate { return e.ladder[:e.n] }

// layer returns the layer of a step.
func (e *entry) layer(step int) Layer {
	if step < 0 {
		return Off
	}
	return e.ladder[step].Layer
}

// rate returns the rate of a step; paused costs nothing.
func (e *entry) rate(step int) bwe.BitRate {
	if step < 0 {
		return 0
	}
	return e.ladder[step].Rate
}

// climb makes the ladder of s: its layers from worst to best, without those
// that cost as much as a better one.
func (e *entry) climb(s *Stream) {
	e.n, e.measured = 0, true
	if e.isAudio() {
		rate := audioReserve
		for _, l := range s.Rates {
			rate = max(rate, l.Rate)
		}
		e.ladder[0], e.n = LayerRate{Rate: rate}, 1
		return
	}
	for _, l := range s.Rates {
		if l.Rate <= 0 || l.Layer.Spatial < 0 || l.Layer.Temporal < 0 ||
			l.Layer.Spatial > s.Want.Spatial || l.Layer.Temporal > s.Want.Temporal || e.n == maxSteps {
			continue
		}
		e.ladder[e.n] = l
		e.n++
		for j := e.n - 1; j > 0 && e.worse(e.ladder[j].Layer, e.ladder[j-1].Layer); j-- {
			e.ladder[j], e.ladder[j-1] = e.ladder[j-1], e.ladder[j]
		}
	}
	e.prune()
	e.measured = e.n > 0
	if !e.measured && s.Want.Spatial >= 0 && s.Want.Temporal >= 0 {
		// Nothing measured yet: the lowest layer, whatever it costs, so that
		// the picture can start.
		e.ladder[0], e.n = LayerRate{}, 1
	}
}

// worse reports whether a is worse to look at than b. A screen is read: it wants
// pixels before pictures a second. A face is watched: more pixels at a
// quarter of the pictures a second are no gain, so that the lowest temporal layer
// of a larger picture ranks below all of the smaller one's.
func (e *entry) worse(a, b Layer) bool {
	if e.priority < Screen {
		if (a.Temporal == 0) != (b.Temporal == 0) {
			return a.Temporal == 0
		}
	}
	if a.Spatial != b.Spatial {
		return a.Spatial < b.Spatial
	}
	return a.Temporal < b.Temporal
}

// prune drops every step that costs as much as a better one.
func (e *entry) prune() {
	kept := e.n
	least := bwe.BitRate(math.MaxInt64)
	for i := e.n - 1; i >= 0; i-- {
		if e.ladder[i].Rate < least {
			least = e.ladder[i].Rate
			kept--
			e.ladder[kept] = e.ladder[i]
		}
	}
	e.n = copy(e.ladder[:], e.ladder[kept:e.n])
}

// mayReach returns the highest step that e may take now, having been filled
// with a margin. It notes since when a step up has fitted.
func (e *entry) mayReach(now time.Time, budget bwe.BitRate) int {
	if !e.known || e.isAudio() {
		return e.level
	}
	if e.level <= e.current {
		e.memory.fitting = time.Time{}
		return e.current
	}
	if e.memory.fitting.IsZero() {
		e.memory.fitting = now
	}
	hold := e.memory.hold
	if e.current < 0 || float64(budget) > changed*float64(e.memory.budget) {
		hold = upHold
	}
	if now.Sub(e.memory.fitting) < hold {
		return e.current
	}
	return e.level
}
