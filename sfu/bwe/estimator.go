package bwe

import (
	"errors"
	"fmt"
	"time"
)

// A Config bounds an [Estimator]. Zero fields mean the defaults.
type Config struct {
	Start BitRate // first target; default 300 kbit/s
	Min   BitRate // the target never falls below; default 30 kbit/s, about one voice
	Max   BitRate // the target never rises above; default 20 Mbit/s
}

// ErrConfig is wrapped by the error of [New].
var ErrConfig = errors.New("bwe: contradicting bounds")

// validate fills in the defaults.
func (c *Config) validate() error {
	if c.Min == 0 {
		c.Min = 30 * Kilobit
	}
	if c.Max == 0 {
		c.Max = 20 * Megabit
	}
	if c.Start == 0 {
		c.Start = min(max(300*Kilobit, c.Min), c.Max)
	}
	if c.Min < 0 || c.Start < c.Min || c.Max < c.Start {
		return fmt.Errorf("%w: min %d, start %d, max %d", ErrConfig, c.Min, c.Start, c.Max)
	}
	return nil
}

// A ProbeID names a cluster of probe packets. Zero is media.
type ProbeID uint32

// A Probe is probe traffic that is due now.
type Probe struct {
	ID    ProbeID
	Rate  BitRate // of the whole cluster, media included
	Bytes int     // to send now, beside the media: whole packets of padding or retransmission, at least this much
}

// Stats says what an [Estimator] knows, for metrics and logs.
type Stats struct {
	Target       BitRate
	Acknowledged BitRate       // rate that arrived lately
	Sent         BitRate       // rate that left lately
	Capacity     BitRate       // link capacity as last seen in congestion; 0 if unknown
	Loss         float64       // fraction lost lately
	RTT          time.Duration // last round trip, with the receiver's delay of feedback
	Queue        time.Duration // one-way delay above the least seen
	Probes       uint64        // clusters started
	ProbesWon    uint64        // clusters that arrived at their rate
	Unknown      uint64        // packets in feedback that were not sent, or too long ago
	Draining     bool          // the target is held below capacity until the queue is gone
	Limited      bool          // less is sent than the target allows
}

// An Estimator estimates the rate that one receiver's path carries.
type Estimator struct {
	// Constant after New.
	cfg Config

	// Everything below is owned by the caller's goroutine.
	start time.Time     // origin of the times below
	now   time.Duration // of the last call; never goes back
	begun bool

	history   history
	detector  detector
	busy      busy
	suspicion suspicion
	base      baseline
	sent      meter // by our clock
	acked     meter // by the receiver's clock
	loss      lossMeter
	probe     prober
	control   control

	heard      bool          // there was feedback
	heardAt    time.Duration // the last
	reported   uint16        // newest sequence number with a fate
	unheard    int           // packets sent since heardAt
	rtt        time.Duration
	queue      time.Duration // least in the last feedback
	tail       time.Duration // of the newest packet in it
	unknown    uint64
	lastProbed bool // the last packet given to the detector's stream was in a cluster
}

// New returns an Estimator. An error wraps [ErrConfig].
func New(cfg Config) (*Estimator, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	e := &Estimator{cfg: cfg}
	e.control.rate = cfg.Start
	return e, nil
}

// advance turns now into time since the first call.
func (e *Estimator) advance(now time.Time) time.Duration {
	if !e.begun {
		e.start, e.begun = now, true
	}
	e.now = max(e.now, now.Sub(e.start))
	return e.now
}

// OnSent records a packet of size bytes (with headers) that carries seq and
// leaves now. probe is the ID that [Estimator.Probe] gave for padding, and zero
// for media. Sequence numbers go up by one, a packet at a time, and wrap.
func (e *Estimator) OnSent(now time.Time, seq uint16, size int, probe ProbeID) {
	t := e.advance(now)
	size = min(max(size, 0), 1<<16-1)
	if !e.history.started {
		e.reported, e.heardAt = seq-1, t
	}
	mark := e.probe.onSent(t, size)
	e.history.add(sentPacket{at: t, size: uint16(size), seq: seq, probe: mark}) // clamped above
	if probe == 0 {
		e.sent.add(t, size)
	}
	e.unheard++
}

// Tick lets time pass: it notices missing feedback. Call it about every 50 ms.
func (e *Estimator) Tick(now time.Time) {
	t := e.advance(now)
	if e.probe.state == probeSending && t-e.probe.began >= probeGiveUp {
		e.probe.finish(t)
	}
	e.judgeProbe(t)
	const silence = 1 * time.Second
	if !e.heard || e.unheard < 10 || t-e.heardAt < silence+e.rtt {
		return
	}
	// Nothing is heard: what we send may be part of why.
	e.heardAt += silence / 2
	e.control.rate = e.clamp(e.control.rate * 7 / 10)
	e.probe.next = max(e.probe.next, t+silence/2)
}

// Target is the rate to send at most now, media and audio together.
func (e *Estimator) Target() BitRate { return e.clamp(e.control.target()) }

// Rate is what the path is estimated to carry. It is more than Target while that
// is held down to let a queue drain.
func (e *Estimator) Rate() BitRate { return e.clamp(e.control.rate) }

// clamp keeps r within the configured bounds.
func (e *Estimator) clamp(r BitRate) BitRate { return min(max(r, e.cfg.Min), e.cfg.Max) }

// SetDemand says what more rate is good for: next is the total rate at which the
// allocation takes its next step up, full the total at which everything
// shown is at its best. Zero for both stops probing. See share.Decision.
func (e *Estimator) SetDemand(next, full BitRate) {
	e.control.next, e.control.full = max(next, 0), max(next, full)
}

// Probe reports whether probe traffic is due now, and how much. It paces the
// cluster itself; the caller sends Bytes at once and reports each packet by
// [Estimator.OnSent] with the ID. Media sent meanwhile counts too.
func (e *Estimator) Probe(now time.Time) (Probe, bool) {
	t := e.advance(now)
	if e.probe.state == probeIdle && e.mayProbe(t) {
		e.probe.start(t, e.probeRate(), e.detector.jitter)
	}
	if e.probe.state != probeSending {
		return Probe{}, false
	}
	n := e.probe.due(t)
	return Probe{ID: e.probe.id, Rate: e.probe.rate, Bytes: n}, n > 0
}

// Wake returns when Probe is next worth calling: 5 ms from now inside
// a cluster, otherwise when the next cluster may start, at most a second ahead.
func (e *Estimator) Wake(now time.Time) time.Time {
	t := e.advance(now)
	wait := time.Second
	switch {
	case e.probe.state == probeSending:
		wait = probeStep
	case e.mayProbe(max(t, e.probe.dueAt(e.Target()))):
		wait = min(max(e.probe.dueAt(e.Target())-t, 0), wait)
	}
	return now.Add(wait)
}

// mayProbe reports whether a cluster may start: someone wants more, the path
// answers and is not in trouble, and no burst of media is under way, which
// would spoil the measurement and pile up with it.
func (e *Estimator) mayProbe(now time.Duration) bool {
	target := e.Target()
	return e.probe.state == probeIdle && now >= e.probe.dueAt(target) &&
		e.wanted() > target && target < e.cfg.Max &&
		!e.control.draining && e.isClear(now) &&
		e.sent.rateAt(now, fastWindow) <= target && e.isAnswered(now)
}

// isAnswered reports whether feedback may be expected. If nothing was sent there is
// none, and if nothing that is shown fits the estimate, a cluster is the only
// way to find out more. Who leaves it unanswered gets another one from time to
// time, for the path may have been down.
func (e *Estimator) isAnswered(now time.Duration) bool {
	return e.unheard == 0 || e.heard && now-e.heardAt < time.Second ||
		e.probe.started > 0 && now-e.probe.began >= probeBlind
}

// isClear reports whether neither delay nor loss speak against a cluster.
func (e *Estimator) isClear(now time.Duration) bool {
	if now < e.control.rivalUntil {
		return e.loss.excess() <= lossGrow
	}
	return e.detector.state != usageOver && e.tail < queueSmall && e.loss.excess() <= lossFall
}

// wanted is the rate worth probing for: the next step, or once a cluster has
// arrived, all of it, so that a path that has become wide is known as such at
// once.
func (e *Estimator) wanted() BitRate {
	if e.probe.chain {
		return e.control.full
	}
	return e.control.next
}

// probeRate is the rate of the next cluster: what is wanted, if that is not too
// far.
func (e *Estimator) probeRate() BitRate {
	target := e.Target()
	rate := min(scale(e.wanted(), probeHeadroom), probeFactor*target)
	return min(max(rate, scale(target, probeHeadroom)), scale(e.cfg.Max, 1/probeArrives))
}

// Stats returns what e knows.
func (e *Estimator) Stats() Stats {
	return Stats{
		Target:       e.Target(),
		Acknowledged: e.acked.rate(slowWindow),
		Sent:         e.sent.rateAt(e.now, slowWindow),
		Capacity:     e.control.capacity,
		Loss:         e.loss.fraction,
		RTT:          e.rtt,
		Queue:        e.queue,
		Probes:       e.probe.started,
		ProbesWon:    e.probe.won,
		Unknown:      e.unknown,
		Draining:     e.control.draining,
		Limited:      e.isLimited(),
	}
}

// scale returns r times f.
func scale(r BitRate, f float64) BitRate { return BitRate(float64(r) * f) }
