// Package layer decides which packets of a publisher's video go to one
// receiver, and under which numbers.
//
// A [Reader] for each incoming stream (one SSRC) turns packets into [Packet]
// values: layer, frame boundaries, key frames, from the Dependency Descriptor
// or from the payload descriptor. A [Selector] for each receiver and slot takes
// every Packet of the stream that the slot shows and answers with what to send.
// A [Meter] for each stream measures the rate of each layer.
//
// Nothing here opens a socket, reads a clock, locks or allocates per packet.
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

// Top is more than any stream has: everything is forwarded.
var Top = Layer{MaxSpatial - 1, MaxTemporal - 1}

// Bounds of layer indexes.
const (
	MaxSpatial  = 8
	MaxTemporal = 8
)

// MaxEncodings is the most simulcast encodings of a stream.
const MaxEncodings = 3

// A Source is the server's own handle of one incoming RTP stream (one SSRC),
// unique among all streams of a room.
type Source = seqmap.Source

// A Packet is an incoming RTP packet with all that was read from it. Selectors
// only read it. DD and Payload alias the packet's bytes in the publisher's cache.
type Packet struct {
	Source   Source
	Encoding uint8 // simulcast index, lowest resolution first; else 0

	Sequence    uint64 // extended: rtpbuf.Window
	Timestamp   uint32
	Marker      bool
	PayloadType uint8

	// Captured is the sender's clock for Timestamp by its last sender report, or
	// zero. Clocks of the encodings of one stream agree.
	Captured time.Time

	Payload []byte // without RTP padding; empty for padding-only packets
	DD      []byte // dependency descriptor as received; nil without one

	Spatial, Temporal uint8
	First, Last       bool // first and last packet of a layer frame
	Key               bool // a decoder can start at this frame of spatial layer 0

	Descriptor dd.Descriptor // if DD is not nil
	Info       codec.Info
	Structure  *dd.Structure // what Descriptor was resolved with; never changed once published here
}

// A Header is what a Reader needs of an RTP header.
type Header struct {
	Sequence    uint64 // extended
	Timestamp   uint32
	Marker      bool
	PayloadType uint8
}

// A Reader reads the packets of one Source. It belongs to one goroutine.
type Reader struct{ unused int }

// NewReader returns a Reader of source, which is the stream's encoding with the
// given index.
func NewReader(c codec.Codec, source Source, encoding uint8) *Reader { return &Reader{} }

// Read fills p from a packet that is not a duplicate. descriptor is the
// dependency descriptor header extension or nil, payload is without padding.
// An error means that the packet cannot be forwarded; count it and drop it.
// dd.ErrNoStructure is normal after loss: a key frame heals it.
func (r *Reader) Read(p *Packet, h Header, descriptor, payload []byte) error {
	return codec.ErrUnsupported
}

// SenderReport ties an RTP timestamp to the sender's clock.
func (r *Reader) SenderReport(captured time.Time, timestamp uint32) {}

// Resolution returns the size of a spatial layer's pictures, if the stream tells.
func (r *Reader) Resolution(spatial int) (width, height int, ok bool) { return 0, 0, false }
