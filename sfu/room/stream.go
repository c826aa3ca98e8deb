package room

import (
	"time"

	"conclave/api"
	"conclave/sfu/codec"
	"conclave/sfu/layer"
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
	id        uint32
	seat      uint32 // that publishes it
	kind      api.StreamKind
	count     int // of encodings: more than one with simulcast
	publisher *publisher

	active    bool      // the publisher says that it is sending
	gone      bool      // it has ended
	codecName string    // media type of what arrives, or of what was negotiated first
	codecAt   time.Time // when codecName last changed
	level     loudness
	wantedIn  uint64 // round of receiver.update in which it was wanted

	encodings  [layer.MaxEncodings]*encoding // the first count are set
	codec      codec.Codec
	slots      []*slot // that show the stream
	meter      layer.Meter
	measured   []share.LayerRate // by meter
	measuredAt time.Time
	lastPacket time.Time
	kept       *keptSound // nil for video
	volume     budget     // of voices

	video []videoPacket // received in this batch, not forwarded yet
	sound []soundPacket
}

// An encoding is one RTP stream of a stream: the only one, or one of a simulcast.
type encoding struct {
	// Constant.
	stream *stream
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

// newStream makes a stream of a section.
func newStream(p *publisher, sec *section, kind api.StreamKind) *stream {
	r := p.room
	r.nextStream++
	s := &stream{
		id: r.nextStream, seat: p.seat, kind: kind, publisher: p,
		count: min(max(1, len(sec.RIDs)), layer.MaxEncodings),
	}
	if s.isAudio() {
		s.count, s.kept = 1, newKeptSound()
	}
	for i := range s.count {
		e := &encoding{stream: s, source: r.newSource(), index: i}
		if s.count > 1 {
			e.rid = sec.RIDs[i]
		}
		if !s.isAudio() {
			budget := cameraBuffer
			if kind == api.StreamKind_STREAM_KIND_SCREEN {
				budget = screenBuffer
			}
			e.buffer = rtpbuf.New[layer.Packet](budget)
		}
		s.encodings[i] = e
	}
	return s
}

// isAudio reports whether the stream is sound.
func (s *stream) isAudio() bool {
	return s.kind == api.StreamKind_STREAM_KIND_MICROPHONE || s.kind == api.StreamKind_STREAM_KIND_SCREEN_AUDIO
}

// simulcast reports whether the stream has more than one encoding.
func (s *stream) simulcast() bool { return s.count > 1 }

// proto describes the stream to clients.
func (s *stream) proto() *api.Stream {
	return &api.Stream{Stream: s.id, Seat: s.seat, Kind: s.kind, Codec: s.codecName, Active: s.active}
}

// describe returns the stream as selectors need it.
func (s *stream) describe() layer.Stream {
	d := layer.Stream{Codec: s.codec, Count: s.count}
	for i := range s.count {
		d.Sources[i] = s.encodings[i].source
	}
	return d
}

// encoding returns the encoding with a rid, or the only one.
func (s *stream) encoding(rid string) *encoding {
	for _, e := range s.encodings[:s.count] {
		if e.rid == rid || s.count == 1 {
			return e
		}
	}
	return nil
}

// packet returns a packet that is still in the cache, or nil.
func (s *stream) packet(source layer.Source, sequence uint64) *layer.Packet {
	for _, e := range s.encodings[:s.count] {
		if e.source == source && e.buffer != nil {
			if _, p, ok := e.buffer.Packet(sequence); ok && p.Source == source && p.Sequence == sequence {
				return p
			}
		}
	}
	return nil
}

// layerOf returns the layer that a packet is counted under.
func (s *stream) layerOf(p *layer.Packet) layer.Layer {
	if s.simulcast() {
		return layer.Layer{Spatial: int8(p.Encoding), Temporal: int8(p.Temporal)}
	}
	return layer.Layer{Spatial: int8(p.Spatial), Temporal: int8(p.Temporal)}
}

// rates appends the layers that the publisher sends now to l, and returns when
// the last packet came. All receivers are told the same for rateAge.
func (s *stream) rates(now time.Time, l []share.LayerRate) ([]share.LayerRate, time.Time) {
	if age := now.Sub(s.measuredAt); age >= rateAge || age < 0 {
		s.measuredAt = now
		s.measured = s.measure(now, s.measured[:0])
	}
	return append(l, s.measured...), s.lastPacket
}

// rateAge is for how long rates count as new: half a bucket of layer.Meter.
const rateAge = 50 * time.Millisecond

// measure appends the layers that the publisher sends now.
func (s *stream) measure(now time.Time, l []share.LayerRate) []share.LayerRate {
	for sid := range int8(layer.MaxSpatial) {
		for tid := range int8(layer.MaxTemporal) {
			at := layer.Layer{Spatial: sid, Temporal: tid}
			if s.meter.Rate(now, at) == 0 {
				continue
			}
			sum := s.meter.Total(now, at)
			if s.simulcast() {
				sum = s.meter.Encoding(now, at) // one encoding of a simulcast costs nothing but itself
			}
			l = append(l, share.LayerRate{Layer: share.Layer(at), Rate: sum})
		}
	}
	return l
}

// resolution returns the size of a spatial layer, or of a simulcast encoding.
func (s *stream) resolution(spatial int) (width, height int, ok bool) {
	if s.simulcast() {
		if spatial >= s.count || s.encodings[spatial].reader == nil {
			return 0, 0, false
		}
		return s.encodings[spatial].reader.Resolution(0)
	}
	if s.encodings[0].reader == nil {
		return 0, 0, false
	}
	return s.encodings[0].reader.Resolution(spatial)
}
