package server

import (
	"strings"
	"sync"
	"testing"

	"conclave/api"
	"conclave/sfu/dd"
	"conclave/sfu/room"
)

const (
	camera     = api.StreamKind_STREAM_KIND_CAMERA
	microphone = api.StreamKind_STREAM_KIND_MICROPHONE
)

// inMeeting starts a server with two peers, of whom the first plays.
func inMeeting(t *testing.T) (publisher *sender, viewer *receiver, meeting link) {
	t.Helper()
	s := start(t, Config{})
	meeting = newMeeting()
	a, b := newPeer(t, s).join(meeting), newPeer(t, s).join(meeting)
	viewer = b.subscribe()
	publisher = a.publish()
	playUntilEnd(t, publisher)
	return publisher, viewer, meeting
}

func playUntilEnd(t *testing.T, s *sender) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		s.play(stop)
	}()
	t.Cleanup(func() {
		close(stop)
		<-done
	})
}

func tile(stream, width, height uint32) *api.ViewItem {
	return &api.ViewItem{Stream: stream, Width: width, Height: height, Priority: 2}
}

// TestViewChoosesLayers shows a camera in tiles of several sizes: the layers
// that a tile has no use for are not sent, and nothing is sent for no tile.
func TestViewChoosesLayers(t *testing.T) {
	pub, view, _ := inMeeting(t)
	p := view.peer
	stream := streamOf(t, p, camera, pub.peer.joined.GetSeat())
	for _, step := range []struct {
		name string
		tile *api.ViewItem
		want int
	}{
		{"large", tile(stream, 1280, 720), 2},
		{"thumbnail", tile(stream, 160, 90), 0},
		{"medium", tile(stream, 640, 360), 1},
		{"large again", tile(stream, 1920, 1080), 2},
	} {
		p.view(step.tile)
		mid := midOf(p, stream)
		view.wait(step.name, func() bool {
			in := view.received[mid]
			return in != nil && all(in.tops(10), 10, step.want)
		})
		p.wait(step.name+" in StreamStates", func() bool {
			s := p.states[stream]
			return s.GetReason() == api.StreamState_REASON_SENDING && int(s.GetSpatial()) == step.want
		})
	}
	view.mu.Lock()
	defer view.mu.Unlock()
	for mid, in := range view.received {
		if len(in.bad) > 0 {
			t.Errorf("mid %s: %v", mid, in.bad)
		}
		checkNumbers(t, mid, in)
	}
}

// checkNumbers fails if a number came twice without repair, or if there are
// gaps: nothing was lost on the way, so the server left them.
func checkNumbers(t *testing.T, mid string, in *incoming) {
	t.Helper()
	first := in.highest
	for n, times := range in.seen {
		if times > 1 && in.repaired == 0 {
			t.Errorf("mid %s: number %d came %d times", mid, n, times)
		}
		if int16(n-first) < 0 {
			first = n
		}
	}
	if span := int(in.highest-first) + 1; span != len(in.seen) {
		t.Errorf("mid %s: %d of %d numbers are missing", mid, span-len(in.seen), span)
	}
}

// TestWhatIsNotShownIsNotSent takes a camera off the view: no packet of it
// follows, but the sound goes on.
func TestWhatIsNotShownIsNotSent(t *testing.T) {
	pub, view, _ := inMeeting(t)
	p := view.peer
	seat := pub.peer.joined.GetSeat()
	sound := midOf(p, streamOf(t, p, microphone, seat))
	view.wait("sound", func() bool { return view.received[sound] != nil && view.received[sound].sound > 10 })
	view.mu.Lock()
	for mid := range view.received {
		if mid != sound {
			t.Errorf("mid %s has packets before anything is shown", mid)
		}
	}
	view.mu.Unlock()

	stream := streamOf(t, p, camera, seat)
	p.view(tile(stream, 1280, 720))
	mid := midOf(p, stream)
	view.wait("the picture", func() bool { in := view.received[mid]; return in != nil && len(in.tops(10)) == 10 })
	p.view()
	p.ask(&api.ClientFrame{Body: &api.ClientFrame_Ping{Ping: &api.Ping{}}})
	// The view is taken by another goroutine than the ping: sound that comes
	// after the last picture says that it was.
	var last, heard int
	view.wait("the picture to end", func() bool {
		video, audio := view.received[mid], view.received[sound]
		if video.packets != last {
			last, heard = video.packets, audio.sound
		}
		return audio.sound > heard+15
	})
	view.mu.Lock()
	defer view.mu.Unlock()
	checkNumbers(t, sound, view.received[sound])
}

// TestLossIsRepaired loses one packet in twenty on the way to the receiver: it
// asks, and what it gets by RTX completes the pictures.
func TestLossIsRepaired(t *testing.T) {
	pub, view, _ := inMeeting(t)
	p := view.peer
	stream := streamOf(t, p, camera, pub.peer.joined.GetSeat())
	p.view(tile(stream, 1280, 720))
	mid := midOf(p, stream)
	view.wait("the picture", func() bool { in := view.received[mid]; return in != nil && len(in.tops(5)) == 5 })
	view.loss.every.Store(20)
	view.wait("repaired packets", func() bool { return view.received[mid].repaired > 20 })
	view.loss.every.Store(0)
	var to uint32
	view.mu.Lock()
	to = view.received[mid].newest
	view.mu.Unlock()
	view.wait("pictures after the loss", func() bool { return view.received[mid].newest > to+10 })
	view.mu.Lock()
	defer view.mu.Unlock()
	in := view.received[mid]
	complete, total := 0, 0
	for n := to - 20; n < to; n++ {
		if pic := in.pictures[n]; pic != nil {
			total++
			if pic.complete() {
				complete++
			}
		}
	}
	if complete < total*9/10 || total < 10 {
		t.Errorf("%d of %d pictures are complete after the loss of %d packets", complete, total, view.loss.dropped.Load())
	}
	stats := &p.server.media.Stats().Room
	if stats.Retransmitted.Load() == 0 || stats.NACKs.Load() == 0 {
		t.Errorf("retransmitted = %d, asked for %d", stats.Retransmitted.Load(), stats.NACKs.Load())
	}
}

// TestSlotIsUsedAgain lets a publisher leave and another come: its streams take
// the same m-lines, without a new offer, and the numbers go on.
func TestSlotIsUsedAgain(t *testing.T) {
	pub, view, meeting := inMeeting(t)
	p := view.peer
	stream := streamOf(t, p, camera, pub.peer.joined.GetSeat())
	p.view(tile(stream, 1280, 720))
	mid := midOf(p, stream)
	view.wait("the picture", func() bool { in := view.received[mid]; return in != nil && all(in.tops(5), 5, 2) })
	p.mu.Lock()
	offers := len(p.offers)
	p.mu.Unlock()
	pub.peer.leave()
	p.wait("the stream to end", func() bool { return len(p.streams) == 0 })
	view.mu.Lock()
	view.received[mid].pictures = make(map[uint32]*picture)
	view.received[mid].newest = 0
	view.mu.Unlock()

	next := newPeer(t, p.server).join(meeting)
	playUntilEnd(t, next.publish())
	stream = streamOf(t, p, camera, next.joined.GetSeat())
	p.view(tile(stream, 1280, 720))
	if got := midOf(p, stream); got != mid {
		t.Errorf("the new camera is on mid %s, want %s again", got, mid)
	}
	view.wait("the other's picture", func() bool { return all(view.received[mid].tops(5), 5, 2) })
	view.mu.Lock()
	checkNumbers(t, mid, view.received[mid])
	view.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.offers) != offers {
		t.Errorf("%d offers, want %d: m-lines are used again without one", len(p.offers), offers)
	}
}

// TestMediaGoesOnWhileAway resumes a seat: media never stopped.
func TestMediaGoesOnWhileAway(t *testing.T) {
	pub, view, meeting := inMeeting(t)
	p := view.peer
	stream := streamOf(t, p, camera, pub.peer.joined.GetSeat())
	p.view(tile(stream, 1280, 720))
	mid := midOf(p, stream)
	view.wait("the picture", func() bool { in := view.received[mid]; return in != nil && len(in.tops(5)) == 5 })
	p.drop()
	p.waitEnd()
	var from uint32
	view.mu.Lock()
	from = view.received[mid].newest
	view.mu.Unlock()
	view.wait("pictures without signalling", func() bool { return view.received[mid].newest > from+20 })
	p.mu.Lock()
	clear(p.slots)
	p.streams = nil
	p.mu.Unlock()
	if r := p.resume(meeting); !r.GetJoined().GetResumed() {
		t.Fatalf("resume: %v", r)
	}
	if got := midOf(p, stream); got != mid {
		t.Errorf("after the resume the camera is on mid %s, want %s", got, mid)
	}
	streamOf(t, p, camera, pub.peer.joined.GetSeat())
}

// TestRestart gives both peer connections new ICE credentials.
func TestRestart(t *testing.T) {
	pub, view, _ := inMeeting(t)
	p := view.peer
	stream := streamOf(t, p, camera, pub.peer.joined.GetSeat())
	p.view(tile(stream, 1280, 720))
	mid := midOf(p, stream)
	view.wait("the picture", func() bool { in := view.received[mid]; return in != nil && len(in.tops(5)) == 5 })
	ufrag := func() string { return attribute(view.pc.RemoteDescription().SDP, "a=ice-ufrag:") }
	before := ufrag()
	p.mu.Lock()
	generation := len(p.offers)
	p.mu.Unlock()
	p.send(&api.ClientFrame{Body: &api.ClientFrame_RestartSubscribe{RestartSubscribe: &api.RestartSubscribe{}}})
	p.wait("an offer", func() bool { return len(p.offers) > generation })
	from := uint32(0)
	view.wait("the new credentials", func() bool {
		from = view.received[mid].newest
		return ufrag() != before
	})
	pub.restart()
	view.wait("pictures after both restarts", func() bool { return view.received[mid].newest > from+60 })
}

// TestMute makes the streams inactive and active again.
func TestMute(t *testing.T) {
	pub, view, _ := inMeeting(t)
	p := view.peer
	seat := pub.peer.joined.GetSeat()
	stream := streamOf(t, p, camera, seat)
	p.view(tile(stream, 1280, 720))
	mid := midOf(p, stream)
	view.wait("the picture", func() bool { in := view.received[mid]; return in != nil && len(in.tops(5)) == 5 })
	pub.negotiate(false)
	p.wait("the streams to become inactive", func() bool {
		for _, s := range p.streams {
			if s.GetActive() {
				return false
			}
		}
		return len(p.streams) == 2
	})
	pub.negotiate(true)
	if again := streamOf(t, p, camera, seat); again != stream {
		t.Errorf("the camera is stream %d after unmuting, want %d", again, stream)
	}
	var from uint32
	view.mu.Lock()
	from = view.received[mid].newest
	view.mu.Unlock()
	view.wait("pictures after unmuting", func() bool { return view.received[mid].newest > from+20 })
}

// TestTapSeesEveryPacket compares what the publisher sent with what the tap got.
func TestTapSeesEveryPacket(t *testing.T) {
	var mu sync.Mutex
	got := make(map[api.StreamKind]map[uint16]string)
	changed := make(chan struct{}, 1)
	s := start(t, Config{TestOnlyTap: func(p room.TapPacket) {
		mu.Lock()
		defer mu.Unlock()
		if got[p.Kind] == nil {
			got[p.Kind] = make(map[uint16]string)
		}
		got[p.Kind][p.Sequence] = p.Codec + " mid " + p.Mid
		select {
		case changed <- struct{}{}:
		default:
		}
	}})
	a := newPeer(t, s).join(newMeeting())
	pub := a.publish()
	var c encoder
	var err error
	if c.writer, err = dd.NewWriter(dd.Mode{Spatial: 3, Temporal: 3, Key: true}, sizes, 1); err != nil {
		t.Fatal(err)
	}
	c.pattern = []uint8{0}
	sent := 0
	for range 50 {
		for _, p := range c.picture(sent == 0) {
			if err := pub.camera.WriteRTP(p); err != nil {
				t.Fatal(err)
			}
			sent++
		}
		if err := pub.microphone.WriteRTP(soundPacket(sent, 0)); err != nil {
			t.Fatal(err)
		}
	}
	for {
		mu.Lock()
		video, audio := len(got[camera]), len(got[microphone])
		mu.Unlock()
		if video == sent && audio == 50 {
			break
		}
		select {
		case <-changed:
		case <-a.ctx.Done():
			t.Fatalf("the tap saw %d of %d and %d of 50 packets", video, sent, audio)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 2 || got[camera][1] != "video/VP9 mid 0" || got[microphone][uint16(sent)] != "audio/opus mid 1" {
		t.Errorf("kinds %d, camera %q, microphone %q", len(got), got[camera][1], got[microphone][uint16(sent)])
	}
}

// attribute returns the rest of the first line of a description with a prefix.
func attribute(description, prefix string) string {
	for line := range strings.Lines(description) {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
