// Package layer decides which packets of a publisher's video go to one
// receiver, and under which numbers.
//
// A [Reader] for each incoming stream (one SSRC) turns packets into [Packet]
// values: layer, frame boundaries, key frames, from the Dependency Descriptor
// or from the payload descriptor. A [Selector] for each receiver and slot takes
// every Packet of the stream that the slot shows and answers with what to send.
// A [Meter] for each stream measures the rate of each layer.
//
// Nothing here opens a socket, reads a clock or locks, and Forward does not
// allocate.
package layer

import (
	"time"

	"conclave/sfu/codec"
	"conclave/sfu/dd"
	"conclave/sfu/seqmap"
)

// A Layer is a spatial and a temporal layer. With simulcast, Spatial is the
// index of the encoding, lowest resolution first. It means the layer and all it
// depends on.
type Layer struct{ Spatial, Temporal int8 }

// None is no layer at all: nothing is forwarded.
var None = Layer{-1, -1}

// Top is at least what any stream has: everything is forwarded.
var Top = Layer{MaxSpatial - 1, MaxTemporal - 1}

// Bounds of layer indexes, as in the descriptors.
const (
	MaxSpatial  = dd.MaxSpatial
	MaxTemporal = dd.MaxTemporal
)

// MaxEncodings is the most simulcast encodings of a stream.
const MaxEncodings = 3

// IsNone reports whether l stands for forwarding nothing.
func (l Layer) IsNone() bool { return l.Spatial < 0 || l.Temporal < 0 }

// A Source is the server's own handle of one incoming RTP stream (one SSRC),
// unique among all streams of a room.
type Source = seqmap.Source

// A Packet is an incoming RTP packet with all that was read from it. Many
// Selectors may read it at the same time; none changes it. DD and Payload alias
// the packet's bytes, which lie in the publisher's cache.
type Packet struct {
	Source   Source
	Encoding uint8 // simulcast index, lowest resolution first; else 0

	Sequence    uint64 // extended: rtpbuf.Window
	Timestamp   uint32
	Marker      bool
	PayloadType uint8

	// Captured is the sender's clock for Timestamp by its last sender report, or
	// zero. The clocks of the encodings of one stream agree.
	Captured time.Time

	Payload []byte // without RTP padding; empty for padding-only packets
	DD      []byte // dependency descriptor as received; nil without one

	Spatial, Temporal uint8
	First, Last       bool  // first and last packet of a layer frame
	Key               bool  // first packet of a frame where a decoder can start
	SpatialCount      uint8 // spatial layers the stream says it has; 0 if it does not say

	Descriptor dd.Descriptor // if DD is not nil
	Info       codec.Info
	Structure  *dd.Structure // what Descriptor was resolved with; never changed once published here
}
