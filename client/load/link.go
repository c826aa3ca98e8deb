package load

import (
	"math/rand/v2"
	"time"
)

// A Link is an emulated link towards a subscriber. It acts in this process, on
// what the subscriber's socket has read.
type Link struct {
	Rate   int           // bit/s of UDP payload; 0: unlimited
	Queue  time.Duration // how long a datagram may wait for its turn at Rate; 300 ms. Beyond it, it is dropped
	Loss   float64       // share of datagrams dropped at random, 0 to 1
	Delay  time.Duration // added to every datagram
	Jitter time.Duration // added at random, from 0 to Jitter, without reordering
}

const defaultQueue = 300 * time.Millisecond

// limits reports whether the link does anything.
func (l Link) limits() bool { return l.Rate > 0 || l.Loss > 0 || l.Delay > 0 || l.Jitter > 0 }

// A bottleneck decides when each datagram comes out of a Link. It belongs to one
// goroutine and has no clock.
type bottleneck struct {
	link Link
	rand *rand.Rand
	free time.Time // when the line has sent what waits
	last time.Time // when the last datagram comes out
}

func newBottleneck(l Link, seed uint64) *bottleneck {
	if l.Queue == 0 {
		l.Queue = defaultQueue
	}
	return &bottleneck{link: l, rand: rand.New(rand.NewPCG(seed, 0))} //nolint:gosec // chance, not a secret
}

// admit takes a datagram of so many bytes and returns when it comes out, or
// false if it is lost.
func (b *bottleneck) admit(now time.Time, bytes int) (time.Time, bool) {
	if b.link.Loss > 0 && b.rand.Float64() < b.link.Loss {
		return time.Time{}, false
	}
	due := now
	if b.link.Rate > 0 {
		if b.free.Before(now) {
			b.free = now
		}
		if b.free.Sub(now) > b.link.Queue {
			return time.Time{}, false
		}
		b.free = b.free.Add(time.Duration(bytes*8) * time.Second / time.Duration(b.link.Rate))
		due = b.free
	}
	due = due.Add(b.link.Delay)
	if b.link.Jitter > 0 {
		due = due.Add(time.Duration(b.rand.Int64N(int64(b.link.Jitter))))
	}
	if due.Before(b.last) {
		due = b.last
	}
	b.last = due
	return due, true
}
