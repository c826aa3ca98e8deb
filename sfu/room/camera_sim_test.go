package room_test

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"

	"conclave/api"
	"conclave/internal/netem/link"
	"conclave/sfu/bwe"
	"conclave/sfu/codec"
	"conclave/sfu/dd"
	"conclave/sfu/room"
	"conclave/sfu/rtp"
)

// A tag is at the end of each payload of video: what the packet is, in truth.
type tag struct {
	camera, encoder   uint8
	spatial, temporal uint8
	picture, ref      uint32 // ref is the picture that the frame depends on; 0 for a key picture
	index, count      uint16 // of the packet in its frame
}

const tagSize = 16

func (g tag) append(b []byte) []byte {
	b = append(b, g.camera, g.encoder, g.spatial, g.temporal)
	b = binary.BigEndian.AppendUint32(b, g.picture)
	b = binary.BigEndian.AppendUint32(b, g.ref)
	b = binary.BigEndian.AppendUint16(b, g.index)
	return binary.BigEndian.AppendUint16(b, g.count)
}

func readTag(payload []byte) tag {
	b := payload[len(payload)-tagSize:]
	return tag{
		camera: b[0], encoder: b[1], spatial: b[2], temporal: b[3],
		picture: binary.BigEndian.Uint32(b[4:]), ref: binary.BigEndian.Uint32(b[8:]),
		index: binary.BigEndian.Uint16(b[12:]), count: binary.BigEndian.Uint16(b[14:]),
	}
}

// Header extensions and payload types of the publishers.
const (
	pubMid, pubRid, pubDD, pubLevel = 9, 10, 4, 1
	ptVP8, ptVP9, ptOpus            = 96, 98, 111
)

// An encoder makes one RTP stream of video.
type encoder struct {
	ssrc   uint32
	rid    string
	codec  codec.Codec
	mode   dd.Mode
	writer *dd.Writer
	rates  []bwe.BitRate // of each spatial layer's own bits
	keys   []int         // bytes of each spatial layer in a key picture

	sequence  uint16
	pictureID uint16
	picture   uint32
	phase     int
	refs      [3]uint32 // last picture of each temporal layer
	debt      float64   // bytes that key pictures took from those to come
	keyAt     time.Time
	asked     bool
	keyTimes  []time.Time
}

// A camera is a publisher: video of some kind and a voice.
type camera struct {
	w        *world
	seat     uint32
	id       uint8
	kind     api.StreamKind
	encoders []*encoder
	fps      int
	voice    bool
	muted    bool
	up       *link.Link[[]byte]

	base     uint32
	audioSeq uint16
	captured map[uint32]time.Duration // by picture of the first encoder
}

// keyTimes is for how long a key picture takes all of a layer's rate: small pictures
// are dear.
var keyTimes = [3]time.Duration{350 * time.Millisecond, 200 * time.Millisecond, 150 * time.Millisecond}

// newSVC makes a camera that sends VP9 in L3T3_KEY at a rate.
func newSVC(w *world, seat uint32, rate bwe.BitRate) *camera {
	share := []float64{0.08, 0.24, 0.68}
	e := &encoder{ssrc: 1000 * seat, codec: codec.VP9}
	for i, f := range share {
		e.rates = append(e.rates, bwe.BitRate(float64(rate)*f))
		e.keys = append(e.keys, bwe.BitRate(float64(rate)*f).Bytes(keyTimes[i]))
	}
	return newCamera(w, seat, api.StreamKind_STREAM_KIND_CAMERA, "L3T3_KEY", []*encoder{e}, 30)
}

// newSimulcast makes a camera that sends VP8 in three resolutions.
func newSimulcast(w *world, seat uint32) *camera {
	var all []*encoder
	for i, rate := range []bwe.BitRate{150_000, 400_000, 1_100_000} {
		all = append(all, &encoder{
			ssrc: 1000*seat + uint32(i), rid: []string{"q", "h", "f"}[i], codec: codec.VP8,
			rates: []bwe.BitRate{rate}, keys: []int{rate.Bytes(keyTimes[i])},
		})
	}
	return newCamera(w, seat, api.StreamKind_STREAM_KIND_CAMERA, "L1T3", all, 30)
}

// newScreen makes a screen that is shown: VP9, few pictures, large key pictures.
func newScreen(w *world, seat uint32) *camera {
	e := &encoder{ssrc: 1000 * seat, codec: codec.VP9, rates: []bwe.BitRate{100_000, 500_000}, keys: []int{15_000, 60_000}}
	return newCamera(w, seat, api.StreamKind_STREAM_KIND_SCREEN, "L2T3_KEY", []*encoder{e}, 10)
}

func newCamera(w *world, seat uint32, kind api.StreamKind, mode string, encoders []*encoder, fps int) *camera {
	c := &camera{
		w: w, seat: seat, id: uint8(seat), kind: kind, encoders: encoders, fps: fps, voice: kind == api.StreamKind_STREAM_KIND_CAMERA,
		up:   link.New[[]byte](link.Profile{Rate: 20_000_000, Delay: 10 * time.Millisecond, Queue: 1 << 20}, w.rng.Uint64()),
		base: w.rng.Uint32(), audioSeq: uint16(w.rng.Uint32()), captured: make(map[uint32]time.Duration),
	}
	m, err := dd.ParseMode(mode)
	if err != nil {
		w.t.Fatal(err)
	}
	for n, e := range encoders {
		var sizes []dd.Resolution
		for i := range m.Spatial {
			scale := uint32(1) << (m.Spatial - 1 - i + len(encoders) - 1 - n)
			sizes = append(sizes, dd.Resolution{Width: 1280 / scale, Height: 720 / scale})
		}
		e.mode, e.sequence, e.pictureID = m, uint16(w.rng.Uint32()), uint16(w.rng.Uint32())
		if e.writer, err = dd.NewWriter(m, sizes, uint16(w.rng.Uint32())); err != nil {
			w.t.Fatal(err)
		}
		e.asked, e.keyAt = true, w.now
	}
	w.cameras = append(w.cameras, c)
	w.room.Join(seat)
	c.publish()
	return c
}

// publish tells the room what the camera sends.
func (c *camera) publish() {
	video := &room.Section{
		Mid: "0", SSRCs: map[uint32]uint32{}, MidID: pubMid, RidID: pubRid, DescriptorID: pubDD, LevelID: pubLevel,
		Codecs: map[uint8]room.Payload{
			ptVP8: {MIME: "video/VP8", Codec: room.VP8, Video: codec.VP8},
			ptVP9: {MIME: "video/VP9", Codec: room.VP9, Video: codec.VP9},
		},
		First: "video/VP9",
	}
	if c.encoders[0].codec == codec.VP8 {
		video.First = "video/VP8"
	}
	for _, e := range c.encoders {
		if e.rid != "" {
			video.RIDs = append(video.RIDs, e.rid)
		} else {
			video.SSRCs[e.ssrc] = e.ssrc
		}
	}
	audio := &room.Section{
		Mid: "1", Audio: true, SSRCs: map[uint32]uint32{c.voiceSSRC(): c.voiceSSRC()}, MidID: pubMid, LevelID: pubLevel,
		Codecs: map[uint8]room.Payload{ptOpus: {MIME: "audio/opus", Codec: room.Opus}}, First: "audio/opus",
	}
	announced := []*api.PublishedStream{{Mid: "0", Kind: c.kind, Active: true}}
	if c.voice {
		announced = append(announced, &api.PublishedStream{Mid: "1", Kind: api.StreamKind_STREAM_KIND_MICROPHONE, Active: true})
	}
	if err := c.w.room.Publish(c.w.now, c.seat, c, []*room.Section{video, audio}, announced, &c.w.out); err != nil {
		c.w.t.Fatal(err)
	}
	c.w.flush()
}

func (c *camera) voiceSSRC() uint32 { return 1000*c.seat + 900 }

// feedback takes RTCP from the room.
func (c *camera) feedback(b []byte) {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		c.w.t.Fatalf("RTCP to a publisher: %v", err)
	}
	for _, p := range packets {
		pli, ok := p.(*rtcp.PictureLossIndication)
		if !ok {
			continue
		}
		for _, e := range c.encoders {
			if e.ssrc == pli.MediaSSRC && !e.asked {
				e.asked, e.keyAt = true, c.w.now.Add(60*time.Millisecond)
			}
		}
	}
}

// step makes what is due and hands over what has come up.
func (c *camera) step(ms int) {
	if interval := 1000 / c.fps; ms%interval == int(c.seat)%interval {
		for _, e := range c.encoders {
			c.encode(e)
		}
	}
	if c.voice && !c.muted && ms%20 == int(c.seat)%20 {
		c.speak()
	}
	var in []rtp.Inbound
	for {
		b, ok := c.up.Pop(c.w.now)
		if !ok {
			break
		}
		in = append(in, rtp.Inbound{Data: b})
	}
	if len(in) > 0 {
		c.w.room.Receive(c.w.now, c.seat, in, &c.w.out)
		c.w.flush()
	}
}

// speak sends a packet of sound: 32 kbit/s.
func (c *camera) speak() {
	c.audioSeq++
	h := rtp.Header{PayloadType: ptOpus, Sequence: c.audioSeq, SSRC: c.voiceSSRC(), Timestamp: c.base + uint32(c.w.at().Milliseconds()*audioClock/1000)}
	b := rtp.AppendHeader(nil, &h, []rtp.Element{{ID: pubMid, Data: []byte("1")}, {ID: pubLevel, Data: []byte{0x80 | 30}}})
	b = append(b, make([]byte, 80)...)
	c.up.Push(c.w.now, len(b)+perPacket, b)
}

// encode makes the next picture.
func (c *camera) encode(e *encoder) {
	key := e.asked && !c.w.now.Before(e.keyAt)
	if e.picture == 0 && !key {
		return
	}
	if key {
		e.asked, e.phase = false, 0
		e.keyTimes = append(e.keyTimes, c.w.now)
	}
	pattern := e.mode.Pattern()
	temporal := pattern[e.phase%len(pattern)]
	e.phase++
	e.picture++
	e.pictureID++
	var ref uint32
	for t := range temporal + 1 {
		if !key && (t < temporal || t == 0) {
			ref = max(ref, e.refs[t])
		}
	}
	if key {
		e.refs = [3]uint32{}
	}
	e.refs[temporal] = e.picture
	if e == c.encoders[0] {
		c.captured[e.picture] = c.w.at()
	}
	thin := 1.0 // while bytes are owed
	if e.debt > 0 {
		thin = 0.75
	}
	for spatial := range uint8(e.mode.Spatial) {
		usual := float64(e.rates[spatial]) / 8 / float64(c.fps) * []float64{2, 0.8, 0.6}[temporal] * (0.75 + 0.5*c.w.rng.Float64())
		size := usual * thin
		if key {
			size = float64(e.keys[spatial]) * (0.9 + 0.2*c.w.rng.Float64())
		}
		e.debt = max(e.debt+size-usual, 0)
		g := tag{camera: c.id, encoder: uint8(e.index(c)), spatial: spatial, temporal: temporal, picture: e.picture, ref: ref}
		c.packetize(e, g, int(size), key, spatial == uint8(e.mode.Spatial)-1)
	}
}

func (e *encoder) index(c *camera) int {
	for i, o := range c.encoders {
		if o == e {
			return i
		}
	}
	return 0
}

// packetize sends one layer frame.
func (c *camera) packetize(e *encoder, g tag, size int, key, last bool) {
	const most = 1150
	if err := e.writer.Begin(g.spatial, g.temporal, key); err != nil {
		c.w.t.Fatal(err)
	}
	g.count = uint16(max((size+most-1)/most, 1))
	for i := range g.count {
		g.index = i
		first, end := i == 0, i == g.count-1
		descriptor, err := e.writer.Append(nil, first, end)
		if err != nil {
			c.w.t.Fatal(err)
		}
		e.sequence++
		h := rtp.Header{
			Marker: last && end, PayloadType: ptVP9, Sequence: e.sequence, SSRC: e.ssrc,
			Timestamp: c.base + uint32(c.w.at().Microseconds()*videoClock/1_000_000),
		}
		if e.codec == codec.VP8 {
			h.PayloadType = ptVP8
		}
		elements := []rtp.Element{{ID: pubMid, Data: []byte("0")}, {ID: pubDD, Data: descriptor}}
		if e.rid != "" {
			elements = append(elements, rtp.Element{ID: pubRid, Data: []byte(e.rid)})
		}
		b := rtp.AppendHeader(nil, &h, elements)
		b = append(b, e.payloadDescriptor(g, key, first, end)...)
		b = append(b, make([]byte, max(size/int(g.count)-tagSize-5, 0))...)
		b = g.append(b)
		c.up.Push(c.w.now, len(b)+perPacket, b)
	}
}

// payloadDescriptor is what Chromium writes: all of it with VP9, next to nothing
// with VP8 when there is a dependency descriptor.
func (e *encoder) payloadDescriptor(g tag, key, first, last bool) []byte {
	if e.codec == codec.VP8 {
		var b [2]byte
		if first {
			b[0] = 0x10
		}
		if !key {
			b[1] = 1
		}
		return b[:]
	}
	h := byte(0b1011_0000) // I L F
	if !key {
		h |= 0x40
	}
	if first {
		h |= 0x08
	}
	if last {
		h |= 0x04
	}
	b := []byte{h, byte(e.pictureID>>8) | 0x80, byte(e.pictureID), g.temporal<<5 | 0x10 | g.spatial<<1}
	if !key {
		b = append(b, byte(g.picture-g.ref)<<1)
	}
	return b
}
