// Package link models one direction of a network path: a bottleneck of a given
// rate with a queue limited in bytes that drops at its tail, then a delay with
// jitter, and random loss. It moves no bytes and has no clock: packets go in by
// [Link.Push] and come out by [Link.Pop] when their time has come. The emulator
// runs it against the wall clock and the simulations against a virtual one.
//
// A Link is not safe for concurrent use.
package link

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// A Profile says how a link behaves. The zero Profile is a perfect link.
type Profile struct {
	Rate   int64         // bits per second; 0: unlimited
	Queue  int           // bytes that may wait for the link; 0: DefaultQueue
	Delay  time.Duration // one way, after the queue
	Jitter time.Duration // added to the delay, uniform in [0, Jitter]; never reorders
	Loss   float64       // fraction of packets lost at random, 0 to 1
}

// DefaultQueue is the queue of a link that sets none: 64 kB is 170 ms at
// 3 Mbit/s, as much as cheap routers have.
const DefaultQueue = 64_000 // bytes

// Limits of a [Profile].
const (
	MaxRate  = 10_000_000_000 // bits per second
	MaxQueue = 64 << 20       // bytes
	MaxDelay = 10 * time.Second
)

// ErrProfile is wrapped by the error of [Profile.Validate].
var ErrProfile = errors.New("link: profile out of range")

// Validate reports whether p is within the limits.
func (p Profile) Validate() error {
	switch {
	case p.Rate < 0 || p.Rate > MaxRate:
		return fmt.Errorf("%w: rate %d bit/s", ErrProfile, p.Rate)
	case p.Queue < 0 || p.Queue > MaxQueue:
		return fmt.Errorf("%w: queue %d bytes", ErrProfile, p.Queue)
	case p.Delay < 0 || p.Delay > MaxDelay:
		return fmt.Errorf("%w: delay %v", ErrProfile, p.Delay)
	case p.Jitter < 0 || p.Jitter > MaxDelay:
		return fmt.Errorf("%w: jitter %v", ErrProfile, p.Jitter)
	case !(p.Loss >= 0 && p.Loss <= 1): // also NaN
		return fmt.Errorf("%w: loss %v", ErrProfile, p.Loss)
	}
	return nil
}

// Stats counts what passed a link.
type Stats struct {
	Packets uint64 // came out
	Bytes   uint64 // of these
	Dropped uint64 // at the tail of the queue
	Lost    uint64 // at random
}

// A Link carries items of type T, each with a size in bytes.
type Link[T any] struct {
	profile Profile
	random  *rand.Rand
	stats   Stats

	waiting fifo[T]  // not yet through the bottleneck; at is when it came
	queued  int      // bytes in waiting
	sending entry[T] // in the bottleneck, if busy
	busy    bool
	free    time.Time // when the bottleneck has sent what it is or was sending

	flying fifo[T]   // through the bottleneck; at is when it comes out
	last   time.Time // when the last of flying comes out
}

// New returns a link with a profile that [Profile.Validate] accepts. Equal seeds
// lose the same packets.
func New[T any](p Profile, seed uint64) *Link[T] {
	return &Link[T]{profile: p, random: rand.New(rand.NewPCG(seed, 0x6c696e6b))} //nolint:gosec // reproducible on purpose
}

// Profile returns the profile in force.
func (l *Link[T]) Profile() Profile { return l.profile }

// Stats returns the counts so far.
func (l *Link[T]) Stats() Stats { return l.stats }

// Queued returns the bytes that wait for the bottleneck.
func (l *Link[T]) Queued() int { return l.queued }

// Set changes the profile. What waits is sent at the new rate, also the rest of
// the packet being sent; what is in flight keeps its delay.
func (l *Link[T]) Set(now time.Time, p Profile) {
	l.advance(now)
	if l.busy {
		rest := l.free.Sub(now) // the link was not unlimited, or it would not be busy
		l.free = now
		if p.Rate > 0 {
			l.free = now.Add(time.Duration(float64(rest) * float64(l.profile.Rate) / float64(p.Rate)))
		}
	}
	l.profile = p
	l.advance(now)
}

// Push sends a packet and reports whether it was taken: not if it was lost or the
// queue is full. Times given to a Link never go backwards.
func (l *Link[T]) Push(now time.Time, size int, item T) bool {
	l.advance(now)
	if l.profile.Loss > 0 && l.random.Float64() < l.profile.Loss {
		l.stats.Lost++
		return false
	}
	limit := l.profile.Queue
	if limit == 0 {
		limit = DefaultQueue
	}
	if l.busy && l.waiting.len() > 0 && l.queued+size > limit {
		l.stats.Dropped++
		return false
	}
	l.queued += size
	l.waiting.push(entry[T]{at: now, size: size, item: item})
	l.advance(now)
	return true
}

// Pop returns a packet that has come out by now, in order.
func (l *Link[T]) Pop(now time.Time) (item T, ok bool) {
	l.advance(now)
	if l.flying.len() == 0 || l.flying.peek().at.After(now) {
		return item, false
	}
	e := l.flying.pop()
	l.stats.Packets++
	l.stats.Bytes += uint64(e.size) // sizes are positive
	return e.item, true
}

// Next returns when Pop has the next packet, if any is on its way. A later Push or
// Set may change it.
func (l *Link[T]) Next() (time.Time, bool) {
	if l.flying.len() > 0 {
		return l.flying.peek().at, true
	}
	if l.busy {
		return l.free, true
	}
	return time.Time{}, false
}

// advance moves packets through the bottleneck whose turn has come by now.
func (l *Link[T]) advance(now time.Time) {
	for {
		if l.busy {
			if l.free.After(now) {
				return
			}
			l.busy = false
			l.fly(l.sending)
		}
		if l.waiting.len() == 0 {
			return
		}
		l.sending = l.waiting.pop()
		l.queued -= l.sending.size
		l.busy = true
		if l.sending.at.After(l.free) {
			l.free = l.sending.at
		}
		l.free = l.free.Add(l.transmission(l.sending.size))
	}
}

// fly sets when a packet that leaves the bottleneck at l.free comes out.
func (l *Link[T]) fly(e entry[T]) {
	e.at = l.free.Add(l.profile.Delay)
	if l.profile.Jitter > 0 {
		e.at = e.at.Add(time.Duration(l.random.Int64N(int64(l.profile.Jitter) + 1)))
	}
	if e.at.Before(l.last) {
		e.at = l.last
	}
	l.last = e.at
	l.flying.push(e)
}

// transmission returns how long the bottleneck takes for a packet.
func (l *Link[T]) transmission(size int) time.Duration {
	if l.profile.Rate == 0 {
		return 0
	}
	return time.Duration(float64(size) * 8 / float64(l.profile.Rate) * float64(time.Second))
}

// An entry is a packet in a link.
type entry[T any] struct {
	at   time.Time
	size int
	item T
}

// A fifo is a ring that grows. What it holds is bounded by the queue limit
// and by the delay times the rate.
type fifo[T any] struct {
	ring  []entry[T]
	head  int
	count int
}

func (f *fifo[T]) len() int        { return f.count }
func (f *fifo[T]) peek() *entry[T] { return &f.ring[f.head] }

func (f *fifo[T]) push(e entry[T]) {
	if f.count == len(f.ring) {
		bigger := make([]entry[T], max(64, 2*len(f.ring)))
		n := copy(bigger, f.ring[f.head:])
		copy(bigger[n:], f.ring[:f.head])
		f.ring, f.head = bigger, 0
	}
	f.ring[(f.head+f.count)%len(f.ring)] = e
	f.count++
}

func (f *fifo[T]) pop() entry[T] {
	e := f.ring[f.head]
	f.ring[f.head] = entry[T]{}
	f.head = (f.head + 1) % len(f.ring)
	f.count--
	return e
}
