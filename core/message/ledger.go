package message

import (
	"errors"
	"fmt"
	"slices"

	"conclave/core/tlsenc"
)

// Order says how a content stands to the ones before it of the same device.
type Order uint8

// What Ledger.Take finds.
const (
	InOrder   Order = iota + 1 // the next one
	Gap                        // later than the next one: some are missing; it may be shown
	Late                       // one that was missing
	Duplicate                  // one that came before: drop it silently
	Fork                       // not the one that the sender's other contents speak of: refuse it and say so
	Old                        // older than this device remembers: refuse it
	Uncounted                  // counter 0
)

// A Verdict is what Ledger.Take found.
type Verdict struct {
	Order Order
	// Missing is how many contents are missing just before this one, with Gap.
	Missing uint64
}

const (
	// remembered is how many digests a Ledger keeps to know a duplicate from a fork.
	remembered = 64
	// maxGaps is how many gaps a Ledger keeps open. The oldest is given up.
	maxGaps = 16
)

// ErrLedger says that bytes are no ledger: the store was damaged.
var ErrLedger = errors.New("message: damaged ledger")

// A Ledger follows the contents of one device in one group, so that what the
// server drops, reorders or repeats is seen (each content has the digest of the
// one before). The zero Ledger expects the device's first content; use Joining
// for one that spoke before this device could read. When a device is added to
// the group anew, it counts from 1, and receivers begin a new Ledger.
//
// A Ledger belongs to one goroutine at a time.
type Ledger struct {
	joining bool // the first content may have any counter
	next    uint64
	seen    []entry // newest last
	gaps    []gap   // ascending
}

type entry struct {
	counter uint64
	digest  Digest
}

// A gap is a run of missing contents. before is the digest of the one before it
// (zeros: not known, or there is none), last that of its own last one.
type gap struct {
	from, to     uint64
	before, last Digest
}

// Joining returns a Ledger of a device that was a member before this one.
func Joining() *Ledger { return &Ledger{joining: true} }

// Take judges an encoded content that Decode accepted as c and remembers it, unless
// the verdict is Fork, Old, Duplicate or Uncounted, which change nothing.
func (l *Ledger) Take(c *Content, encoded []byte) Verdict {
	if c.Counter == 0 {
		return Verdict{Order: Uncounted}
	}
	e := entry{counter: c.Counter, digest: DigestOf(encoded)}
	next := l.expected()
	switch {
	case l.joining && len(l.seen) == 0:
		l.remember(e)
		return Verdict{Order: InOrder}
	case c.Counter < next:
		return l.earlier(e, c.Previous)
	case c.Counter == next:
		if next > 1 && c.Previous != l.digest(next-1) {
			return Verdict{Order: Fork}
		}
		l.remember(e)
		return Verdict{Order: InOrder}
	}
	l.open(gap{from: next, to: c.Counter - 1, before: l.digest(next - 1), last: c.Previous})
	l.remember(e)
	return Verdict{Order: Gap, Missing: c.Counter - next}
}

// Missing returns at most most counters that are missing, oldest first, to be
// asked for with Resend.
func (l *Ledger) Missing(most int) []uint64 {
	var list []uint64
	for _, g := range l.gaps {
		for n := g.from; n <= g.to && len(list) < most; n++ {
			list = append(list, n)
		}
	}
	return list
}

// expected returns the counter of the next content.
func (l *Ledger) expected() uint64 { return max(l.next, 1) }

// earlier judges a content with a counter below the next one.
func (l *Ledger) earlier(e entry, previous Digest) Verdict {
	for i, g := range l.gaps {
		if e.counter < g.from || e.counter > g.to {
			continue
		}
		if e.counter == g.to && e.digest != g.last ||
			e.counter == g.from && g.from > 1 && g.before != (Digest{}) && previous != g.before {
			return Verdict{Order: Fork}
		}
		var rest []gap
		if e.counter > g.from {
			rest = append(rest, gap{from: g.from, to: e.counter - 1, before: g.before, last: previous})
		}
		if e.counter < g.to {
			rest = append(rest, gap{from: e.counter + 1, to: g.to, before: e.digest, last: g.last})
		}
		l.gaps = slices.Replace(l.gaps, i, i+1, rest...)
		l.bound()
		l.keep(e)
		return Verdict{Order: Late}
	}
	switch d := l.digest(e.counter); d {
	case Digest{}:
		return Verdict{Order: Old}
	case e.digest:
		return Verdict{Order: Duplicate}
	default:
		return Verdict{Order: Fork}
	}
}

// digest returns the digest of a content that came, or zeros.
func (l *Ledger) digest(counter uint64) Digest {
	for _, e := range slices.Backward(l.seen) {
		if e.counter == counter {
			return e.digest
		}
	}
	return Digest{}
}

// remember notes the newest content.
func (l *Ledger) remember(e entry) {
	l.next = e.counter + 1
	if l.next == 0 { // the last counter there is: nothing follows
		l.next = e.counter
	}
	l.keep(e)
}

// keep notes a digest. What is kept longest goes first, never the newest content:
// the next one is held against it.
func (l *Ledger) keep(e entry) {
	l.seen = append(l.seen, e)
	slices.SortFunc(l.seen, func(a, b entry) int {
		if a.counter < b.counter {
			return -1
		}
		return 1
	})
	if len(l.seen) > remembered {
		l.seen = slices.Delete(l.seen, 0, len(l.seen)-remembered)
	}
}

func (l *Ledger) open(g gap) {
	l.gaps = append(l.gaps, g)
	l.bound()
}

func (l *Ledger) bound() {
	if len(l.gaps) > maxGaps {
		l.gaps = slices.Delete(l.gaps, 0, len(l.gaps)-maxGaps)
	}
}

// Encode returns a ledger to be stored with what it follows.
func (l *Ledger) Encode() []byte {
	w := tlsenc.NewWriter(2 + 8 + len(l.seen)*24 + len(l.gaps)*48 + 2*maxLength)
	w.Uint8(format)
	w.Uint8(number(l.joining))
	w.Uint64(l.next)
	w.Nested(func(w *tlsenc.Writer) {
		for _, e := range l.seen {
			w.Uint64(e.counter)
			w.Fixed(e.digest[:])
		}
	})
	w.Nested(func(w *tlsenc.Writer) {
		for _, g := range l.gaps {
			w.Uint64(g.from)
			w.Uint64(g.to)
			w.Fixed(g.before[:])
			w.Fixed(g.last[:])
		}
	})
	return w.Bytes()
}

// ParseLedger reads what Encode wrote on this device.
func ParseLedger(b []byte) (*Ledger, error) {
	r := tlsenc.NewReader(b)
	version, joining := r.Uint8(), r.Uint8()
	l := Ledger{joining: joining == 1, next: r.Uint64()}
	seen := tlsenc.NewReader(r.Vector(remembered * 24))
	gaps := tlsenc.NewReader(r.Vector(maxGaps * 48))
	for seen.Len() > 0 && seen.Err() == nil {
		l.seen = append(l.seen, entry{counter: seen.Uint64(), digest: digest(&seen)})
	}
	for gaps.Len() > 0 && gaps.Err() == nil {
		l.gaps = append(l.gaps, gap{from: gaps.Uint64(), to: gaps.Uint64(), before: digest(&gaps), last: digest(&gaps)})
	}
	if err := firstError(r.Done(), seen.Done(), gaps.Done()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLedger, err)
	}
	if version != format || joining > 1 {
		return nil, ErrLedger
	}
	return &l, nil
}

func digest(r *tlsenc.Reader) (d Digest) {
	copy(d[:], r.Fixed(len(d)))
	return d
}
