package engine

import (
	"log/slog"
	"math"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"conclave/api"
	"conclave/sfu/room"
	"conclave/sfu/rtp"
)

// A Room is the media of one meeting. Its methods may be called concurrently.
type Room struct {
	// Constant after NewRoom.
	engine *Engine
	log    *slog.Logger
	fail   func(reason any)

	next atomic.Int64 // when the core wants to be ticked, in nanoseconds since 1970

	// mu makes whoever holds it the one owner of the core. It is taken once for a
	// batch of packets. Seats' send functions are called while it is held, so
	// that frames reach a client in the order in which they were made; they
	// do not block.
	mu          sync.Mutex
	core        *room.Room
	seats       map[uint32]*Seat
	closed      bool
	wanted      map[*Seat]struct{} // to be offered their slots
	negotiating bool               // a goroutine makes offers
}

// never is a time that does not come.
const never = math.MaxInt64

// NewRoom returns the media of a new meeting. fail is called with the value of
// a recovered panic and should close the meeting; it is called from a goroutine
// of its own.
func (e *Engine) NewRoom(log *slog.Logger, fail func(reason any)) *Room {
	r := &Room{
		engine: e, log: log, fail: fail,
		core:  room.New(room.Config{AudioAll: e.cfg.AudioAll, Stats: &e.stats.Room, Tap: e.cfg.Tap}),
		seats: make(map[uint32]*Seat), wanted: make(map[*Seat]struct{}),
	}
	r.next.Store(never)
	e.clock.add(r)
	return r
}

// Attach adds a participant. send queues a frame for its client and does not
// block.
func (r *Room) Attach(id uint32, send func(*api.ServerFrame)) *Seat {
	s := &Seat{room: r, id: id, send: send, log: r.log.With(slog.Uint64("seat", uint64(id)))}
	r.do(func(time.Time, *rtp.Output) {
		r.seats[id] = s
		r.core.Join(id)
	})
	return s
}

// Close ends all media of the meeting.
func (r *Room) Close() {
	r.engine.clock.remove(r)
	r.mu.Lock()
	seats := r.seats
	r.closed, r.seats = true, nil
	clear(r.wanted)
	r.mu.Unlock()
	for _, s := range seats {
		s.disconnect()
	}
}

// do runs f as the owner of the core and sends what it makes due. It does
// nothing when the room is closed.
func (r *Room) do(f func(now time.Time, out *rtp.Output)) {
	var out rtp.Output
	r.own(&out, f)
	r.engine.transport.Send(&out)
}

func (r *Room) own(out *rtp.Output, f func(now time.Time, out *rtp.Output)) {
	now := time.Now()
	if !r.enter() {
		return
	}
	defer r.leave(out, len(out.Packets))
	f(now, out)
}

// tick lets time pass.
func (r *Room) tick(out *rtp.Output) {
	now := time.Now()
	if !r.enter() {
		return
	}
	defer r.leave(out, len(out.Packets))
	r.core.Tick(now, out)
	r.next.Store(never) // leave says when again
}

// enter takes the lock and reports whether the room is open. If so, leave must be
// deferred at once.
func (r *Room) enter() bool {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return false
	}
	return true
}

// leave hands out what the core had to tell and releases the lock. It must be
// deferred itself: a panic of the core ends here, and with it the room. What was
// to be sent is cut back to the first sent packets.
func (r *Room) leave(out *rtp.Output, sent int) {
	if p := recover(); p != nil {
		r.closed = true
		clear(out.Packets[sent:])
		out.Packets = out.Packets[:sent]
		r.mu.Unlock()
		r.log.Error("media panicked", slog.Any("reason", p), slog.String("stack", string(debug.Stack())))
		r.engine.running.Go(func() { r.fail(p) }) // the meeting closes the room, whose lock others may hold now
		return
	}
	r.wakeAt(r.core.Next())
	frames, offers := r.core.Pending()
	for _, f := range frames {
		if s := r.seats[f.Seat]; s != nil {
			s.send(f.Frame)
		}
	}
	for _, id := range offers {
		if s := r.seats[id]; s != nil {
			r.negotiateLocked(s)
		}
	}
	r.mu.Unlock()
}

// wakeAt has the core ticked at a time or before.
func (r *Room) wakeAt(t time.Time) {
	if t.UnixNano() < r.next.Load() {
		r.next.Store(t.UnixNano())
		r.engine.clock.at(t)
	}
}
