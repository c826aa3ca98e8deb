package bwe

import "time"

const (
	probeTime     = 60 * time.Millisecond  // length of a cluster on a quiet path
	probeTimeMax  = 150 * time.Millisecond // and on one with much jitter
	probePackets  = 5                      // least in a cluster that counts
	probeStep     = 5 * time.Millisecond   // between the packets that the caller sends
	probeGiveUp   = 500 * time.Millisecond // a cluster that cannot be filled
	probeWait     = 1 * time.Second        // for the feedback, beyond the round trip
	probeFilled   = 0.7                    // share of its rate at which a cluster must leave
	probeArrives  = 0.9                    // share of its rate at which a cluster must arrive
	probeProgress = 1.2                    // a cluster that does not, but raises the rate so much, is followed by another
	probeGain     = 1.05                   // and on a path with so much jitter, so much is reason to try again soon:
	probeNoise    = 5                      // ms
	probeFactor   = 2                      // a cluster tries at most this times the target
	probeHeadroom = 1.15                   // and this times the rate that is wanted
	probeFirst    = 2 * time.Second        // between clusters that fail, at first
	probeSlow     = 4 * time.Second        // and after some
	probeLied     = 15 * time.Second       // and at most, when what they promised did not hold
	probeBlind    = 10 * time.Second       // between clusters that nobody answers
	probePoor     = 250 * Kilobit          // with less, a second cluster follows soon
	probePacket   = 1200                   // bytes, about, of a packet of padding
)

// probeState is where a cluster is.
//
//	idle -> sending -> waiting -> idle
type probeState uint8

const (
	probeIdle    probeState = iota
	probeSending            // packets go out
	probeWaiting            // for feedback on the last of them
)

// A prober sends clusters of packets at a rate above the target to see whether
// they arrive at it.
type prober struct {
	state    probeState
	id       ProbeID
	rate     BitRate
	began    time.Duration
	length   time.Duration // of the cluster
	deadline time.Duration // for its feedback

	// The cluster as sent and as received.
	sent, got           int // packets
	sentBytes, gotBytes int
	resolved            int // packets of which the fate is known
	firstSent, lastSent time.Duration
	firstCame, lastCame time.Duration
	lastSize, firstSize int // of the last sent and of the first received

	chain    bool          // the last cluster raised the rate
	next     time.Duration // when the next cluster may start
	interval time.Duration // between failing clusters
	ended    time.Duration // the last cluster
	started  uint64
	won      uint64
}

// start begins a cluster.
func (p *prober) start(now time.Duration, rate BitRate, jitter float64) {
	id := p.id + 1
	if uint8(id) == 0 { // the low bits are what history keeps
		id++
	}
	length := probeTime + time.Duration(2*jitter*float64(time.Millisecond))
	*p = prober{
		state: probeSending, id: id, rate: rate, began: now, length: min(length, probeTimeMax),
		chain: p.chain, next: p.next, interval: p.interval, ended: p.ended, started: p.started + 1, won: p.won,
	}
}

// due returns how many bytes to send now to keep the cluster's rate, and ends the
// cluster when it is long enough.
func (p *prober) due(now time.Duration) int {
	elapsed := now - p.began
	if elapsed >= p.length && p.sent >= probePackets || elapsed >= probeGiveUp {
		p.finish(now)
		return 0
	}
	return max(p.rate.Bytes(elapsed)+probePacket-p.sentBytes, 0)
}

// finish stops sending and waits for feedback.
func (p *prober) finish(now time.Duration) {
	p.state, p.ended = probeWaiting, now
	p.deadline = now + probeWait
}

// onSent counts a packet into the cluster being sent, and returns the mark that
// history keeps for it.
func (p *prober) onSent(now time.Duration, size int) uint8 {
	if p.state != probeSending {
		return 0
	}
	if p.sent == 0 {
		p.firstSent = now
	}
	p.sent++
	p.sentBytes += size
	p.lastSent, p.lastSize = now, size
	return uint8(p.id) // the low bits tell one cluster from the next
}

// has reports whether a packet with this mark is in the current cluster.
func (p *prober) has(mark uint8) bool {
	return mark != 0 && p.state != probeIdle && mark == uint8(p.id) // see onSent
}

// onCame counts a packet of the cluster that arrived.
func (p *prober) onCame(came time.Duration, size int) {
	p.resolved++
	if p.got == 0 || came < p.firstCame {
		p.firstCame, p.firstSize = came, size
	}
	p.lastCame = max(p.lastCame, came)
	p.got++
	p.gotBytes += size
}

// complete reports whether nothing more will be heard of the cluster.
func (p *prober) complete(now, rtt time.Duration) bool {
	return p.state == probeWaiting && (p.resolved >= p.sent || now > p.deadline+rtt)
}

// result returns the rates at which the cluster left and arrived. It is not ok
// if too little of it did to tell.
func (p *prober) result() (left, arrived BitRate, ok bool) {
	sendSpan, recvSpan := p.lastSent-p.firstSent, p.lastCame-p.firstCame
	if p.sent < probePackets || p.got < max(probePackets-1, p.resolved/4) || sendSpan < probeTime/4 {
		return 0, 0, false
	}
	left = rateOf(p.sentBytes-p.lastSize, sendSpan)
	if recvSpan <= sendSpan/4 {
		return left, left, p.got == p.sent // came in one burst: held up on the way, not slow
	}
	return left, rateOf(p.gotBytes-p.firstSize, recvSpan), true
}

// isFilled reports whether the caller could send the cluster at about its rate.
func (p *prober) isFilled() bool {
	return p.sent >= probePackets && rateOf(p.sentBytes, max(p.lastSent-p.began, probeStep)) >= scale(p.rate, probeFilled)
}

// retry sets when to try again after a cluster that failed.
func (p *prober) retry(now time.Duration) {
	p.state, p.chain = probeIdle, false
	if p.interval == 0 {
		p.interval = probeFirst
	}
	p.next = now + p.interval
	if p.interval < probeSlow {
		p.interval = min(p.interval*3/2, probeSlow)
	}
}

// dueAt returns when the next cluster may start, with the estimate at target. A
// receiver that has hardly more than sound is not kept waiting for long: a
// cluster costs little then, and may bring the picture back.
func (p *prober) dueAt(target BitRate) time.Duration {
	if target < probePoor {
		return min(p.next, p.ended+probeFirst*8/10)
	}
	return p.next
}

// lied notes that the target fell soon after a cluster had raised it.
func (p *prober) lied(now time.Duration) {
	p.interval = min(2*max(p.interval, probeFirst), probeLied)
	p.next = max(p.next, now+p.interval)
}
