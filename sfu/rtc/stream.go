package rtc

import (
	"slices"
	"sync"
	"sync/atomic"
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

const (
	keyFrameInterval = 400 * time.Millisecond // least time between requests to one encoder
	silentAfter      = 2 * time.Second        // then a stream counts as not arriving
)

// A stream is what one m-line of a publisher carries.
type stream struct {
	// Constant after newStream.
	id   uint32
	seat *Seat
	mid  string
	kind api.StreamKind
	// count is the number of encodings: more than one with simulcast.
	count int

	// active is whether the publisher says that it is sending.
	active atomic.Bool
	// codecName is the media type of what arrives, or of what was negotiated first.
	codecName atomic.Pointer[string]
	// level is how loud the microphone is; written by its ingest.
	level loudness

	// mu guards the fields below, and with them everything on the way of the
	// stream's packets up to the receivers.
	mu         sync.Mutex
	encodings  [layer.MaxEncodings]*encoding // the first count are set
	codec      codec.Codec
	slots      []*slot // that show the stream
	meter      layer.Meter
	lastPacket time.Time
}

// An encoding is one RTP stream of a stream: the only one, or one of a
// simulcast. The stream's mu guards it.
type encoding struct {
	source layer.Source // constant
	rid    string       // constant; "" without simulcast

	ssrc   uint32 // 0 before its first packet
	window rtpbuf.Window
	buffer *rtpbuf.Buffer[layer.Packet] // nil for audio
	reader *layer.Reader                // nil for audio, and before the first packet
	scrap  layer.Packet                 // what is read of a packet that is not kept

	askedAt time.Time // last key frame request
	asked   bool      // another is wanted once keyFrameInterval is over
}

// newStream makes a stream of a section. sources hands out numbers.
func newStream(seat *Seat, id uint32, sec *section, kind api.StreamKind, sources func() layer.Source) *stream {
	s := &stream{id: id, seat: seat, mid: sec.mid, kind: kind, count: max(1, len(sec.rids))}
	none := ""
	s.codecName.Store(&none)
	for i := range s.count {
		e := &encoding{source: sources()}
		if len(sec.rids) > 0 {
			e.rid = sec.rids[i]
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

// setCodecName allocates; the parameter itself must not, since packets that
// change nothing come by here.
func (s *stream) setCodecName(mime string) {
	name := new(string)
	*name = mime
	s.codecName.Store(name)
}

// isAudio reports whether the stream is sound.
func (s *stream) isAudio() bool {
	return s.kind == api.StreamKind_STREAM_KIND_MICROPHONE || s.kind == api.StreamKind_STREAM_KIND_SCREEN_AUDIO
}

// proto describes the stream to clients.
func (s *stream) proto() *api.Stream {
	return &api.Stream{
		Stream: s.id, Seat: s.seat.id, Kind: s.kind, Codec: *s.codecName.Load(), Active: s.active.Load(),
	}
}

// describeLocked returns the stream as selectors need it.
func (s *stream) describeLocked() layer.Stream {
	d := layer.Stream{Codec: s.codec, Count: s.count}
	for i := range s.count {
		d.Sources[i] = s.encodings[i].source
	}
	return d
}

// encodingLocked returns the encoding with a rid, or the only one.
func (s *stream) encodingLocked(rid string) (e *encoding, index int) {
	for i, e := range s.encodings[:s.count] {
		if e.rid == rid || s.count == 1 {
			return e, i
		}
	}
	return nil, 0
}

// packetLocked returns a packet that is still in the cache.
func (s *stream) packetLocked(source layer.Source, sequence uint64) *layer.Packet {
	for _, e := range s.encodings[:s.count] {
		if e.source == source && e.buffer != nil {
			if _, p, ok := e.buffer.Packet(sequence); ok && p.Source == source && p.Sequence == sequence {
				return p
			}
		}
	}
	return nil
}

// receiveVideo takes one packet of an encoding: b, whose header is p. It
// reports whether the stream's codec became another.
func (s *stream) receiveVideo(now time.Time, e *encoding, index int, c payload, ddID uint8, b []byte, p *packet) (changed bool) {
	stats := &s.seat.room.engine.stats
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastPacket = now
	extended, fresh := e.window.Accept(p.sequence)
	switch {
	case !fresh:
		stats.Duplicates.Add(1)
		return false
	case p.payload.empty():
		stats.PaddingReceived.Add(1)
		s.passPaddingLocked(now, e, extended, p)
		return false
	}
	if changed = s.useCodecLocked(e, index, c); e.reader == nil {
		stats.Malformed.Add(1)
		return changed
	}
	stored, meta := e.buffer.Put(extended, b)
	if stored == nil {
		stored, meta = b, &e.scrap // too late for the cache, not for the receivers
	}
	h := layer.Header{Sequence: extended, Timestamp: p.timestamp, Marker: p.marker, PayloadType: p.payloadType}
	var descriptor []byte
	if d := p.extension(b, ddID); !d.empty() {
		descriptor = d.in(stored)
	}
	if err := e.reader.Read(meta, h, descriptor, p.payload.in(stored)); err != nil {
		*meta = layer.Packet{} // nothing may be sent of it
		stats.Malformed.Add(1)
		s.askLocked(now, index) // the usual cause is a lost structure, which a key frame brings again
		return changed
	}
	s.meter.Add(now, s.layerOf(meta), len(b))
	for _, t := range s.slots {
		t.forwardVideo(now, s, meta)
	}
	return changed
}

// passPaddingLocked tells the receivers' selectors of a packet that is padding
// only: they would take its number for a loss and have it asked for in vain.
func (s *stream) passPaddingLocked(now time.Time, e *encoding, extended uint64, p *packet) {
	if e.reader == nil {
		return
	}
	h := layer.Header{Sequence: extended, Timestamp: p.timestamp, Marker: p.marker, PayloadType: p.payloadType}
	if err := e.reader.Read(&e.scrap, h, nil, nil); err != nil {
		s.seat.room.engine.stats.Malformed.Add(1)
		return
	}
	for _, t := range s.slots {
		t.forwardVideo(now, s, &e.scrap)
	}
}

// layerOf returns the layer that a packet is counted under.
func (s *stream) layerOf(p *layer.Packet) layer.Layer {
	if s.count > 1 {
		return layer.Layer{Spatial: int8(p.Encoding), Temporal: int8(p.Temporal)}
	}
	return layer.Layer{Spatial: int8(p.Spatial), Temporal: int8(p.Temporal)}
}

// useCodecLocked makes the encoding's reader fit the codec of its packets.
func (s *stream) useCodecLocked(e *encoding, index int, c payload) (changed bool) {
	if c.video == codec.Unknown || (c.video == s.codec && e.reader != nil) {
		return false
	}
	e.reader = layer.NewReader(c.video, e.source, uint8(index))
	if c.video == s.codec {
		return false
	}
	s.codec = c.video
	s.setCodecName(c.mime)
	s.meter = layer.Meter{}
	for _, other := range s.encodings[:s.count] {
		if other != e {
			other.reader = nil
		}
	}
	for _, t := range s.slots {
		t.show(s, s.describeLocked())
	}
	return true
}

// receiveAudio takes one packet of a stream of sound.
func (s *stream) receiveAudio(now time.Time, c payload, level span, b []byte, p *packet) (changed bool) {
	stats := &s.seat.room.engine.stats
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastPacket = now
	extended, fresh := s.encodings[0].window.Accept(p.sequence)
	if !fresh {
		stats.Duplicates.Add(1)
		return false
	}
	if *s.codecName.Load() != c.mime {
		s.setCodecName(c.mime)
		changed = true
	}
	if p.payload.empty() {
		stats.PaddingReceived.Add(1)
		for _, t := range s.slots {
			t.skipAudio(s, extended)
		}
		return changed
	}
	for _, t := range s.slots {
		t.forwardAudio(now, s, c.id, extended, level.in(b), b, p)
	}
	return changed
}

// attach makes a slot show the stream, and detach makes it stop.
func (s *stream) attach(t *slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.show(s, s.describeLocked())
	if !slices.Contains(s.slots, t) {
		s.slots = append(s.slots, t)
	}
}

func (s *stream) detach(t *slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, o := range s.slots {
		if o == t {
			s.slots[i] = s.slots[len(s.slots)-1]
			s.slots[len(s.slots)-1] = nil
			s.slots = s.slots[:len(s.slots)-1]
			break
		}
	}
	t.hide(s)
}

// rates appends the layers that the publisher sends now to r, and returns when
// the last packet came.
func (s *stream) rates(now time.Time, r []share.LayerRate) ([]share.LayerRate, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sid := range int8(layer.MaxSpatial) {
		for tid := range int8(layer.MaxTemporal) {
			l := layer.Layer{Spatial: sid, Temporal: tid}
			if s.meter.Rate(now, l) == 0 {
				continue
			}
			sum := s.meter.Total(now, l)
			if s.count > 1 {
				sum = s.meter.Encoding(now, l) // one encoding of a simulcast costs nothing but itself
			}
			r = append(r, share.LayerRate{Layer: share.Layer(l), Rate: sum})
		}
	}
	return r, s.lastPacket
}

// resolution returns the size of a spatial layer, or of a simulcast encoding.
func (s *stream) resolution(spatial int) (width, height int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count > 1 {
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

// senderReport ties the publisher's clock to the timestamps of an SSRC.
func (s *stream) senderReport(ssrc uint32, at time.Time, timestamp uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.encodings[:s.count] {
		if e.ssrc == ssrc && e.reader != nil {
			e.reader.SenderReport(at, timestamp)
		}
	}
}

// ask asks the publisher for a key frame of an encoding. Requests of all
// receivers are merged: at most one goes out in keyFrameInterval.
func (s *stream) ask(now time.Time, index int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.askLocked(now, index)
}

func (s *stream) askLocked(now time.Time, index int) {
	if s.isAudio() || index < 0 || index >= s.count {
		return
	}
	e := s.encodings[index]
	if e.ssrc == 0 || now.Sub(e.askedAt) < keyFrameInterval {
		s.seat.room.engine.stats.KeyFrameMerged.Add(1)
		e.asked = true
		s.seat.wakeUp() // flush sends it when it is time
		return
	}
	e.asked, e.askedAt = false, now
	s.seat.pub.askKeyFrame(e.ssrc)
}

// flush sends the key frame requests that had to wait, and reports whether some
// still have to.
func (s *stream) flush(now time.Time) (waiting bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, e := range s.encodings[:s.count] {
		if !e.asked {
			continue
		}
		if e.ssrc != 0 && now.Sub(e.askedAt) >= keyFrameInterval {
			s.askLocked(now, i)
		} else {
			waiting = true
		}
	}
	return waiting
}
