package meeting

import (
	"encoding/hex"
	"slices"

	"conclave/core/sframe"
)

// mediaContexts are the contexts of docs/protocol.md, section 4, that media is
// sealed in; the one between is that of sealed messages.
var mediaContexts = [...]sframe.Context{sframe.Microphone, sframe.Camera, sframe.Screen, sframe.ScreenAudio}

// emitKeys hands out the media keys of the current epoch.
func (m *Meeting) emitKeys() {
	k := Keys{Epoch: uint64(m.group.Epoch()), Self: Index(m.group.Self())}
	if len(m.previous) > 0 {
		k.PreviousFor = keepPrevious
	}
	for _, member := range m.group.Roster() {
		for _, c := range mediaContexts {
			key, err := m.group.MediaKey(member.Index, c)
			if err != nil {
				panic("meeting: internal error: a member of the roster has no key")
			}
			out := MediaKey{
				Index: Index(member.Index), Context: uint8(c), KID: uint64(key.KID), Key: key.Key, Salt: key.Salt,
			}
			if member.Index == m.group.Self() {
				k.Send = append(k.Send, out)
			} else {
				k.Receive = append(k.Receive, out)
			}
		}
	}
	m.emit(k)
}

// show emits the roster and the streams if they have changed.
func (m *Meeting) show() {
	if m.phase == phaseOver || m.device == nil || m.seat == 0 {
		return
	}
	r := m.roster()
	if !m.rosterShown || !r.equal(m.shownRoster) {
		m.shownRoster, m.rosterShown = r, true
		r.Members = slices.Clone(r.Members)
		m.emit(r)
	}
	s := m.mappedStreams()
	if !slices.Equal(s, m.shownStreams) {
		m.shownStreams = s
		m.emit(Streams{Streams: slices.Clone(s)})
	}
}

func (r Roster) equal(o Roster) bool {
	return r.Epoch == o.Epoch && r.Self == o.Self && r.Owner == o.Owner && r.Joining == o.Joining &&
		slices.Equal(r.Members, o.Members)
}

// roster returns what is shown of the members. Everything but Seat and Away is
// proven: they are the server's word.
func (m *Meeting) roster() Roster {
	r := Roster{Joining: len(m.waiting())}
	if m.group == nil {
		r.Joining++ // this device
		return r
	}
	r.Epoch, r.Self = uint64(m.group.Epoch()), Index(m.group.Self())
	for i, member := range m.group.Roster() {
		out := Member{
			Index:  Index(member.Index),
			Device: deviceName(member.Hash),
			Name:   member.Name,
			Class:  classOf(member.Class),
			You:    member.Index == m.group.Self(),
			Owner:  i == 0,
			State:  m.states[member.Hash],
		}
		if out.You {
			out.Seat, out.State = m.seat, m.state
		} else if id, ok := m.byHash[member.Hash]; ok {
			out.Seat, out.Away = id, m.seats[id].away
		} else {
			out.Away = true
		}
		if out.Owner {
			r.Owner = out.Index
		}
		r.Members = append(r.Members, out)
	}
	return r
}

// deviceName returns what drivers know a device by.
func deviceName(h deviceHash) string { return hex.EncodeToString(h[:8]) }

// mappedStreams returns the streams whose seats belong to members, with the
// index of the member that must have sealed them.
func (m *Meeting) mappedStreams() []Stream {
	var out []Stream
	for _, s := range m.streams {
		seat := m.seats[s.Seat]
		if seat == nil || !seat.proven {
			continue
		}
		index, ok := m.members[seat.hash]
		if !ok {
			continue
		}
		s.Index = index
		out = append(out, s)
	}
	return out
}

// indexOf returns the member in a seat.
func (m *Meeting) indexOf(id SeatID) (Index, bool) {
	s := m.seats[id]
	if s == nil || !s.proven {
		return 0, false
	}
	i, ok := m.members[s.hash]
	return i, ok
}

// Lease hands out n frame counters of a context, from up to, but not including,
// to. None is ever handed out twice with one key, so a frame worker that is
// started again asks for new ones. It returns ErrAway before the first Keys.
func (m *Meeting) Lease(context uint8, n uint64) (from, to uint64, err error) {
	switch {
	case m.phase == phaseOver:
		return 0, 0, ErrOver
	case m.group == nil:
		return 0, 0, ErrAway
	case !slices.Contains(mediaContexts[:], sframe.Context(context)) || n == 0 || n > maxLease:
		return 0, 0, ErrTooLarge
	}
	from, to, err = m.device.Lease(sframe.Context(context), n)
	if err != nil {
		return 0, 0, ErrTooLarge
	}
	return from, to, nil
}
