package layer

import "conclave/sfu/codec"

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
	// Sparse leaves out, between key frames, what the highest spatial layer that is
	// forwarded does not need of those below, where the dependency descriptor
	// says so: with modes such as L3T3_KEY it saves a quarter of the rate. The
	// price is that the spatial layer falls at key frames only.
	Sparse bool
	// First values of the outgoing stream; choose them at random (RFC 3550,
	// Section 5.1).
	Sequence  uint16
	Timestamp uint32
}

// An Out is a packet to send.
type Out struct {
	// Source and Incoming name the packet whose payload to send. It is the packet
	// just given to Forward, unless Held is set: then take it from the cache.
	Source   Source
	Incoming uint64
	Held     bool

	// Padding means: send a packet without payload, with RTP padding, so that the
	// receiver does not ask for this number.
	Padding bool

	Sequence  uint16
	Timestamp uint32
	Marker    bool
	Rewrite   codec.Rewrite // apply to the receiver's copy of the payload

	// DD is the dependency descriptor to send, or nil. Valid until the next call
	// of a method of the Selector.
	DD []byte
}
