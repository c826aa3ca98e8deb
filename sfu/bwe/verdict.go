package bwe

import "time"

// judgeProbe draws the conclusion from a cluster once its feedback is in.
func (e *Estimator) judgeProbe(now time.Duration) {
	p, c := &e.probe, &e.control
	if !p.complete(now, e.rtt) {
		return
	}
	left, arrived, ok := p.result()
	c.blind = !p.isFilled()
	if !ok || c.blind || c.draining {
		p.retry(now)
		return
	}
	full := arrived < scale(left, probeArrives*(1-e.loss.inherent))
	r := min(left, arrived)
	if full {
		// The link is full at what arrived, or media came in between.
		c.capacity = r
		r = scale(r, regain)
	} else {
		p.won++
		c.promised, c.promisedAt = r, now
	}
	before := c.rate
	if now < c.rivalUntil { // what arrives is taken from the other flow
		r = min(r, scale(c.rate, probeProgress))
		if full && c.rate > rivalSpares {
			r = 0
		}
	}
	if r > c.rate {
		e.raise(now, r)
	}
	if full && c.rate < scale(before, probeProgress) {
		if e.detector.jitter > probeNoise && c.rate > scale(before, probeGain) {
			p.interval = 0 // it may have arrived at its rate but for the jitter
		}
		p.retry(now)
		return
	}
	p.state, p.chain, p.interval, p.next = probeIdle, true, 0, now
}

// raise sets the rate to what a cluster has shown.
func (e *Estimator) raise(now time.Duration, r BitRate) {
	c := &e.control
	c.rate = e.clamp(r)
	c.grewAt, c.holdUntil = now, now+settle
	if c.capacity < r {
		c.capacity = 0
	}
}
