package room

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"conclave/api"
	"conclave/sfu/bwe"
	"conclave/sfu/codec"
	"conclave/sfu/dd"
	"conclave/sfu/rtp"
)

const (
	camera  = api.StreamKind_STREAM_KIND_CAMERA
	micKind = api.StreamKind_STREAM_KIND_MICROPHONE
)

// Header extensions and payload types of the test's publishers. Receivers have
// others, so that a mix-up shows.
const (
	pubMid, pubRID, pubRepairedRID, pubTransport, pubDD, pubLevel = 9, 10, 11, 3, 4, 1
	ptVP8, ptVP9, ptAV1, ptH264, ptRTX, ptOpus                    = 96, 98, 45, 102, 99, 111

	rcvTransport, rcvDD, rcvLevel = 5, 6, 7
	rcvVideo, rcvRTX, rcvOpus     = 40, 60, 109 // plus the codec
)

// A meeting is a room with its clients, without links: what leaves arrives.
type meeting struct {
	t       testing.TB
	room    *Room
	now     time.Time
	out     rtp.Output
	clients map[uint32]*client
	offers  int
}

func newMeeting(t testing.TB, cfg Config) *meeting {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test that can be repeated
	cfg.Random = rng.Uint32
	if cfg.Bandwidth == (bwe.Config{}) {
		cfg.Bandwidth = bwe.Config{Start: 15 * bwe.Megabit}
	}
	return &meeting{
		t: t, room: New(cfg), clients: make(map[uint32]*client),
		now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

// A client is both connections of one seat.
type client struct {
	m    *meeting
	seat uint32

	// What it publishes.
	mode      dd.Mode
	codec     codec.Codec
	noDD      bool
	rids      []string
	encoders  []*encoder
	voice     uint16
	voiceTime uint32
	transport uint16
	mics      bool
	asked     map[uint32]int // PLIs, by SSRC
	nacked    int
	pub       *struct{} // handle of the connection

	// What it receives.
	streams   map[uint32]*api.Stream
	speakers  []uint32
	slots     map[uint32]string // by stream, as told
	states    map[uint32]*api.StreamState
	view      []*api.ViewItem
	noAnswer  bool
	lines     map[uint32]*line // by SSRC, of media and of repair
	number    uint16           // transport-wide
	numbered  bool
	reports   int
	lose      func(l *line, p *received) bool
	lostCount int
	sub       *struct{ c *client }
}

// A line is an m-line as its receiver sees it.
type line struct {
	slot     Slot
	received []received
	repaired []received // by RTX, unwrapped
	padding  int
	indexes  map[uint64][]byte // content by SRTP index, of media and, from 1<<48, of repair
	highest  uint16
	any      bool
}

// A received is a packet that arrived.
type received struct {
	at     time.Time
	h      rtp.Packet
	dd     []byte
	level  []byte
	data   []byte // payload
	index  uint64
	tag    tag
	hasTag bool
}

// A tag ends the payload of every packet of video: what it is, in truth.
type tag struct {
	seat              uint32
	encoding          uint8
	spatial, temporal uint8
	first, last, key  bool
	picture           uint32
	index             uint16 // of the packet in its frame
}

const tagSize = 15

func (g tag) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, g.seat)
	flags := byte(0)
	for i, f := range []bool{g.first, g.last, g.key} {
		if f {
			flags |= 1 << i
		}
	}
	b = append(b, g.encoding, g.spatial, g.temporal, flags)
	b = binary.BigEndian.AppendUint32(b, g.picture)
	b = binary.BigEndian.AppendUint16(b, g.index)
	return append(b, 0xA5)
}

func readTag(b []byte) (g tag, ok bool) {
	if len(b) < tagSize || b[len(b)-1] != 0xA5 {
		return tag{}, false
	}
	b = b[len(b)-tagSize:]
	return tag{
		seat: binary.BigEndian.Uint32(b), encoding: b[4], spatial: b[5], temporal: b[6],
		first: b[7]&1 != 0, last: b[7]&2 != 0, key: b[7]&4 != 0,
		picture: binary.BigEndian.Uint32(b[8:]), index: binary.BigEndian.Uint16(b[12:]),
	}, true
}

// An encoder makes the packets of one encoding.
type encoder struct {
	c         *client
	index     uint8
	ssrc, rtx uint32
	rid       string
	mode      dd.Mode
	writer    *dd.Writer
	sequence  uint16
	repair    uint16
	base      uint32
	pictureID uint16
	picture   uint32
	phase     int
	key       bool // asked for
	packets   int  // of a frame
	size      int  // of a packet's payload
	sent      map[uint16][]byte
	signalled bool // the description names its SSRC
}

// join adds a client.
func (m *meeting) join(seat uint32) *client {
	m.t.Helper()
	c := &client{
		m: m, seat: seat, codec: codec.VP9, mode: dd.Mode{Spatial: 3, Temporal: 3, Key: true}, mics: true,
		asked: map[uint32]int{}, pub: new(struct{}), streams: map[uint32]*api.Stream{}, slots: map[uint32]string{},
		states: map[uint32]*api.StreamState{}, lines: map[uint32]*line{}, voice: uint16(seat * 100), voiceTime: seat * 7777,
	}
	c.sub = &struct{ c *client }{c}
	m.clients[seat] = c
	m.room.Join(seat)
	m.room.Connect(seat, c.sub)
	m.room.Ready(m.now, seat, true, &m.out)
	m.room.Sync(m.now, seat)
	m.flush()
	return c
}

// sections is what the client negotiates.
func (c *client) sections() []*Section {
	video := &Section{
		Mid: "0", Codecs: map[uint8]Payload{
			ptVP8: {MIME: "video/VP8", Codec: VP8, Video: codec.VP8}, ptVP9: {MIME: "video/VP9", Codec: VP9, Video: codec.VP9},
			ptAV1: {MIME: "video/AV1", Codec: AV1, Video: codec.AV1}, ptH264: {MIME: "video/H264", Codec: H264, Video: codec.H264},
			ptRTX: {MIME: "video/rtx", Repair: true, Repairs: c.payloadType()},
		}, First: c.codec.String(), RIDs: c.rids, SSRCs: map[uint32]uint32{},
		MidID: pubMid, RidID: pubRID, RepairedRidID: pubRepairedRID, TransportID: pubTransport, DescriptorID: pubDD,
	}
	for _, e := range c.encoders {
		if e.signalled {
			video.SSRCs[e.ssrc], video.SSRCs[e.rtx] = e.ssrc, e.ssrc
		}
	}
	audio := &Section{
		Mid: "1", Audio: true, Codecs: map[uint8]Payload{ptOpus: {MIME: "audio/opus", Codec: Opus}}, First: "audio/opus",
		SSRCs: map[uint32]uint32{c.voiceSSRC(): c.voiceSSRC()}, MidID: pubMid, TransportID: pubTransport, LevelID: pubLevel,
	}
	return []*Section{video, audio}
}

func (c *client) payloadType() uint8 {
	return map[codec.Codec]uint8{codec.VP8: ptVP8, codec.VP9: ptVP9, codec.AV1: ptAV1, codec.H264: ptH264}[c.codec]
}

func (c *client) voiceSSRC() uint32 { return c.seat*1000 + 900 }

// publish negotiates a camera and a microphone.
func (c *client) publish(active bool) {
	c.m.t.Helper()
	if c.encoders == nil {
		c.makeEncoders()
	}
	announced := []*api.PublishedStream{{Mid: "0", Kind: camera, Active: active}}
	if c.mics {
		announced = append(announced, &api.PublishedStream{Mid: "1", Kind: micKind, Active: active})
	}
	if err := c.m.room.Publish(c.m.now, c.seat, c.pub, c.sections(), announced, &c.m.out); err != nil {
		c.m.t.Fatal(err)
	}
	c.m.flush()
}

func (c *client) makeEncoders() {
	for i := range max(1, len(c.rids)) {
		sizes := make([]dd.Resolution, c.mode.Spatial)
		for s := range sizes {
			scale := uint32(1) << (c.mode.Spatial - 1 - s + max(0, len(c.rids)-1-i))
			sizes[s] = dd.Resolution{Width: 1280 / scale, Height: 720 / scale}
		}
		w, err := dd.NewWriter(c.mode, sizes, uint16(c.seat*1000))
		if err != nil {
			c.m.t.Fatal(err)
		}
		e := &encoder{
			c: c, index: uint8(i), ssrc: c.seat*1000 + uint32(i), rtx: c.seat*1000 + 100 + uint32(i), mode: c.mode, writer: w,
			sequence: uint16(65500 + i), base: c.seat * 0x30000000, pictureID: 32760, key: true, packets: 2, size: 600,
			sent: map[uint16][]byte{}, signalled: len(c.rids) == 0,
		}
		if len(c.rids) > 0 {
			e.rid = c.rids[i]
		}
		c.encoders = append(c.encoders, e)
	}
}

// frame makes the next picture.
func (e *encoder) frame(now time.Time) (packets [][]byte) {
	key := e.key
	e.key = false
	if key {
		e.phase = 0
	}
	pattern := e.mode.Pattern()
	temporal := pattern[e.phase%len(pattern)]
	e.phase++
	e.picture++
	e.pictureID++
	for spatial := range uint8(e.mode.Spatial) {
		if err := e.writer.Begin(spatial, temporal, key); err != nil {
			e.c.m.t.Fatal(err)
		}
		for i := range e.packets {
			first, last := i == 0, i == e.packets-1
			descriptor, err := e.writer.Append(nil, first, last)
			if err != nil {
				e.c.m.t.Fatal(err)
			}
			g := tag{
				seat: e.c.seat, encoding: e.index, spatial: spatial, temporal: temporal, first: first, last: last, key: key,
				picture: e.picture, index: uint16(i),
			}
			end := last && int(spatial) == e.mode.Spatial-1
			packets = append(packets, e.packet(now, g, descriptor, end))
		}
	}
	return packets
}

// packet makes one packet.
func (e *encoder) packet(now time.Time, g tag, descriptor []byte, marker bool) []byte {
	h := rtp.Header{
		Marker: marker, PayloadType: e.c.payloadType(), Sequence: e.sequence, SSRC: e.ssrc,
		Timestamp: e.base + uint32(now.UnixMicro()*9/100),
	}
	b := rtp.AppendHeader(nil, &h, e.elements(descriptor, pubRID))
	b = append(b, e.payloadDescriptor(g)...)
	b = append(b, make([]byte, max(0, e.size-tagSize-8))...)
	b = g.append(b)
	e.sent[e.sequence] = b
	e.sequence++
	return b
}

func (e *encoder) elements(descriptor []byte, ridID uint8) []rtp.Element {
	c := e.c
	c.transport++
	all := []rtp.Element{{ID: pubTransport, Data: []byte{byte(c.transport >> 8), byte(c.transport)}}}
	if !e.signalled {
		all = append(all, rtp.Element{ID: pubMid, Data: []byte("0")})
	}
	if e.rid != "" {
		all = append(all, rtp.Element{ID: ridID, Data: []byte(e.rid)})
	}
	if descriptor != nil && !c.noDD {
		all = append(all, rtp.Element{ID: pubDD, Data: descriptor})
	}
	return all
}

// padding makes a packet without payload.
func (e *encoder) padding(now time.Time) []byte {
	h := rtp.Header{
		Padding: true, PayloadType: e.c.payloadType(), Sequence: e.sequence, SSRC: e.ssrc,
		Timestamp: e.base + uint32(now.UnixMicro()*9/100),
	}
	e.sequence++
	return append(rtp.AppendHeader(nil, &h, e.elements(nil, pubRID)), 0, 0, 3)
}

// again wraps a packet that was sent before as RTX.
func (e *encoder) again(sequence uint16) []byte {
	var p rtp.Packet
	old := e.sent[sequence]
	rtp.Parse(old, &p)
	e.repair++
	h := rtp.Header{Marker: p.Marker, PayloadType: ptRTX, Sequence: e.repair, SSRC: e.rtx, Timestamp: p.Timestamp}
	b := rtp.AppendHeader(nil, &h, e.elements(p.Extension(old, pubDD).In(old), pubRepairedRID))
	b = binary.BigEndian.AppendUint16(b, sequence)
	return append(b, p.Payload.In(old)...)
}

func (e *encoder) payloadDescriptor(g tag) []byte {
	switch e.c.codec {
	case codec.VP8:
		b := []byte{0, 1}
		if g.first {
			b[0] = 0x10
		}
		if g.key {
			b[1] = 0
		}
		if e.c.noDD {
			return []byte{b[0] | 0x80, 0x80, byte(e.pictureID>>8) | 0x80, byte(e.pictureID), b[1]}
		}
		return b
	case codec.AV1:
		h := byte(0x10)
		if !g.first {
			h |= 0x80
		} else if g.key && g.spatial == 0 {
			h |= 0x08
		}
		return []byte{h}
	case codec.H264:
		b := []byte{0x5c, 1} // FU-A of a slice
		if g.key {
			b = []byte{0x7c, 5}
		}
		if g.first {
			b[1] |= 0x80
		}
		return b
	default:
		return e.vp9(g)
	}
}

func (e *encoder) vp9(g tag) []byte {
	h := byte(0b1011_0000) // I L F
	if !g.key {
		h |= 0x40
	}
	if g.first {
		h |= 0x08
	}
	if g.last {
		h |= 0x04
	}
	b := []byte{h, byte(e.pictureID>>8) | 0x80, byte(e.pictureID), g.temporal<<5 | 0x10 | g.spatial<<1}
	if !g.key {
		b = append(b, 1<<1)
	}
	return b
}

// speech makes a packet of sound. level is in -dBov.
func (c *client) speech(level byte) []byte {
	c.voice++
	c.voiceTime += 960
	c.transport++
	h := rtp.Header{PayloadType: ptOpus, Sequence: c.voice, SSRC: c.voiceSSRC(), Timestamp: c.voiceTime}
	b := rtp.AppendHeader(nil, &h, []rtp.Element{
		{ID: pubTransport, Data: []byte{byte(c.transport >> 8), byte(c.transport)}},
		{ID: pubLevel, Data: []byte{0x80 | level}},
	})
	b = append(b, "sound"...)
	return binary.BigEndian.AppendUint16(b, c.voice)
}

// send hands packets to the room as one batch.
func (c *client) send(packets ...[]byte) {
	c.m.t.Helper()
	in := make([]rtp.Inbound, 0, len(packets))
	for _, b := range packets {
		in = append(in, rtp.Inbound{Data: append([]byte(nil), b...), RTCP: rtp.IsRTCP(b)})
	}
	c.m.room.Receive(c.m.now, c.seat, in, &c.m.out)
	c.m.flush()
	for i := range in {
		clear(in[i].Data) // the transport uses its memory again
	}
}

// play lets time pass in steps of 20 ms, in which all that publish send a picture
// every other step and speak.
func (m *meeting) play(d time.Duration, who ...*client) {
	m.t.Helper()
	for end := m.now.Add(d); m.now.Before(end); {
		m.now = m.now.Add(20 * time.Millisecond)
		for _, c := range who {
			if m.now.UnixMilli()%40 == 0 {
				var all [][]byte
				for _, e := range c.encoders {
					all = append(all, e.frame(m.now)...)
				}
				c.send(all...)
			}
			if c.mics {
				c.send(c.speech(30))
			}
		}
		m.tick()
	}
}

func (m *meeting) tick() {
	m.t.Helper()
	m.room.Tick(m.now, &m.out)
	m.flush()
}

// rtcp hands feedback to the room.
func (c *client) rtcp(b []byte) {
	c.m.t.Helper()
	c.m.room.Feedback(c.m.now, c.seat, []rtp.Inbound{{Data: b, RTCP: true}}, &c.m.out)
	c.m.flush()
}

// show says what the client shows.
func (c *client) show(items ...*api.ViewItem) {
	c.m.t.Helper()
	c.m.room.View(c.m.now, c.seat, items, &c.m.out)
	c.m.flush()
}

func tile(stream, width, height uint32) *api.ViewItem {
	return &api.ViewItem{Stream: stream, Width: width, Height: height, Priority: 2}
}

// flush takes what the room has put out.
func (m *meeting) flush() {
	m.t.Helper()
	for i := range m.out.Packets {
		o := &m.out.Packets[i]
		if to, ok := o.To.(*struct{ c *client }); ok {
			to.c.receive(o)
			continue
		}
		for _, c := range m.clients {
			if any(c.pub) == o.To {
				c.told(o)
			}
		}
	}
	m.out.Reset()
	frames, offers := m.room.Pending()
	for _, f := range frames {
		if c := m.clients[f.Seat]; c != nil {
			c.frame(f.Frame)
		}
	}
	for _, seat := range offers {
		m.offers++
		if c := m.clients[seat]; c != nil && !c.noAnswer {
			c.answer()
		}
	}
}

// told takes RTCP for the publishing connection.
func (c *client) told(o *rtp.Outbound) {
	if !o.RTCP {
		c.m.t.Fatalf("seat %d: RTP on the publishing connection", c.seat)
	}
	all := reports{o.Payload}
	for {
		p, ok := all.next()
		if !ok {
			break
		}
		switch {
		case p.kind == typePayload && p.count == formatPLI:
			ssrc := binary.BigEndian.Uint32(p.body)
			c.asked[ssrc]++
			for _, e := range c.encoders {
				if e.ssrc == ssrc {
					e.key = true
				}
			}
		case p.kind == typeTransport && p.count == formatNACK:
			c.nacked++
		}
	}
	if len(all.rest) > 0 {
		c.m.t.Errorf("seat %d: RTCP that does not parse: %x", c.seat, o.Payload)
	}
}

// frame takes a frame of signalling.
func (c *client) frame(f *api.ServerFrame) {
	switch {
	case f.GetStreams() != nil:
		clear(c.streams)
		for _, s := range f.GetStreams().GetStreams() {
			c.streams[s.GetStream()] = s
		}
	case f.GetSpeakers() != nil:
		c.speakers = f.GetSpeakers().GetSeats()
	case f.GetSlots() != nil:
		c.mapped(f.GetSlots().GetSlots())
	case f.GetStreamStates() != nil:
		clear(c.states)
		for _, s := range f.GetStreamStates().GetStates() {
			c.states[s.GetStream()] = s
		}
	}
}

func (c *client) mapped(slots []*api.Slot) {
	clear(c.slots)
	for _, s := range slots {
		c.slots[s.GetStream()] = s.GetMid()
	}
}

// answer binds what the room offers.
func (c *client) answer() {
	var bindings []Binding
	clear(c.slots)
	for _, s := range c.m.room.Slots(c.seat) {
		if c.lines[s.SSRC] == nil {
			l := &line{slot: s, indexes: map[uint64][]byte{}}
			c.lines[s.SSRC] = l
			if s.RepairSSRC != 0 {
				c.lines[s.RepairSSRC] = l
			}
		}
		if s.Stream != 0 {
			c.slots[s.Stream] = s.Mid
		}
		bindings = append(bindings, binding(s))
	}
	c.m.room.Bind(c.m.now, c.seat, bindings, &c.m.out)
	c.m.flush()
}

func binding(s Slot) Binding {
	b := Binding{Mid: s.Mid, TransportID: rcvTransport}
	if s.Audio {
		b.PayloadTypes[Opus], b.LevelID = rcvOpus, rcvLevel
		return b
	}
	b.DescriptorID = rcvDD
	for c := VP8; c <= H264; c++ {
		b.PayloadTypes[c], b.RepairTypes[c] = rcvVideo+uint8(c), rcvRTX+uint8(c)
	}
	return b
}

// receive takes a packet and checks what holds for all of them.
func (c *client) receive(o *rtp.Outbound) {
	t := c.m.t
	t.Helper()
	if o.RTCP {
		c.reports++
		return
	}
	b := append(append([]byte(nil), o.Header...), o.Payload...)
	p := received{at: c.m.now, index: o.Index}
	if !rtp.Parse(b, &p.h) {
		t.Fatalf("seat %d: a packet does not parse: %x", c.seat, b)
	}
	l := c.lines[p.h.SSRC]
	if l == nil {
		t.Fatalf("seat %d: SSRC %d was not offered", c.seat, p.h.SSRC)
	}
	if n := p.h.Extension(b, rcvTransport); n.Empty() {
		t.Errorf("seat %d: no transport-wide number", c.seat)
	} else if number := binary.BigEndian.Uint16(n.In(b)); c.numbered && number != c.number+1 {
		t.Errorf("seat %d: transport-wide number %d after %d", c.seat, number, c.number)
	} else {
		c.number, c.numbered = number, true
	}
	p.dd, p.level, p.data = p.h.Extension(b, rcvDD).In(b), p.h.Extension(b, rcvLevel).In(b), p.h.Payload.In(b)
	c.checkIndex(l, &p, b)
	switch {
	case p.h.SSRC == l.slot.RepairSSRC && len(p.data) == 0:
		l.padding++
		return
	case p.h.SSRC == l.slot.RepairSSRC:
		p.h.Sequence, p.data = binary.BigEndian.Uint16(p.data), p.data[2:]
		p.tag, p.hasTag = readTag(p.data)
		l.repaired = append(l.repaired, p)
		return
	}
	p.tag, p.hasTag = readTag(p.data)
	if c.lose != nil && c.lose(l, &p) {
		c.lostCount++
		return
	}
	l.received = append(l.received, p)
}

// checkIndex holds that an index of SRTP never stands for two packets, and goes
// with its number.
func (c *client) checkIndex(l *line, p *received, b []byte) {
	key := p.index
	if p.h.SSRC == l.slot.RepairSSRC {
		key |= 1 << 48
	}
	if uint16(p.index) != p.h.Sequence {
		c.m.t.Errorf("seat %d: index %#x for number %#x", c.seat, p.index, p.h.Sequence)
	}
	if p.index>>48 != 0 {
		c.m.t.Errorf("seat %d: index %#x is too large", c.seat, p.index)
	}
	if _, used := l.indexes[key]; used {
		c.m.t.Errorf("seat %d: SSRC %d: index %#x is used twice", c.seat, p.h.SSRC, p.index)
	}
	l.indexes[key] = b
}

// stream returns the id of what a seat publishes.
func (c *client) stream(seat uint32, kind api.StreamKind) uint32 {
	c.m.t.Helper()
	for id, s := range c.streams {
		if s.GetSeat() == seat && s.GetKind() == kind {
			return id
		}
	}
	c.m.t.Fatalf("seat %d knows no %v of seat %d", c.seat, kind, seat)
	return 0
}

// line returns the m-line that carries a stream, as the client was told, or nil.
func (c *client) line(stream uint32) *line {
	mid, ok := c.slots[stream]
	if !ok {
		return nil
	}
	for _, l := range c.lines {
		if l.slot.Mid == mid {
			return l
		}
	}
	return nil
}

// top returns the highest layers and the number of the packets of video received
// since a time.
func (l *line) top(since time.Time) (spatial, temporal, packets int) {
	spatial, temporal = -1, -1
	for _, p := range l.received {
		if p.hasTag && !p.at.Before(since) {
			spatial, temporal = max(spatial, int(p.tag.spatial)), max(temporal, int(p.tag.temporal))
			packets++
		}
	}
	return spatial, temporal, packets
}

// check holds that the numbers of a line go on without gap or repetition, that
// pictures end with the marker and only there, and that timestamps rise.
func (l *line) check(t testing.TB) {
	t.Helper()
	for i := 1; i < len(l.received); i++ {
		p, q := &l.received[i-1], &l.received[i]
		if q.h.Sequence != p.h.Sequence+1 {
			t.Errorf("mid %s: number %d after %d", l.slot.Mid, q.h.Sequence, p.h.Sequence)
		}
		switch {
		case l.slot.Audio:
		case p.h.Marker == (p.h.Timestamp == q.h.Timestamp):
			t.Errorf("mid %s, packet %d: marker %v, timestamps %d and %d (%+v, %+v)", l.slot.Mid, i-1, p.h.Marker, p.h.Timestamp, q.h.Timestamp, p.tag, q.tag)
		case int32(q.h.Timestamp-p.h.Timestamp) < 0:
			t.Errorf("mid %s: timestamp %d after %d", l.slot.Mid, q.h.Timestamp, p.h.Timestamp)
		}
	}
}

func (g tag) String() string {
	return fmt.Sprintf("seat %d encoding %d picture %d S%dT%d packet %d", g.seat, g.encoding, g.picture, g.spatial, g.temporal, g.index)
}
