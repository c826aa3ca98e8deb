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
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"conclave/client/clip"
	"conclave/client/conn"
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
	// Roots are the certificates that servers are trusted by; those of the
	// system.
	Roots *x509.CertPool

	// OnFrame gets every frame that was opened, one at a time, and must not
	// block for long. OnEvent gets what happens, from the goroutine of Run; the
	// keys in a meeting.Keys are erased after it returns.
	OnFrame func(Frame)
	OnEvent func(meeting.Output)

	Log *slog.Logger // discarded
}

// A FailedError says why a meeting is over for this participant.
type FailedError struct {
	Code  meeting.FailureCode
	Limit int // of participants, with FailRoomFull
}

func (e *FailedError) Error() string { return fmt.Sprintf("meeting failed: %s", e.Code) }

// Errors of New and Run.
var (
	// ErrClip means that a clip cannot be sent.
	ErrClip = errors.New("clip cannot be sent")
	// ErrEnded means that the server ended the meeting.
	ErrEnded = errors.New("the meeting has ended")
	// ErrRemoved means that the others removed this participant.
	ErrRemoved = errors.New("removed from the meeting")
)

const (
	callQueue  = 16 // work that waits for Run; what does not fit is left out
	viewWidth  = 1920
	viewHeight = 1080
	viewItems  = 64               // streams that are received at once
	offerWait  = 20 * time.Second // for gathering candidates
)

// A Participant takes part in one meeting. Make it with New and call Run once.
type Participant struct {
	// Constant after New, and conn and ctx after the start of Run.
	cfg    Config
	log    *slog.Logger
	conn   *conn.Conn
	ctx    context.Context // ends with Run, for the work it starts
	source chan func()     // work for Run
	keys   *sealers
	stats  stats

	// Owned by Run.
	publisher   *publisher
	subscriber  *subscriber
	lastKeys    meeting.Keys // for a subscriber to come; zero while there is one
	lastStreams meeting.Streams
	servers     []meeting.IceServer
	seat        meeting.SeatID
	work        sync.WaitGroup
}

// New returns a participant that has not joined yet. The only error is ErrClip.
func New(cfg Config) (*Participant, error) {
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
	return &Participant{cfg: cfg, log: cfg.Log, source: make(chan func(), callQueue), keys: &sealers{}}, nil
}

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
// called from any goroutine while Run runs, also from Config.OnFrame. It may be
// lost: ask again if none comes.
func (p *Participant) RequestKeyPicture(stream meeting.StreamID) {
	p.try(func() {
		if err := p.conn.RequestKeyFrame(stream); err != nil {
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

// Run joins and takes part until ctx ends, and then leaves and returns nil. It
// returns meeting.ErrLink, meeting.ErrName or conn.ErrPlain if it cannot begin,
// and a *FailedError, ErrEnded or ErrRemoved when the meeting ends before ctx.
func (p *Participant) Run(ctx context.Context) error {
	running, stop := context.WithCancel(ctx)
	p.ctx = running
	c, err := conn.Dial(context.WithoutCancel(ctx), p.cfg.Link, conn.Config{
		Name: p.cfg.Name, Class: p.cfg.Class, Create: p.cfg.Create, Roots: p.cfg.Roots, Log: p.log,
	})
	p.cfg.Link = "" // it holds the secret
	if err != nil {
		stop()
		return err
	}
	p.conn = c
	defer p.shutdown(stop)
	for {
		select {
		case <-ctx.Done():
			return nil
		case f := <-p.source:
			f()
		case out, ok := <-c.Events():
			if !ok {
				return c.Err()
			}
			if over, err := p.handle(out); over {
				return err
			}
		}
	}
}

// shutdown leaves and ends everything that Run started.
func (p *Participant) shutdown(stop context.CancelFunc) {
	stop()
	p.dropKeys()
	if err := p.conn.Close(); err != nil {
		p.log.Debug("closing the connection", slog.Any("error", err))
	}
	p.work.Wait()
	p.closeMedia()
}

// handle does what follows from an event, and reports whether the meeting is
// over and why.
func (p *Participant) handle(out meeting.Output) (over bool, err error) {
	switch out := out.(type) {
	case meeting.Joined:
		p.joined(out)
	case meeting.Keys:
		p.cfg.OnEvent(out)
		p.takeKeys(out)
		return false, nil
	case meeting.KeysGone:
		p.dropKeys()
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
		over, err = true, &FailedError{Code: out.Code, Limit: out.Limit}
	case meeting.Left:
		over, err = true, leftError(out.Reason)
	}
	p.cfg.OnEvent(out)
	return over, err
}

func leftError(r meeting.LeftReason) error {
	switch r {
	case meeting.LeftEnded:
		return ErrEnded
	case meeting.LeftRemoved:
		return ErrRemoved
	case meeting.LeftSelf:
		return nil
	}
	return nil
}

// stateChanged mends a peer connection that failed; again is handed to Run.
func (p *Participant) stateChanged(name string, again func()) func(webrtc.PeerConnectionState) {
	return func(s webrtc.PeerConnectionState) {
		p.log.Debug("peer connection", slog.String("which", name), slog.String("state", s.String()))
		if s == webrtc.PeerConnectionStateFailed {
			p.try(again)
		}
	}
}
