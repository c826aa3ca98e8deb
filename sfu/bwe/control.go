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
	limitedAt   = 0.8  // less than this share of the target sent: the application limits
	littleSent  = 0.5  // of the rate: what arrives is what was sent rather than what could
	behindAt    = 0.8  // less than this share of what is sent arrives: a queue must grow
	nearLink    = 0.15 // of the capacity: nearer to it, the rate grows by steps

	queueGone   = 20 * time.Millisecond  // and less is no queue
	queueSmall  = 40 * time.Millisecond  // an overuse with less may be noise
	queueLarge  = 150 * time.Millisecond // growing to more needs no second opinion
	queueStands = 500 * time.Millisecond // one that does not shrink for so long is overuse, though it may not grow
	settle      = 300 * time.Millisecond // after a fall or a drain before growing
	afterFall   = 1 * time.Second        // before probing
	trialRoom   = 1.05                   // times the next step
	trialWait   = 10 * time.Second       // after a fall, before trying with media
	probeMemory = 6 * time.Second        // a fall so soon after a probe raised the rate blames the probe
)

// A control holds the rate. Its states:
//
//	           overuse, heavy loss
//	steady ---------------------------> draining
//	  ^  ^                               |   |
//	  |  +---- the queue is gone --------+   |
//	  |                                      | it does not shrink although
//	  +---- after a while ---- rival <-------+ we send much less
//
// Steady: the rate grows on evidence and falls on overuse. Draining: the target is
// below capacity, by how long the queue is. Rival: the queue is another flow's, so
// that loss decides, not delay. Steady also turns to rival when falls come one
// upon the other (see isStarving).
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
	before     BitRate       // the rate before it
	fallTail   time.Duration // the delay of the newest packet then
	fallRate   BitRate       // what it left of the rate, before draining
	rivalUntil time.Duration // the queue is someone else's until then
	rivalFor   time.Duration // for how long that was last believed
	starving   int           // falls of which each was from less than the one before
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
	// A path that stood still delivers with a delay that falls within one
	// feedback; a queue's does not.
	rising := e.tail > c.lastTail && s.most-s.last < queueGone
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
	case e.collapsed(now):
	case now < c.rivalUntil:
		e.contend(now)
	case e.tail > queueLarge && rising && e.isBehind(), now-c.stoodAt > queueStands, e.detector.state == usageOver:
		e.overuse(now, s)
	case e.detector.state == usageUnder:
		c.grewAt = now
	default:
		e.grow(now)
	}
}

// collapsed lowers the rate if the last packets show that the link has become much
// slower than what is sent, and reports whether it did.
func (e *Estimator) collapsed(now time.Duration) bool {
	c := &e.control
	rate, ok := e.busy.rate(e.base.least(), e.detector.jitter, c.rivalUntil == 0 || now-c.rivalUntil > rivalMost)
	sent := e.sent.rateAt(now, slowWindow)
	if !ok || sent < busySent || rate >= scale(sent, busyBehind) {
		return false
	}
	c.grewAt, c.holdUntil = now, now+settle
	e.fall(now, rate)
	e.busy.skip()
	return true
}

// overuse lowers the rate because the queue grows.
func (e *Estimator) overuse(now time.Duration, s summary) {
	c := &e.control
	c.grewAt, c.holdUntil = now, now+settle
	acked := e.arriving()
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
	case e.isStarving(now, acked):
		e.believeRival(now, s.least)
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

// arriving is the rate at which the full link delivers. A moment in which it
// stood still does not make it slow, and if little is sent, nor does one in which
// it delivered another flow's burst.
func (e *Estimator) arriving() BitRate {
	slow := e.acked.rate(slowWindow)
	if e.sent.rateAt(e.now, slowWindow) < scale(e.control.rate, littleSent) {
		return max(e.acked.rate(fastWindow), scale(slow, backoff))
	}
	return max(e.acked.rate(fastWindow), slow/4)
}

// isBehind reports whether much less arrives than is sent. What the caller has just
// held back does not count as sent late.
func (e *Estimator) isBehind() bool {
	if e.suspicion.since != 0 && e.now-e.suspicion.since < suspectFor+fastWindow+e.rtt {
		return false
	}
	return e.acked.rate(fastWindow) < scale(e.sent.rateAt(e.now, slowWindow), behindAt)
}

// fall sets the rate below what the full link is seen to carry.
func (e *Estimator) fall(now time.Duration, capacity BitRate) {
	c := &e.control
	c.capacity = capacity
	if !c.draining {
		c.before, c.fallTail = c.rate, e.tail
	}
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

// reactToLoss lowers the rate when more is lost than the path loses anyway.
func (e *Estimator) reactToLoss(now time.Duration) {
	c := &e.control
	excess := e.loss.excess()
	if excess <= lossFall || now-c.lossAt < settle+e.rtt {
		return
	}
	c.lossAt = now
	if now >= c.rivalUntil { // beside a rival, what we leave it takes: that cures nothing
		e.loss.test(now + settle + e.rtt)
	}
	if acked := e.arriving(); excess > lossBurst && acked > 0 {
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
