package room

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"conclave/api"
)

// A SeatID names a seat. It is unique in its meeting and never used again.
type SeatID uint32

// A seat is one participant's place. The meeting's mu guards it.
//
//	        Join             connection lost              resume
//	(none) ------> connected ---------------> away ------------------> connected
//	                   |  Leave                 | grace over, log short
//	                   +-----------> left <-----+
type seat struct {
	// Constant after join.
	id           SeatID
	announcement []byte
	token        token
	limits       limiters
	media        MediaSeat

	out       *Outbox   // of the connection; nil while away
	awaySince time.Time // set while out is nil
	// member is whether the seat was given the key of the current epoch. Only
	// members may begin the next, so that a device without it cannot move the
	// epoch away under the members.
	member bool
}

// A Room is one meeting.
type Room struct {
	// Constant after newRoom.
	registry *Registry
	cfg      Config
	meeting  string // never logged; the log has a number instead
	log      *slog.Logger
	media    Media

	nextSeat atomic.Uint32

	// mu guards the fields below. Frames go into an Outbox while it is held,
	// which never blocks; the media is never called while it is held.
	mu         sync.Mutex
	seats      []*seat // in join order
	epoch      uint64
	events     eventLog
	emptySince time.Time // set while there is no seat
	ended      bool
}

func newRoom(g *Registry, meeting string, now time.Time) *Room {
	r := &Room{registry: g, cfg: g.cfg, meeting: meeting, emptySince: now}
	r.log = g.cfg.Log.With(slog.Uint64("meeting", g.counter.Add(1)))
	r.media = g.cfg.NewMedia(r.log, r.fail)
	return r
}

// guard is deferred first by everything that runs the code of this meeting, so
// that it runs last, when no lock is held: a panic ends the meeting, not the
// server.
func (r *Room) guard(err *error) {
	if p := recover(); p != nil {
		r.fail(p)
		*err = internalError()
	}
}

// fail ends the meeting because of a bug.
func (r *Room) fail(reason any) {
	r.registry.stats.RoomPanics.Add(1)
	r.log.Error("meeting ended by a panic",
		slog.String("reason", fmt.Sprint(reason)), slog.String("stack", string(debug.Stack())))
	r.registry.remove(r)
	r.end(api.Closing_REASON_MEETING_ENDED)
}

// end closes every connection and the media.
func (r *Room) end(reason api.Closing_Reason) {
	r.mu.Lock()
	ended, seats := r.ended, r.seats
	r.ended, r.seats = true, nil
	for _, s := range seats {
		if s.out != nil {
			s.out.Close(reason)
		}
	}
	r.mu.Unlock()
	if ended {
		return
	}
	r.registry.stats.Seats.Add(-int64(len(seats)))
	r.media.Close()
}

// endIfExpired ends a meeting that was empty for too long and reports whether
// it did. The caller closes the media.
func (r *Room) endIfExpired(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || len(r.seats) > 0 || now.Sub(r.emptySince) < r.cfg.MeetingTTL {
		return false
	}
	r.ended = true
	return true
}

func (r *Room) join(now time.Time, request uint64, announcement []byte, out *Outbox) (sess *Session, err error) {
	defer r.guard(&err)
	s := &seat{
		id:           SeatID(r.nextSeat.Add(1)),
		announcement: slices.Clone(announcement),
		token:        newToken(),
		limits:       newLimiters(),
		out:          out,
	}
	s.media = r.media.Attach(s.id, func(f *api.ServerFrame) { r.send(s, f) })
	if err := r.sit(now, request, s); err != nil {
		s.media.Close()
		return nil, err
	}
	s.media.Sync()
	r.registry.stats.Joins.Add(1)
	r.registry.stats.Seats.Add(1)
	r.log.Debug("joined", slog.Uint64("seat", uint64(s.id)))
	return &Session{room: r, seat: s, out: out}, nil
}

// sit puts a new seat into the meeting and tells everybody.
func (r *Room) sit(now time.Time, request uint64, s *seat) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return &Error{Code: api.ErrorCode_ERROR_CODE_MEETING_UNKNOWN, Message: "the meeting has ended"}
	}
	if len(r.seats) >= r.cfg.Limit {
		return &Error{
			Code: api.ErrorCode_ERROR_CODE_MEETING_FULL, Message: "the meeting is full",
			Limit: uint32(r.cfg.Limit),
		}
	}
	r.recordLocked(now, &api.Event{Body: &api.Event_SeatJoined{SeatJoined: &api.SeatJoined{Seat: s.proto()}}}, nil)
	r.seats = append(r.seats, s)
	s.out.Send(reply(request, &api.Reply{Body: &api.Reply_Joined{Joined: r.joinedLocked(s, r.events.last, false)}}))
	return nil
}

// resume gives a seat to a new connection and sends what it missed.
func (r *Room) resume(now time.Time, request uint64, j *api.Resume, out *Outbox) (sess *Session, err error) {
	defer r.guard(&err)
	s, left, err := r.takeBack(now, request, j, out)
	if left != nil {
		left.media.Close()
	}
	if err != nil {
		return nil, err
	}
	s.media.Sync()
	r.registry.stats.Resumes.Add(1)
	r.log.Debug("resumed", slog.Uint64("seat", uint64(s.id)))
	return &Session{room: r, seat: s, out: out}, nil
}

// takeBack returns the seat of a resume. A seat that cannot be told all it
// missed is given up and returned as left.
func (r *Room) takeBack(now time.Time, request uint64, j *api.Resume, out *Outbox) (s, left *seat, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s = r.seatLocked(SeatID(j.GetSeat()))
	if s == nil || !s.token.matches(j.GetToken()) {
		return nil, nil, seatGone()
	}
	missed, ok := r.events.after(j.GetLastEvent())
	if !ok {
		r.removeLocked(now, s)
		return nil, s, seatGone()
	}
	out.Send(reply(request, &api.Reply{Body: &api.Reply_Joined{Joined: r.joinedLocked(s, j.GetLastEvent(), true)}}))
	for _, e := range missed {
		out.push(e.frame(s.id))
	}
	wasAway := s.out == nil
	if !wasAway {
		s.out.Close(api.Closing_REASON_REPLACED)
	}
	s.out = out
	if wasAway {
		r.recordLocked(now, &api.Event{Body: &api.Event_SeatBack{SeatBack: &api.SeatBack{Seat: uint32(s.id)}}}, nil)
	}
	return s, nil, nil
}

// joinedLocked describes the meeting to seat s.
func (r *Room) joinedLocked(s *seat, lastEvent uint64, resumed bool) *api.Joined {
	j := &api.Joined{
		Seat:       uint32(s.id),
		Token:      s.token.bytes()[:],
		Epoch:      r.epoch,
		LastEvent:  lastEvent,
		GraceMs:    uint32(r.cfg.Grace.Milliseconds()),
		Resumed:    resumed,
		Limit:      uint32(r.cfg.Limit),
		IceServers: r.cfg.ICEServers(),
	}
	for _, o := range r.seats {
		j.Seats = append(j.Seats, o.proto())
	}
	return j
}

func (s *seat) proto() *api.Seat {
	return &api.Seat{Seat: uint32(s.id), Announcement: s.announcement, Away: s.out == nil}
}

// recordLocked appends an event and sends it to every connected seat.
func (r *Room) recordLocked(now time.Time, ev *api.Event, sealed map[SeatID][]byte) uint64 {
	r.events.expire(now, r.cfg.Grace+logSlack)
	e := r.events.append(now, ev, sealed)
	for _, s := range r.seats {
		if s.out != nil {
			s.out.push(e.frame(s.id))
		}
	}
	return e.sequence
}

// send puts a frame of the media into a seat's queue.
func (r *Room) send(s *seat, f *api.ServerFrame) {
	b := encode(f)
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.out != nil && !r.ended {
		s.out.push(b)
	}
}

func (r *Room) seatLocked(id SeatID) *seat {
	for _, s := range r.seats {
		if s.id == id {
			return s
		}
	}
	return nil
}

// removeLocked gives a seat up and tells the others. The caller closes its
// media after releasing mu.
func (r *Room) removeLocked(now time.Time, s *seat) {
	i := slices.Index(r.seats, s)
	if i < 0 {
		return
	}
	r.seats = slices.Delete(r.seats, i, i+1)
	r.registry.stats.Seats.Add(-1)
	r.recordLocked(now, &api.Event{Body: &api.Event_SeatLeft{SeatLeft: &api.SeatLeft{Seat: uint32(s.id)}}}, nil)
	if s.out != nil {
		s.out.Finish()
	}
	s.out = nil
	if !slices.ContainsFunc(r.seats, func(s *seat) bool { return s.member }) {
		// Nobody is left who holds the key: those who wait begin anew. Clients
		// rely on it, docs/protocol.md, Section 3.
		r.epoch = 0
	}
	if len(r.seats) == 0 {
		r.emptySince = now
	}
}

// tick gives up the seats whose grace time is over.
func (r *Room) tick(now time.Time) {
	var err error
	defer r.guard(&err)
	for _, s := range r.expire(now) {
		s.media.Close()
		r.log.Debug("seat given up", slog.Uint64("seat", uint64(s.id)))
	}
}

func (r *Room) expire(now time.Time) []*seat {
	r.mu.Lock()
	defer r.mu.Unlock()
	var gone []*seat
	for _, s := range r.seats {
		if s.out == nil && now.Sub(s.awaySince) >= r.cfg.Grace {
			gone = append(gone, s)
		}
	}
	for _, s := range gone {
		r.removeLocked(now, s)
	}
	r.events.expire(now, r.cfg.Grace+logSlack)
	return gone
}
