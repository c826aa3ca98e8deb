// Package pacer says when the next picture may leave for a receiver.
//
// Packets of one picture leave together, because a burst for one receiver costs one
// system call. So a [Pacer] paces between pictures, never inside one: it is a leaky
// bucket that everything sent is poured into, and a new picture may leave when the
// bucket is empty. It leaks faster than the path is estimated to carry, so that it
// spreads bursts, such as a key frame and what comes upon it, and never is what
// limits the rate.
//
// A Pacer has no clock and no lock, and does not allocate.
package pacer

import (
	"time"

	"conclave/sfu/bwe"
)

const (
	// Factor is how much faster the bucket leaks than the path is estimated to
	// carry. Less makes pictures wait for no reason when they waver; with more, a
	// key frame and what comes after it fill the queue of the path.
	Factor = 1.5

	// maxDebt is the most that the bucket holds, in time. What is beyond has
	// left already and cannot be undone: holding pictures for longer would only
	// make a gap.
	maxDebt = 200 * time.Millisecond
)

// A Pacer is the leaky bucket of one receiver. The zero value lets everything
// pass until [Pacer.SetRate].
type Pacer struct {
	rate bwe.BitRate // at which the bucket leaks; 0: at once
	debt float64     // bytes in it
	at   time.Time   // when it held them
}

// SetRate sets the rate that the path is estimated to carry.
func (p *Pacer) SetRate(now time.Time, estimate bwe.BitRate) {
	p.leak(now)
	p.rate = bwe.BitRate(Factor * float64(max(estimate, 0)))
	p.bound()
}

// Sent pours in what has left: pictures, sound, repair, probes. bytes counts
// headers of all layers.
func (p *Pacer) Sent(now time.Time, bytes int) {
	p.leak(now)
	p.debt += float64(max(bytes, 0))
	p.bound()
}

// Ready reports whether the next picture may leave.
func (p *Pacer) Ready(now time.Time) bool {
	p.leak(now)
	return p.rate == 0 || p.debt < 1
}

// Next returns when Ready is next true, if nothing more is sent until then.
func (p *Pacer) Next(now time.Time) time.Time { return now.Add(p.Wait(now)) }

// Wait returns how long it is until Ready is true.
func (p *Pacer) Wait(now time.Time) time.Duration {
	if p.Ready(now) {
		return 0
	}
	return time.Duration(p.debt * 8 / float64(p.rate) * float64(time.Second))
}

// leak lets time pass. Time that goes back counts as none.
func (p *Pacer) leak(now time.Time) {
	if passed := now.Sub(p.at); passed > 0 {
		p.debt = max(p.debt-float64(p.rate)/8*passed.Seconds(), 0)
		p.at = now
	}
}

// bound keeps the bucket from holding more than maxDebt.
func (p *Pacer) bound() {
	p.debt = min(p.debt, float64(p.rate)/8*maxDebt.Seconds())
}
