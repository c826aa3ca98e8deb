// Package bwe estimates how much a receiver's path carries, from the
// transport-wide congestion control feedback the receiver sends
// (draft-holmer-rmcat-transport-wide-cc-extensions-01). The structure is that
// of Google congestion control (draft-ietf-rmcat-gcc-02): a delay-gradient
// detector, an additive-increase multiplicative-decrease rate controller and a
// loss controller, to which are added probing in paced clusters, draining of the
// queue after a fall, and the rule that the estimate grows on evidence only.
//
// One [Estimator] serves one receiver. Start with [New]. Call
// [Estimator.OnSent] for every packet that carries a transport-wide sequence
// number, [Estimator.OnFeedback] for every feedback (see [Decoder]),
// [Estimator.Tick] about every 50 ms, and [Estimator.Probe] when
// [Estimator.Wake] says so. [Estimator.SetDemand] says what more rate would be
// good for; without demand there is no probing.
//
// An Estimator has no clock, no goroutine and no lock: time comes in as an
// argument and the caller serialises the calls. It does not allocate per packet
// in steady state, and its history is bounded whatever the peer sends.
package bwe

import (
	"strconv"
	"time"
)

// A BitRate is a rate in bits per second.
type BitRate int64

// Units of [BitRate].
const (
	BitPerSecond BitRate = 1
	Kilobit              = 1000 * BitPerSecond
	Megabit              = 1000 * Kilobit
)

// String formats r with a unit, for logs.
func (r BitRate) String() string {
	switch {
	case r >= Megabit:
		return strconv.FormatFloat(float64(r)/float64(Megabit), 'f', 2, 64) + " Mbit/s"
	case r >= Kilobit:
		return strconv.FormatFloat(float64(r)/float64(Kilobit), 'f', 0, 64) + " kbit/s"
	default:
		return strconv.FormatInt(int64(r), 10) + " bit/s"
	}
}

// Bytes returns how many whole bytes r carries in d.
func (r BitRate) Bytes(d time.Duration) int {
	return int(float64(r) * d.Seconds() / 8)
}

// Over returns the time that n bytes take at rate r. A rate of zero or less
// takes an hour, which is longer than anything here waits.
func (r BitRate) Over(n int) time.Duration {
	if r <= 0 {
		return time.Hour
	}
	return time.Duration(float64(n) * 8 / float64(r) * float64(time.Second))
}

// rateOf returns the rate of n bytes in d, which must be positive.
func rateOf(n int, d time.Duration) BitRate {
	return BitRate(float64(n) * 8 / d.Seconds())
}
