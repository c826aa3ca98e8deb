package feedback

import "time"

// MaxSources is how many SSRCs one connection may publish: 20 video streams of
// three encodings, and some.
const MaxSources = 64

// MaxPacket is the most bytes one call of [Recorder.Append] adds. It leaves room
// for SRTCP, UDP and IPv6 in a path of 1280 bytes.
const MaxPacket = 1184

// A Recorder notes what arrived on one publishing connection and writes the
// feedback on it. It is not safe for concurrent use.
type Recorder struct {
	ssrc uint32
}

// New returns a Recorder that writes as ssrc.
func New(ssrc uint32) *Recorder { return &Recorder{ssrc: ssrc} }

// SetReduced says whether both sides agreed on RTCP of reduced size (RFC 5506,
// "a=rtcp-rsize"), which is so until something else is said. Without it every
// packet begins with a receiver report and a name.
func (r *Recorder) SetReduced(on bool) {}

// SetRTT tells the round trip time to the publisher if something else has
// measured it, such as the same client's receiving connection. Without it the
// Recorder starts at 100 ms and learns from the answers to its NACKs.
func (r *Recorder) SetRTT(rtt time.Duration) {}

// Source returns the source with this SSRC, a new one if there was none. The
// clock is in ticks a second. With nack set, lost packets are asked for. It
// returns nil if there are [MaxSources] others.
func (r *Recorder) Source(ssrc, clock uint32, nack bool) *Source { return nil }

// Forget ends a source; s is not to be used again.
func (r *Recorder) Forget(s *Source) {}

// Received notes a packet of a source as it came. Several of one batch have the
// same time. A packet that was asked for is no longer.
func (r *Recorder) Received(now time.Time, s *Source, sequence uint16, timestamp uint32) {}

// Recovered notes that a packet came by retransmission (RFC 4588) or was mended.
// It is no longer asked for, but does not count in reports as one that
// arrived, which is what publishers expect: they count losses of the link.
func (r *Recorder) Recovered(now time.Time, s *Source, sequence uint16) {}

// Skip says that packets before this one are of no use any more, for a key frame
// begins with it. They are not asked for again and do not count as lost for good.
func (r *Recorder) Skip(s *Source, before uint16) {}

// Arrived notes the transport-wide number of a packet of any source, repairs and
// padding too.
func (r *Recorder) Arrived(now time.Time, number uint16) {}

// SenderReport notes that a sender report of a source came, with its NTP time, so
// that the publisher can compute the round trip time (RFC 3550, Section 6.4.1).
func (r *Recorder) SenderReport(now time.Time, s *Source, ntp uint64) {}

// Append adds one RTCP packet of at most [MaxPacket] bytes to b if one is due,
// else it returns b as it was. More than one may be due: call it until it adds
// nothing or [Recorder.Next] is later than now.
func (r *Recorder) Append(now time.Time, b []byte) []byte { return b }

// Next returns when Append is next worth calling. It may come nearer with every
// packet noted; it is the zero time if nothing is to be told.
func (r *Recorder) Next() time.Time { return time.Time{} }
