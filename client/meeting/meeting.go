package meeting

import (
	"fmt"
	"time"

	"conclave/core/secret"
	"conclave/core/session"
)

// A phase is what a participant has and waits for.
//
//	            Connected           Joined
//	connecting -----------> joining -------> seated
//	    ^   <--------------------+             | connection lost
//	    |        connection lost               v
//	    |                      +-----------> away <----------------+
//	    |                      |               | Connected         | connection lost
//	    |                      | Joined        v                   |
//	    |                    seated <----- resuming ---------------+
//	    +--- a fork: rejoin with new keys, from seated
//
// From every phase, leaving or an error leads to over, where nothing happens.
type phase uint8

const (
	phaseConnecting phase = iota
	phaseJoining
	phaseSeated
	phaseAway
	phaseResuming
	phaseOver
)

// A Meeting is one participant of one meeting. See the package comment.
type Meeting struct {
	// Constant after New.
	cfg  Config
	link session.Link

	// The connection.
	phase       phase
	attempt     int       // attempts to connect since the last good connection
	giveUp      time.Time // when to fail: no seat yet, or the grace time is over
	nextPing    time.Time
	requests    map[uint64]request
	lastRequest uint64
	rejoins     []time.Time // of the last rejoinWindow

	// The seat. It outlives connections, but not rejoin.
	device    *session.Device // its keys are new for every seat
	seat      SeatID
	token     secret.Value
	grace     time.Duration
	lastEvent uint64
	caughtUp  bool // the events missed while away have all come
	seats     map[SeatID]*seat
	order     []SeatID              // of joining
	byHash    map[deviceHash]SeatID // proven seats only
	byKey     map[signatureKey]SeatID
	known     knownDevices
	retired   keyRing // devices that left

	// The keys.
	group       *session.Group // nil before the first epoch
	begun       bool           // somebody may hold a key: epoch 1 is not for this device to make; set by Joined
	header      []byte         // of the current epoch
	members     map[deviceHash]Index
	previous    []oldGroup  // oldest first
	own         []ownCommit // that may still win the next epoch
	commitAsked bool        // the last of own is at the server
	workSince   time.Time   // since when a change waits for an epoch
	commitAt    time.Time   // when it is this device's turn
	commitAfter time.Time   // not before, as the server refused the last
	refused     int         // commits refused in a row

	// Sealed messages.
	outbox    []*outgoing
	chatAfter time.Time // not before, as the server asked for less
	state     State
	stateSet  bool
	stateAt   time.Time // when to send it; zero when everybody knows
	stateSent time.Time
	states    map[deviceHash]State
	seenChats chatRing

	// What the server says about media.
	streams []Stream // Index is not valid here; see mappedStreams
	view    []ViewItem

	// What was last shown.
	shownRoster  Roster
	rosterShown  bool
	shownStreams []Stream
	alarms       map[Alarm]time.Time

	stats Stats
	out   []Output
}

// Stats counts what was refused. Nothing in it is needed to run a meeting.
type Stats struct {
	Malformed     uint64 // frames and fields that do not parse or break a rule
	Unexpected    uint64 // replies and events nobody asked for
	Replays       uint64 // events, epochs and messages seen before
	Gaps          uint64 // missing events
	Ghosts        uint64 // seats whose announcement does not prove
	Forks         uint64 // epochs that do not follow from this device's
	Tampered      uint64 // messages that do not match their sender's seal
	Undecryptable uint64 // messages of an epoch whose key is gone or not here yet
	Conflicts     uint64 // own commits that did not win
	Epochs        uint64 // taken over
}

// New returns a Meeting whose first output is a Connect. It returns ErrLink or
// ErrName if the configuration cannot be used; nothing is sent then.
func New(cfg Config, now time.Time) (*Meeting, error) {
	cfg, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	link, err := session.ParseLink(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrLink, err)
	}
	cfg.URL = "" // it holds the secret, which is in link now
	m := &Meeting{cfg: cfg, link: link, giveUp: now.Add(joinWithin), alarms: make(map[Alarm]time.Time)}
	m.resetSeat()
	m.emit(Connect{})
	return m, nil
}

// ID returns the meeting id, which the server may know.
func (m *Meeting) ID() string { return m.link.Meeting() }

// Stats returns what was refused so far.
func (m *Meeting) Stats() Stats { return m.stats }

// Poll returns the next output, if there is one.
func (m *Meeting) Poll() (Output, bool) {
	if len(m.out) == 0 {
		m.out = nil
		return nil, false
	}
	o := m.out[0]
	m.out[0] = nil // the array outlives the slice: let the output go
	m.out = m.out[1:]
	return o, true
}

// emit queues an output. One call of a Meeting makes a bounded number of them,
// far below maxOutputs, whatever the server sends, so only a driver that does
// not poll can get there; going on would lose keys without a word.
func (m *Meeting) emit(o Output) {
	if len(m.out) >= maxOutputs {
		panic("meeting: internal error: outputs are not polled")
	}
	m.out = append(m.out, o)
}

// alarm shows that an attack was refused, but not the same one all the time.
func (m *Meeting) alarm(now time.Time, a Alarm) {
	if at, ok := m.alarms[a]; ok && now.Sub(at) < alarmEvery {
		return
	}
	if len(m.alarms) >= maxAlarms {
		clear(m.alarms)
	}
	m.alarms[a] = now
	m.emit(a)
}

// settle does what follows from whatever just happened. Every exported method
// that changes something ends with it.
func (m *Meeting) settle(now time.Time) {
	if m.phase == phaseOver {
		return
	}
	m.elect(now)
	m.sendState(now)
	m.sendChats(now)
	m.show()
}

// Tick does what time asks for. It may be called at any time; Wake says when it
// must be.
func (m *Meeting) Tick(now time.Time) {
	if m.phase == phaseOver {
		return
	}
	m.tickConnection(now)
	for len(m.previous) > 0 && !now.Before(m.previous[0].until) {
		m.dropOldest()
	}
	m.settle(now)
}

// Wake returns when Tick is to be called next, or the zero time for not at all.
func (m *Meeting) Wake() time.Time {
	if m.phase == phaseOver {
		return time.Time{}
	}
	var next time.Time
	earliest := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if m.phase == phaseConnecting || m.phase == phaseAway {
		earliest(m.giveUp)
	}
	for _, r := range m.requests {
		earliest(r.at.Add(replyWithin))
	}
	if len(m.previous) > 0 {
		earliest(m.previous[0].until)
	}
	if m.phase == phaseSeated {
		earliest(m.nextPing)
		earliest(m.commitAt)
		if m.canSeal() && m.canAsk() {
			earliest(m.stateAt)
			if m.hasQueuedChat() {
				earliest(m.chatAfter)
			}
		}
	}
	return next
}
