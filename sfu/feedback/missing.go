package feedback

import (
	"slices"
	"time"
)

const (
	maxMissing  = 1000                  // packets of a source; the oldest are given up for more
	maxTries    = 10                    // times that a packet is asked for
	maxWanted   = 3 * time.Second       // a packet that comes later is of no use to anyone
	reorderTime = 10 * time.Millisecond // a packet may be late by before it is asked for,
	reorderSpan = 3                     // unless as many later ones came
	leastRepeat = 20 * time.Millisecond // between two requests
	mostRepeat  = time.Second
	leastAsk    = 5 * time.Millisecond // between two NACKs, however many gaps there are
)

// An entry is a packet that did not come.
type entry struct {
	sequence uint64
	noticed  moment
	asked    moment // first
	again    moment // when it is next to be asked for or given up
	tries    int
}

// missing lists what did not come, in the order of sequence numbers. Those
// asked for come first, as nothing is asked for before what is older.
type missing struct {
	entries []entry
	asked   int    // entries that were asked for at least once
	again   moment // none of these is due before
	lost    uint64 // newest one given up, zero if none
}

// clear forgets everything.
func (m *missing) clear() {
	*m = missing{entries: m.entries[:0]}
}

// add lists the numbers from first up to but without end, which are above all
// that are listed.
func (m *missing) add(first, end uint64, at moment) {
	if n := len(m.entries) + int(end-first) - maxMissing; n > 0 {
		known := min(n, len(m.entries))
		if known > 0 {
			m.lost = max(m.lost, m.entries[known-1].sequence)
		}
		m.remove(0, known)
		if n > known {
			first += uint64(n - known)
			m.lost = first - 1
		}
	}
	for ; first < end; first++ {
		m.entries = append(m.entries, entry{sequence: first, noticed: at})
	}
}

// remove takes the entries from i up to but without j off the list.
func (m *missing) remove(i, j int) {
	m.entries = slices.Delete(m.entries, i, j)
	if i < m.asked {
		m.asked -= min(j, m.asked) - i
	}
}

// found takes a packet off the list. If it was asked for, the time it took
// is told to trip, unless that is nil.
func (m *missing) found(sequence uint64, at moment, trip *roundTrip) {
	i, listed := slices.BinarySearchFunc(m.entries, sequence, func(e entry, n uint64) int {
		return int(int64(e.sequence - n))
	})
	if !listed {
		return
	}
	if e := &m.entries[i]; e.tries > 0 && trip != nil {
		trip.add(time.Duration(at - e.asked))
	}
	m.remove(i, i+1)
}

// skip takes all packets before a number off the list.
func (m *missing) skip(before uint64) {
	i, _ := slices.BinarySearchFunc(m.entries, before, func(e entry, n uint64) int {
		return int(int64(e.sequence - n))
	})
	m.remove(0, i)
	if m.lost < before {
		m.lost = 0
	}
}

// next returns when a packet is next to be asked for or given up, zero if
// none is missing.
func (m *missing) next(highest uint64) moment {
	var next moment
	if m.asked > 0 {
		next = m.again
	}
	if m.asked < len(m.entries) {
		next = earlier(next, m.entries[m.asked].first(highest))
	}
	return next
}

// first returns when a packet is first to be asked for.
func (e *entry) first(highest uint64) moment {
	if highest-e.sequence >= reorderSpan {
		return e.noticed
	}
	return e.noticed + moment(reorderTime)
}

// due reports whether the packet is to be asked for now.
func (e *entry) due(highest uint64, at moment) bool {
	if e.tries == 0 {
		return at >= e.first(highest)
	}
	return at >= e.again
}

// spent reports whether asking is over.
func (e *entry) spent(at moment) bool {
	return e.tries >= maxTries && at >= e.again || at-e.noticed >= moment(maxWanted)
}

// giveUp takes off the list what was asked for often enough.
func (m *missing) giveUp(at moment) {
	// Nothing was noticed before the first, and nothing asked for is due before again.
	if (m.asked == 0 || at < m.again) && at-m.entries[0].noticed < moment(maxWanted) {
		return
	}
	asked := m.asked
	kept := m.entries[:0]
	for i := range m.entries {
		e := &m.entries[i]
		if !e.spent(at) {
			kept = append(kept, *e)
			continue
		}
		m.lost = max(m.lost, e.sequence)
		if i < asked {
			m.asked--
		}
	}
	m.entries = kept
}

// asking notes that a packet is asked for now.
func (m *missing) asking(i int, at moment, wait time.Duration) {
	e := &m.entries[i]
	if e.tries == 0 {
		e.asked = at
	}
	e.again = at + moment(wait)
	e.tries++
	m.asked = max(m.asked, i+1)
}

// firstDue returns where in the list those begin that may be due.
func (m *missing) firstDue(at moment) int {
	if at < m.again {
		return m.asked
	}
	return 0
}

// settle finds when the asked ones are next due, after those from i on were asked
// for.
func (m *missing) settle(i int) {
	if i == 0 {
		m.again = 0
	}
	for ; i < m.asked; i++ {
		m.again = earlier(m.again, m.entries[i].again)
	}
}

// A roundTrip estimates the time from a request to its answer. Which of several
// requests an answer is for cannot be known, so times are counted from the first;
// the least of the last few is then right unless all of them were asked for in vain
// at first.
type roundTrip struct {
	least, before time.Duration // of these samples and of as many before; zero if none
	samples       int
}

const (
	defaultTrip = 100 * time.Millisecond // before anything is known
	tripSamples = 8
)

// set forgets what was measured.
func (t *roundTrip) set(rtt time.Duration) {
	*t = roundTrip{before: max(rtt, time.Millisecond)}
}

// add takes a measurement.
func (t *roundTrip) add(sample time.Duration) {
	if t.samples == tripSamples {
		t.before, t.least, t.samples = t.least, 0, 0
	}
	sample = max(sample, time.Millisecond)
	if t.samples == 0 || sample < t.least {
		t.least = sample
	}
	t.samples++
}

// estimate returns the round trip time as far as it is known.
func (t *roundTrip) estimate() time.Duration {
	switch {
	case t.samples == 0 && t.before == 0:
		return defaultTrip
	case t.samples == 0:
		return t.before
	case t.before == 0:
		return t.least
	}
	return min(t.least, t.before)
}

// repeat returns how long to wait for an answer: half as much again as the quickest
// takes, so that few answers cross the next request.
func (t *roundTrip) repeat() time.Duration {
	return min(max(t.estimate()*3/2, leastRepeat), mostRepeat)
}
