package layer

import (
	"time"

	"conclave/sfu/codec"
)

// A Stream describes what a slot shows.
type Stream struct {
	Codec codec.Codec
	// Sources are the encodings of the stream, lowest resolution first; one for
	// SVC and single-layer streams.
	Sources [MaxEncodings]Source
	Count   int // of Sources; 0 is no stream
}

// A Config says what the receiver of a slot can do.
type Config struct {
	// Descriptor reports whether the receiver negotiated the dependency
	// descriptor; without it Out.DD is always nil.
	Descriptor bool
	// First values of the outgoing stream; choose them at random (RFC 3550, 5.1).
	Sequence  uint16
	Timestamp uint32
}

// An Out is a packet to send.
type Out struct {
	// Source and Incoming name the packet whose payload to send. It is the packet
	// just given to Forward unless Held is set; then take it from the cache.
	Source   Source
	Incoming uint64
	Held     bool

	// Padding means: send a packet without payload, with one byte of RTP
	// padding, so that the receiver does not ask for this number.
	Padding bool

	Sequence  uint16
	Timestamp uint32
	Marker    bool
	Rewrite   codec.Rewrite // apply to the receiver's copy of the payload

	// DD is the dependency descriptor to send, or nil. Valid until the next call
	// of a method of the Selector.
	DD []byte
}

// A Selector belongs to one receiver, one slot and one goroutine.
type Selector struct{ unused int }

// NewSelector returns a Selector that shows nothing yet.
func NewSelector(c Config) *Selector { return &Selector{} }

// SwitchSource makes the slot carry another stream, or none. Numbers and
// timestamps go on without a gap. Nothing is forwarded until the new stream's
// next key frame.
func (s *Selector) SwitchSource(stream Stream) {}

// SetTarget sets the highest layer to forward. It is reached as soon as the
// stream allows; None stops at the next picture.
func (s *Selector) SetTarget(target Layer) {}

// Forward takes the next packet of any source of the stream and returns what to
// send now, in order: at most two packets. The slice is valid until the
// next call of a method of the Selector.
func (s *Selector) Forward(now time.Time, p *Packet) []Out { return nil }

// NeedsKeyFrame reports whether a key frame would bring the Selector nearer to
// its target, and of which encoding of the stream (an index into Stream.Sources).
// The caller throttles requests.
func (s *Selector) NeedsKeyFrame() (encoding int, ok bool) { return 0, false }

// Current returns the layer that is being forwarded now, or None.
func (s *Selector) Current() Layer { return None }

// Target returns what SetTarget set.
func (s *Selector) Target() Layer { return None }

// Lookup returns the incoming packet that the outgoing number sequence stands
// for, to answer a NACK: if it is in the cache, give it to Resend.
func (s *Selector) Lookup(sequence uint16) (source Source, incoming uint64, ok bool) {
	return 0, 0, false
}

// Resend returns how to send the packet p again under sequence, for which Lookup
// named p. If the packet never was to be sent, Out.Padding is set.
func (s *Selector) Resend(sequence uint16, p *Packet) (Out, bool) { return Out{}, false }

// LastSent returns the RTP timestamp of the newest forwarded picture and when
// its first packet was forwarded, for sender reports. ok is false before that.
func (s *Selector) LastSent() (timestamp uint32, at time.Time, ok bool) {
	return 0, time.Time{}, false
}
