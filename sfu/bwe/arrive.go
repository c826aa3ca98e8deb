package bwe

import (
	"time"
)

// OnFeedback takes what the receiver saw. Reordered, repeated, missing and
// invented feedback is harmless: each packet counts once, and only if it was sent.
func (e *Estimator) OnFeedback(now time.Time, f Feedback) {
	t := e.advance(now)
	if len(f.Arrivals) == 0 || !e.history.started {
		return
	}
	var s summary
	for i := range f.Arrivals {
		e.arrive(&s, f.Arrivals[i], f.Arrivals[i:])
	}
	if s.received == 0 && s.lost == 0 {
		e.judgeProbe(t)
		return
	}
	e.heard, e.heardAt, e.unheard = true, t, 0
	e.loss.add(s.kept, s.lost)
	if s.timed {
		e.rtt = t - s.newest
		e.queue = e.base.add(t, s.least)
		e.tail = e.queue + s.last - s.least
	}
	if s.timed {
		e.suspicion.hear(t, e.rtt, e.unheardOf(t), e.control.draining || t < e.control.rivalUntil)
	}
	e.react(t, s)
	e.judgeProbe(t)
}

// A summary is what one feedback says that is new.
type summary struct {
	received   int           // packets
	kept, lost int           // outside clusters, whose losses are their own
	newest     time.Duration // when the newest of those received was sent
	least      time.Duration // least one-way delay of those outside clusters, if timed
	last, most time.Duration // that of the newest of them, and the greatest
	timed      bool
}

// arrive takes the fate of one packet. rest is the feedback from there on.
func (e *Estimator) arrive(s *summary, a Arrival, rest []Arrival) {
	p := e.history.find(a.Seq)
	if p == nil {
		e.unknown++
		return
	}
	e.fillGap(a.Seq, rest)
	if !a.Received {
		if p.fate == fatePending {
			p.fate = fateLost
			e.countLoss(s, p, 1)
		}
		return
	}
	switch p.fate {
	case fateReceived:
		return
	case fateLost:
		e.countLoss(s, p, -1)
		e.acked.add(a.At, int(p.size))
	case fatePending:
		e.acked.add(a.At, int(p.size))
		if e.probe.has(p.probe) {
			e.probe.onCame(a.At, int(p.size))
		}
	case fateAssumed, fateNone:
	}
	late := p.fate == fateAssumed || p.fate == fateLost
	p.fate = fateReceived
	s.received++
	if p.probe == 0 {
		s.kept++
	}
	s.newest = max(s.newest, p.at)
	if late {
		return
	}
	e.time(s, p, a.At)
}

// countLoss counts a lost packet, or with n = -1 one that came after all.
func (e *Estimator) countLoss(s *summary, p *sentPacket, n int) {
	switch {
	case p.probe == 0:
		s.lost += n
	case n > 0 && e.probe.has(p.probe):
		e.probe.resolved++
	}
}

// time gives the delay of a packet to the detector. Clusters are left out: they fill
// the queue on purpose, and have a verdict of their own.
func (e *Estimator) time(s *summary, p *sentPacket, came time.Duration) {
	if p.probe != 0 {
		e.lastProbed = true
		return
	}
	if e.lastProbed {
		e.lastProbed = false
		e.detector.skip()
		e.busy.skip()
	}
	e.detector.add(p.at, came)
	e.busy.add(p.at, came, int(p.size), e.base.least())
	s.last = came - p.at
	if !s.timed {
		s.least, s.most, s.timed = s.last, s.last, true
	}
	s.least, s.most = min(s.least, s.last), max(s.most, s.last)
}

// fillGap moves e.reported up to seq. Packets skipped over had a feedback
// that was lost; they count as received when this one was, so that the
// acknowledged rate shows no hole. If they come after all, they do not count
// again.
func (e *Estimator) fillGap(seq uint16, rest []Arrival) {
	ahead := seq - e.reported
	if ahead == 0 || ahead >= 1<<15 {
		return
	}
	at, ok := firstArrival(rest)
	for missing := e.reported + 1; missing != seq; missing++ {
		p := e.history.find(missing)
		if p == nil || p.fate != fatePending {
			continue
		}
		p.fate = fateAssumed
		if e.probe.has(p.probe) {
			e.probe.resolved++
		}
		if ok {
			e.acked.add(at, int(p.size))
		}
	}
	e.reported = seq
}

// firstArrival returns when the first packet of those that came did.
func firstArrival(arrivals []Arrival) (time.Duration, bool) {
	for _, a := range arrivals {
		if a.Received {
			return a.At, true
		}
	}
	return 0, false
}
