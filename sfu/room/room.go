package room

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"conclave/api"
	"conclave/sfu/bwe"
	"conclave/sfu/layer"
	"conclave/sfu/rtp"
)

// A Config says how a Room forwards. Zero fields mean the default.
type Config struct {
	// AudioAll is the number of microphones of a meeting up to which all are
	// forwarded; above it the loudest. Default 10.
	AudioAll int
	// Bandwidth bounds the estimate of each receiver.
	Bandwidth bwe.Config
	// Sparse saves what the forwarded spatial layer does not need of those below,
	// at the price of slower falls; see layer.Config.
	Sparse bool
	// Stats are counted into; several rooms may share them. Default: the room's own.
	Stats *Stats
	// Tap, for tests only, gets every RTP packet of every publisher before
	// anything else looks at it. It is called on the packet path and must
	// not keep the packet.
	Tap func(TapPacket)
	// Random draws SSRCs and first numbers. Default: math/rand/v2; they are not
	// secrets. A simulation gives its own, to be repeatable.
	Random func() uint32
}

const defaultAudioAll = 10

// Errors of Publish.
var (
	// ErrSeat means that there is no such seat: it has left.
	ErrSeat = errors.New("sfu/room: the seat has left")
	// ErrAnnounced means that a stream does not fit its m-line, which is the
	// client's fault: it must offer the m-line, of the right kind.
	ErrAnnounced = errors.New("sfu/room: a stream does not fit its m-line")
)

// A Frame is for the client of a seat.
type Frame struct {
	Seat  uint32
	Frame *api.ServerFrame
}

// A Room forwards the media of one meeting. It is not safe for concurrent use:
// its owner holds a lock. A time given to it that is before another counts as
// that other: several threads take the time before they take the lock.
type Room struct {
	cfg   Config
	stats *Stats
	now   time.Time // the latest time given
	next  time.Time // when Tick is to be called

	nextStream uint32
	nextSource layer.Source

	seats   map[uint32]*seat
	order   []*seat   // by id
	streams []*stream // by id

	stage       *stage
	listenedAt  time.Time
	microphones []microphone // scratch

	frames, framesNext []Frame // queued, and the slice that Pending gave out before
	offers, offersNext []uint32

	batch  batch  // what is being received
	sender sender // of what is being sent
	wanted []*stream
	round  uint64 // of receiver.update, to mark what is wanted
}

// A seat is one participant.
type seat struct {
	id        uint32
	publisher *publisher // nil before Publish
	receiver  *receiver
}

// New returns a Room without seats.
func New(cfg Config) *Room {
	if cfg.AudioAll == 0 {
		cfg.AudioAll = defaultAudioAll
	}
	if cfg.Stats == nil {
		cfg.Stats = new(Stats)
	}
	if cfg.Random == nil {
		cfg.Random = rand.Uint32
	}
	return &Room{cfg: cfg, stats: cfg.Stats, seats: make(map[uint32]*seat), stage: newStage(cfg.AudioAll)}
}

// Join adds a seat. A seat that is there already stays as it is.
func (r *Room) Join(seat uint32) {
	if r.seats[seat] != nil {
		return
	}
	s := newSeat(r, seat)
	r.seats[seat] = s
	at, _ := slices.BinarySearchFunc(r.order, seat, bySeat)
	r.order = slices.Insert(r.order, at, s)
}

func newSeat(r *Room, id uint32) *seat {
	return &seat{id: id, receiver: newReceiver(r, id)}
}

func bySeat(s *seat, id uint32) int { return cmp.Compare(s.id, id) }

// Leave forgets a seat and its streams.
func (r *Room) Leave(now time.Time, seat uint32, out *rtp.Output) {
	now = r.advance(now)
	s := r.seats[seat]
	if s == nil {
		return
	}
	delete(r.seats, seat)
	if at, ok := slices.BinarySearchFunc(r.order, seat, bySeat); ok {
		r.order = slices.Delete(r.order, at, at+1)
	}
	s.receiver.close()
	r.frames = slices.DeleteFunc(r.frames, func(f Frame) bool { return f.Seat == seat })
	r.offers = slices.DeleteFunc(r.offers, func(id uint32) bool { return id == seat })
	if s.publisher != nil {
		r.endConnection(s.publisher)
		r.drop(now, func(st *stream) bool { return st.seat == seat }, out)
	}
}

// Connect says what the transport's handle of the connection is that a seat
// receives on. Another one than before is a new connection: its m-lines have to
// be offered and bound again.
func (r *Room) Connect(seat uint32, to any) {
	if s := r.seats[seat]; s != nil {
		s.receiver.connect(to)
	}
}

// Ready says whether the receiving connection of a seat has keys. While it has
// not, nothing is forwarded to it.
func (r *Room) Ready(now time.Time, seat uint32, ready bool, out *rtp.Output) {
	now = r.advance(now)
	s := r.seats[seat]
	if s == nil {
		return
	}
	if s.receiver.ready = ready && s.receiver.to != nil; ready {
		s.receiver.update(now, out)
	}
}

// Slots returns the m-lines of the receiving connection of a seat, in the order
// in which they are to be offered. It never gets shorter before Connect with
// another handle. The caller owns the slice.
//
// Call it to make an offer: what it returns counts as told to the client.
func (r *Room) Slots(seat uint32) []Slot {
	s := r.seats[seat]
	if s == nil {
		return nil
	}
	return s.receiver.offer()
}

// Bind takes the client's answer to an offer with Slots. Slots that are not named
// stay as they are. Media flows in slots that are bound.
func (r *Room) Bind(now time.Time, seat uint32, bindings []Binding, out *rtp.Output) {
	now = r.advance(now)
	s := r.seats[seat]
	if s == nil {
		return
	}
	s.receiver.bind(bindings)
	s.receiver.update(now, out)
}

// View says what a client shows now. It replaces what was said before. The Room
// keeps the items. More than maxView of them are not looked at.
func (r *Room) View(now time.Time, seat uint32, items []*api.ViewItem, out *rtp.Output) {
	now = r.advance(now)
	s := r.seats[seat]
	if s == nil {
		return
	}
	s.receiver.setView(items)
	s.receiver.update(now, out)
}

// RequestKeyFrame asks the publisher of a stream for a key frame, for a client
// whose decoder needs one. Requests are merged and throttled.
func (r *Room) RequestKeyFrame(now time.Time, seat, stream uint32, out *rtp.Output) {
	now = r.advance(now)
	s, st := r.seats[seat], r.stream(stream)
	if s == nil || st == nil || st.seat == seat {
		return
	}
	st.ask(now, s.receiver.shown(st), out)
}

// Sync queues the whole state for the client of a seat: Streams, Speakers, Slots
// and StreamStates.
func (r *Room) Sync(now time.Time, seat uint32) {
	r.advance(now)
	s := r.seats[seat]
	if s == nil {
		return
	}
	s.receiver.tell(r.streamsFrame())
	s.receiver.tell(r.speakersFrame())
	s.receiver.tellAgain()
}

// Tick lets time pass. It returns when to call it again, as Next does; more often
// is harmless.
func (r *Room) Tick(now time.Time, out *rtp.Output) (next time.Time) {
	now = r.advance(now)
	r.next = now.Add(idleInterval)
	r.soon(r.listen(now, out))
	for _, s := range r.order {
		if s.publisher != nil {
			r.soon(s.publisher.tick(now, out))
		}
		r.soon(s.receiver.pass(now, out))
	}
	r.sender.count(r.stats)
	return r.next
}

// Next returns when Tick is to be called. It may come nearer with every call of
// another method: pictures wait to be sent, feedback becomes due.
func (r *Room) Next() time.Time { return r.next }

// soon has Tick called at a time or before.
func (r *Room) soon(t time.Time) {
	if t.Before(r.next) {
		r.next = t
	}
}

// Pending returns what is to be sent to clients, in order, and the seats whose
// slots grew, which need a new offer, since the last call. The slices are the
// caller's until the next call.
func (r *Room) Pending() (frames []Frame, offers []uint32) {
	frames, offers = r.frames, r.offers
	clear(r.framesNext)
	r.frames, r.framesNext = r.framesNext[:0], frames
	r.offers, r.offersNext = r.offersNext[:0], offers
	return frames, offers
}

// advance returns the time that it is for the Room.
func (r *Room) advance(now time.Time) time.Time {
	if now.After(r.now) {
		r.now = now
	}
	return r.now
}

// stream returns a stream by id, or nil.
func (r *Room) stream(id uint32) *stream {
	at, ok := slices.BinarySearchFunc(r.streams, id, func(s *stream, id uint32) int { return cmp.Compare(s.id, id) })
	if !ok {
		return nil
	}
	return r.streams[at]
}
