package room

import (
	"encoding/binary"
	"time"

	"conclave/api"
	"conclave/sfu/codec"
	"conclave/sfu/layer"
	"conclave/sfu/rtp"
)

const (
	// batchPackets is how many packets of one stream are forwarded in one go. The
	// cache is larger: none of them leaves it meanwhile.
	batchPackets = 64
	// batchScraps is how many of them the cache may have refused.
	batchScraps = 8
)

// A batch is what is being received. At its end, each stream's packets are
// forwarded together: receiver by receiver, so that one receiver's leave in one
// piece.
type batch struct {
	streams []*stream // that have packets to forward
	scraps  [batchScraps]layer.Packet
	scrap   int // used of scraps
}

// A videoPacket is a packet of video to forward.
type videoPacket struct {
	packet   *layer.Packet // in the cache, or a scrap
	sequence uint64        // what packet is if the cache was not overwritten since
	payload  []byte        // in the transport's memory
}

// A soundPacket is a packet of sound to forward.
type soundPacket struct {
	sequence  uint64
	timestamp uint32
	marker    bool
	codec     Codec
	level     []byte // audio level extension, or nothing
	payload   []byte // empty: padding only, which is not forwarded and leaves no gap
}

// Receive takes packets of one batch from the publishing connection of a seat:
// RTP, RTX and sender reports. It may change the bytes of in; payloads in out
// alias them.
func (r *Room) Receive(now time.Time, seat uint32, in []rtp.Inbound, out *rtp.Output) {
	now = r.advance(now)
	s := r.seats[seat]
	if s == nil || s.publisher == nil {
		return
	}
	p := s.publisher
	for i := range in {
		if in[i].RTCP {
			p.reports(now, in[i].Data)
		} else {
			p.receive(now, in[i].Data, out)
		}
	}
	r.forward(now, out)
	p.tell(now, out)
	r.sender.count(r.stats)
}

// receive takes one RTP packet.
func (p *publisher) receive(now time.Time, b []byte, out *rtp.Output) {
	stats := p.room.stats
	stats.PacketsReceived.Add(1)
	stats.BytesReceived.Add(uint64(len(b)))
	var h rtp.Packet
	parsed := rtp.Parse(b, &h)
	var s *source
	if parsed {
		s = p.source(b, &h)
	}
	if p.room.cfg.Tap != nil {
		p.tap(b, &h, s)
	}
	if !parsed {
		stats.Malformed.Add(1)
		return
	}
	if number := h.Extension(b, p.transportID); number.To-number.From == 2 {
		p.recorder.Arrived(now, binary.BigEndian.Uint16(number.In(b)))
	}
	if s == nil || s.encoding == nil {
		stats.Unknown.Add(1)
		return
	}
	c, known := s.section.Codecs[h.PayloadType]
	if !known {
		stats.Unknown.Add(1)
		return
	}
	p.recorder.Received(now, s.account, h.Sequence, h.Timestamp)
	e := s.encoding
	switch {
	case c.Repair:
		media := p.sources[e.ssrc]
		if b, c = unwrap(b, &h, s.section, c, e.ssrc); b == nil || media == nil {
			stats.PaddingReceived.Add(1) // most often: a probe
			return
		}
		if int16(h.Sequence-uint16(e.window.Highest())) > 0 {
			p.recorder.Received(now, media.account, h.Sequence, h.Timestamp) // nobody knew that it was lost
		} else {
			p.recorder.Recovered(now, media.account, h.Sequence)
		}
	case e.ssrc != s.ssrc:
		if s.primary != s.ssrc {
			stats.Unknown.Add(1) // media where repair was announced
			return
		}
		e.ssrc = s.ssrc
	}
	if e.stream.isAudio() {
		e.receiveSound(now, c, s.section.LevelID, b, &h, out)
	} else {
		e.receiveVideo(now, c, s.section.DescriptorID, b, &h, out)
	}
}

// unwrap makes of a retransmission (RFC 4588, Section 4) the packet that it
// repeats: the number before the payload is the original one. It does so in
// place, by moving the header over the number, and corrects h. It returns nil
// if there is no original.
func unwrap(b []byte, h *rtp.Packet, sec *section, c Payload, ssrc uint32) ([]byte, Payload) {
	const size = 2 // bytes of the original number
	original, known := sec.Codecs[c.Repairs]
	if h.Payload.To-h.Payload.From < size || ssrc == 0 || !known || original.Repair {
		return nil, c
	}
	number := binary.BigEndian.Uint16(h.Payload.In(b))
	copy(b[size:], b[:h.Payload.From])
	b = b[size:]
	h.Payload.To -= size
	h.Sequence, h.PayloadType, h.SSRC = number, c.Repairs, ssrc
	b[1] = b[1]&0x80 | c.Repairs
	binary.BigEndian.PutUint16(b[2:], number)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return b, original
}

// receiveVideo takes one packet of an encoding: b, whose header is h. id is that
// of the dependency descriptor.
func (e *encoding) receiveVideo(now time.Time, c Payload, id uint8, b []byte, h *rtp.Packet, out *rtp.Output) {
	s := e.stream
	r := s.publisher.room
	s.lastPacket = now
	extended, fresh := e.window.Accept(h.Sequence)
	switch {
	case !fresh:
		r.stats.Duplicates.Add(1)
		return
	case h.Payload.Empty():
		r.stats.PaddingReceived.Add(1)
		e.receivePadding(now, extended, h, out)
		return
	}
	if !e.useCodec(now, c, out) {
		r.stats.Unknown.Add(1)
		return
	}
	stored, meta := e.buffer.Put(extended, b)
	if stored == nil { // too late for the cache, not for the receivers
		stored, meta = b, r.scrap(now, out)
	}
	head := layer.Header{Sequence: extended, Timestamp: h.Timestamp, Marker: h.Marker, PayloadType: h.PayloadType}
	var descriptor []byte
	if d := h.Extension(b, id); !d.Empty() {
		descriptor = d.In(stored)
	}
	if err := e.reader.Read(meta, head, descriptor, h.Payload.In(stored)); err != nil {
		*meta = layer.Packet{} // nothing may be sent of it
		r.stats.Malformed.Add(1)
		s.ask(now, e.index, out) // the usual cause is a lost structure, which a key frame brings again
		return
	}
	s.meter.Add(now, s.layerOf(meta), len(b))
	r.addVideo(now, s, videoPacket{meta, extended, h.Payload.In(b)}, out)
}

// receivePadding takes a packet that is padding only. The receivers' selectors
// are told: they would take its number for a loss and have it asked for in vain.
func (e *encoding) receivePadding(now time.Time, extended uint64, h *rtp.Packet, out *rtp.Output) {
	if e.reader == nil {
		return
	}
	r := e.stream.publisher.room
	head := layer.Header{Sequence: extended, Timestamp: h.Timestamp, Marker: h.Marker, PayloadType: h.PayloadType}
	meta := r.scrap(now, out)
	if err := e.reader.Read(meta, head, nil, nil); err != nil {
		r.stats.Malformed.Add(1)
		return
	}
	r.addVideo(now, e.stream, videoPacket{packet: meta, sequence: extended}, out)
}

// scrap returns a place for what is read of a packet that is not in the cache.
func (r *Room) scrap(now time.Time, out *rtp.Output) *layer.Packet {
	if r.batch.scrap == batchScraps {
		r.forward(now, out)
	}
	r.batch.scrap++
	return &r.batch.scraps[r.batch.scrap-1]
}

// addVideo puts a packet into the batch.
func (r *Room) addVideo(now time.Time, s *stream, p videoPacket, out *rtp.Output) {
	if len(s.slots) == 0 {
		return
	}
	r.mark(s)
	if s.video = append(s.video, p); len(s.video) == batchPackets {
		r.forward(now, out)
	}
}

// addSound puts a packet of sound into the batch.
func (r *Room) addSound(now time.Time, s *stream, p soundPacket, out *rtp.Output) {
	if len(s.slots) == 0 {
		return
	}
	r.mark(s)
	if s.sound = append(s.sound, p); len(s.sound) == batchPackets {
		r.forward(now, out)
	}
}

func (r *Room) mark(s *stream) {
	if len(s.video) == 0 && len(s.sound) == 0 {
		r.batch.streams = append(r.batch.streams, s)
	}
}

// codecHold is how long a stream keeps its codec: a late packet of the one before
// does not bring it back, and a publisher that goes back and forth does not have
// all clients told without end.
const codecHold = time.Second

// mayChangeCodec reports whether the stream's codec may be another from now on,
// and if so notes that it is.
func (s *stream) mayChangeCodec(now time.Time) bool {
	if now.Sub(s.codecAt) < codecHold {
		return false
	}
	s.codecAt = now
	return true
}

// useCodec makes the encoding's reader fit the codec of a packet. It reports
// whether the packet can be read.
func (e *encoding) useCodec(now time.Time, c Payload, out *rtp.Output) bool {
	s := e.stream
	switch {
	case c.Video == codec.Unknown:
		return false
	case c.Video == s.codec:
		if e.reader == nil {
			e.reader = layer.NewReader(c.Video, e.source, uint8(e.index))
		}
		return true
	case !s.mayChangeCodec(now):
		return false
	}
	r := s.publisher.room
	r.forward(now, out)
	announced := s.codecName == c.MIME
	s.codec, s.codecName = c.Video, c.MIME
	s.meter, s.measuredAt = layer.Meter{}, time.Time{}
	for _, other := range s.encodings[:s.count] {
		other.reader = nil
	}
	e.reader = layer.NewReader(c.Video, e.source, uint8(e.index))
	for _, t := range s.slots {
		t.show(s)
	}
	if !announced {
		r.announce(now, out)
	}
	return true
}

// receiveSound takes one packet of a stream of sound. id is that of the audio
// level.
func (e *encoding) receiveSound(now time.Time, c Payload, id uint8, b []byte, h *rtp.Packet, out *rtp.Output) {
	s := e.stream
	r := s.publisher.room
	s.lastPacket = now
	extended, fresh := e.window.Accept(h.Sequence)
	if !fresh {
		r.stats.Duplicates.Add(1)
		return
	}
	p := soundPacket{
		sequence: extended, timestamp: h.Timestamp, marker: h.Marker, codec: c.Codec,
		level: h.Extension(b, id).In(b), payload: h.Payload.In(b),
	}
	if len(p.payload) == 0 {
		r.stats.PaddingReceived.Add(1)
		r.addSound(now, s, p, out)
		return
	}
	if !s.volume.take(now, len(b), voices) {
		r.stats.Excess.Add(1)
		return
	}
	if s.codecName != c.MIME && s.mayChangeCodec(now) {
		r.forward(now, out)
		s.codecName = c.MIME
		for _, t := range s.slots {
			t.codec = c.Codec
		}
		r.announce(now, out)
	}
	speech := len(p.level) > 0 && s.level.add(now, p.level[0])
	if speech && s.active && s.kind == api.StreamKind_STREAM_KIND_MICROPHONE &&
		r.stage.hear(now, microphone{id: s.id, level: &s.level}) {
		r.forward(now, out)
		r.updateSound(now, out)
	}
	s.kept.add(now, &p, speech)
	r.addSound(now, s, p, out)
}
