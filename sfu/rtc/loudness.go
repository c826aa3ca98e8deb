package rtc

import (
	"math"
	"sync/atomic"
	"time"
)

// A loudness follows the audio level that a publisher's browser writes beside
// each packet (RFC 6464). It rises at once, so that the first word is heard,
// and falls slowly, so that a pause between words costs nothing. The publisher
// can lie about it; the worst it gains is to be heard.
//
// add is called by one goroutine; the rest by any.
type loudness struct {
	// value is what was heard, 0 (silence) to 127 (as loud as can be), in
	// thousandths, and at is when, in nanoseconds since 1970.
	value, at atomic.Int64
}

const (
	loudHalfLife = 1500 * time.Millisecond // speech counts for most of a second after it ends
	// loudFloor is the level below which nobody speaks: -55 dBov.
	loudFloor = (127 - 55) * 1000
)

// add takes one level byte: the top bit says voice, the rest is -dBov.
func (l *loudness) add(now time.Time, b byte) {
	heard := int64(127-b&0x7F) * 1000
	l.value.Store(max(heard, l.now(now)))
	l.at.Store(now.UnixNano())
}

// now returns the loudness now.
func (l *loudness) now(t time.Time) int64 {
	age := time.Duration(t.UnixNano() - l.at.Load())
	if age < 0 || l.at.Load() == 0 {
		return l.value.Load()
	}
	return int64(float64(l.value.Load()) * math.Exp2(-float64(age)/float64(loudHalfLife)))
}
