package bwe

import "time"

const (
	suspectLeast  = 25 * time.Millisecond  // that the oldest packet unheard of must be late
	suspectTimes  = 1.5                    // and so many times what it usually is
	suspectFor    = 150 * time.Millisecond // a suspicion is not believed for longer
	suspectRest   = 1 * time.Second        // until the next one
	suspectMemory = 3 * time.Second        // in which what is usual is half forgotten
)

// A suspicion is that the path has become slow or stands still: a feedback comes and
// does not speak of packets that it should. It is no reason yet to lower the
// estimate, as it is nothing with the next feedback as often as not, but one to
// send no more pictures until then. What is sent into a link that has become
// slow cannot be taken back.
type suspicion struct {
	roundTrip time.Duration // least, with what the receiver waits before it tells
	usual     time.Duration // lateness that needs no explanation
	at        time.Duration // of the last feedback
	late      bool
	since     time.Duration // when it last became so
}

// hear takes a feedback. unheard is how long ago the oldest packet left of which
// nothing is heard, or zero; roundTrip is that of the newest one heard of.
func (s *suspicion) hear(now, roundTrip, unheard time.Duration, congested bool) {
	if s.roundTrip == 0 || roundTrip < s.roundTrip {
		s.roundTrip = roundTrip
	}
	passed := min((now-s.at).Seconds()/suspectMemory.Seconds(), 1)
	s.at = now
	s.roundTrip += part(roundTrip-s.roundTrip, passed/20)
	s.usual -= part(s.usual, passed/2)
	lateness := unheard - s.roundTrip
	late := lateness > suspectLeast+part(s.usual, suspectTimes)
	if late && !s.late && now-s.since > suspectRest {
		s.since = now
	}
	s.late = late
	if !congested && (!late || now-s.since > suspectFor) {
		s.usual = max(s.usual, lateness)
	}
}

// part returns d times f.
func part(d time.Duration, f float64) time.Duration { return time.Duration(float64(d) * f) }

// Suspect reports whether it is better to wait for the next feedback with what can
// wait, and until when at most: the path may have become slow just now.
func (e *Estimator) Suspect(now time.Time) (until time.Time, ok bool) {
	t := e.advance(now)
	left := e.suspicion.since + suspectFor - t
	if !e.suspicion.late || left <= 0 {
		return time.Time{}, false
	}
	return now.Add(left), true
}

// unheardOf returns how long ago the oldest packet left of which nothing has been
// heard, or zero.
func (e *Estimator) unheardOf(now time.Duration) time.Duration {
	for seq := e.reported + 1; seq != e.history.last+1; seq++ {
		if p := e.history.find(seq); p != nil && p.fate == fatePending {
			return now - p.at
		}
	}
	return 0
}
