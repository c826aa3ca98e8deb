package room

import (
	"time"

	"conclave/api"
	"conclave/sfu/bwe"
	"conclave/sfu/layer"
	"conclave/sfu/rtp"
	"conclave/sfu/share"
)

// An allocation is how a receiver's bandwidth is divided.
type allocation struct {
	allocator *share.Allocator
	demands   []share.Stream // scratch, and what the last division was asked
	rates     []share.LayerRate
	choices   map[uint32]share.Choice // by id of the stream
	sharedAt  time.Time
	target    bwe.BitRate // that was divided
	enoughAt  time.Time   // when all that is shown last fitted at its lowest layer
}

func newAllocation() allocation {
	return allocation{allocator: share.NewAllocator(), choices: make(map[uint32]share.Choice)}
}

// fallNow is by how much the estimate must have fallen since the last division
// for the next not to wait for its turn. What is sent above the estimate until
// then stands in the queue of the path.
const fallNow = 0.95

// pauseAfter is for how long the lowest layers of what is shown are sent although
// the estimate is less than they need, if it is not less than half.
const pauseAfter = 1500 * time.Millisecond

// tick lets time pass for the receiver and returns when to call it again.
func (rc *receiver) tick(now time.Time, out *rtp.Output) time.Time {
	rc.estimator.Tick(now)
	if now.Sub(rc.allocation.sharedAt) >= shareInterval {
		rc.share(now)
		rc.fitBurst()
	}
	rc.askKeyFrames(now, out)
	rc.mend(now, out)
	if now.Sub(rc.states.checkedAt) >= stateInterval {
		rc.tellStates(now)
	}
	next := rc.sendWaiting(now, out)
	rc.probe(now, out)
	if wake := rc.estimator.Wake(now); wake.Before(next) {
		next = wake
	}
	next = maxTime(next, now.Add(leastWake))
	if limit := now.Add(tickInterval); next.After(limit) {
		next = limit
	}
	return next
}

func maxTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// heardBack draws the conclusions from feedback that the estimator was just given:
// a fall takes effect at once. Call it after each transport-wide feedback.
func (rc *receiver) heardBack(now time.Time, out *rtp.Output) {
	target := rc.estimator.Target()
	rc.pacing.pacer.SetRate(now, target)
	if float64(target) < fallNow*float64(rc.allocation.target) {
		rc.share(now)
	}
	rc.mend(now, out)
	rc.sendWaiting(now, out)
}

// share divides the bandwidth among what is shown.
func (rc *receiver) share(now time.Time) {
	a := &rc.allocation
	a.sharedAt = now
	a.demands, a.rates = a.demands[:0], a.rates[:0]
	for _, t := range rc.slots {
		if t.attached {
			a.demands = append(a.demands, rc.demand(now, t))
		}
	}
	a.target = rc.estimator.Target()
	rc.room.stats.Estimate.Store(uint64(max(a.target, 0)))
	rc.pacing.pacer.SetRate(now, a.target)
	decision := a.allocator.Allocate(now, max(a.target, a.least(now, rc.estimator.Rate())), a.demands)
	rc.estimator.SetDemand(decision.Next, decision.Full)
	clear(a.choices)
	for _, c := range decision.Choices {
		a.choices[c.ID] = c
	}
	for _, t := range rc.slots {
		if t.attached && t.selector != nil {
			t.selector.SetTarget(layer.Layer(a.choices[t.carries.id].Layer))
			if t.carries.simulcast() && rc.estimator.Stats().Draining {
				rc.leave(now, t)
			}
		}
	}
}

// leave stops the encoding of a simulcast that a slot forwards if not even its
// lowest layer fits while a queue drains. It would go on until the key frame of the
// lower one, and what it sends until then delays that.
func (rc *receiver) leave(now time.Time, t *slot) {
	is, to := t.selector.Current(), t.selector.Target()
	if to.IsNone() || is.Spatial <= to.Spatial {
		return
	}
	if t.carries.meter.Encoding(now, layer.Layer{Spatial: is.Spatial}) > rc.allocation.target {
		rc.unpace(t)
		t.restart()
	}
}

// least is what all that is shown needs at its lowest layer, if the path carries it
// or did a moment ago. While a queue drains, no more may be sent than shortens it,
// and another flow's burst makes the estimate fall for a moment. But a picture that
// is paused for that comes back with a key frame only, which is dearer than what
// was saved.
func (a *allocation) least(now time.Time, rate bwe.BitRate) bwe.BitRate {
	var sum bwe.BitRate
	for i := range a.demands {
		sum += a.demands[i].Least()
	}
	if sum <= rate {
		a.enoughAt = now
	}
	if now.Sub(a.enoughAt) > pauseAfter || rate < sum/2 {
		return 0
	}
	return sum
}

// demand says what the stream of a slot wants. Its rates are part of the scratch.
func (rc *receiver) demand(now time.Time, t *slot) share.Stream {
	a, s := &rc.allocation, t.carries
	d := share.Stream{ID: s.id, Priority: share.Audio}
	if t.audio {
		return d
	}
	v := rc.view[s.id]
	d.Priority = share.Priority(min(v.GetPriority(), uint32(share.Screen)))
	from := len(a.rates)
	a.rates, _ = s.rates(now, a.rates)
	d.Rates = a.rates[from:len(a.rates):len(a.rates)]
	d.Want = wanted(s, v, d.Rates)
	if s.simulcast() && t.selector != nil && rc.estimator.Stats().Draining {
		// One step down to the encoding that stays: each begins with a key frame.
		if is := t.selector.Current().Spatial; is > 0 && s.meter.Encoding(now, layer.Layer{Spatial: is, Temporal: 1}) > rc.estimator.Target() {
			d.Want.Spatial = 0
		}
	}
	return d
}

// wanted returns the smallest layer that fills a tile.
func wanted(s *stream, v *api.ViewItem, rates []share.LayerRate) share.Layer {
	want := share.Layer(layer.Top)
	if v.GetWidth() == 0 || v.GetHeight() == 0 {
		return want
	}
	// A layer a tenth smaller than its tile looks the same.
	const tolerance = 1.1
	for spatial := range int8(layer.MaxSpatial) {
		if !sends(rates, spatial) {
			continue
		}
		w, h, ok := s.resolution(int(spatial))
		if ok && float64(w)*tolerance >= float64(v.GetWidth()) && float64(h)*tolerance >= float64(v.GetHeight()) {
			want.Spatial = spatial
			return want
		}
	}
	return want
}

// sends reports whether a spatial layer is among the rates.
func sends(rates []share.LayerRate, spatial int8) bool {
	for _, r := range rates {
		if r.Layer.Spatial == spatial {
			return true
		}
	}
	return false
}

// askKeyFrames asks the publishers of slots that wait for a key frame.
func (rc *receiver) askKeyFrames(now time.Time, out *rtp.Output) {
	for _, t := range rc.slots {
		if !t.attached || t.selector == nil {
			continue
		}
		encoding, needed := t.selector.NeedsKeyFrame()
		if !needed || now.Sub(t.carries.encodings[encoding].askedAt) < keyFrameInterval {
			continue // none, or one is on its way
		}
		t.carries.ask(now, encoding, out)
	}
}
