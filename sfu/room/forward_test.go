package room

import (
	"testing"
	"time"

	"conclave/sfu/codec"
	"conclave/sfu/dd"
)

// picture returns the m-line of a stream after the client has shown it in a large
// tile for a while.
func (c *client) picture(t testing.TB, stream uint32, who ...*client) *line {
	t.Helper()
	c.show(tile(stream, 1280, 720))
	c.m.play(4*time.Second, who...)
	l := c.line(stream)
	if l == nil || len(l.received) == 0 {
		t.Fatalf("nothing of stream %d arrives", stream)
	}
	return l
}

// TestKindsOfStreams forwards all kinds of senders: SVC with and without
// dependency descriptor, K-SVC, simulcast, one layer without anything.
func TestKindsOfStreams(t *testing.T) {
	rids := []string{"q", "h", "f"}
	for _, k := range []struct {
		name     string
		mode     string
		codec    codec.Codec
		noDD     bool
		rids     []string
		temporal int
	}{
		{name: "VP9 L3T3_KEY", mode: "L3T3_KEY", codec: codec.VP9, temporal: 2},
		{name: "VP9 L3T3", mode: "L3T3", codec: codec.VP9, temporal: 2},
		{name: "VP9 L3T3_KEY without descriptor", mode: "L3T3_KEY", codec: codec.VP9, noDD: true, temporal: 2},
		{name: "AV1 L3T3_KEY", mode: "L3T3_KEY", codec: codec.AV1, temporal: 2},
		{name: "AV1 L2T2", mode: "L2T2", codec: codec.AV1, temporal: 1},
		{name: "VP8 simulcast", mode: "L1T3", codec: codec.VP8, rids: rids, temporal: 2},
		{name: "H264 simulcast", mode: "L1T1", codec: codec.H264, rids: rids},
		{name: "VP8 of Firefox", mode: "L1T1", codec: codec.VP8, noDD: true},
		{name: "H264 without descriptor", mode: "L1T1", codec: codec.H264, noDD: true},
	} {
		t.Run(k.name, func(t *testing.T) {
			m, pub, view := pair(t, Config{}, func(c *client) {
				mode, err := dd.ParseMode(k.mode)
				if err != nil {
					t.Fatal(err)
				}
				c.mode, c.codec, c.noDD, c.rids = mode, k.codec, k.noDD, k.rids
			})
			l := view.picture(t, view.stream(1, camera), pub)
			since := m.now
			m.play(time.Second, pub)
			spatial, temporal, n := l.top(since.Add(1))
			if spatial != pub.mode.Spatial-1 || temporal != k.temporal || n < 40 {
				t.Errorf("S%dT%d in %d packets", spatial, temporal, n)
			}
			for _, p := range l.received {
				if !p.at.Before(since) && len(k.rids) > 0 && p.tag.encoding != 2 {
					t.Fatalf("%v, want encoding 2", p.tag)
				}
				if p.h.PayloadType != rcvVideo+uint8(CodecOf(k.codec.String())) || (len(p.dd) > 0) == k.noDD {
					t.Fatalf("%v: payload type %d, descriptor %x", p.tag, p.h.PayloadType, p.dd)
				}
			}
			if !l.received[0].tag.key || !l.received[0].tag.first {
				t.Errorf("begins with %v", l.received[0].tag)
			}
			l.check(t)
		})
	}
}

// TestSimulcastFollowsTile switches encodings, each at its own key frame, with
// numbers and times that go on.
func TestSimulcastFollowsTile(t *testing.T) {
	m, pub, view := pair(t, Config{}, func(c *client) {
		c.mode, c.codec, c.rids = dd.Mode{Spatial: 1, Temporal: 3}, codec.VP8, []string{"q", "h", "f"}
	})
	stream := view.stream(1, camera)
	for _, step := range []struct{ height, encoding uint32 }{{720, 2}, {180, 0}, {360, 1}, {720, 2}} {
		view.show(tile(stream, step.height*16/9, step.height))
		m.play(4*time.Second, pub)
		l := view.line(stream)
		last := l.received[len(l.received)-1]
		if uint32(last.tag.encoding) != step.encoding {
			t.Errorf("%d lines: %v, want encoding %d", step.height, last.tag, step.encoding)
		}
	}
	l := view.line(stream)
	l.check(t)
	for i := 1; i < len(l.received); i++ {
		if p, q := l.received[i-1].tag, l.received[i].tag; p.encoding != q.encoding && (!q.key || !q.first) {
			t.Errorf("%v follows %v", q, p)
		}
	}
	if asked := pub.asked[pub.encoders[1].ssrc]; asked == 0 || asked > 10 {
		t.Errorf("%d key frames were asked for of the middle encoding", asked)
	}
}

// TestSlotIsUsedAgain lets a publisher leave and another come: its streams take the
// same m-lines without a new offer, and the numbers go on.
func TestSlotIsUsedAgain(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	l := view.picture(t, view.stream(1, camera), pub)
	offers := m.offers
	m.room.Leave(m.now, 1, &m.out)
	m.flush()
	delete(m.clients, 1)
	if len(view.streams) != 0 || len(view.slots) != 0 {
		t.Errorf("after the publisher left the client knows %d streams and %d slots", len(view.streams), len(view.slots))
	}
	m.play(time.Second)
	next := m.join(3)
	next.publish(true)
	stream := view.stream(3, camera)
	view.show(tile(stream, 1280, 720))
	if got := view.line(stream); got != l {
		t.Fatalf("the new camera is on another m-line: %v", view.slots)
	}
	since := m.now
	m.play(4*time.Second, next)
	if m.offers != offers {
		t.Errorf("%d offers, want %d: m-lines are used again without one", m.offers, offers)
	}
	if spatial, _, _ := l.top(since.Add(1)); spatial != 2 || l.received[len(l.received)-1].tag.seat != 3 {
		t.Errorf("S%d of %v arrives", spatial, l.received[len(l.received)-1].tag)
	}
	for _, l := range view.lines {
		l.check(t)
	}
	if streams := m.room.stats.Streams.Load(); streams != 2 {
		t.Errorf("%d streams are counted, want 2", streams)
	}
}

// TestPacketByPacket lets every packet come in a batch of its own, and pictures
// lack their highest layer: what is held back until the next packet comes from the
// cache, and is what the publisher sent.
func TestPacketByPacket(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	l := view.picture(t, view.stream(1, camera), pub)
	e := pub.encoders[0]
	from := len(l.received)
	for i := range 30 {
		m.now = m.now.Add(40 * time.Millisecond)
		all := e.frame(m.now)
		if i%3 == 1 {
			all = all[:4]
			e.sequence -= 2
		}
		for _, b := range all {
			pub.send(b)
			m.now = m.now.Add(time.Millisecond)
		}
		m.tick()
	}
	m.play(80*time.Millisecond, pub)
	for i, p := range l.received[from:] {
		if !p.hasTag || len(p.data) < e.size-20 {
			t.Fatalf("packet %d has %d bytes", i, len(p.data))
		}
	}
	if _, _, n := l.top(l.received[from].at); n < 30*6-20 {
		t.Errorf("%d packets", n)
	}
	l.check(t)
}

// TestCodecChanges lets a publisher go on with another codec.
func TestCodecChanges(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	stream := view.stream(1, camera)
	l := view.picture(t, stream, pub)
	pub.codec = codec.AV1
	pub.encoders[0].key = true
	view.tellings = 0
	m.play(4*time.Second, pub)
	m.room.streams[0].codecAt = m.now
	last := l.received[len(l.received)-1]
	if last.h.PayloadType != rcvVideo+uint8(AV1) || last.tag.spatial != 2 || view.streams[stream].GetCodec() != "video/AV1" {
		t.Errorf("payload type %d, %v, codec %q", last.h.PayloadType, last.tag, view.streams[stream].GetCodec())
	}
	l.check(t)

	// One that goes back and forth has nobody told, and nothing sent of the other.
	before := len(l.received)
	for range 20 {
		m.now = m.now.Add(40 * time.Millisecond)
		pub.codec = codec.VP9 + codec.AV1 - pub.codec
		pub.encoders[0].key = true
		pub.send(pub.encoders[0].frame(m.now)...)
		m.tick()
	}
	if view.tellings > 2 {
		t.Errorf("the client was told %d times what streams there are", view.tellings)
	}
	for _, p := range l.received[before:] {
		if p.h.PayloadType != last.h.PayloadType {
			t.Errorf("payload type %d", p.h.PayloadType)
		}
	}
}

// TestDuplicatesAndPadding holds that neither is forwarded, and that padding leaves
// no gap.
func TestDuplicatesAndPadding(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	l := view.picture(t, view.stream(1, camera), pub)
	e := pub.encoders[0]
	before := len(l.received)
	for range 20 {
		m.now = m.now.Add(40 * time.Millisecond)
		var all [][]byte
		for i, b := range e.frame(m.now) {
			all = append(all, b, b)
			if i == 3 {
				all = append(all, e.again(e.sequence-5)) // a probe by RTX repeats what came
			}
		}
		pub.send(append(all, e.padding(m.now), e.padding(m.now))...)
	}
	if got := len(l.received) - before; got != 20*6 {
		t.Errorf("%d packets were forwarded, want 120", got)
	}
	l.check(t)
	s := m.room.stats
	if s.Duplicates.Load() != 20*7 || s.PaddingReceived.Load() != 40 {
		t.Errorf("duplicates = %d, padding = %d, want 140 and 40", s.Duplicates.Load(), s.PaddingReceived.Load())
	}
}

// TestNothingBeforeKeys forwards nothing before the connection has keys, and then
// begins with a key frame at once.
func TestNothingBeforeKeys(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	m.room.Ready(m.now, 2, false, &m.out)
	stream := view.stream(1, camera)
	view.show(tile(stream, 1280, 720))
	m.play(time.Second, pub)
	for _, l := range view.lines {
		if len(l.received) > 0 {
			t.Fatalf("mid %s: %d packets without keys", l.slot.Mid, len(l.received))
		}
	}
	m.room.Ready(m.now, 2, true, &m.out)
	m.flush()
	m.play(80*time.Millisecond, pub)
	if l := view.line(stream); len(l.received) == 0 || !l.received[0].tag.key {
		t.Errorf("after 80 ms with keys: %d packets", len(l.received))
	}
}

// TestNewConnection gives a receiver another connection: everything is offered
// again, under new SSRCs, and starts with a key frame and rollover counter 0.
func TestNewConnection(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	stream := view.stream(1, camera)
	old := view.picture(t, stream, pub)
	view.sub = &struct{ c *client }{view}
	view.numbered = false
	offers := m.offers
	m.room.Connect(2, view.sub)
	had := len(old.received)
	m.flush()
	if m.offers != offers+1 {
		t.Fatalf("%d offers, want one", m.offers-offers)
	}
	m.room.Ready(m.now, 2, true, &m.out)
	m.flush()
	m.play(2*time.Second, pub)
	var next *line
	for _, l := range view.lines {
		if l.slot.Mid == old.slot.Mid && l != old {
			next = l
		}
	}
	if next == nil || len(next.received) == 0 || !next.received[0].tag.key || len(old.received) != had {
		t.Fatalf("old line: %d more packets; new line: %v", len(old.received)-had, next)
	}
	if next.received[0].index > 1<<15 {
		t.Errorf("the first index is %#x", next.received[0].index)
	}
	next.check(t)
	if n := m.room.stats.Receivers.Load(); n != 2 {
		t.Errorf("%d receivers are counted, want 2", n)
	}
}
