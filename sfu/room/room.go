package room

import (
	"errors"
	"math/rand/v2"
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
// its owner holds a lock. Times given to it must not go back.
type Room struct {
	cfg   Config
	stats *Stats

	nextStream uint32
	nextSource layer.Source

	seats   map[uint32]*seat
	order   []*seat   // by id
	streams []*stream // by id

	stage *stage

	frames []Frame
	offers []uint32
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
func (r *Room) Join(seat uint32) {}

// Leave forgets a seat and its streams.
func (r *Room) Leave(now time.Time, seat uint32, out *rtp.Output) {}

// Publish takes what a seat publishes: the sections that were negotiated, and
// which streams they carry. to is the transport's handle of the connection.
// Another one than before is a new connection: the streams of the old one end.
// With the same one the sections are renegotiated, and streams whose m-line and
// kind stay go on. An error is ErrSeat or wraps ErrAnnounced, and changes nothing.
func (r *Room) Publish(now time.Time, seat uint32, to any, sections []*Section, announced []*api.PublishedStream, out *rtp.Output) error {
	return nil
}

// Receive takes packets of one batch from the publishing connection of a seat:
// RTP, RTX and sender reports. It may change the bytes of in; payloads in out
// alias them.
func (r *Room) Receive(now time.Time, seat uint32, in []rtp.Inbound, out *rtp.Output) {}

// Connect says what the transport's handle of the connection is that a seat
// receives on. Another one than before is a new connection: its m-lines have to
// be offered and bound again.
func (r *Room) Connect(seat uint32, to any) {}

// Ready says whether the receiving connection of a seat has keys. While it has
// not, nothing is forwarded to it.
func (r *Room) Ready(now time.Time, seat uint32, ready bool, out *rtp.Output) {}

// Slots returns the m-lines of the receiving connection of a seat, in the order
// in which they are to be offered. It never gets shorter before Connect with
// another handle. The caller owns the slice.
//
// Call it to make an offer: what it returns counts as told to the client.
func (r *Room) Slots(seat uint32) []Slot { return nil }

// Bind takes the client's answer to an offer with Slots. Slots that are not named
// stay as they are. Media flows in slots that are bound.
func (r *Room) Bind(now time.Time, seat uint32, bindings []Binding, out *rtp.Output) {}

// Feedback takes RTCP from the receiving connection of a seat. Anything else in
// the batch is ignored.
func (r *Room) Feedback(now time.Time, seat uint32, in []rtp.Inbound, out *rtp.Output) {}

// View says what a client shows now. It replaces what was said before. The Room
// keeps the items.
func (r *Room) View(now time.Time, seat uint32, items []*api.ViewItem, out *rtp.Output) {}

// RequestKeyFrame asks the publisher of a stream for a key frame, for a client
// whose decoder needs one. Requests are merged and throttled.
func (r *Room) RequestKeyFrame(now time.Time, seat, stream uint32, out *rtp.Output) {}

// Sync queues the whole state for the client of a seat: Streams, Speakers, Slots.
func (r *Room) Sync(now time.Time, seat uint32) {}

// Tick lets time pass. It returns when to call it again at the latest; more often
// is harmless. It is to be called every 50 ms while anything is sent.
func (r *Room) Tick(now time.Time, out *rtp.Output) (next time.Time) { return now.Add(tickInterval) }

// Pending returns what is to be sent to clients, in order, and the seats whose
// slots grew, which need a new offer, since the last call. The slices are the
// caller's until the next call.
func (r *Room) Pending() (frames []Frame, offers []uint32) { return nil, nil }
