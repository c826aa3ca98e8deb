package bwe_test

import (
	"testing"
	"time"

	"conclave/sfu/bwe"
)

// A quiet is a receiver to whom no media is sent: all that it shows needs more
// than the estimate. Padding arrives 20 ms after it left; feedback comes each 50 ms.
type quiet struct {
	est     *bwe.Estimator
	now     time.Time
	seq     uint16
	pending []bwe.Arrival
	sent    int // bytes
	deaf    bool
}

func newQuiet(t *testing.T) *quiet {
	t.Helper()
	est, err := bwe.New(bwe.Config{Start: 300 * bwe.Kilobit, Max: 10 * bwe.Megabit})
	if err != nil {
		t.Fatal(err)
	}
	est.SetDemand(2500*bwe.Kilobit, 2500*bwe.Kilobit)
	return &quiet{est: est, now: time.Unix(0, 0)}
}

func (q *quiet) run(d time.Duration) {
	const step, size = 5 * time.Millisecond, 300
	for end := q.now.Add(d); q.now.Before(end); {
		q.now = q.now.Add(step)
		q.est.Tick(q.now)
		if p, due := q.est.Probe(q.now); due {
			for left := p.Bytes; left > 0; left -= size {
				q.seq++
				q.est.OnSent(q.now, q.seq, size, p.ID)
				q.sent += size
				at := q.now.Sub(time.Unix(0, 0)) + 20*time.Millisecond
				q.pending = append(q.pending, bwe.Arrival{Seq: q.seq, At: at, Received: true})
			}
		}
		if q.now.UnixMilli()%50 == 0 && len(q.pending) > 0 && !q.deaf {
			q.est.OnFeedback(q.now, bwe.Feedback{Arrivals: q.pending})
			q.pending = q.pending[:0]
		}
	}
}

// TestProbeBeforeAnything holds that a receiver gets what it shows although not even
// the lowest layer of it fits the estimate at the start.
func TestProbeBeforeAnything(t *testing.T) {
	q := newQuiet(t)
	q.run(3 * time.Second)
	if got := q.est.Target(); got < 2500*bwe.Kilobit {
		t.Errorf("the target is %v after 3 s, want 2.5 Mbit/s", got)
	}
}

// TestProbeAfterSilence holds the same after half a minute of nothing.
func TestProbeAfterSilence(t *testing.T) {
	q := newQuiet(t)
	q.est.SetDemand(500*bwe.Kilobit, 500*bwe.Kilobit)
	q.run(3 * time.Second)
	if got := q.est.Target(); got < 500*bwe.Kilobit || got > 1500*bwe.Kilobit {
		t.Fatalf("the target is %v, want a bit above 500 kbit/s", got)
	}
	q.est.SetDemand(0, 0)
	q.run(30 * time.Second)
	q.est.SetDemand(2500*bwe.Kilobit, 2500*bwe.Kilobit)
	q.run(5 * time.Second)
	if got := q.est.Target(); got < 2500*bwe.Kilobit {
		t.Errorf("the target is %v after 5 s, want 2.5 Mbit/s", got)
	}
}

// TestProbeNobody holds that next to nothing is sent to who tells nothing, and
// that who tells after all is believed.
func TestProbeNobody(t *testing.T) {
	q := newQuiet(t)
	q.deaf = true
	q.run(time.Minute)
	if q.sent == 0 || q.sent > 100_000 {
		t.Errorf("%d bytes were sent in a minute to who tells nothing, want some", q.sent)
	}
	q.deaf, q.pending = false, q.pending[:0]
	q.run(15 * time.Second)
	if got := q.est.Target(); got < 2500*bwe.Kilobit {
		t.Errorf("the target is %v after 15 s, want 2.5 Mbit/s", got)
	}
}
