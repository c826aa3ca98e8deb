package rtc

import (
	"context"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"conclave/api"
	"conclave/sfu/layer"
)

// stageInterval is how often the loudest microphones are chosen: half the time
// that a first syllable takes.
const stageInterval = 40 * time.Millisecond

// A Room is the media of one meeting. Its methods may be called concurrently.
type Room struct {
	// Constant after NewRoom.
	engine *Engine
	log    *slog.Logger
	fail   func(reason any)
	ctx    context.Context //nolint:containedctx // the lifetime of the room's goroutines
	cancel context.CancelFunc

	nextStream, nextSource atomic.Uint32
	microphones            chan struct{} // capacity 1: there may be some now

	// mu guards the fields below. It is never held on the way of a packet.
	mu       sync.Mutex
	seats    map[uint32]*Seat
	streams  []*stream // by id
	heard    []uint32  // microphones that are forwarded, by id of their stream
	speaking []uint32  // seats that speak, loudest first
	closed   bool
}

// NewRoom returns the media of a new meeting. fail is called with the value of
// a recovered panic and should close the meeting; it may be called from any
// goroutine.
func (e *Engine) NewRoom(log *slog.Logger, fail func(reason any)) *Room {
	r := &Room{engine: e, log: log, fail: fail, seats: make(map[uint32]*Seat), microphones: make(chan struct{}, 1)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	e.running.Go(func() { r.guard(r.listen) }) // ends with Room.Close
	return r
}

// guard runs a part of the room's work. A panic in it ends the room only.
func (r *Room) guard(f func()) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("media panicked", slog.Any("reason", p), slog.String("stack", string(debug.Stack())))
			r.fail(p)
		}
	}()
	f()
}

// Attach adds a participant. send queues a frame for its client and does not
// block.
func (r *Room) Attach(id uint32, send func(*api.ServerFrame)) *Seat {
	s := newSeat(r, id, send)
	r.mu.Lock()
	if r.closed {
		s.cancel()
	} else {
		r.seats[id] = s
	}
	r.mu.Unlock()
	r.engine.running.Go(func() { r.guard(s.control) }) // ends with Seat.Close or Room.Close
	return s
}

// Close ends all media of the meeting. It does not wait.
func (r *Room) Close() {
	r.mu.Lock()
	seats := make([]*Seat, 0, len(r.seats))
	for _, s := range r.seats {
		seats = append(seats, s)
	}
	r.closed = true
	r.mu.Unlock()
	for _, s := range seats {
		s.Close()
	}
	r.cancel()
}

// remove forgets a participant and its streams.
func (r *Room) remove(s *Seat) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seats[s.id] != s {
		return
	}
	delete(r.seats, s.id)
	r.dropLocked(func(st *stream) bool { return st.seat == s })
}

// assign gives the announced sections of a new layout their streams: those they
// had in the old one, or new ones.
func (r *Room) assign(seat *Seat, old, l *layout, announced []*api.PublishedStream) {
	for _, a := range announced {
		sec := l.sections[a.GetMid()]
		if old != nil {
			if o := old.sections[sec.mid]; o != nil && o.stream != nil && o.stream.kind == a.GetKind() &&
				slices.Equal(o.rids, sec.rids) {
				sec.stream = o.stream
				continue
			}
		}
		sec.stream = newStream(seat, r.nextStream.Add(1), sec, a.GetKind(),
			func() layer.Source { return layer.Source(r.nextSource.Add(1)) })
	}
}

// register makes the streams of a layout known to all, and forgets those of the
// seat that are no longer in it.
func (r *Room) register(seat *Seat, l *layout, announced []*api.PublishedStream) {
	for _, a := range announced {
		sec := l.sections[a.GetMid()]
		sec.stream.active.Store(a.GetActive())
		if *sec.stream.codecName.Load() == "" {
			first := sec.first
			sec.stream.codecName.Store(&first)
		}
	}
	r.mu.Lock()
	if !r.closed && r.seats[seat.id] == seat {
		r.dropLocked(func(st *stream) bool {
			sec := l.sections[st.mid]
			return st.seat == seat && (sec == nil || sec.stream != st)
		})
		for _, a := range announced {
			if st := l.sections[a.GetMid()].stream; !slices.Contains(r.streams, st) {
				r.streams = append(r.streams, st)
				r.engine.stats.Streams.Add(1)
			}
		}
		slices.SortFunc(r.streams, func(a, b *stream) int { return int(int64(a.id) - int64(b.id)) })
	}
	r.announceLocked()
	r.mu.Unlock()
}

// dropLocked forgets streams.
func (r *Room) dropLocked(gone func(*stream) bool) {
	before := len(r.streams)
	r.streams = slices.DeleteFunc(r.streams, gone)
	if n := before - len(r.streams); n > 0 {
		r.engine.stats.Streams.Add(-int64(n))
		r.announceLocked()
	}
}

// streamsChanged tells all clients what streams there are.
func (r *Room) streamsChanged() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.announceLocked()
}

// announceLocked sends Streams to all and lets them look at what they show.
func (r *Room) announceLocked() {
	select {
	case r.microphones <- struct{}{}:
	default:
	}
	f := r.streamsFrameLocked()
	for _, s := range r.seats {
		s.send(f)
		s.wakeUp()
	}
}

func (r *Room) streamsFrameLocked() *api.ServerFrame {
	all := &api.Streams{Streams: make([]*api.Stream, 0, len(r.streams))}
	for _, s := range r.streams {
		all.Streams = append(all.Streams, s.proto())
	}
	return &api.ServerFrame{Body: &api.ServerFrame_Streams{Streams: all}}
}

func (r *Room) speakersFrameLocked() *api.ServerFrame {
	return &api.ServerFrame{Body: &api.ServerFrame_Speakers{Speakers: &api.Speakers{Seats: r.speaking}}}
}

// stream returns a stream by id, or nil.
func (r *Room) stream(id uint32) *stream {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.streams {
		if s.id == id {
			return s
		}
	}
	return nil
}

// scene returns the streams, and the microphones that are forwarded. Both are
// copies in the slices given.
func (r *Room) scene(streams []*stream, heard []uint32) ([]*stream, []uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(streams[:0], r.streams...), append(heard[:0], r.heard...)
}

// listen chooses who is heard until the room is closed. It sleeps while there
// are no microphones.
func (r *Room) listen() {
	ticker := time.NewTicker(stageInterval)
	defer ticker.Stop()
	st := newStage(r.engine.cfg.AudioAll)
	var mics []microphone
	for {
		tick := ticker.C
		if mics = r.listenOnce(time.Now(), st, mics[:0]); len(mics) == 0 {
			tick = nil
		}
		select {
		case <-r.ctx.Done():
			return
		case <-r.microphones:
		case <-tick:
		}
	}
}

func (r *Room) listenOnce(now time.Time, st *stage, mics []microphone) []microphone {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.streams {
		if s.kind == api.StreamKind_STREAM_KIND_MICROPHONE && s.active.Load() {
			mics = append(mics, microphone{id: s.id, loud: s.level.now(now)})
		}
	}
	forward, speaking := st.choose(now, mics)
	r.setSpeakingLocked(speaking)
	forward = slices.Clone(forward)
	slices.Sort(forward)
	if slices.Equal(forward, r.heard) {
		return mics
	}
	r.heard = forward
	for _, s := range r.seats {
		s.wakeUp()
	}
	return mics
}

// setSpeakingLocked tells all who speaks, when that changed.
func (r *Room) setSpeakingLocked(streams []uint32) {
	seats := make([]uint32, 0, len(streams))
	for _, id := range streams {
		for _, s := range r.streams {
			if s.id == id && !slices.Contains(seats, s.seat.id) {
				seats = append(seats, s.seat.id)
			}
		}
	}
	if slices.Equal(seats, r.speaking) {
		return
	}
	r.speaking = seats
	f := r.speakersFrameLocked()
	for _, s := range r.seats {
		s.send(f)
	}
}
