package server

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"

	"conclave/api"
)

// testTimeout ends a test that waits for something that never comes. It is far
// above what any step takes.
const testTimeout = 60 * time.Second

// start runs a server on loopback until the test ends.
func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	cfg.Listen = "127.0.0.1:0"
	if cfg.MediaListen == "" {
		cfg.MediaListen = "127.0.0.1:0"
	}
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v", err)
		}
	})
	return s
}

// A link is what admits to one meeting.
type link struct{ key ed25519.PrivateKey }

// newMeeting returns the link of a meeting that nobody has.
func newMeeting() link {
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed)
	return link{ed25519.NewKeyFromSeed(seed)}
}

func (l link) public() ed25519.PublicKey { return l.key.Public().(ed25519.PublicKey) }

func (l link) id() string {
	hash := sha256.Sum256(append([]byte("Conclave 1.0 meeting id"), l.public()...))
	return strings.ToLower(base32.StdEncoding.EncodeToString(hash[:10]))
}

// A peer is a client of the signalling in a test. What it is sent is kept, and
// wait waits until it satisfies a condition.
type peer struct {
	t      *testing.T
	server *Server
	joined *api.Joined
	// configuration is that of the peer connection it publishes on.
	configuration webrtc.Configuration

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	changed  *sync.Cond
	ws       *websocket.Conn
	request  uint64
	replies  map[uint64]*api.Reply
	events   []*api.Event
	streams  []*api.Stream
	offers   []*api.SubscribeOffer
	slots    map[string]uint32 // mid -> stream
	states   map[uint32]*api.StreamState
	speakers []uint32
	closing  *api.Closing
	ended    error
}

func newPeer(t *testing.T, s *Server) *peer {
	t.Helper()
	p := &peer{
		t: t, server: s, replies: make(map[uint64]*api.Reply),
		slots: make(map[string]uint32), states: make(map[uint32]*api.StreamState),
	}
	p.changed = sync.NewCond(&p.mu)
	p.ctx, p.cancel = context.WithTimeout(context.Background(), testTimeout)
	// A condition that does not come must fail the test, not hang it.
	context.AfterFunc(p.ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.changed.Broadcast()
	})
	t.Cleanup(p.close)
	p.dial()
	return p
}

func (p *peer) dial() {
	p.t.Helper()
	ws, resp, err := websocket.Dial(p.ctx, "ws"+strings.TrimPrefix(p.server.URL(), "http")+"/api/v1/connect", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	ws.SetReadLimit(1 << 20)
	p.mu.Lock()
	p.ws, p.ended, p.closing = ws, nil, nil
	p.mu.Unlock()
	p.wg.Go(func() { p.read(ws) })
}

// drop ends the connection without a word.
func (p *peer) drop() {
	p.mu.Lock()
	ws := p.ws
	p.mu.Unlock()
	_ = ws.CloseNow()
}

func (p *peer) close() {
	p.cancel()
	p.drop()
	p.wg.Wait()
}

func (p *peer) read(ws *websocket.Conn) {
	for {
		_, b, err := ws.Read(p.ctx)
		p.mu.Lock()
		if err != nil || p.ws != ws {
			if p.ws == ws {
				p.ended = err
			}
			p.changed.Broadcast()
			p.mu.Unlock()
			return
		}
		f := new(api.ServerFrame)
		if err := proto.Unmarshal(b, f); err != nil {
			p.t.Errorf("server sent what does not parse: %v", err)
		}
		p.handleLocked(f)
		p.changed.Broadcast()
		p.mu.Unlock()
	}
}

func (p *peer) handleLocked(f *api.ServerFrame) {
	switch b := f.GetBody().(type) {
	case *api.ServerFrame_Reply:
		p.replies[b.Reply.GetRequest()] = b.Reply
	case *api.ServerFrame_Event:
		p.events = append(p.events, b.Event)
	case *api.ServerFrame_Streams:
		p.streams = b.Streams.GetStreams()
	case *api.ServerFrame_SubscribeOffer:
		p.offers = append(p.offers, b.SubscribeOffer)
		p.setSlots(b.SubscribeOffer.GetSlots())
	case *api.ServerFrame_Slots:
		p.setSlots(b.Slots.GetSlots())
	case *api.ServerFrame_StreamStates:
		clear(p.states)
		for _, s := range b.StreamStates.GetStates() {
			p.states[s.GetStream()] = s
		}
	case *api.ServerFrame_Speakers:
		p.speakers = b.Speakers.GetSeats()
	case *api.ServerFrame_Closing:
		p.closing = b.Closing
	}
}

func (p *peer) setSlots(slots []*api.Slot) {
	clear(p.slots)
	for _, s := range slots {
		p.slots[s.GetMid()] = s.GetStream()
	}
}

// wait waits until ok, which is called with mu held.
func (p *peer) wait(what string, ok func() bool) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !ok() {
		if p.ctx.Err() != nil {
			p.t.Fatalf("waited in vain for %s (connection: %v)", what, p.ended)
		}
		p.changed.Wait()
	}
}

// write sends a message as it is.
func (p *peer) write(b []byte) {
	p.t.Helper()
	p.mu.Lock()
	ws := p.ws
	p.mu.Unlock()
	if err := ws.Write(p.ctx, websocket.MessageBinary, b); err != nil && p.ctx.Err() == nil {
		p.t.Logf("writing: %v", err)
	}
}

// send sends a frame and returns its request number.
func (p *peer) send(f *api.ClientFrame) uint64 {
	p.t.Helper()
	p.mu.Lock()
	p.request++
	f.Request = p.request
	p.mu.Unlock()
	b, err := proto.Marshal(f)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(b)
	return f.GetRequest()
}

// ask sends a frame and waits for its reply.
func (p *peer) ask(f *api.ClientFrame) *api.Reply {
	p.t.Helper()
	n := p.send(f)
	var r *api.Reply
	p.wait("a reply", func() bool {
		r = p.replies[n]
		return r != nil || p.ended != nil
	})
	return r
}

// joinFrame is the Join of a device that holds the link of the meeting.
func joinFrame(meeting link, create bool) *api.ClientFrame {
	hash := sha256.Sum256([]byte("an announcement"))
	j := &api.Join{
		Meeting: meeting.id(), Create: create, Announcement: []byte("an announcement"), Protocol: 1,
		AdmissionKey: meeting.public(),
		Admission:    ed25519.Sign(meeting.key, fmt.Appendf(nil, "Conclave 1.0 admission\x10%s%s", meeting.id(), hash[:])),
	}
	return &api.ClientFrame{Body: &api.ClientFrame_Join{Join: j}}
}

// join takes a seat, or fails the test.
func (p *peer) join(meeting link) *peer {
	p.t.Helper()
	r := p.ask(joinFrame(meeting, true))
	if r.GetJoined() == nil {
		p.t.Fatalf("Join: %v", r)
	}
	p.joined = r.GetJoined()
	return p
}

// resume takes the seat back on a new connection.
func (p *peer) resume(meeting link) *api.Reply {
	p.t.Helper()
	p.mu.Lock()
	last := p.joined.GetLastEvent()
	for _, e := range p.events {
		last = max(last, e.GetSequence())
	}
	p.mu.Unlock()
	p.dial()
	return p.ask(&api.ClientFrame{Body: &api.ClientFrame_Join{Join: &api.Join{
		Meeting: meeting.id(), Protocol: 1,
		Resume: &api.Resume{Seat: p.joined.GetSeat(), Token: p.joined.GetToken(), LastEvent: last},
	}}})
}

// view says what the peer shows.
func (p *peer) view(items ...*api.ViewItem) {
	p.send(&api.ClientFrame{Body: &api.ClientFrame_View{View: &api.View{Items: items}}})
}

// waitEnd waits for the end of the connection and returns why it ended.
func (p *peer) waitEnd() error {
	p.t.Helper()
	var err error
	p.wait("the end of the connection", func() bool {
		err = p.ended
		return err != nil
	})
	return err
}

// leave gives the seat up.
func (p *peer) leave() {
	p.send(&api.ClientFrame{Body: &api.ClientFrame_Leave{Leave: &api.Leave{}}})
}
