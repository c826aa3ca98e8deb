package engine

import (
	"log/slog"
	"math/rand/v2"

	"conclave/api"
	"conclave/sfu/negotiate"
	"conclave/sfu/rtp"
	"conclave/sfu/udp"
)

// negotiateLocked has a seat's slots offered to its client. The offer is made
// by a goroutine of its own, not by a shard: a description takes long to write.
func (r *Room) negotiateLocked(s *Seat) {
	r.wanted[s] = struct{}{}
	if !r.negotiating {
		r.negotiating = true
		r.engine.running.Go(r.negotiate) // ends when no offer is wanted
	}
}

// negotiate makes the offers that are wanted. It lets others have the room
// between two of them.
func (r *Room) negotiate() {
	for r.negotiateOne() {
	}
}

func (r *Room) negotiateOne() (more bool) {
	var out rtp.Output // stays empty: an offer makes nothing due
	if !r.enter() {
		return false
	}
	defer r.leave(&out, 0)
	for s := range r.wanted {
		delete(r.wanted, s)
		if s.offer == nil { // else when the answer has come
			if err := s.offerLocked(); err != nil {
				s.log.Warn("offering", slog.Any("error", err))
			}
		}
		return true
	}
	r.negotiating = false
	return false
}

// offerLocked sends the client an offer of all its slots.
func (s *Seat) offerLocked() error {
	core := s.room.core
	if s.receiving == nil {
		p, err := s.room.engine.transport.NewPeer(&receiving{s})
		if err != nil {
			return err
		}
		s.receiving, s.session = p, newSession()
		core.Connect(s.id, p)
	}
	if s.restart {
		s.restart = false
		if err := s.receiving.Restart(); err != nil {
			return err
		}
	}
	s.generation++
	local := s.room.engine.local(s.receiving)
	local.Session, local.Version = s.session, s.generation
	s.offered = core.Slots(s.id)
	s.offer = &api.SubscribeOffer{Generation: s.generation, Sdp: negotiate.WriteOffer(local, s.offered)}
	for _, slot := range s.offered {
		if slot.Stream != 0 {
			s.offer.Slots = append(s.offer.Slots, &api.Slot{Mid: slot.Mid, Stream: slot.Stream})
		}
	}
	s.room.engine.stats.Room.Offers.Add(1)
	s.send(&api.ServerFrame{Body: &api.ServerFrame_SubscribeOffer{SubscribeOffer: s.offer}})
	return nil
}

// local describes our side of a connection.
func (e *Engine) local(p *udp.Peer) negotiate.Local {
	ufrag, password := p.Credentials()
	return negotiate.Local{
		Ufrag: ufrag, Password: password, Fingerprint: e.transport.Fingerprint(),
		Candidates: e.transport.Candidates(),
	}
}

// newSession returns a session id for our descriptions (RFC 8829, Section 5.2.1).
func newSession() uint64 {
	return rand.Uint64() >> 1 //nolint:gosec // it tells descriptions apart and keeps no secret
}

// setRemote tells a connection what a description says of the client's side. It
// says nothing when every m-line is refused.
func setRemote(p *udp.Peer, r negotiate.Remote) error {
	if r.Ufrag == "" {
		return nil
	}
	return p.SetRemote(udp.Remote{Ufrag: r.Ufrag, Password: r.Password, Fingerprints: r.Fingerprints})
}
