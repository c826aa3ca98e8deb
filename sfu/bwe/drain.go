package bwe

import "time"

const (
	drainTime    = 600 * time.Millisecond  // in which a queue shall be gone
	drainLeast   = 0.4                     // of the capacity is sent while draining
	drainDiffers = 0.1                     // of what is sent: less difference to what arrives tells nothing of the link
	drainStuck   = 1500 * time.Millisecond // a queue that does not shrink for so long is not ours
	rivalBehind  = 0.7                     // beside it, less than this share of what is sent arrives if the link has become slow
	rivalYields  = 500 * time.Millisecond  // beside it, between falls because of a little loss
	rivalSpares  = 300 * Kilobit           // beside it, a full link does not keep a lesser rate from rising
	starvesAt    = 3                       // falls
	starvesFor   = 10 * time.Second        // of each other
	rivalLeast   = 5 * time.Second         // how long such a queue is ignored, at first
	rivalMost    = 20 * time.Second        // and when it is there each time
)

// setDrain sets the target so that queue is gone in drainTime, within reason.
func (c *control) setDrain(queue time.Duration) {
	share := 1 - queue.Seconds()/drainTime.Seconds()
	c.drain = scale(c.capacity, min(max(share, drainLeast), backoff))
}

// drain watches the queue shrink. While it stands, the link is full and what
// arrives is what it carries.
func (e *Estimator) drain(now time.Duration, s summary) {
	c := &e.control
	acked, sent := e.arriving(), e.sent.rateAt(now, fastWindow)
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
		c.rate = e.clamp(max(c.rate, c.fallRate))
		e.believeRival(now, s.least)
	} else {
		c.rivalFor = 0
		c.rate = e.clamp(max(c.rate, scale(c.capacity, regain)))
		if now-c.fellAt < c.fallTail/2 {
			// Gone sooner than the link as we saw it could deliver it: it
			// had stood still.
			c.rate = e.clamp(max(c.rate, scale(c.before, backoff)))
			c.capacity, e.probe.interval, e.probe.next = 0, 0, now
		}
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

// isStarving reports whether the falls come one upon the other, each from less
// than the one before although all that was sent arrived: someone else's queue.
func (e *Estimator) isStarving(now time.Duration, acked BitRate) bool {
	c := &e.control
	sent := e.sent.rateAt(now, slowWindow)
	if now-c.fellAt > starvesFor || acked < scale(sent, probeArrives) || acked > scale(c.capacity, backoff) {
		c.starving = 0
		return false
	}
	c.starving++
	return c.starving >= starvesAt
}

// believeRival ignores the queue for a while.
func (e *Estimator) believeRival(now, least time.Duration) {
	c := &e.control
	e.base.rebase(now, least)
	e.queue, e.tail, c.lastTail = 0, 0, 0
	c.rivalFor = min(max(2*c.rivalFor, rivalLeast), rivalMost)
	c.rivalUntil = now + c.rivalFor
	c.starving, e.probe.interval = 0, 0
	e.detector.reset()
}
