package bwe

import "time"

const (
	fastWindow = 150 * time.Millisecond // arrival rate while a queue stands: the link's
	slowWindow = 500 * time.Millisecond

	backoff     = 0.85 // draft-ietf-rmcat-gcc-02, Section 5.5
	regain      = 0.95 // of the capacity, once the queue is gone
	growth      = 0.08 // a second, far from capacity (ibid.)
	ackedFactor = 1.5  // the rate grows by itself to at most this times what arrives
	ackedSpare  = 10 * Kilobit
	limitedAt   = 0.8 // less than this share of the target sent: the application limits
	behindAt    = 0.8 // less than this share of what is sent arrives: a queue must grow
	nearLink    = 0.15

	queueGone    = 20 * time.Millisecond  // and less is no queue
	queueSmall   = 40 * time.Millisecond  // an overuse with less may be noise
	queueLarge   = 150 * time.Millisecond // growing to more needs no second opinion
	queueStands  = 500 * time.Millisecond // one that does not shrink for so long is overuse, though it may not grow
	drainTime    = 600 * time.Millisecond // in which a queue shall be gone
	drainLeast   = 0.4                    // of the capacity is sent while draining
	drainDiffers = 0.1
	drainStuck   = 1500 * time.Millisecond // a queue that does not shrink for so long is not ours
	rivalBehind  = 0.7                     // beside it, less than this share of what is sent arrives if the link has become slow
	rivalYields  = 500 * time.Millisecond  // beside it, between falls because of a little loss
	rivalLeast   = 5 * time.Second         // how long such a queue is ignored, at first
	rivalMost    = 20 * time.Second        // and when it is there each time
	settle       = 300 * time.Millisecond  // after a fall or a drain before growing
	afterFall    = 1 * time.Second         // before probing
	trialRoom    = 1.05                    // times the next step
	trialWait    = 10 * time.Second        // after a fall, before trying with media
	probeMemory  = 6 * time.Second         // a fall so soon after a probe raised the rate blames the probe
)

// A control holds the rate.
//
// A fall puts it below capacity and, if a queue stands, starts draining: the
// target is then lower still, by how long the queue is, until it is gone
// or time is up (because the delay is not ours: another flow, another route).
type control struct {
	rate     BitRate // the estimate
	capacity BitRate // of the link, as seen when it was full; 0: unknown

	draining   bool
	drain      BitRate       // target while draining
	drainQueue time.Duration // least queue seen since the fall shows
	drainedAt  time.Duration // when that was seen
	fellAt     time.Duration // last fall
	grewAt     time.Duration // until when growth is accounted for
	holdUntil  time.Duration // no growth before
	lossAt     time.Duration // last fall because of loss
	promised   BitRate       // what the last cluster that arrived has shown; 0: none, or blamed
	promisedAt time.Duration
	fallRate   BitRate       // what the fall left of the rate, before draining
	rivalUntil time.Duration // the queue is someone else's until then
	rivalFor   time.Duration // for how long that was last believed
	lastTail   time.Duration
	stood      time.Duration // longest queue since it was last short or shrank by a fifth
	stoodAt    time.Duration // when that was

	next, full BitRate       // demand
	trialAt    time.Duration // when the next may be tried so
	blind      bool          // the caller cannot send clusters: the next step up is tried with media
}

// target is the rate to send at.
func (c *control) target() BitRate {
	if c.draining {
		return min(c.rate, c.drain)
	}
	return c.rate
}

// isLimited reports whether less is sent than the target allows, so that what
// arrives says nothing about what could.
func (e *Estimator) isLimited() bool {
	return e.sent.rateAt(e.now, slowWindow) < scale(e.Target(), limitedAt)
}

// react draws the conclusions from one feedback.
func (e *Estimator) react(now time.Duration, s summary) {
	c := &e.control
	rising := e.tail > c.lastTail
	c.lastTail = e.tail
	c.stood = max(c.stood, e.queue)
	if e.queue <= queueSmall || e.queue < c.stood*4/5 {
		c.stood, c.stoodAt = e.queue, now
	}
	if e.loss.close(now) {
		e.reactToLoss(now)
	}
	if !s.timed {
		return
	}
	switch {
	case c.draining:
		e.drain(now, s)
	case now < c.rivalUntil:
		e.contend(now)
	case e.tail > queueLarge && rising && e.isBehind(), now-c.stoodAt > queueStands, e.detector.state == usageOver:
		e.overuse(now)
	case e.detector.state == usageUnder:
		c.grewAt = now
	default:
		e.grow(now)
	}
}

// overuse lowers the rate because the queue grows.
func (e *Estimator) overuse(now time.Duration) {
	c := &e.control
	c.grewAt, c.holdUntil = now, now+settle
	acked := e.acked.rate(fastWindow)
	if e.queue < queueSmall && e.tail < queueLarge {
		// What is sent arrives soon enough: go no higher, but do not give up
		// what works.
		if !e.isLimited() {
			c.rate = e.clamp(min(c.rate, max(acked, e.sent.rateAt(e.now, slowWindow))))
		}
		return
	}
	switch {
	case acked == 0:
	case e.isBehind() || !e.isLimited():
		e.fall(now, acked)
	case now-c.fellAt > settle+e.rtt:
		// The queue is someone else's: what we send is neither much nor late,
		// so it does not tell what the link carries. Give way by steps.
		c.rate = e.clamp(max(scale(c.rate, backoff), scale(acked, backoff)))
		c.fellAt = now
		e.probe.next = max(e.probe.next, now+afterFall)
	}
}

// isBehind reports whether much less arrives than is sent.
func (e *Estimator) isBehind() bool {
	return e.acked.rate(fastWindow) < scale(e.sent.rateAt(e.now, slowWindow), behindAt)
}

// fall sets the rate below what the full link is seen to carry.
func (e *Estimator) fall(now time.Duration, capacity BitRate) {
	c := &e.control
	c.capacity = capacity
	c.rate = e.clamp(min(c.rate, scale(capacity, backoff)))
	c.fellAt, c.grewAt, c.holdUntil = now, now, now+settle
	e.probe.next = max(e.probe.next, now+afterFall)
	if capacity < scale(c.promised, behindAt) && now-c.promisedAt < probeMemory {
		e.probe.lied(now)
	}
	c.promised, e.probe.chain = 0, false
	c.trialAt = now + trialWait
	if e.queue > queueGone && now >= c.rivalUntil {
		c.draining = true
		c.fallRate = c.rate
		c.drainQueue, c.drainedAt = time.Hour, now
		c.setDrain(e.queue)
	}
}

// setDrain sets the target so that queue is gone in drainTime, within reason.
func (c *control) setDrain(queue time.Duration) {
	share := 1 - queue.Seconds()/drainTime.Seconds()
	c.drain = scale(c.capacity, min(max(share, drainLeast), backoff))
}

// drain watches the queue shrink. While it stands, the link is full and what
// arrives is what it carries.
func (e *Estimator) drain(now time.Duration, s summary) {
	c := &e.control
	acked, sent := e.acked.rate(fastWindow), e.sent.rateAt(now, fastWindow)
	// If as much arrives as is sent, that says nothing of the link.
	if e.queue > queueGone && acked > 0 && abs(float64(acked-sent)) > drainDiffers*float64(sent) {
		c.capacity = (c.capacity + acked) / 2
		c.rate = e.clamp(min(c.rate, scale(c.capacity, backoff)))
	}
	c.setDrain(e.queue)
	c.grewAt, c.holdUntil = now, now+settle
	switch {
	case e.queue <= queueGone:
	case s.newest < c.fellAt:
		c.drainedAt = now // these were sent before the fall
		return
	case e.queue < c.drainQueue-queueGone/4:
		c.drainQueue, c.drainedAt = e.queue, now
		return
	case now-c.drainedAt < drainStuck:
		return
	}
	c.draining = false
	if e.queue > queueGone {
		// It did not care that we sent less.
		e.base.rebase(now, s.least)
		e.queue = 0
		c.rate = e.clamp(max(c.rate, c.fallRate))
		c.rivalFor = min(max(2*c.rivalFor, rivalLeast), rivalMost)
		c.rivalUntil = now + c.rivalFor
		e.probe.interval = 0
	} else {
		c.rivalFor = 0
		c.rate = e.clamp(max(c.rate, scale(c.capacity, regain)))
	}
	c.lastTail = e.queue
	e.detector.reset()
	e.probe.next = max(e.probe.next, now+afterFall/2)
}

// contend holds the rate beside a flow that keeps the queue filled: the delay
// says nothing then, unless it grows much further and little arrives; only
// loss does.
func (e *Estimator) contend(now time.Duration) {
	c := &e.control
	acked, sent := e.acked.rate(slowWindow), e.sent.rateAt(now, slowWindow)
	if e.tail > 2*queueLarge && acked < scale(sent, rivalBehind) {
		c.rivalUntil = now
		e.fall(now, acked)
		return
	}
	if e.loss.excess() > lossGrow && now-c.lossAt > rivalYields+e.rtt {
		c.lossAt = now
		c.rate = e.clamp(scale(c.rate, backoff))
		c.grewAt, c.holdUntil = now, now+settle
		return
	}
	e.grow(now)
}

// reactToLoss lowers the rate when more is lost than the path loses anyway.
func (e *Estimator) reactToLoss(now time.Duration) {
	c := &e.control
	excess := e.loss.excess()
	if excess <= lossFall || now-c.lossAt < settle+e.rtt {
		return
	}
	c.lossAt = now
	e.loss.test(now + settle + e.rtt)
	if acked := e.acked.rate(fastWindow); excess > lossBurst && acked > 0 {
		e.fall(now, acked)
		return
	}
	c.rate = e.clamp(scale(c.rate, 1-0.5*excess))
	c.grewAt, c.holdUntil = now, now+settle
}

// grow raises the rate as time passes, if what is sent shows that it may:
// not while the application limits it, and never far above what arrives.
func (e *Estimator) grow(now time.Duration) {
	c := &e.control
	passed := min(now-c.grewAt, 500*time.Millisecond)
	c.grewAt = now
	if now < c.holdUntil || e.queue > queueGone && now >= c.rivalUntil || e.loss.excess() > lossGrow {
		return
	}
	trial := c.blind && now >= c.trialAt && c.rate < scale(c.next, trialRoom)
	if e.isLimited() && !trial {
		return
	}
	var more BitRate
	if c.capacity > 0 && abs(float64(c.rate-c.capacity)) < nearLink*float64(c.capacity) {
		// About one packet a response time.
		response := e.rtt + 100*time.Millisecond
		more = scale(rateOf(probePacket, response), passed.Seconds())
	} else {
		more = scale(c.rate, growth*passed.Seconds())
	}
	if c.rate > scale(c.capacity, 1+nearLink) {
		c.capacity = 0 // it is more than that now
	}
	limit := scale(e.acked.rate(slowWindow), ackedFactor) + ackedSpare
	if trial {
		limit = max(limit, scale(c.next, trialRoom))
	}
	c.rate = e.clamp(max(c.rate, min(c.rate+more, limit)))
}

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
	if now < c.rivalUntil {
		r = min(r, scale(c.rate, probeProgress)) // what arrives is taken from the other flow
	}
	if r > c.rate {
		e.raise(now, r)
	}
	if full && c.rate < scale(before, probeProgress) {
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
