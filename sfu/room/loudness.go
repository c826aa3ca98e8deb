package room

import (
	"math"
	"time"
)

// A loudness follows the audio level that a publisher's browser writes beside
// each packet (RFC 6464). It rises at once, so that the first word is heard,
// and falls slowly, so that a pause between words costs nothing. The publisher
// can lie about it; the worst it gains is to be heard.
type loudness struct {
	// value is what was heard, 0 (silence) to 127 (as loud as can be), in
	// thousandths, and at is when.
	value float64
	at    time.Time
}

const (
	loudHalfLife = 1500 * time.Millisecond // speech counts for most of a second after it ends
	// loudFloor is the level below which nobody speaks: -55 dBov.
	loudFloor = (127 - 55) * 1000
)

// add takes one level byte: the top bit says voice, the rest is -dBov. It reports
// whether this packet itself is loud enough to be speech.
func (l *loudness) add(now time.Time, b byte) (speech bool) {
	heard := float64(127-b&0x7F) * 1000
	l.value, l.at = max(heard, l.now(now)), now
	return heard >= loudFloor
}

// now returns the loudness now.
func (l *loudness) now(t time.Time) float64 {
	age := t.Sub(l.at)
	if age <= 0 || l.at.IsZero() {
		return l.value
	}
	return l.value * math.Exp2(-float64(age)/float64(loudHalfLife))
}
