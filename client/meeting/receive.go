package meeting

import (
	"time"

	"google.golang.org/protobuf/proto"

	"conclave/api"
	"conclave/core/secret"
)

// Receive handles one binary WebSocket message from the server. What does not
// parse or breaks a rule is counted and changes nothing.
func (m *Meeting) Receive(now time.Time, frame []byte) {
	switch m.phase {
	case phaseJoining, phaseResuming, phaseSeated:
	default:
		return // a late frame of a connection that was given up
	}
	var f api.ServerFrame
	if len(frame) > MaxFrame || isCrowded(frame) || proto.Unmarshal(frame, &f) != nil {
		m.stats.Malformed++
		return
	}
	m.dispatch(now, &f)
	m.settle(now)
}

func (m *Meeting) dispatch(now time.Time, f *api.ServerFrame) {
	switch b := f.GetBody().(type) {
	case *api.ServerFrame_Reply:
		m.reply(now, b.Reply)
	case *api.ServerFrame_Event:
		m.event(now, b.Event)
	case *api.ServerFrame_Closing:
		m.closing(b.Closing.GetReason())
	case *api.ServerFrame_Streams:
		m.takeStreams(b.Streams.GetStreams())
	case *api.ServerFrame_SubscribeOffer:
		m.takeOffer(b.SubscribeOffer)
	case *api.ServerFrame_Slots:
		m.takeSlots(b.Slots.GetSlots())
	case *api.ServerFrame_StreamStates:
		m.takeStreamStates(b.StreamStates.GetStates())
	case *api.ServerFrame_Speakers:
		m.takeSpeakers(b.Speakers.GetSeats())
	default:
		m.stats.Malformed++ // empty, or of a newer protocol
	}
}

// closing ends the meeting if the server says why it will close the connection
// for good. After a shutdown the seat is tried again like after a lost
// connection.
func (m *Meeting) closing(why api.Closing_Reason) {
	switch why {
	case api.Closing_REASON_MEETING_ENDED:
		m.leave(LeftEnded)
	case api.Closing_REASON_REPLACED:
		m.fail(FailOtherDevice, 0)
	case api.Closing_REASON_PROTOCOL:
		m.fail(FailUnknown, 0)
	default: // a shutdown
	}
}

// reply handles the answer to a request of this connection.
func (m *Meeting) reply(now time.Time, r *api.Reply) {
	asked, ok := m.requests[r.GetRequest()]
	if !ok {
		m.stats.Unexpected++
		return
	}
	delete(m.requests, r.GetRequest())
	refusal := r.GetError()
	switch asked.kind {
	case requestJoin:
		m.joinReply(now, r.GetJoined(), refusal)
	case requestPing:
	case requestCatchUp:
		m.catchUp()
	case requestCommit:
		m.commitReply(now, asked.epoch, r.GetAccepted(), refusal)
	case requestChat:
		m.chatReply(now, asked.chat, r.GetAccepted(), refusal)
	case requestState:
		m.stateReply(now, refusal)
	case requestPublish:
		m.publishReply(r.GetPublished(), refusal)
	}
}

// joinReply takes the seat, or says why there is none.
func (m *Meeting) joinReply(now time.Time, j *api.Joined, refusal *api.Error) {
	switch {
	case refusal != nil:
		m.joinRefused(now, refusal)
	case j == nil || len(j.GetToken()) == 0 || len(j.GetToken()) > maxToken || j.GetSeat() == 0:
		m.stats.Malformed++
		m.fail(FailUnknown, 0)
	case m.phase == phaseResuming:
		if !j.GetResumed() || SeatID(j.GetSeat()) != m.seat {
			m.fail(FailLost, 0)
			return
		}
		m.resumed(now, j)
	default:
		m.joined(now, j)
	}
}

func (m *Meeting) joinRefused(now time.Time, e *api.Error) {
	switch e.GetCode() {
	case api.ErrorCode_ERROR_CODE_RATE_LIMITED:
		m.attempt = max(m.attempt, 2) // a full second
		m.drop(now)
	case api.ErrorCode_ERROR_CODE_MEETING_UNKNOWN:
		if m.phase == phaseResuming {
			m.fail(FailLost, 0)
			return
		}
		m.fail(FailLinkExpired, 0)
	case api.ErrorCode_ERROR_CODE_MEETING_FULL:
		m.fail(FailRoomFull, int(min(e.GetLimit(), uint32(maxMembers))))
	case api.ErrorCode_ERROR_CODE_SEAT_GONE:
		m.fail(FailLost, 0)
	case api.ErrorCode_ERROR_CODE_PROTOCOL:
		m.fail(FailDowngrade, 0)
	case api.ErrorCode_ERROR_CODE_NOT_ADMITTED:
		m.fail(FailLinkWrong, 0)
	default:
		m.fail(FailUnknown, 0)
	}
}

// joined takes a new seat: the events count from here on.
func (m *Meeting) joined(now time.Time, j *api.Joined) {
	m.phase = phaseSeated
	m.seat = SeatID(j.GetSeat())
	m.token = secret.New(j.GetToken())
	m.lastEvent = j.GetLastEvent()
	m.caughtUp = true
	m.begun = j.GetEpoch() != 0
	m.attempt = 0
	m.seated(now, j, false)
	for _, s := range j.GetSeats() {
		m.addSeat(now, s)
	}
	if m.seats[m.seat] == nil { // a server that leaves it out gains nothing
		m.stats.Malformed++
		m.addSeat(now, &api.Seat{Seat: uint32(m.seat), Announcement: m.device.Announcement()})
	}
	m.rosterShown = false
}

// resumed takes the seat back. The events that were missed come next; the
// answer to the ping comes after them.
func (m *Meeting) resumed(now time.Time, j *api.Joined) {
	m.phase = phaseSeated
	m.caughtUp = false
	m.seated(now, j, true)
	m.emit(Reconnected{})
	m.ask(now, request{kind: requestCatchUp}, ping())
}

// seated is common to new seats and those taken back.
func (m *Meeting) seated(now time.Time, j *api.Joined, resumed bool) {
	m.grace = min(time.Duration(j.GetGraceMs())*time.Millisecond, graceMax)
	m.nextPing = now.Add(pingEvery)
	m.emit(Joined{
		Seat:       m.seat,
		Limit:      int(min(j.GetLimit(), uint32(maxMembers))),
		IceServers: m.iceServers(j.GetIceServers()),
		Resumed:    resumed,
		Grace:      m.grace,
	})
	if m.view != nil {
		m.sendView()
	}
}

// catchUp ends a resume: what was sent before the connection was lost and has
// not come back by now never reached the log.
func (m *Meeting) catchUp() {
	m.caughtUp = true
	m.attempt = 0
	m.workSince = time.Time{}
	for _, o := range m.outbox {
		if o.delivery == chatUnsure {
			o.requeue()
		}
	}
	if m.stateSet {
		m.stateAt = m.stateSent // as soon as the pace allows
	}
}

func (m *Meeting) iceServers(in []*api.IceServer) []IceServer {
	var out []IceServer
	for _, s := range in {
		if len(out) == maxIceServers || len(s.GetUrls()) > maxIceURLs {
			m.stats.Malformed++
			continue
		}
		out = append(out, IceServer{URLs: s.GetUrls(), Username: s.GetUsername(), Credential: s.GetCredential()})
	}
	return out
}
