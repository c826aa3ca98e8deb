package room

import (
	"encoding/binary"
	"math/bits"
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
	rng := rand.New(rand.NewPCG(1, 2))
	cfg.Random = rng.Uint32
	if cfg.Bandwidth == (bwe.Config{}) {
		cfg.Bandwidth = bwe.Config{Start: 15 * bwe.Megabit}
	}
	return &meeting{
		t: t, room: New(cfg), clients: make(map[uint32]*client),
		now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

// A handle names a publishing connection; it has a size, for pointers to nothing may
// be equal.
type handle [1]byte

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
	nacked    int            // packets asked for
	arrivals  int            // that it was told of
	reported  map[uint32]int // receiver reports, by SSRC
	clocked   int            // of them that answer a sender report
	pub       *handle        // of the connection

	// What it receives.
	streams   map[uint32]*api.Stream
	tellings  int // of streams
	speakers  []uint32
	slots     map[uint32]string // by stream, as told
	states    map[uint32]*api.StreamState
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

// join adds a client.
func (m *meeting) join(seat uint32) *client {
	m.t.Helper()
	c := &client{
		m: m, seat: seat, codec: codec.VP9, mode: dd.Mode{Spatial: 3, Temporal: 3, Key: true}, mics: true,
		asked: map[uint32]int{}, reported: map[uint32]int{}, pub: new(handle), streams: map[uint32]*api.Stream{}, slots: map[uint32]string{},
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
			for at := 4; at+4 <= len(p.body); at += 4 {
				c.nacked += 1 + bits.OnesCount16(binary.BigEndian.Uint16(p.body[at+2:]))
			}
		case p.kind == typeTransport && p.count == formatTransport:
			c.arrivals += int(binary.BigEndian.Uint16(p.whole[14:]))
		case p.kind == typeReceiverReport:
			for n := range int(p.count) {
				b, _ := p.block(n)
				c.reported[b.ssrc]++
				if b.lastReport != 0 {
					c.clocked++
				}
			}
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
		c.tellings++
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
