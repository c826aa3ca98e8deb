package room_test

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"conclave/api"
	"conclave/sfu/bwe"
	"conclave/sfu/dd"
	"conclave/sfu/room"
	"conclave/sfu/rtp"
)

// A script is what hostile clients do, one byte after another. After its end all
// are 0.
type script struct{ rest []byte }

func (s *script) byte() byte {
	if len(s.rest) == 0 {
		return 0
	}
	b := s.rest[0]
	s.rest = s.rest[1:]
	return b
}

func (s *script) word() uint16 { return uint16(s.byte())<<8 | uint16(s.byte()) }

// pick returns a number below n.
func (s *script) pick(n int) int { return int(s.byte()) % n }

// bytes returns up to 63 bytes as they are.
func (s *script) bytes() []byte {
	n := min(s.pick(64), len(s.rest))
	b := s.rest[:n]
	s.rest = s.rest[n:]
	return b
}

// A mob is a few hostile clients in one room.
type mob struct {
	t      testing.TB
	script *script
	room   *room.Room
	out    rtp.Output
	now    time.Time
	start  time.Time
	rules  invariants

	seats   [mobSeats]*hostile
	streams []uint32 // ids that the clients were told
	in      int      // bytes of RTP given to the room
}

const mobSeats = 4

// A hostile client. Its connections are the room's handles.
type hostile struct {
	seat     uint32
	publish  *hostileConn
	receive  *hostileConn
	slots    []room.Slot
	sequence map[uint32]uint16 // last sent, by SSRC
	number   uint16            // transport-wide
	pictures map[int]*hostilePicture
	writer   *dd.Writer
	begun    bool // a layer frame, with writer
}

// A hostileConn is a handle of a connection.
type hostileConn struct {
	seat    uint32
	keys    bool              // the room was told that it has keys
	highest map[uint32]uint16 // last sequence number received, by SSRC
	number  uint16            // last transport-wide number received
}

func newMob(t testing.TB, stats *room.Stats, b []byte) *mob {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rng := rand.New(rand.NewPCG(1, 2))
	m := &mob{
		t: t, script: &script{b}, now: start, start: start, rules: invariants{TransportID: mobTransport},
		room: room.New(room.Config{
			Random: rng.Uint32, AudioAll: 2, Bandwidth: bwe.Config{Max: mobBandwidth}, Stats: stats,
		}),
	}
	for i := range m.seats {
		m.seats[i] = &hostile{
			seat: uint32(i + 1), sequence: make(map[uint32]uint16), pictures: make(map[int]*hostilePicture),
		}
		m.join(m.seats[i])
	}
	for range 2 { // the first gets slots, the second sees them bound
		for _, h := range m.seats {
			m.showAll(h)
			m.bind(h)
		}
	}
	return m
}

// mobBandwidth is the most that a receiver's estimate may be.
const mobBandwidth = 3_000_000 // bit/s

// join makes a client publish and receive as honest ones do.
func (m *mob) join(h *hostile) {
	m.room.Join(h.seat)
	h.publish = &hostileConn{seat: h.seat}
	m.connect(h)
	m.publish(h, true)
	m.bind(h)
}

// connect gives a client a new receiving connection.
func (m *mob) connect(h *hostile) {
	h.receive = &hostileConn{seat: h.seat, highest: map[uint32]uint16{}}
	m.room.Connect(h.seat, h.receive)
	h.receive.keys = true
	m.room.Ready(m.now, h.seat, true, &m.out)
	m.flush()
}

// showAll has a client show all there is.
func (m *mob) showAll(h *hostile) {
	var items []*api.ViewItem
	for _, id := range m.streams {
		items = append(items, &api.ViewItem{Stream: id, Width: 1280, Height: 720, Priority: 1})
	}
	m.room.View(m.now, h.seat, items, &m.out)
	m.flush()
}

// run does what the script says until it ends.
func (m *mob) run() {
	for len(m.script.rest) > 0 {
		h := m.seats[m.script.pick(mobSeats)]
		m.step(h, m.script.byte())
		m.flush()
		m.now = m.now.Add(time.Duration(m.script.byte()) * 100 * time.Microsecond)
	}
	for range 20 {
		m.tick()
		m.now = m.now.Add(50 * time.Millisecond)
	}
	m.checkAmount()
}

func (m *mob) step(h *hostile, what byte) {
	s := m.script
	switch what % 32 {
	default: // most of the time
		m.send(h)
	case 23, 24, 25, 26:
		m.feedback(h)
	case 27:
		m.tick()
	case 28:
		m.showAll(h)
		m.bind(h)
	case 29:
		if s.byte() > 200 {
			m.view(h)
		}
	case 30:
		switch s.pick(64) {
		case 0:
			m.room.Leave(m.now, h.seat, &m.out)
			m.flush()
			m.join(h)
		case 1:
			m.connect(h)
		case 2:
			h.publish = &hostileConn{seat: h.seat}
			m.publish(h, false)
		case 3:
			m.now = m.now.Add(time.Duration(s.byte()) * 20 * time.Millisecond)
		case 4:
			m.room.Sync(m.now, h.seat)
		case 5:
			m.publish(h, false)
		}
	case 31:
		m.room.RequestKeyFrame(m.now, h.seat, uint32(s.byte()), &m.out)
	}
}

func (m *mob) tick() {
	if next := m.room.Tick(m.now, &m.out); !next.After(m.now) {
		m.t.Fatalf("Tick() wants to be called again %v ago", m.now.Sub(next))
	}
	m.flush()
}

// flush checks and takes what the room put out.
func (m *mob) flush() {
	m.rules.check(m.t, &m.out)
	for i := range m.out.Packets {
		o := &m.out.Packets[i]
		c, ok := o.To.(*hostileConn)
		if !ok {
			m.t.Fatalf("a packet to %T", o.To)
		}
		if o.RTCP {
			m.toPublisher(c, o.Payload)
			continue
		}
		if !c.keys {
			m.t.Fatalf("seat %d is sent media before its connection has keys, or on the one it publishes on", c.seat)
		}
		var p rtp.Packet
		b := append(append([]byte(nil), o.Header...), o.Payload...)
		rtp.Parse(b, &p)
		c.highest[p.SSRC] = p.Sequence
		if n := p.Extension(b, mobTransport).In(b); len(n) == 2 {
			c.number = binary.BigEndian.Uint16(n)
		}
	}
	m.out.Reset()
	frames, _ := m.room.Pending()
	for _, f := range frames {
		for _, s := range f.Frame.GetStreams().GetStreams() {
			if len(m.streams) < 256 {
				m.streams = append(m.streams, s.GetStream())
			}
		}
	}
}

// toPublisher takes RTCP: whom it asks for a key picture sends one.
func (m *mob) toPublisher(c *hostileConn, b []byte) {
	if len(b) < 12 || b[0] != 0x81 || b[1] != 206 {
		return
	}
	h := m.seats[c.seat-1]
	if g := h.pictures[int(b[11])%8]; g != nil && h.seat%2 == 0 {
		g.key = true
	} else if g := h.pictures[0]; g != nil {
		g.key = true
	}
}

// checkAmount holds that what goes out is bounded by what came in, times the
// receivers, and by what the receivers' estimates allow for probes and repair.
func (m *mob) checkAmount() {
	const (
		spare = 1.5     // headers that are written; sound that is sent again at the beginning of a spurt
		once  = 500_000 // bytes for each receiver: bursts of budgets
	)
	passed := m.now.Sub(m.start).Seconds()
	most := spare*float64(m.in)*mobSeats + mobSeats*(once+passed*2*mobBandwidth/8)
	if float64(m.rules.Bytes) > most {
		m.t.Errorf("%d bytes came in and %d went out, more than %.0f", m.in, m.rules.Bytes, most)
	}
}

// Payload types of the mob, and ids of its header extensions, both ways.
const (
	mobVP8, mobVP9, mobAV1, mobH264, mobOpus, mobRED = 96, 98, 45, 102, 111, 63

	mobMid, mobRid, mobRepairedRid, mobTransport, mobDescriptor, mobLevel = 9, 10, 11, 3, 4, 1
)

// FuzzRoom has clients do anything in any order. What must hold is said in
// invariants and in mob.
func FuzzRoom(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(randomScript(seed, 1500))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<14 {
			return
		}
		newMob(t, nil, b).run()
	})
}

func randomScript(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 0xB0B))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// TestHostileClients is FuzzRoom with scripts drawn at random, and wants them to
// get somewhere: media that is forwarded, asked for and sent again.
func TestHostileClients(t *testing.T) {
	stats := new(room.Stats)
	packets := 0
	for seed := range uint64(30) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			m := newMob(t, stats, randomScript(seed, 20_000))
			m.run()
			packets += m.rules.Packets
		})
	}
	for _, c := range []struct {
		name string
		got  uint64
	}{
		{"packets", uint64(packets)},
		{"retransmissions", stats.Retransmitted.Load()},
		{"key frame requests", stats.KeyFrameAsks.Load()},
		{"feedbacks", stats.Feedbacks.Load()},
		{"layer switches", stats.LayerSwitches.Load()},
		{"duplicates", stats.Duplicates.Load()},
	} {
		t.Logf("%d %s", c.got, c.name)
		if c.got < 100 {
			t.Errorf("only %d %s: the scripts do not get far", c.got, c.name)
		}
	}
}
