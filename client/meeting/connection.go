package meeting

import (
	"time"

	"google.golang.org/protobuf/proto"

	"conclave/api"
	"conclave/core/secret"
	"conclave/core/session"
)

const protocolVersion = 1 // api.Join.protocol

// requestKind says what a Reply is the answer to.
type requestKind uint8

const (
	requestJoin requestKind = iota
	requestPing
	requestCatchUp // a ping whose answer comes after all missed events
	requestCommit
	requestChat
	requestState
	requestPublish
)

// A request waits for its Reply on the current connection.
type request struct {
	kind  requestKind
	at    time.Time
	epoch uint64    // of requestCommit
	chat  *outgoing // of requestChat
}

// Connected says that the connection that was asked for is open.
func (m *Meeting) Connected(now time.Time) {
	switch m.phase {
	case phaseConnecting:
		m.join(now)
	case phaseAway:
		m.phase = phaseResuming
		m.ask(now, request{kind: requestJoin}, &api.ClientFrame{Body: &api.ClientFrame_Join{Join: &api.Join{
			Meeting:  m.link.Meeting(),
			Protocol: protocolVersion,
			Resume:   &api.Resume{Seat: uint32(m.seat), Token: m.token.Expose(), LastEvent: m.lastEvent},
		}}})
	default: // a connection that was not asked for
	}
	m.settle(now)
}

// join asks for a seat with new keys: a seat that an earlier attempt may have
// taken stays with keys that nobody has any more.
func (m *Meeting) join(now time.Time) {
	m.resetSeat()
	device, err := session.GenerateDevice(m.cfg.Rand, m.link, m.cfg.Class.session(), m.cfg.Name)
	if err != nil {
		m.fail(FailUnknown, 0)
		return
	}
	m.device = device
	m.phase = phaseJoining
	j := &api.Join{
		Meeting:      m.link.Meeting(),
		Protocol:     protocolVersion,
		Create:       m.cfg.Create,
		Announcement: device.Announcement(),
		AdmissionKey: m.link.AdmissionKey(),
		Admission:    device.Admission(),
	}
	m.ask(now, request{kind: requestJoin}, &api.ClientFrame{Body: &api.ClientFrame_Join{Join: j}})
}

// resetSeat forgets the seat, its keys and all that came with them. Messages
// that wait, the own state and the view stay.
func (m *Meeting) resetSeat() {
	m.dropKeys()
	if m.device != nil {
		m.device.Erase()
	}
	m.token.Erase()
	m.device, m.seat, m.token, m.lastEvent, m.caughtUp = nil, 0, secret.Value{}, 0, false
	m.seats, m.order, m.byHash = make(map[SeatID]*seat), nil, make(map[deviceHash]SeatID)
	m.byKey = make(map[signatureKey]SeatID)
	m.known, m.retired = knownDevices{}, keyRing{}
	m.streams = nil
	m.requests = make(map[uint64]request)
	for _, o := range m.outbox {
		o.requeue()
	}
}

// Disconnected says that the connection is lost or could not be opened.
func (m *Meeting) Disconnected(now time.Time) {
	clear(m.requests)
	m.commitAsked = false
	for _, o := range m.outbox {
		if o.delivery == chatAsked {
			o.delivery = chatUnsure
		}
	}
	m.nextPing = time.Time{}
	switch m.phase {
	case phaseConnecting, phaseJoining:
		m.phase = phaseConnecting
	case phaseSeated:
		m.phase = phaseAway
		m.giveUp = now.Add(m.grace)
		m.emit(Reconnecting{Until: m.giveUp})
	case phaseAway, phaseResuming:
		m.phase = phaseAway
	default:
		return
	}
	if !now.Before(m.giveUp) {
		m.fail(FailLost, 0)
		return
	}
	m.emit(Connect{Delay: backoffDelay(m.attempt)})
	m.attempt++
	m.settle(now)
}

// drop gives a connection up that is open but of no more use, and asks for a new
// one. The server sends again what was missed.
func (m *Meeting) drop(now time.Time) {
	m.emit(Close{})
	m.Disconnected(now)
}

// tickConnection notices that the server is silent, and that time is up.
func (m *Meeting) tickConnection(now time.Time) {
	if m.phase == phaseConnecting || m.phase == phaseAway {
		if !now.Before(m.giveUp) {
			m.fail(FailLost, 0)
		}
		return
	}
	for _, r := range m.requests {
		if now.Sub(r.at) >= replyWithin {
			m.drop(now)
			return
		}
	}
	if m.phase != phaseSeated || now.Before(m.nextPing) {
		return
	}
	m.ask(now, request{kind: requestPing}, ping())
	m.nextPing = now.Add(pingEvery)
}

func ping() *api.ClientFrame {
	return &api.ClientFrame{Body: &api.ClientFrame_Ping{Ping: &api.Ping{}}}
}

// rejoin gives the seat up and takes a new one with new keys, because this
// device's keys lead nowhere: it was shown other epochs than the others, or one
// it cannot open.
func (m *Meeting) rejoin(now time.Time) {
	m.stats.Forks++
	m.alarm(now, Alarm{ID: AlarmFork})
	m.rejoins = append(m.rejoins, now)
	for now.Sub(m.rejoins[0]) > rejoinWindow {
		m.rejoins = m.rejoins[1:]
	}
	if len(m.rejoins) > maxRejoins {
		m.fail(FailUnknown, 0)
		return
	}
	m.send(&api.ClientFrame{Body: &api.ClientFrame_Leave{Leave: &api.Leave{}}})
	m.emit(Close{})
	m.resetSeat()
	m.phase = phaseConnecting
	m.attempt = 0
	m.giveUp = now.Add(joinWithin)
	m.emit(Reconnecting{Until: m.giveUp})
	m.emit(Connect{Delay: backoffDelay(len(m.rejoins) - 1)})
}

// fail ends the meeting with a reason to show.
func (m *Meeting) fail(code FailureCode, limit int) {
	if m.finish() {
		m.emit(Failed{Code: code, Limit: limit})
	}
}

// leave ends the meeting without anything being wrong.
func (m *Meeting) leave(reason LeftReason) {
	if m.finish() {
		m.emit(Left{Reason: reason})
	}
}

// finish closes the connection, gives up what was not sent and erases the keys.
// It reports false if that has been done before.
func (m *Meeting) finish() bool {
	if m.phase == phaseOver {
		return false
	}
	m.emit(Close{}) // also ends an attempt to connect
	for _, o := range m.outbox {
		if o.delivery != chatFailed {
			m.emit(ChatFailed{ID: chatID(o.id)})
		}
	}
	m.outbox = nil
	m.resetSeat()
	m.phase = phaseOver
	return true
}

// Leave gives the seat up. Left follows.
func (m *Meeting) Leave(time.Time) error {
	if m.phase == phaseOver {
		return ErrOver
	}
	if m.phase == phaseSeated {
		m.send(&api.ClientFrame{Body: &api.ClientFrame_Leave{Leave: &api.Leave{}}})
	}
	m.leave(LeftSelf)
	return nil
}

// ask sends a frame that wants a Reply. The caller has checked that there is
// room in requests.
func (m *Meeting) ask(now time.Time, r request, f *api.ClientFrame) {
	m.lastRequest++
	r.at = now
	m.requests[m.lastRequest] = r
	f.Request = m.lastRequest
	m.send(f)
}

func (m *Meeting) canAsk() bool { return len(m.requests) < maxRequests }

// send sends a frame on the connection, which is open.
func (m *Meeting) send(f *api.ClientFrame) {
	b, err := proto.Marshal(f)
	if err != nil {
		// Only text that is not UTF-8 can do this, and every command refuses it.
		m.stats.Malformed++
		return
	}
	m.emit(Send{Frame: b})
}
