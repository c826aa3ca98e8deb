package feedback

import "time"

const (
	// MaxSources is how many SSRCs one connection may publish: 20 video streams of
	// three encodings, and some.
	MaxSources = 64

	// MaxPacket is the most bytes one call of [Recorder.Append] adds. It leaves
	// room for SRTCP, UDP and IPv6 in a path of 1280 bytes.
	MaxPacket = 1184
)

// A moment is a time since the Recorder's first, plus one second: zero means never.
type moment time.Duration

// A Recorder notes what arrived on one publishing connection and writes the
// feedback on it. It is not safe for concurrent use.
type Recorder struct {
	ssrc     uint32
	compound bool // each packet begins with a report

	origin  time.Time // of moments; zero before the first
	latest  moment
	sources []*Source
	media   *Source // arrived last; transport-wide feedback names it

	arrivals arrivals
	trip     roundTrip

	askAt    moment // no packet is to be asked for before; zero if none is
	askedAt  moment // last NACK
	reportAt moment // when receiver reports are next due; zero if nothing came
}

// New returns a Recorder that writes as ssrc.
func New(ssrc uint32) *Recorder {
	return &Recorder{ssrc: ssrc}
}

// SetReduced says whether both sides agreed on RTCP of reduced size (RFC 5506,
// "a=rtcp-rsize"), which is so until something else is said. Without it every
// packet begins with a receiver report and a name (RFC 3550, Section 6.1).
func (r *Recorder) SetReduced(on bool) { r.compound = !on }

// SetRTT tells the round trip time to the publisher if something else has
// measured it, such as the same client's receiving connection. Without it the
// Recorder starts at 100 ms and learns from the answers to its NACKs, as it does
// after it was told.
func (r *Recorder) SetRTT(rtt time.Duration) { r.trip.set(rtt) }

// Source returns the source with this SSRC, a new one if there was none. The
// clock is in ticks a second. With nack set, lost packets are asked for. It
// returns nil if there are [MaxSources] others; a nil Source may be noted and is
// ignored.
func (r *Recorder) Source(ssrc, clock uint32, nack bool) *Source {
	for _, s := range r.sources {
		if s.ssrc == ssrc {
			s.clock, s.nack = clock, nack
			return s
		}
	}
	if len(r.sources) == MaxSources {
		return nil
	}
	s := &Source{ssrc: ssrc, clock: clock, nack: nack}
	r.sources = append(r.sources, s)
	return s
}

// Forget ends a source; s is not to be used again.
func (r *Recorder) Forget(s *Source) {
	for i, o := range r.sources {
		if o != s {
			continue
		}
		r.sources = append(r.sources[:i], r.sources[i+1:]...)
		break
	}
	if r.media == s {
		r.media = nil
		for _, o := range r.sources {
			if o.started {
				r.media = o
			}
		}
	}
}

// Received notes a packet of a source as it came. Several of one batch may have
// the same time. A packet that was asked for is no longer.
func (r *Recorder) Received(now time.Time, s *Source, sequence uint16, timestamp uint32) {
	if s == nil {
		return
	}
	at := r.moment(now)
	extended, gap, ok := s.take(sequence)
	if !ok {
		return
	}
	r.media = s
	if r.reportAt == 0 {
		r.reportAt = at + moment(firstReport)
	}
	s.heard = true
	s.received++
	s.jitter.note(at, s.clock, timestamp)
	if !s.nack {
		return
	}
	if extended < s.highest {
		trip := &r.trip
		if s.repaired {
			trip = nil // it was only late, and is no answer
		}
		s.missing.found(extended, at, trip)
		return
	}
	if gap > 0 {
		s.missing.add(extended-gap, extended, at)
	}
	r.plan(s)
}

// Recovered notes that a packet came by retransmission (RFC 4588) or was mended.
// It is no longer asked for, but does not count in reports as one that
// arrived, which is what publishers expect: they count losses of the link.
func (r *Recorder) Recovered(now time.Time, s *Source, sequence uint16) {
	if s == nil || !s.started {
		return
	}
	s.repaired = true
	s.missing.found(s.extend(sequence), r.moment(now), &r.trip)
}

// Skip says that packets before this one are of no use any more, for a key frame
// begins with it. They are not asked for again and do not count as lost for good.
func (r *Recorder) Skip(s *Source, before uint16) {
	if s != nil && s.started {
		s.missing.skip(s.extend(before))
	}
}

// Arrived notes the transport-wide number of a packet of any source, repairs and
// padding too.
func (r *Recorder) Arrived(now time.Time, number uint16) {
	r.arrivals.note(r.moment(now), number)
}

// SenderReport notes that a sender report of a source came, with its NTP time, so
// that the publisher can compute the round trip time (RFC 3550, Section 6.4.1).
func (r *Recorder) SenderReport(now time.Time, s *Source, ntp uint64) {
	if s != nil {
		s.senderReport, s.senderReportAt = uint32(ntp>>16), r.moment(now)
	}
}

// Append adds one RTCP packet of at most [MaxPacket] bytes to b if one is due,
// else it returns b as it was. More than one may be due: call it until it adds
// nothing or [Recorder.Due] says no.
func (r *Recorder) Append(now time.Time, b []byte) []byte {
	if !r.Due(now) {
		return b
	}
	at, start, end := r.moment(now), len(b), len(b)+MaxPacket
	b, reported := r.appendReports(at, b)
	begun := len(b)
	if r.askAt != 0 && at >= r.askAt {
		b = r.appendNACKs(at, b, end)
	}
	if r.media != nil && r.arrivals.due(at) && end-len(b) >= leastTransport {
		b = r.arrivals.append(at, b, end, r.ssrc, r.media.ssrc)
	}
	if len(b) == begun && !reported {
		return b[:start] // nothing but the beginning that all packets need
	}
	return b
}

// Due reports whether Append may have something to say now.
func (r *Recorder) Due(now time.Time) bool {
	next := r.next()
	return next != 0 && r.moment(now) >= next
}

// Next returns when Append is next worth calling. It may come nearer with every
// packet noted; it is the zero time if nothing is to be told.
func (r *Recorder) Next() time.Time {
	next := r.next()
	if next == 0 {
		return time.Time{}
	}
	return r.origin.Add(time.Duration(next) - time.Second)
}

// next is the earliest moment at which anything may be due.
func (r *Recorder) next() moment {
	next := earlier(r.askAt, r.reportAt)
	if r.media != nil {
		next = earlier(next, r.arrivals.at)
	}
	return next
}

// plan has packets of a source asked for in time.
func (r *Recorder) plan(s *Source) {
	if next := s.missing.next(s.highest); next != 0 {
		if r.askedAt != 0 {
			next = max(next, r.askedAt+moment(leastAsk))
		}
		r.askAt = earlier(r.askAt, next)
	}
}

// moment returns now on the Recorder's own clock, which starts with the first
// call and never goes back.
func (r *Recorder) moment(now time.Time) moment {
	if r.origin.IsZero() {
		r.origin = now
	}
	r.latest = max(r.latest, moment(now.Sub(r.origin)+time.Second))
	return r.latest
}

// earlier returns the earlier of two moments of which either may be never.
func earlier(a, b moment) moment {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
