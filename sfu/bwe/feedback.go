package bwe

import (
	"errors"
	"fmt"
	"time"

	"github.com/pion/rtcp"
)

// MaxArrivals is the number of packets one feedback may speak of. A second of
// 3000 packets is more than any receiver here is sent; the wire format allows
// 65535.
const MaxArrivals = 4096

// ErrFeedback is wrapped by the errors of [Decoder.Decode].
var ErrFeedback = errors.New("bwe: malformed feedback")

// An Arrival is what a receiver says of one packet.
type Arrival struct {
	// At is when the packet arrived on the receiver's clock, whose origin is
	// arbitrary but constant for the life of a [Decoder]. It is zero if the
	// packet was not received.
	At       time.Duration
	Seq      uint16 // transport-wide sequence number
	Received bool
}

// A Feedback lists packets in the order of their sequence numbers.
type Feedback struct {
	Arrivals []Arrival
}

// A Decoder turns feedback messages into arrivals on one continuous clock. The
// zero value is ready to use. A Decoder belongs to one receiver.
type Decoder struct {
	started   bool
	reference uint32 // last 24-bit reference time
	clock     int64  // its unwrapped value, in units of referenceUnit
	arrivals  []Arrival
}

// referenceUnit is the unit of the reference time
// (draft-holmer-rmcat-transport-wide-cc-extensions-01, Section 3.1).
const referenceUnit = 64 * time.Millisecond

// Decode returns what p says. The result is valid until the next call. An error
// wraps [ErrFeedback] and leaves the Decoder's clock as it was.
func (d *Decoder) Decode(p *rtcp.TransportLayerCC) (Feedback, error) {
	if p.PacketStatusCount == 0 || p.PacketStatusCount > MaxArrivals {
		return Feedback{}, fmt.Errorf("%w: %d packets", ErrFeedback, p.PacketStatusCount)
	}
	clock := d.unwrap(p.ReferenceTime)
	r := statusReader{
		left:     int(p.PacketStatusCount),
		seq:      p.BaseSequenceNumber,
		at:       time.Duration(clock) * referenceUnit,
		deltas:   p.RecvDeltas,
		arrivals: d.arrivals[:0],
	}
	for _, c := range p.PacketChunks {
		if r.left == 0 {
			break
		}
		if err := r.chunk(c); err != nil {
			return Feedback{}, err
		}
	}
	if r.left != 0 {
		return Feedback{}, fmt.Errorf("%w: %d packets without status", ErrFeedback, r.left)
	}
	d.started, d.reference, d.clock = true, p.ReferenceTime&0xffffff, clock
	d.arrivals = r.arrivals
	return Feedback{Arrivals: r.arrivals}, nil
}

// unwrap continues the 24-bit reference time, which wraps every 12 days. It
// starts at 2^24 so that times stay positive when the first feedbacks arrive out
// of order.
func (d *Decoder) unwrap(reference uint32) int64 {
	reference &= 0xffffff
	if !d.started {
		return 1<<24 + int64(reference)
	}
	diff := int32((reference-d.reference)<<8) >> 8 // sign-extends 24 bits
	return d.clock + int64(diff)
}

// A statusReader walks the packet status chunks of one feedback.
type statusReader struct {
	left     int // packets still to come
	seq      uint16
	at       time.Duration
	deltas   []*rtcp.RecvDelta
	arrivals []Arrival
}

func (r *statusReader) chunk(c rtcp.PacketStatusChunk) error {
	switch c := c.(type) {
	case *rtcp.RunLengthChunk:
		for range min(int(c.RunLength), r.left) {
			if err := r.status(c.PacketStatusSymbol); err != nil {
				return err
			}
		}
	case *rtcp.StatusVectorChunk:
		for _, s := range c.SymbolList[:min(len(c.SymbolList), r.left)] {
			if err := r.status(s); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("%w: unknown chunk", ErrFeedback)
	}
	return nil
}

// status takes the status of the next packet (ibid., Section 3.1.1). A packet
// that came "without receive delta" is left out: it is neither lost nor timed.
func (r *statusReader) status(symbol uint16) error {
	r.left--
	seq := r.seq
	r.seq++
	switch symbol {
	case rtcp.TypeTCCPacketNotReceived:
		r.arrivals = append(r.arrivals, Arrival{Seq: seq})
	case rtcp.TypeTCCPacketReceivedSmallDelta, rtcp.TypeTCCPacketReceivedLargeDelta:
		if len(r.deltas) == 0 || r.deltas[0] == nil {
			return fmt.Errorf("%w: no receive delta for packet %d", ErrFeedback, seq)
		}
		r.at += time.Duration(r.deltas[0].Delta) * time.Microsecond
		r.deltas = r.deltas[1:]
		r.arrivals = append(r.arrivals, Arrival{Seq: seq, At: r.at, Received: true})
	}
	return nil
}
