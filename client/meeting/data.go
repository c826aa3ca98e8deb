package meeting

import (
	"errors"
	"time"

	"conclave/api"
	"conclave/core/session"
)

// canSeal reports whether a sealed message can be sent now.
func (m *Meeting) canSeal() bool {
	return m.phase == phaseSeated && m.caughtUp && m.group != nil
}

// dataSent opens a sealed message of the log. Who sent it is what the seal says;
// the server's word on the seat is not used.
func (m *Meeting) dataSent(now time.Time, d *api.DataSent) {
	if len(d.GetSealed()) > maxData {
		m.stats.Malformed++
		return
	}
	if m.confirm(d.GetSealed()) || m.group == nil {
		return
	}
	opened, from, err := m.open(d.GetSealed())
	switch {
	case err == nil:
		m.take(opened, from)
	case isOtherEpoch(err):
		m.stats.Undecryptable++
	case errors.Is(err, session.ErrReplay):
		m.stats.Replays++
	default:
		m.stats.Tampered++
		m.alarm(now, Alarm{ID: AlarmTamper})
	}
}

// open opens with the current keys or, if the message is of an epoch before,
// with those. The sender is the member of that epoch: its index may be another
// device's now.
func (m *Meeting) open(sealed []byte) (session.Message, session.Member, error) {
	g := m.group
	d, err := g.OpenData(sealed)
	for i := len(m.previous) - 1; i >= 0 && isOtherEpoch(err); i-- {
		g = m.previous[i].Group
		d, err = g.OpenData(sealed)
	}
	if err != nil {
		return d, session.Member{}, err
	}
	from, _ := g.Member(d.Sender)
	return d, from, nil
}

func isOtherEpoch(err error) bool {
	return errors.Is(err, session.ErrEpoch) || errors.Is(err, session.ErrNotMember)
}

// take shows an opened message. One from a device that has left since is
// refused: the server may have kept it back for a moment of its choice.
func (m *Meeting) take(d session.Message, from session.Member) {
	if _, ok := m.members[from.Hash]; !ok {
		m.stats.Undecryptable++
		return
	}
	if from.Hash == m.device.Hash() {
		m.stats.Replays++ // own messages are confirmed before they are opened
		return
	}
	switch d.Kind {
	case session.Chat:
		if !m.seenChats.add(chatName{from.Hash, d.ID}) {
			m.stats.Replays++ // sent again after a lost connection
			return
		}
		m.emit(Chat{
			ID:     deviceName(from.Hash) + chatID(d.ID),
			Index:  Index(from.Index),
			Name:   from.Name,
			Text:   d.Text,
			SentAt: calendarTime(d.SentAt),
		})
	case session.ParticipantState:
		m.states[from.Hash] = State{
			Mic: d.State.Microphone, Camera: d.State.Camera, Screen: d.State.Screen, Hand: d.State.Hand,
		}
	}
}

// calendarTime returns the sender's clock; what no calendar knows is the last
// second of the year 9999.
func calendarTime(t time.Time) time.Time {
	last := time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)
	if t.After(last) {
		return last
	}
	return t
}

// SetState tells all members, also those who join later, what s says.
func (m *Meeting) SetState(now time.Time, s State) error {
	if m.phase == phaseOver {
		return ErrOver
	}
	if !m.stateSet || s != m.state {
		m.state, m.stateSet = s, true
		m.stateAt = m.stateSent.Add(stateEvery)
	}
	m.settle(now)
	return nil
}

// sendState seals the own state when it has changed or somebody new wants it,
// but not faster than stateEvery.
func (m *Meeting) sendState(now time.Time) {
	if m.stateAt.IsZero() || now.Before(m.stateAt) || !m.canSeal() || !m.canAsk() {
		return
	}
	sealed, err := m.seal(session.Message{
		Kind: session.ParticipantState, SentAt: now,
		State: session.State{
			Microphone: m.state.Mic, Camera: m.state.Camera, Screen: m.state.Screen, Hand: m.state.Hand,
		},
	})
	if err != nil {
		m.fail(FailUnknown, 0)
		return
	}
	m.stateAt, m.stateSent = time.Time{}, now
	m.ask(now, request{kind: requestState}, dataFrame(sealed))
}

// stateReply sends the state again if the server did not take it.
func (m *Meeting) stateReply(now time.Time, refusal *api.Error) {
	if refusal != nil {
		m.stateAt = now.Add(limitedPause)
	}
}

// seal seals a message for the current epoch, with a new id if it has none.
func (m *Meeting) seal(d session.Message) ([]byte, error) {
	if d.ID == (session.MessageID{}) {
		id, err := session.NewMessageID(m.cfg.Rand)
		if err != nil {
			return nil, err
		}
		d.ID = id
	}
	return m.group.SealData(d)
}

func dataFrame(sealed []byte) *api.ClientFrame {
	return &api.ClientFrame{Body: &api.ClientFrame_Data{Data: &api.Data{Sealed: sealed}}}
}
