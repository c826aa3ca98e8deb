package room

import (
	"time"

	"conclave/api"
	"conclave/sfu/codec"
	"conclave/sfu/layer"
	"conclave/sfu/rtp"
	"conclave/sfu/rtpbuf"
	"conclave/sfu/share"
)

// Bytes kept of one encoding for retransmission: a second of what it may send.
const (
	cameraBuffer = 384 << 10
	screenBuffer = 1 << 20
)

// A stream is what one m-line of a publisher carries.
type stream struct {
	// Constant after newStream.
	id   uint32
	seat uint32 // that publishes it
	mid  string
	kind api.StreamKind
	rids []string
	// count is the number of encodings: more than one with simulcast.
	count int

	publisher *publisher
	active    bool   // the publisher says that it is sending
	codecName string // media type of what arrives, or of what was negotiated first
	level     loudness

	encodings  [layer.MaxEncodings]*encoding // the first count are set
	codec      codec.Codec
	slots      []*slot // that show the stream
	meter      layer.Meter
	lastPacket time.Time
}

// An encoding is one RTP stream of a stream: the only one, or one of a simulcast.
type encoding struct {
	source layer.Source
	rid    string // "" without simulcast
	index  int

	ssrc   uint32 // 0 before its first packet
	window rtpbuf.Window
	buffer *rtpbuf.Buffer[layer.Packet] // nil for sound
	reader *layer.Reader                // nil for sound, and before the first packet

	askedAt time.Time // last key frame request
	asked   bool      // another is wanted once keyFrameInterval is over
}

// isAudio reports whether the stream is sound.
func (s *stream) isAudio() bool {
	return s.kind == api.StreamKind_STREAM_KIND_MICROPHONE || s.kind == api.StreamKind_STREAM_KIND_SCREEN_AUDIO
}

// simulcast reports whether the stream has more than one encoding.
func (s *stream) simulcast() bool { return s.count > 1 }

// packet returns a packet that is still in the cache, or nil.
func (s *stream) packet(source layer.Source, sequence uint64) *layer.Packet { return nil }

// rates appends the layers that the publisher sends now to l, and returns when
// the last packet came.
func (s *stream) rates(now time.Time, l []share.LayerRate) ([]share.LayerRate, time.Time) {
	return l, s.lastPacket
}

// resolution returns the size of a spatial layer, or of a simulcast encoding.
func (s *stream) resolution(spatial int) (width, height int, ok bool) { return 0, 0, false }

// ask asks the publisher for a key frame of an encoding. Requests of all
// receivers are merged: at most one goes out in keyFrameInterval.
func (s *stream) ask(now time.Time, index int, out *rtp.Output) {}
