package room

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"conclave/api"
)

// A Config says how meetings are kept. Zero fields mean the default.
type Config struct {
	// Limit is the most participants of a meeting; 50.
	Limit int
	// Grace is how long the seat of a lost connection is kept; 10 s.
	Grace time.Duration
	// MeetingTTL is how long a meeting is known after the last seat was given
	// up; 24 h.
	MeetingTTL time.Duration
	// MaxMeetings bounds the meetings known at one time; 10,000.
	MaxMeetings int
	// NewMedia makes the media side of a meeting. fail ends the meeting; it is
	// called with the value of a recovered panic. Default: [NoMedia].
	NewMedia func(log *slog.Logger, fail func(reason any)) Media
	// ICEServers returns what a client is told with Joined, credentials included.
	// It is called for each. Default: none.
	ICEServers func() []*api.IceServer
	// Log; default: discarded.
	Log *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	if c.Limit == 0 {
		c.Limit = 50
	}
	if c.Grace == 0 {
		c.Grace = 10 * time.Second
	}
	if c.MeetingTTL == 0 {
		c.MeetingTTL = 24 * time.Hour
	}
	if c.MaxMeetings == 0 {
		c.MaxMeetings = 10_000
	}
	if c.NewMedia == nil {
		c.NewMedia = func(*slog.Logger, func(any)) Media { return NoMedia{} }
	}
	if c.ICEServers == nil {
		c.ICEServers = func() []*api.IceServer { return nil }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.Limit < 1 || c.Limit > MaxSealedKeys:
		return c, errors.New("participants of a meeting must be 1 to 1024")
	case c.Grace < 0 || c.Grace > time.Hour:
		return c, errors.New("grace time must be 0 to 1 h")
	case c.MeetingTTL < 0:
		return c, errors.New("meeting lifetime must not be negative")
	case c.MaxMeetings < 1:
		return c, errors.New("number of meetings must be at least 1")
	}
	return c, nil
}

// A Registry holds all meetings. Its methods may be called concurrently.
type Registry struct {
	// Constant after NewRegistry.
	cfg Config

	stats   Stats
	counter atomic.Uint64 // numbers meetings in logs

	// mu guards the fields below. It is taken before a Room's mu, never after.
	mu     sync.Mutex
	rooms  map[string]*Room
	closed bool
}

// Stats count what happened to meetings. All fields are safe to read at any time.
type Stats struct {
	Meetings   atomic.Int64 // known now
	Seats      atomic.Int64 // taken now, those away included
	Joins      atomic.Uint64
	Resumes    atomic.Uint64
	Commits    atomic.Uint64
	Conflicts  atomic.Uint64 // commits and data that do not fit the current epoch
	Data       atomic.Uint64
	Refused    atomic.Uint64 // frames answered with an error
	RoomPanics atomic.Uint64
}

// NewRegistry returns an empty Registry, or an error if cfg is not valid.
func NewRegistry(cfg Config) (*Registry, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Registry{cfg: cfg, rooms: make(map[string]*Room)}, nil
}

// Stats returns the counters.
func (g *Registry) Stats() *Stats { return &g.stats }

// Join takes a seat, or takes one back, for the connection that out belongs to.
// On success the Joined reply is already in out. An error is an [*Error] to be
// sent to the client, and then the connection ends.
func (g *Registry) Join(now time.Time, request uint64, j *api.Join, out *Outbox) (*Session, error) {
	s, err := g.join(now, request, j, out)
	if err != nil {
		g.stats.Refused.Add(1)
		return nil, err
	}
	return s, nil
}

func (g *Registry) join(now time.Time, request uint64, j *api.Join, out *Outbox) (*Session, error) {
	if j.GetProtocol() < 1 {
		return nil, &Error{Code: api.ErrorCode_ERROR_CODE_PROTOCOL, Message: "protocol version 1 is spoken here"}
	}
	if !isMeetingID(j.GetMeeting()) {
		return nil, malformed("meeting id is not 16 base32 characters")
	}
	if r := j.GetResume(); r != nil {
		room := g.lookup(j.GetMeeting())
		if room == nil {
			return nil, seatGone()
		}
		return room.resume(now, request, r, out)
	}
	switch n := len(j.GetAnnouncement()); {
	case n == 0:
		return nil, malformed("announcement is empty")
	case n > MaxAnnouncement:
		return nil, tooLarge("announcement", n, MaxAnnouncement)
	}
	room, err := g.admit(now, j)
	if err != nil {
		return nil, err
	}
	return room.join(now, request, j.GetAnnouncement(), out)
}

// admit returns the meeting of a device that has shown that it holds the link.
func (g *Registry) admit(now time.Time, j *api.Join) (*Room, error) {
	if err := checkAdmission(j); err != nil {
		return nil, err
	}
	if j.GetCreate() {
		return g.create(now, j.GetMeeting())
	}
	room := g.lookup(j.GetMeeting())
	if room == nil {
		return nil, &Error{Code: api.ErrorCode_ERROR_CODE_MEETING_UNKNOWN, Message: "no such meeting, or it has expired"}
	}
	return room, nil
}

func (g *Registry) lookup(meeting string) *Room {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.rooms[meeting]
}

// create makes the meeting, or returns it if it is there.
func (g *Registry) create(now time.Time, meeting string) (*Room, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r := g.rooms[meeting]; r != nil {
		return r, nil
	}
	if g.closed || len(g.rooms) >= g.cfg.MaxMeetings {
		return nil, &Error{Code: api.ErrorCode_ERROR_CODE_RATE_LIMITED, Message: "this server takes no more meetings now"}
	}
	r := newRoom(g, meeting, now)
	g.rooms[meeting] = r
	g.stats.Meetings.Add(1)
	return r, nil
}

// Tick gives up seats whose grace time is over and forgets meetings that were
// empty for too long. Call it about twice a second.
func (g *Registry) Tick(now time.Time) {
	for _, r := range g.all() {
		r.tick(now)
	}
	g.mu.Lock()
	var gone []*Room
	for id, r := range g.rooms {
		if r.endIfExpired(now) {
			delete(g.rooms, id)
			gone = append(gone, r)
		}
	}
	g.mu.Unlock()
	for _, r := range gone {
		g.stats.Meetings.Add(-1)
		r.media.Close()
	}
}

// Close ends all meetings: every connection gets a Closing frame with reason.
// No meeting can be made after it.
func (g *Registry) Close(reason api.Closing_Reason) {
	g.mu.Lock()
	g.closed = true
	rooms := g.rooms
	g.rooms = make(map[string]*Room)
	g.mu.Unlock()
	for _, r := range rooms {
		g.stats.Meetings.Add(-1)
		r.end(reason)
	}
}

// remove forgets a meeting that failed.
func (g *Registry) remove(r *Room) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.rooms[r.meeting] == r {
		delete(g.rooms, r.meeting)
		g.stats.Meetings.Add(-1)
	}
}

func (g *Registry) all() []*Room {
	g.mu.Lock()
	defer g.mu.Unlock()
	rooms := make([]*Room, 0, len(g.rooms))
	for _, r := range g.rooms {
		rooms = append(rooms, r)
	}
	return rooms
}

// isMeetingID reports whether s has the form of docs/protocol.md, Section 1:
// base32 in lower case.
func isMeetingID(s string) bool {
	if len(s) != meetingIDLen {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

func seatGone() *Error {
	return &Error{Code: api.ErrorCode_ERROR_CODE_SEAT_GONE, Message: "the seat is gone"}
}
