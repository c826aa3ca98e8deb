package rtc

import (
	"time"

	"conclave/api"
	"conclave/sfu/layer"
	"conclave/sfu/share"
)

// tick lets time pass for the receiver and returns when to call it again.
func (b *subscriber) tick(now time.Time) time.Duration {
	if b.pc == nil || !b.sending() {
		return idleInterval
	}
	e := b.egress
	if now.Sub(b.sharedAt) >= shareInterval {
		b.sharedAt = now
		b.share(now)
	}
	b.askKeyFrames(now)
	if now.Sub(b.statesAt) >= stateInterval {
		b.statesAt = now
		b.tellStates(now)
	}
	if now.Sub(b.reportedAt) >= reportInterval {
		b.reportedAt = now
		b.report(now)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.estimator.Tick(now)
	e.probeLocked(now)
	return min(max(e.estimator.Wake(now).Sub(now), leastWake), tickInterval)
}

// sending reports whether any slot carries something.
func (b *subscriber) sending() bool {
	for _, t := range b.slots {
		if t.attached {
			return true
		}
	}
	return false
}

// share divides the bandwidth among what is shown.
func (b *subscriber) share(now time.Time) {
	b.demands = b.demands[:0]
	b.rates = b.rates[:0]
	for _, t := range b.slots {
		if !t.attached {
			continue
		}
		s := t.carries
		d := share.Stream{ID: s.id, Priority: share.Audio}
		if !t.audio {
			v := b.view[s.id]
			d.Priority = share.Priority(min(v.GetPriority(), uint32(share.Screen)))
			from := len(b.rates)
			b.rates, _ = s.rates(now, b.rates)
			d.Rates = b.rates[from:len(b.rates):len(b.rates)]
			d.Want = b.wanted(s, v, d.Rates)
			t.want = layer.Layer(d.Want)
		}
		b.demands = append(b.demands, d)
	}
	e := b.egress
	e.mu.Lock()
	defer e.mu.Unlock()
	target := e.estimator.Target()
	b.estimate = uint64(max(target, 0))
	b.seat.room.engine.stats.Estimate.Store(b.estimate)
	decision := b.allocator.Allocate(now, target, b.demands)
	e.estimator.SetDemand(decision.Next, decision.Full)
	clear(b.choices)
	for _, c := range decision.Choices {
		b.choices[c.ID] = c
	}
	for _, t := range b.slots {
		if t.attached && t.selector != nil {
			t.selector.SetTarget(layer.Layer(b.choices[t.carries.id].Layer))
		}
	}
}

// wanted returns the smallest layer that fills a tile.
func (b *subscriber) wanted(s *stream, v *api.ViewItem, rates []share.LayerRate) share.Layer {
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
func (b *subscriber) askKeyFrames(now time.Time) {
	for _, t := range b.slots {
		if !t.attached || t.audio {
			continue
		}
		b.egress.mu.Lock()
		encoding, needed := 0, false
		if t.selector != nil {
			encoding, needed = t.selector.NeedsKeyFrame()
		}
		b.egress.mu.Unlock()
		if needed {
			t.carries.ask(now, encoding)
		}
	}
}
