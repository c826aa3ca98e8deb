// Package media is a native participant of a meeting: it joins, sends a
// recorded clip, and receives what others send, every frame sealed by its
// sender and opened here, with the same protocol as the browser client
// (docs/protocol.md) on pion/webrtc instead of a browser.
//
// [New] makes a [Participant] from a [Config] and [Participant.Run] takes part
// until it is told to stop. Frames that were opened go to Config.OnFrame; what
// happens in the meeting to Config.OnEvent. A frame is sent sealed or not at
// all, and one that does not open, or is of another sender than its stream, is
// dropped and counted in [Stats].
package media

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"conclave/client/clip"
	"conclave/client/meeting"
)

// A Config says which meeting to join and what to do there. Link and Name are
// required; zero fields mean the default.
type Config struct {
	Link   string // the invite link with its secret; never logged
	Create bool   // this client made the link and may begin the meeting
	Name   string
	Class  meeting.Class // Native

	// Video and Audio are the clips whose picture and whose sound are sent, often
	// the same; nil sends none.
	Video, Audio *clip.Clip
	// Receive says whether to receive what others send.
	Receive bool
	// Packets opens the socket that media is received on, such as a Limiter, and
	// is called for each new connection, which closes it. Nil uses all addresses
	// of this machine.
	Packets func() (net.PacketConn, error)
	// TLS is for the connection to the server; nil trusts what the system does.
	TLS *tls.Config

	// OnFrame gets every frame that was opened, one at a time, and must not
	// block for long. OnEvent gets what happens, from the goroutine of Run.
	OnFrame func(Frame)
	OnEvent func(meeting.Output)

	Log *slog.Logger // discarded
}

// A FailedError says why a meeting is over for this participant.
type FailedError struct {
	Code  meeting.FailureCode
	Limit int   // of participants, with FailRoomFull
	Cause error // the last error of the connection, or nil
}

func (e *FailedError) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("meeting failed (%s): %v", e.Code, e.Cause)
	}
	return fmt.Sprintf("meeting failed (%s)", e.Code)
}

func (e *FailedError) Unwrap() error { return e.Cause }

// Errors of Run.
var (
	// ErrEnded means that the server ended the meeting.
	ErrEnded = errors.New("the meeting has ended")
	// ErrRemoved means that the others removed this participant.
	ErrRemoved = errors.New("removed from the meeting")
)

const (
	callQueue  = 16 // work that waits for Run; those who hand it in wait too
	viewWidth  = 1920
	viewHeight = 1080
	viewItems  = 64               // streams that are received at once
	offerWait  = 20 * time.Second // for gathering candidates
)

// A Participant takes part in one meeting. Make it with New and call Run once.
type Participant struct {
	// Constant after New.
	cfg    Config
	log    *slog.Logger
	url    string
	source chan func() // work for run
	events chan socketEvent
	keys   *sealers

	// Owned by Run.
	m           *meeting.Meeting
	ctx         context.Context // of Run, for the work it starts
	socket      *socket
	lastErr     error // of the connection
	publisher   *publisher
	subscriber  *subscriber
	lastKeys    meeting.Keys
	lastStreams meeting.Streams
	servers     []meeting.IceServer
	seat        meeting.SeatID
	work        sync.WaitGroup
	over        bool
	result      error

	stats stats
}

// New returns a participant that has not joined yet. The errors are
// meeting.ErrLink, meeting.ErrName, and those of a clip that cannot be sent.
func New(cfg Config) (*Participant, error) {
	if cfg.Class == "" {
		cfg.Class = meeting.Native
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.OnFrame == nil {
		cfg.OnFrame = func(Frame) {}
	}
	if cfg.OnEvent == nil {
		cfg.OnEvent = func(meeting.Output) {}
	}
	if err := cfg.checkClips(); err != nil {
		return nil, err
	}
	url, err := endpoint(cfg.Link)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", meeting.ErrLink, err)
	}
	m, err := meeting.New(meeting.Config{URL: cfg.Link, Create: cfg.Create, Name: cfg.Name, Class: cfg.Class, Rand: rand.Reader}, time.Now())
	if err != nil {
		return nil, err
	}
	cfg.Link = "" // it holds the secret
	return &Participant{
		cfg: cfg, log: cfg.Log, url: url, m: m,
		source: make(chan func(), callQueue),
		events: make(chan socketEvent, incomingFrames),
		keys:   &sealers{},
	}, nil
}

// ErrClip means that a clip cannot be sent.
var ErrClip = errors.New("clip cannot be sent")

func (c *Config) checkClips() error {
	if c.Audio != nil && c.Audio.Audio == nil {
		return fmt.Errorf("%w: it has no sound", ErrClip)
	}
	if c.Video == nil {
		return nil
	}
	if c.Video.Video == nil {
		return fmt.Errorf("%w: it has no picture", ErrClip)
	}
	_, err := newVP9Source(c.Video.Video)
	return err
}

// Stats returns what became of the frames received so far. It may be called at
// any time from any goroutine.
func (p *Participant) Stats() Stats { return p.stats.snapshot() }

// RequestKeyPicture asks the sender of a stream for a key picture. It may be
// called from any goroutine, also from Config.OnFrame.
func (p *Participant) RequestKeyPicture(stream meeting.StreamID) {
	p.try(func() {
		if err := p.m.RequestKeyFrame(time.Now(), stream); err != nil {
			p.log.Debug("key picture not asked for", slog.Any("error", err))
		}
	})
}

// try hands work to Run unless it is behind; for what may be left out.
func (p *Participant) try(f func()) {
	select {
	case p.source <- f:
	default:
	}
}

// Run takes part until ctx ends, and then leaves and returns nil. It returns a
// *FailedError, ErrEnded or ErrRemoved when the meeting ends before.
func (p *Participant) Run(ctx context.Context) error {
	running, stop := context.WithCancel(ctx)
	p.ctx = running
	defer p.shutdown(stop)
	timer := time.NewTimer(0)
	defer timer.Stop()
	leaving := false
	for {
		p.drain()
		if p.over {
			return p.result
		}
		if leaving {
			return nil
		}
		if wake := p.m.Wake(); wake.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(wake))
		}
		select {
		case <-ctx.Done():
			leaving = true
			if err := p.m.Leave(time.Now()); err != nil {
				p.log.Debug("left without saying so", slog.Any("error", err))
			}
		case <-timer.C:
			p.m.Tick(time.Now())
		case e := <-p.events:
			p.handleSocket(e)
		case f := <-p.source:
			f()
		}
	}
}

// shutdown ends everything that Run started.
func (p *Participant) shutdown(stop context.CancelFunc) {
	if p.socket != nil {
		p.socket.finish()
		p.socket = nil
	}
	stop()
	p.work.Wait()
	p.keys.clear()
	p.closeMedia()
}

func (p *Participant) handleSocket(e socketEvent) {
	if e.socket != p.socket {
		return // of one that was given up
	}
	now := time.Now()
	switch {
	case e.open:
		p.m.Connected(now)
	case e.lost != nil:
		p.lastErr = e.lost
		p.socket.close()
		p.socket = nil
		p.m.Disconnected(now)
	default:
		p.m.Receive(now, e.frame)
	}
}

// drain carries out what the meeting asks for.
func (p *Participant) drain() {
	for {
		out, ok := p.m.Poll()
		if !ok {
			return
		}
		p.handle(out)
	}
}

func (p *Participant) handle(out meeting.Output) {
	switch out := out.(type) {
	case meeting.Send:
		if p.socket != nil && !p.socket.send(out.Frame) {
			p.log.Warn("connection is too slow, giving it up")
			p.socket.close()
			p.socket = nil
			p.m.Disconnected(time.Now())
		}
		return
	case meeting.Connect:
		if p.socket != nil {
			p.socket.close()
		}
		p.socket = openSocket(p.url, p.cfg.TLS, out.Delay, p.events)
		return
	case meeting.Close:
		if s := p.socket; s != nil {
			p.work.Go(s.finish)
			p.socket = nil
		}
		return
	case meeting.Joined:
		p.joined(out)
	case meeting.Keys:
		p.takeKeys(out)
	case meeting.Streams:
		p.takeStreams(out)
	case meeting.Slots:
		if p.subscriber != nil {
			p.subscriber.opener.put(p.ctx, out.Slots)
		}
	case meeting.SubscribeOffer:
		p.answerOffer(out)
	case meeting.Published:
		p.takeAnswer(out)
	case meeting.PublishFailed:
		p.log.Warn("server refused what this client sends", slog.String("reason", out.Message))
	case meeting.Failed:
		p.over, p.result = true, &FailedError{Code: out.Code, Limit: out.Limit, Cause: p.causeOf(out.Code)}
	case meeting.Left:
		p.over, p.result = true, leftError(out.Reason)
	}
	p.cfg.OnEvent(out)
}

// causeOf returns the connection's error where that is why the meeting failed.
func (p *Participant) causeOf(code meeting.FailureCode) error {
	if code == meeting.FailLost || code == meeting.FailUnknown {
		return p.lastErr
	}
	return nil
}

func leftError(r meeting.LeftReason) error {
	switch r {
	case meeting.LeftEnded:
		return ErrEnded
	case meeting.LeftRemoved:
		return ErrRemoved
	}
	return nil
}

// stateChanged mends a peer connection that failed; again hands the attempt to
// Run.
func (p *Participant) stateChanged(name string, again func()) func(webrtc.PeerConnectionState) {
	return func(s webrtc.PeerConnectionState) {
		p.log.Debug("peer connection", slog.String("which", name), slog.String("state", s.String()))
		if s == webrtc.PeerConnectionStateFailed {
			p.try(again)
		}
	}
}
