package media_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"conclave/client/clip"
	"conclave/client/media"
	"conclave/client/meeting"
	"conclave/core/session"
	"conclave/core/sframe"
	"conclave/internal/wiretap"
	"conclave/server"
	"conclave/sfu/room"
)

// A call is a server with a meeting on it, and a tap that opens every frame
// which reaches the server.
type call struct {
	t    *testing.T
	link string
	tap  *wiretap.Tap
}

// startCall starts a server that ends with the test.
func startCall(t *testing.T) *call {
	t.Helper()
	c := &call{t: t, tap: wiretap.New()}
	s, err := server.Listen(server.Config{
		Listen: "127.0.0.1:0", MediaListen: "127.0.0.1:0", Data: t.TempDir(), MaxParticipants: 3,
		TestOnlyTap: func(p room.TapPacket) {
			kinds := []string{"", "microphone", "camera", "screen", "screen-audio"}
			c.tap.Add(wiretap.Packet{
				SSRC: p.SSRC, Mid: p.Mid, RID: p.RID, Kind: kinds[p.Kind], Codec: p.Codec,
				Sequence: p.Sequence, Marker: p.Marker, Payload: p.Payload,
			})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("server: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	link, err := session.GenerateLink(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.link = link.URL(s.URL())
	return c
}

// A member is a participant of a call, and what a test wants to know of it.
type member struct {
	t           *testing.T
	participant *media.Participant
	leave       context.CancelFunc
	ended       chan error // capacity 1

	mu        sync.Mutex
	changed   sync.Cond // something below changed
	frames    int
	broken    int
	top       uint8 // the highest spatial layer so far
	sinceTop  int   // frames of the camera since one of that layer
	epoch     uint64
	size      int // of the roster
	published int // answers of the server
	offers    int // of the server
	over      bool
}

// join makes a member of the call; with keys, the tap learns what it seals with.
func (c *call) join(name string, cfg media.Config) *member {
	c.t.Helper()
	m := &member{t: c.t, ended: make(chan error, 1)}
	m.changed.L = &m.mu
	cfg.Link, cfg.Name = c.link, name
	cfg.OnFrame = func(f media.Frame) {
		m.change(func() {
			m.frames++
			if f.Broken {
				m.broken++
			}
			if f.Context == sframe.Camera {
				m.sinceTop++
				if f.Spatial >= m.top {
					m.top, m.sinceTop = f.Spatial, 0
				}
			}
		})
	}
	cfg.OnEvent = func(o meeting.Output) {
		switch o := o.(type) {
		case meeting.Keys:
			for _, k := range o.Send {
				key := sframe.KeyMaterial{Suite: sframe.AES256GCMSHA512, KID: sframe.KID(k.KID), Key: k.Key, Salt: k.Salt}
				if err := c.tap.AddKey(sframe.Epoch(o.Epoch), key); err != nil {
					c.t.Errorf("giving the tap a key: %v", err)
				}
			}
		case meeting.Roster:
			m.change(func() { m.epoch, m.size = o.Epoch, len(o.Members) })
		case meeting.Published:
			m.change(func() { m.published++ })
		case meeting.SubscribeOffer:
			m.change(func() { m.offers++ })
		case meeting.Alarm:
			c.t.Errorf("%s: alarm %s", name, o.ID)
		}
	}
	var err error
	if m.participant, err = media.New(cfg); err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.leave = cancel
	go func() { // ends with leave; stop and Cleanup wait for it
		err := m.participant.Run(ctx)
		m.change(func() { m.over = true })
		m.ended <- err
	}()
	c.t.Cleanup(m.stop)
	return m
}

func (m *member) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
	m.changed.Broadcast()
}

// wait waits until ok, which is called with the lock held.
func (m *member) wait(ok func() bool) {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for !ok() {
		if m.over {
			m.t.Fatal("the participant's meeting is over")
		}
		m.changed.Wait()
	}
}

// waitFrames waits until n more frames have opened.
func (m *member) waitFrames(n int) {
	m.t.Helper()
	start := -1
	m.wait(func() bool {
		if start < 0 {
			start = m.frames
		}
		return m.frames >= start+n
	})
}

// stop leaves and waits for the end.
func (m *member) stop() {
	m.leave()
	if err := <-m.ended; err != nil {
		m.t.Errorf("leaving: %v", err)
	}
	m.ended <- nil // for the next call
}

// start begins the meeting with a robot in it.
func (c *call) start() *member {
	m := c.join("Robot", robot(c.t))
	m.wait(func() bool { return m.epoch >= 1 })
	return m
}

func robot(t *testing.T) media.Config {
	t.Helper()
	c, err := clip.Demo()
	if err != nil {
		t.Fatal(err)
	}
	return media.Config{Create: true, Class: meeting.Robot, Video: c, Audio: c}
}

// TestCall is a whole call: a robot sends, one receives all the time, and others
// come and go, so that the key changes under both. Every frame that reached the
// server must open with the tap's keys, and every frame that reached a receiver
// with its own.
func TestCall(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("call", func(t *testing.T) {
		c := startCall(t)
		sender := c.start()
		receiver := c.join("Receiver", media.Config{Receive: true})
		receiver.waitFrames(150)
		for range 3 {
			epoch := uint64(0)
			guest := c.join("Guest", media.Config{Receive: true})
			guest.waitFrames(100)
			receiver.wait(func() bool { epoch = receiver.epoch; return receiver.size == 3 })
			if s := guest.participant.Stats(); s.DecryptErrors() != 0 {
				t.Errorf("a guest could not open frames: %+v", s)
			}
			guest.stop()
			receiver.wait(func() bool { return receiver.size == 2 && receiver.epoch > epoch })
			receiver.waitFrames(50)
		}
		s := receiver.participant.Stats()
		if s.DecryptErrors() != 0 || s.Replays != 0 {
			t.Errorf("receiver could not open frames: %+v", s)
		}
		if s.Count(sframe.Camera) == 0 || s.Count(sframe.Microphone) == 0 {
			t.Errorf("a medium is missing: %+v", s.Frames)
		}
		receiver.stop()
		sender.stop()
		report := c.tap.Report()
		if report.Failed != 0 || report.Opened < 300 || len(report.Streams) != 2 {
			t.Errorf("tap: %d frames opened, %d failed, %d streams; want many, none, 2: %v",
				report.Opened, report.Failed, len(report.Streams), report.Failures)
		}
	})
}

// TestSlowLink makes a receiver's link slow and fast again: it gets fewer layers,
// and all again, while the other gets all the time what it got.
func TestSlowLink(t *testing.T) {
	c := startCall(t)
	c.start()
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	limiter := media.NewLimiter(socket)
	slow := c.join("Slow", media.Config{Receive: true, Packets: func() (net.PacketConn, error) { return limiter, nil }})
	fast := c.join("Fast", media.Config{Receive: true})
	full := func(m *member) func() bool { return func() bool { return m.top == 2 && m.sinceTop == 0 } }
	slow.wait(full(slow))
	fast.wait(full(fast))
	limiter.SetRate(200_000)
	slow.wait(func() bool { return slow.sinceTop >= 40 }) // frames of a second or two
	fast.wait(full(fast))
	limiter.SetRate(0)
	slow.wait(full(slow))
	for name, m := range map[string]*member{"slow": slow, "fast": fast} {
		if s := m.participant.Stats(); s.DecryptErrors() != 0 {
			t.Errorf("%s link: frames did not open: %+v", name, s)
		}
	}
	fast.mu.Lock()
	defer fast.mu.Unlock()
	if fast.broken > 0 {
		t.Errorf("%d gaps on the fast link, which nothing happened to", fast.broken)
	}
}

// TestRestart gives both directions new ICE credentials in the middle of a call.
func TestRestart(t *testing.T) {
	c := startCall(t)
	sender := c.start()
	receiver := c.join("Receiver", media.Config{Receive: true})
	receiver.waitFrames(100)
	answers, offers := 0, 0
	sender.wait(func() bool { answers = sender.published; return true })
	receiver.wait(func() bool { offers = receiver.offers; return true })
	sender.participant.RestartMedia()
	receiver.participant.RestartMedia()
	sender.wait(func() bool { return sender.published > answers })
	receiver.wait(func() bool { return receiver.offers > offers })
	receiver.waitFrames(150)
	if s := receiver.participant.Stats(); s.DecryptErrors() != 0 {
		t.Errorf("frames did not open: %+v", s)
	}
}

func TestMeetingIsFull(t *testing.T) {
	c := startCall(t)
	c.start()
	a, b := c.join("A", media.Config{Receive: true}), c.join("B", media.Config{Receive: true})
	a.waitFrames(1)
	b.waitFrames(1)
	late, err := media.New(media.Config{Link: c.link, Name: "Late"})
	if err != nil {
		t.Fatal(err)
	}
	err = late.Run(t.Context())
	if failed := new(media.FailedError); !errors.As(err, &failed) || failed.Code != meeting.FailRoomFull || failed.Limit != 3 {
		t.Errorf("Run in a full meeting = %v, want room-full with limit 3", err)
	}
}

func TestRunRefuses(t *testing.T) {
	c := startCall(t)
	tests := []struct {
		name string
		cfg  media.Config
		want error
	}{
		{"a link without a secret", media.Config{Link: c.link[:len(c.link)-23], Name: "A"}, meeting.ErrLink},
		{"no name", media.Config{Link: c.link, Name: " "}, meeting.ErrName},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := media.New(tt.cfg)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Run(t.Context()); !errors.Is(err, tt.want) {
				t.Errorf("Run = %v, want %v", err, tt.want)
			}
		})
	}
	p, err := media.New(media.Config{Link: c.link, Name: "A"})
	if err != nil {
		t.Fatal(err)
	}
	failed := new(media.FailedError)
	if err := p.Run(t.Context()); !errors.As(err, &failed) || failed.Code != meeting.FailLinkExpired {
		t.Errorf("Run in a meeting nobody has made = %v, want link-expired", err)
	}
	demo := robot(t)
	onlySound := *demo.Video
	onlySound.Video = nil
	if _, err := media.New(media.Config{Link: c.link, Name: "A", Video: &onlySound}); !errors.Is(err, media.ErrClip) {
		t.Errorf("New with a clip without a picture = %v, want ErrClip", err)
	}
}
