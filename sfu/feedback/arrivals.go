package feedback

import "time"

const (
	ringSize = 2048 // transport-wide numbers; a fifth of a second at 100 Mbit/s
	tick     = 250 * time.Microsecond

	leastInterval = 50 * time.Millisecond // between two messages
	mostInterval  = 100 * time.Millisecond
	perMessage    = 20                    // packets that make a message worth sending before mostInterval
	pause         = 20 * time.Millisecond // after the first packet that follows silence
	plenty        = 512                   // packets that make a message due at once

	// A number heard once is where counting starts; see note.
	unheard = 0
)

// arrivals remembers when transport-wide numbers arrived until that was told.
//
// Times are in ticks of 250 µs and wrap after 12 days as the reference time
// on the wire does: its 24 bits are the upper bits of a time here. Zero means
// that the packet did not come.
type arrivals struct {
	ring    [ringSize]uint32
	started bool
	next    uint64 // first number not told of
	end     uint64 // one more than the highest

	at       moment // when a message is next due, zero if there is nothing to tell
	told     moment // last message
	count    int    // packets noted since
	interval time.Duration
	messages uint8 // feedback packet count
}

// note remembers that a packet arrived.
func (a *arrivals) note(at moment, number uint16) {
	n := turn + uint64(number)
	if a.started {
		n = a.end + uint64(int64(int16(number-uint16(a.end))))
	} else {
		a.started, a.next, a.end = true, n, n
		a.interval = leastInterval
	}
	switch {
	case n >= a.end+ringSize: // a jump that no loss explains
		clear(a.ring[:])
		a.next, a.end = n, n+1
	case n >= a.end:
		for ; a.end <= n; a.end++ {
			a.ring[a.end%ringSize] = unheard
		}
		if a.end-a.next > ringSize {
			a.next = a.end - ringSize
		}
	case n+ringSize < a.end, a.ring[n%ringSize] != unheard:
		return // too late, or a duplicate
	}
	a.ring[n%ringSize] = max(uint32(time.Duration(at)/tick), 1)
	a.next = min(a.next, n) // a late one: what follows is told again
	a.count++
	a.plan(at)
}

// plan sets when the next message is due, with a packet that has just come.
func (a *arrivals) plan(at moment) {
	if a.at == 0 {
		a.at = max(a.told+moment(a.interval), at+moment(pause))
	}
	if a.end-a.next >= plenty {
		a.at = at
	}
}

// due reports whether a message is to be written.
func (a *arrivals) due(at moment) bool { return a.at != 0 && at >= a.at }

// finished notes that all was told, and chooses how long to gather packets for
// the next message: not as long if many come.
func (a *arrivals) finished(at moment) {
	a.at = 0
	if elapsed := time.Duration(at - a.told); a.told != 0 && a.count > 0 {
		a.interval = min(max(elapsed*perMessage/time.Duration(a.count), leastInterval), mostInterval)
	}
	a.told, a.count = at, 0
}
