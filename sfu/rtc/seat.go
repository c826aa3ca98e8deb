package rtc

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"conclave/api"
)

const (
	tickInterval   = 50 * time.Millisecond // of the control goroutine, while media is sent
	idleInterval   = time.Second           // of the control goroutine, while none is
	shareInterval  = 100 * time.Millisecond
	stateInterval  = 200 * time.Millisecond // least time between two StreamStates
	reportInterval = time.Second            // of sender reports
	leastWake      = time.Millisecond
)

// A Seat is the media side of one participant: what it publishes and what it
// is sent. Its methods may be called concurrently.
type Seat struct {
	// Constant after newSeat.
	room   *Room
	id     uint32
	send   func(*api.ServerFrame)
	log    *slog.Logger
	pub    *publisher
	sub    *subscriber     // owned by the control goroutine, but for its egress
	ctx    context.Context //nolint:containedctx // the lifetime of the control goroutine
	cancel context.CancelFunc

	wake  chan struct{} // capacity 1: "look again"; full means it will
	calls chan call     // to the control goroutine; unbuffered, the caller waits

	view atomic.Pointer[[]*api.ViewItem] // the newest View, taken by the control goroutine
	sync atomic.Bool                     // everything is to be sent anew

	closeOnce sync.Once
}

// call is a function for the control goroutine, and where its result goes.
type call struct {
	f    func() error
	done chan error // capacity 1: the caller may have gone
}

func newSeat(r *Room, id uint32, send func(*api.ServerFrame)) *Seat {
	s := &Seat{
		room: r, id: id, send: send,
		log:   r.log.With(slog.Uint64("seat", uint64(id))),
		wake:  make(chan struct{}, 1),
		calls: make(chan call),
	}
	s.ctx, s.cancel = context.WithCancel(r.ctx)
	s.pub = newPublisher(s)
	s.sub = newSubscriber(s)
	return s
}

// Publish answers the offer of the peer connection that the participant sends on.
func (s *Seat) Publish(ctx context.Context, offer string, streams []*api.PublishedStream) (answer string, err error) {
	err = errPanicked
	s.room.guard(func() { answer, err = s.pub.publish(ctx, offer, streams) })
	return answer, err
}

// Answer takes the client's answer to the offer of a generation.
func (s *Seat) Answer(generation uint64, answer string) error {
	return s.do(func() error { return s.sub.answer(generation, answer) })
}

// View says what the client shows. It replaces the last.
func (s *Seat) View(items []*api.ViewItem) {
	s.view.Store(&items)
	s.wakeUp()
}

// RequestKeyFrame asks the publisher of a stream for a key frame.
func (s *Seat) RequestKeyFrame(id uint32) {
	if st := s.room.stream(id); st != nil && st.seat != s {
		s.room.guard(func() { st.ask(time.Now(), s.sub.shown(st)) })
	}
}

// RestartSubscribe makes an offer with new ICE credentials.
func (s *Seat) RestartSubscribe() {
	s.sub.restart.Store(true)
	s.wakeUp()
}

// Sync sends the whole state of the media anew.
func (s *Seat) Sync() {
	s.sync.Store(true)
	s.wakeUp()
}

// Close stops receiving from and sending to the participant at once.
func (s *Seat) Close() {
	s.closeOnce.Do(func() {
		s.room.remove(s)
		s.cancel() // the control goroutine closes the peer connections
	})
}

func (s *Seat) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// do runs f on the control goroutine.
func (s *Seat) do(f func() error) error {
	c := call{f: f, done: make(chan error, 1)}
	select {
	case s.calls <- c:
	case <-s.ctx.Done():
		return errClosed
	}
	select {
	case err := <-c.done:
		return err
	case <-s.ctx.Done():
		return errClosed
	}
}

// control is the goroutine that owns the participant's view, slots and
// negotiation.
func (s *Seat) control() {
	defer s.sub.close()
	defer s.pub.close()
	timer := time.NewTimer(idleInterval)
	defer timer.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case c := <-s.calls:
			c.done <- c.f()
		case <-s.wake:
			s.look()
		case <-timer.C:
		}
		next := s.sub.tick(time.Now())
		if s.pub.flush(time.Now()) {
			next = min(next, tickInterval)
		}
		timer.Reset(next)
	}
}

// look does what was asked for since the last time.
func (s *Seat) look() {
	s.pub.sendKeyFrameRequests()
	if v := s.view.Swap(nil); v != nil {
		s.sub.setView(*v)
	}
	if s.sync.Swap(false) {
		s.room.mu.Lock()
		streams, speakers := s.room.streamsFrameLocked(), s.room.speakersFrameLocked()
		s.send(streams)
		s.send(speakers)
		s.room.mu.Unlock()
		s.sub.sendAgain()
	}
	s.sub.update(time.Now())
}
