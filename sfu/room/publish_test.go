package room

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"conclave/api"
	"conclave/sfu/codec"
	"conclave/sfu/dd"
	"conclave/sfu/rtp"
)

// TestPublishRefuses holds what is not taken, and that it changes nothing.
func TestPublishRefuses(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	streams := fmt.Sprint(view.streams)
	many := make([]*Section, MaxSections+1)
	for i := range many {
		many[i] = &Section{Mid: fmt.Sprint(i)}
	}
	for _, c := range []struct {
		name     string
		sections []*Section
		streams  []*api.PublishedStream
	}{
		{"no such m-line", pub.sections(), []*api.PublishedStream{{Mid: "7", Kind: camera}}},
		{"sound on video", pub.sections(), []*api.PublishedStream{{Mid: "0", Kind: micKind}}},
		{"video on sound", pub.sections(), []*api.PublishedStream{{Mid: "1", Kind: camera}}},
		{"unknown kind", pub.sections(), []*api.PublishedStream{{Mid: "0", Kind: 77}}},
		{"one m-line twice", pub.sections(), []*api.PublishedStream{{Mid: "0", Kind: camera}, {Mid: "0", Kind: camera}}},
		{"too many m-lines", many, nil},
	} {
		err := m.room.Publish(m.now, 1, pub.pub, c.sections, c.streams, &m.out)
		if m.flush(); !errors.Is(err, ErrAnnounced) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if err := m.room.Publish(m.now, 9, nil, nil, nil, &m.out); !errors.Is(err, ErrSeat) {
		t.Errorf("no seat: %v", err)
	}
	if got := fmt.Sprint(view.streams); got != streams {
		t.Errorf("streams %s, were %s", got, streams)
	}
}

// TestNewPublishingConnection ends the streams of the old one.
func TestNewPublishingConnection(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	old := view.stream(1, camera)
	l := view.picture(t, old, pub)
	other := new(handle)
	pub.pub, pub.encoders = other, nil
	if err := m.room.Publish(m.now, 1, other, pub.sections(), []*api.PublishedStream{{Mid: "0", Kind: camera, Active: true}}, &m.out); err != nil {
		t.Fatal(err)
	}
	m.flush()
	stream := view.stream(1, camera)
	if stream == old || len(view.streams) != 1 {
		t.Fatalf("streams %v, the old one was %d", view.streams, old)
	}
	pub.makeEncoders()
	if err := m.room.Publish(m.now, 1, other, pub.sections(), []*api.PublishedStream{{Mid: "0", Kind: camera, Active: true}}, &m.out); err != nil {
		t.Fatal(err)
	}
	m.flush()
	if again := view.stream(1, camera); again != stream {
		t.Errorf("negotiating again made stream %d of %d", again, stream)
	}
	pub.mics = false
	view.show(tile(stream, 1280, 720))
	since := m.now
	m.play(4*time.Second, pub)
	if view.line(stream) != l {
		t.Fatal("the new camera is on another m-line")
	}
	if spatial, _, _ := l.top(since.Add(1)); spatial < 0 {
		t.Error("nothing of the new camera arrives")
	}
	l.check(t)
	if n := m.room.stats.Publishers.Load(); n != 1 {
		t.Errorf("%d publishers are counted, want 1", n)
	}
}

// TestKindChanges makes a screen of a camera's m-line: that is another stream.
func TestKindChanges(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	old := view.stream(1, camera)
	announced := []*api.PublishedStream{{Mid: "0", Kind: api.StreamKind_STREAM_KIND_SCREEN, Active: true}}
	if err := m.room.Publish(m.now, 1, pub.pub, pub.sections(), announced, &m.out); err != nil {
		t.Fatal(err)
	}
	m.flush()
	stream := view.stream(1, api.StreamKind_STREAM_KIND_SCREEN)
	if stream == old || len(view.streams) != 1 {
		t.Errorf("streams %v, the camera was %d", view.streams, old)
	}
	pub.mics = false
	pub.encoders[0].key = true
	if l := view.picture(t, stream, pub); l.received[0].tag.seat != 1 {
		t.Errorf("%v arrives", l.received[0].tag)
	}
}

// TestSourcesAreFound finds the encoding of SSRCs that no description names, by
// header extensions that come in the first packets only.
func TestSourcesAreFound(t *testing.T) {
	_, pub, view := pair(t, Config{}, func(c *client) {
		c.mode, c.codec, c.rids = dd.Mode{Spatial: 1, Temporal: 1}, codec.VP8, []string{"q", "h", "f"}
	})
	view.picture(t, view.stream(1, camera), pub)
	for i, e := range pub.encoders {
		if got := view.m.room.streams[0].encodings[i].ssrc; got != e.ssrc {
			t.Errorf("encoding %d has SSRC %d, want %d", i, got, e.ssrc)
		}
	}
	e := pub.encoders[2]
	e.rid = "" // acknowledged: libwebrtc leaves it out from now on
	before := view.m.room.stats.Unknown.Load()
	view.m.play(time.Second, pub)
	if got := view.m.room.stats.Unknown.Load() - before; got != 0 {
		t.Errorf("%d packets without extension are unknown", got)
	}
}

// TestSourcesAreBounded makes up SSRCs without end.
func TestSourcesAreBounded(t *testing.T) {
	m, pub, _ := pair(t, Config{}, nil)
	for i := range uint32(1000) {
		h := rtp.Header{PayloadType: ptVP9, SSRC: 1 << 20 * i, Sequence: 7}
		pub.send(append(rtp.AppendHeader(nil, &h, []rtp.Element{{ID: pubMid, Data: []byte("0")}}), 1, 2, 3, 4, 5))
		h.SSRC += 7
		pub.send(append(rtp.AppendHeader(nil, &h, []rtp.Element{{ID: pubMid, Data: []byte("nothing")}}), 1, 2, 3, 4, 5))
	}
	p := m.room.seats[1].publisher
	if n := len(p.sources); n != maxSources {
		t.Errorf("%d sources are kept, want %d", n, maxSources)
	}
	pub.publish(true)
	pub.mics = false
	pub.publish(true)
	for ssrc, s := range p.sources {
		if s.section == nil || s.encoding == nil {
			t.Errorf("SSRC %d belongs to nothing", ssrc)
		}
	}
	if err := m.room.Publish(m.now, 1, pub.pub, nil, nil, &m.out); err != nil || len(p.sources) != 0 {
		t.Errorf("without m-lines %d sources are left, %v", len(p.sources), err)
	}
}

// TestTimeDoesNotGoBack hands packets to the room with times that went past each
// other on the way to the lock.
func TestTimeDoesNotGoBack(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	l := view.picture(t, view.stream(1, camera), pub)
	before := m.now
	for i := range 40 {
		now := before.Add(time.Duration(i+1) * 40 * time.Millisecond)
		m.now = now.Add(time.Duration(-i%2) * 30 * time.Millisecond)
		pub.send(pub.encoders[0].frame(now)...)
		m.tick()
	}
	m.now = before.Add(2 * time.Second)
	if got := m.room.advance(before); got.Before(before.Add(1560 * time.Millisecond)) {
		t.Errorf("the room's time went back to %v after the start", got.Sub(before))
	}
	l.check(t)
}

// TestUnknownPackets counts what belongs to no stream.
func TestUnknownPackets(t *testing.T) {
	m, pub, _ := pair(t, Config{}, nil)
	m.play(100*time.Millisecond, pub)
	e := pub.encoders[0]
	before := m.room.stats.Unknown.Load()
	for _, h := range []rtp.Header{
		{PayloadType: 55, SSRC: e.ssrc, Sequence: e.sequence},    // no such payload type
		{PayloadType: ptVP9, SSRC: e.rtx, Sequence: e.sequence},  // media where repair was announced
		{PayloadType: ptVP9, SSRC: 0xDEAD, Sequence: e.sequence}, // no such SSRC
	} {
		pub.send(append(rtp.AppendHeader(nil, &h, nil), e.vp9(tag{first: true})...))
	}
	if got := m.room.stats.Unknown.Load() - before; got != 3 {
		t.Errorf("%d packets were unknown, want 3", got)
	}
	pub.send([]byte{1, 2, 3})
	m.room.Receive(m.now, 99, []rtp.Inbound{{Data: []byte{1}}}, &m.out) // no such seat
	m.room.Receive(m.now, 2, []rtp.Inbound{{Data: []byte{1}}}, &m.out)  // it does not publish
	if got := m.room.stats.Malformed.Load(); got != 1 {
		t.Errorf("%d packets were malformed, want 1", got)
	}
}

// TestTapSeesEveryPacket compares what the publisher sent with what the tap got.
func TestTapSeesEveryPacket(t *testing.T) {
	type name struct {
		mid, rid, codec string
		kind            api.StreamKind
		repair          bool
	}
	got := map[name]int{}
	numbers := map[uint16]int{}
	_, pub, _ := pair(t, Config{Tap: func(p TapPacket) {
		got[name{p.Mid, p.RID, p.Codec, p.Kind, p.Repair}]++
		if p.Kind == camera {
			numbers[p.Sequence]++
		}
		if p.Seat != 1 || len(p.Raw) == 0 || p.Kind == camera && p.SSRC != 1000 {
			t.Errorf("%+v", p)
		}
	}}, nil)
	pub.m.play(400*time.Millisecond, pub)
	e := pub.encoders[0]
	pub.send(e.again(e.sequence-1), []byte{1, 2, 3})
	want := map[name]int{
		{"0", "", "video/VP9", camera, false}:   60,
		{"1", "", "audio/opus", micKind, false}: 20,
		{"0", "", "video/VP9", camera, true}:    1,
		{}:                                      1,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if numbers[e.sequence-1] != 2 {
		t.Errorf("the repeated packet was seen %d times", numbers[e.sequence-1])
	}
}

// TestLeaveForgets leaves nothing of a seat behind.
func TestLeaveForgets(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	view.picture(t, view.stream(1, camera), pub)
	view.publish(true)
	for seat := range uint32(3) {
		m.room.Leave(m.now, seat, &m.out)
	}
	m.out.Reset()
	if len(m.room.seats) != 0 || len(m.room.order) != 0 || len(m.room.streams) != 0 {
		t.Errorf("%d seats, %d streams are left", len(m.room.seats), len(m.room.streams))
	}
	frames, offers := m.room.Pending()
	if len(frames) != 0 || len(offers) != 0 {
		t.Errorf("%d frames and %d offers for seats that have left", len(frames), len(offers))
	}
	s := m.room.stats
	if s.Streams.Load() != 0 || s.Publishers.Load() != 0 || s.Receivers.Load() != 0 {
		t.Errorf("counted: %d streams, %d publishers, %d receivers", s.Streams.Load(), s.Publishers.Load(), s.Receivers.Load())
	}
	for _, f := range []func(){
		func() { m.room.Connect(2, view.sub) }, func() { m.room.Ready(m.now, 2, true, &m.out) },
		func() { m.room.Bind(m.now, 2, nil, &m.out) }, func() { m.room.Sync(m.now, 2) },
		func() { m.room.View(m.now, 2, nil, &m.out) }, func() { m.room.Feedback(m.now, 2, nil, &m.out) },
		func() { m.room.Slots(2) }, func() { m.room.Tick(m.now, &m.out) },
	} {
		f() // calls that crossed with the leaving
	}
}

// TestSync tells a client that was away everything.
func TestSync(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	stream := view.stream(1, camera)
	view.picture(t, stream, pub)
	slots := fmt.Sprint(view.slots)
	clear(view.streams)
	clear(view.slots)
	clear(view.states)
	view.speakers = nil
	m.room.Sync(m.now, 2)
	m.flush()
	m.play(500*time.Millisecond, pub)
	if len(view.streams) != 2 || fmt.Sprint(view.slots) != slots || len(view.speakers) != 1 || view.states[stream] == nil {
		t.Errorf("streams %v, slots %v, speakers %v, states %v", view.streams, view.slots, view.speakers, view.states)
	}
}
