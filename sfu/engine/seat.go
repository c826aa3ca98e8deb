package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"conclave/api"
	"conclave/sfu/negotiate"
	"conclave/sfu/room"
	"conclave/sfu/rtp"
	"conclave/sfu/udp"
)

var (
	errClosed     = errors.New("the seat has left")
	errGeneration = errors.New("no offer of that generation waits for an answer")
)

// A Seat is the media side of one participant: the connection it publishes on
// and the one it receives on. Its methods may be called concurrently.
type Seat struct {
	// Constant.
	room *Room
	id   uint32
	send func(*api.ServerFrame)
	log  *slog.Logger

	// room.mu guards the fields below.
	publishing *publishing         // nil: does not publish
	receiving  *udp.Peer           // nil: nothing was to be sent yet
	session    uint64              // of our descriptions of receiving
	generation uint64              // of the last offer
	offer      *api.SubscribeOffer // waits for its answer; nil: none does
	offered    []room.Slot         // in the last offer
	restart    bool                // an offer with new ICE credentials is wanted

	closeOnce sync.Once
}

// Publish answers the offer of the connection that the participant sends on.
func (s *Seat) Publish(_ context.Context, text string, streams []*api.PublishedStream) (answer string, err error) {
	offer, err := negotiate.ReadOffer(text)
	if err != nil {
		return "", err
	}
	err = errClosed
	s.room.do(func(now time.Time, out *rtp.Output) {
		if s.room.seats[s.id] == s {
			answer, err = s.publishLocked(now, offer, streams, out)
		}
	})
	return answer, err
}

func (s *Seat) publishLocked(now time.Time, o *negotiate.Offer, streams []*api.PublishedStream, out *rtp.Output) (string, error) {
	e := s.room.engine
	p := s.publishing
	fresh := p == nil || p.theirs != o.Session // the client made a new connection: the old one is of no use
	if fresh {
		p = &publishing{seat: s, ours: newSession(), theirs: o.Session}
		var err error
		if p.peer, err = e.transport.NewPeer(p); err != nil {
			return "", err
		}
	} else if o.Remote.Ufrag != p.ufrag {
		if err := p.peer.Restart(); err != nil { // RFC 8445, Section 9: new credentials on both sides
			return "", err
		}
	}
	answer, err := s.answerOffer(now, p, o, streams, out)
	if err != nil {
		if fresh {
			p.peer.Close()
		}
		return "", err
	}
	if fresh && s.publishing != nil {
		s.publishing.peer.Close()
	}
	s.publishing = p
	return answer, nil
}

func (s *Seat) answerOffer(now time.Time, p *publishing, o *negotiate.Offer, streams []*api.PublishedStream, out *rtp.Output) (string, error) {
	if err := setRemote(p.peer, o.Remote); err != nil {
		return "", err
	}
	p.ufrag = o.Remote.Ufrag
	p.version++
	local := s.room.engine.local(p.peer)
	local.Session, local.Version = p.ours, p.version
	answer, err := o.Answer(local)
	if err != nil {
		return "", err
	}
	return answer, s.room.core.Publish(now, s.id, p.peer, o.Sections, streams, out)
}

// Answer takes the client's answer to the offer of a generation.
func (s *Seat) Answer(generation uint64, text string) error {
	err := errClosed
	s.room.do(func(now time.Time, out *rtp.Output) {
		err = s.answerLocked(now, generation, text, out)
	})
	return err
}

func (s *Seat) answerLocked(now time.Time, generation uint64, text string, out *rtp.Output) error {
	if s.offer == nil || s.offer.GetGeneration() != generation {
		return errGeneration
	}
	a, err := negotiate.ReadAnswer(text, s.offered)
	if err != nil {
		return err
	}
	if err := setRemote(s.receiving, a.Remote); err != nil {
		return err
	}
	s.offer = nil
	s.room.core.Bind(now, s.id, a.Bindings, out)
	if s.restart || len(s.room.core.Slots(s.id)) > len(s.offered) {
		s.room.negotiateLocked(s)
	}
	return nil
}

// View says what the client shows. It replaces the last.
func (s *Seat) View(items []*api.ViewItem) {
	s.room.do(func(now time.Time, out *rtp.Output) { s.room.core.View(now, s.id, items, out) })
}

// RequestKeyFrame asks the publisher of a stream for a key frame.
func (s *Seat) RequestKeyFrame(stream uint32) {
	s.room.do(func(now time.Time, out *rtp.Output) { s.room.core.RequestKeyFrame(now, s.id, stream, out) })
}

// RestartSubscribe makes an offer with new ICE credentials.
func (s *Seat) RestartSubscribe() {
	s.room.do(func(time.Time, *rtp.Output) {
		if s.receiving != nil {
			s.restart = true
			s.room.negotiateLocked(s)
		}
	})
}

// Sync sends the whole state of the media anew.
func (s *Seat) Sync() {
	s.room.do(func(now time.Time, _ *rtp.Output) {
		s.room.core.Sync(now, s.id)
		if s.offer != nil {
			s.send(&api.ServerFrame{Body: &api.ServerFrame_SubscribeOffer{SubscribeOffer: s.offer}})
		}
	})
}

// Close stops receiving from and sending to the participant at once.
func (s *Seat) Close() {
	s.room.do(func(now time.Time, out *rtp.Output) {
		if s.room.seats[s.id] == s {
			delete(s.room.seats, s.id)
			delete(s.room.wanted, s)
			s.room.core.Leave(now, s.id, out)
		}
	})
	s.disconnect()
}

// disconnect closes both connections. The seat is no longer in its room.
func (s *Seat) disconnect() {
	s.closeOnce.Do(func() {
		s.room.mu.Lock()
		publishing, receiving := s.publishing, s.receiving
		s.publishing, s.receiving = nil, nil
		s.room.mu.Unlock()
		if publishing != nil {
			publishing.peer.Close()
		}
		if receiving != nil {
			receiving.Close()
		}
	})
}
