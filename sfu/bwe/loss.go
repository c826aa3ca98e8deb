package bwe

import "time"

const (
	lossWindow     = 400 * time.Millisecond
	lossPackets    = 40   // a window has at least this many, about
	lossGrow       = 0.02 // below: the rate may grow by itself
	lossFall       = 0.10 // above: the rate falls (both draft-ietf-rmcat-gcc-02, Section 6)
	lossBurst      = 0.30 // ends a window early: a queue overflows
	lossBurstCount = 8
	lossInherent   = 0.40 // most that is put down to the path
)

// A lossMeter measures loss in windows and tells the loss that sending less
// cures from the loss the path has anyway, such as radio's: when a fall of
// the rate does not lower the loss, that much is inherent.
type lossMeter struct {
	began          time.Duration
	received, lost int
	fraction       float64 // of the last complete window
	inherent       float64 // not cured by sending less

	testing bool    // the rate fell because of loss, its effect is not seen yet
	before  float64 // the loss that made it fall
	due     time.Duration
}

// add counts what one feedback says. lost may be negative when packets came
// after all.
func (l *lossMeter) add(received, lost int) {
	l.received += received
	l.lost += lost
}

// close ends the window if it is long enough and reports whether it did.
func (l *lossMeter) close(now time.Duration) bool {
	n := l.received + l.lost
	if n <= 0 {
		l.began = now
		return false
	}
	f := max(float64(l.lost)/float64(n), 0)
	full := n >= lossPackets && now-l.began >= lossWindow
	if !full && (l.lost < lossBurstCount || f < lossBurst+l.inherent || n < lossPackets/3) {
		return false
	}
	l.fraction = f
	l.received, l.lost, l.began = 0, 0, now
	if f < l.inherent {
		l.inherent += 0.3 * (f - l.inherent)
	}
	if l.testing && now >= l.due {
		l.testing = false
		if f > 0.75*l.before {
			l.inherent = min(max(l.inherent, f), lossInherent)
		}
	}
	return true
}

// excess is the loss above the inherent one.
func (l *lossMeter) excess() float64 { return max(l.fraction-l.inherent, 0) }

// test notes that the rate falls because of loss; its effect shows at due.
func (l *lossMeter) test(due time.Duration) {
	l.testing, l.before, l.due = true, l.fraction, due
}
