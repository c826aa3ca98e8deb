package bwe

import "time"

// A Config bounds an [Estimator]. Zero fields mean the defaults.
type Config struct {
	Start BitRate // first target; default 300 kbit/s
	Min   BitRate // the target never falls below; default 30 kbit/s (one voice)
	Max   BitRate // the target never rises above; default 20 Mbit/s
}

// A ProbeID names a cluster of probe packets. Zero is media.
type ProbeID uint32

// A Probe is probe traffic that is due now.
type Probe struct {
	ID    ProbeID
	Rate  BitRate // of the whole cluster, media included
	Bytes int     // to send now, beside the media: whole packets of padding or retransmission, at least this much
}

// Stats says what an [Estimator] knows, for metrics and logs.
type Stats struct {
	Target       BitRate
	Acknowledged BitRate       // rate that arrived lately
	Capacity     BitRate       // link capacity as last seen in congestion or by a probe; 0 if unknown
	Loss         float64       // fraction lost lately
	RTT          time.Duration // last round trip, with the receiver's delay of feedback
	Queue        time.Duration // one-way delay above the least seen
	Probes       uint64        // clusters started
	ProbesWon    uint64        // clusters that arrived at their rate
	Draining     bool          // the target is held below capacity until the queue is gone
	Limited      bool          // less is sent than the target allows
}

// An Estimator estimates the rate that one receiver's path carries.
type Estimator struct {
	cfg    Config
	target BitRate
}

// New returns an Estimator. It fails if the bounds contradict each other.
func New(cfg Config) (*Estimator, error) {
	return &Estimator{cfg: cfg, target: cfg.Start}, nil
}

// OnSent records a packet of size bytes (with headers) that carries seq and
// leaves now. probe is the ID that [Estimator.Probe] gave for padding, and zero
// for media. Sequence numbers go up by one, a packet at a time, and wrap.
func (e *Estimator) OnSent(now time.Time, seq uint16, size int, probe ProbeID) {}

// OnFeedback takes what the receiver saw. Reordered, repeated, missing and
// invented feedback is harmless.
func (e *Estimator) OnFeedback(now time.Time, f Feedback) {}

// Tick lets time pass: it notices missing feedback. Call it about every 50 ms.
func (e *Estimator) Tick(now time.Time) {}

// Target is the rate to send at most now, media and audio together.
func (e *Estimator) Target() BitRate { return e.target }

// SetDemand says what more rate is good for: next is the total rate at which the
// allocation takes its next step up, full the total at which everything
// shown is at its best. Zero for both stops probing. See share.Decision.
func (e *Estimator) SetDemand(next, full BitRate) {}

// Probe reports whether probe traffic is due now, and how much. It paces the
// cluster itself; the caller sends Bytes at once and reports each packet by
// [Estimator.OnSent] with the ID. Media sent meanwhile counts too.
func (e *Estimator) Probe(now time.Time) (Probe, bool) { return Probe{}, false }

// Wake returns when Probe is next worth calling: 5 ms from now inside
// a cluster, otherwise when the next cluster may start, at most a second ahead.
func (e *Estimator) Wake(now time.Time) time.Time { return now.Add(time.Second) }

// Stats returns what e knows.
func (e *Estimator) Stats() Stats { return Stats{Target: e.target} }
