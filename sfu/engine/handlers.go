package engine

import (
	"log/slog"
	"time"

	"conclave/sfu/rtp"
	"conclave/sfu/udp"
)

// A publishing is a connection that a participant sends on.
type publishing struct {
	// Constant.
	seat   *Seat
	peer   *udp.Peer
	ours   uint64 // session ids of the descriptions
	theirs uint64

	// Room.mu guards the fields below.
	version uint64 // of our last description
	ufrag   string // of the client: another means an ICE restart
}

var _ udp.Handler = (*publishing)(nil)

// Receive implements udp.Handler.
func (p *publishing) Receive(now time.Time, in []rtp.Inbound, out *rtp.Output) {
	r := p.seat.room
	if !r.enter() {
		return
	}
	defer r.leave(out, len(out.Packets))
	if p.seat.publishing == p { // else it was replaced, or the seat has left
		r.core.Receive(now, p.seat.id, in, out)
	}
}

// Connected implements udp.Handler.
func (p *publishing) Connected(time.Time, *rtp.Output) {
	p.seat.log.Debug("publishing", slog.String("state", "connected"))
}

// Disconnected implements udp.Handler.
func (p *publishing) Disconnected(time.Time) {
	p.seat.log.Debug("publishing", slog.String("state", "disconnected"))
}

// A receiving takes what comes from the connection that a participant is sent on.
type receiving struct{ seat *Seat }

var _ udp.Handler = (*receiving)(nil)

// Receive implements udp.Handler.
func (h *receiving) Receive(now time.Time, in []rtp.Inbound, out *rtp.Output) {
	r := h.seat.room
	if !r.enter() {
		return
	}
	defer r.leave(out, len(out.Packets))
	r.core.Feedback(now, h.seat.id, in, out)
}

// Connected implements udp.Handler.
func (h *receiving) Connected(now time.Time, out *rtp.Output) {
	h.seat.log.Debug("receiving", slog.String("state", "connected"))
	r := h.seat.room
	r.own(out, func(now time.Time, out *rtp.Output) { r.core.Ready(now, h.seat.id, true, out) })
}

// Disconnected implements udp.Handler.
func (h *receiving) Disconnected(now time.Time) {
	h.seat.log.Debug("receiving", slog.String("state", "disconnected"))
	r := h.seat.room
	r.do(func(now time.Time, out *rtp.Output) { r.core.Ready(now, h.seat.id, false, out) })
}
