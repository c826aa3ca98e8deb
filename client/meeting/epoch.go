package meeting

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"conclave/api"
	"conclave/core/session"
)

// An ownCommit was sent, or may have been, and wins if the server says so.
type ownCommit struct {
	pending *session.Pending
	header  []byte
}

// ownFor returns the own commit with this header.
func (m *Meeting) ownFor(header []byte) (ownCommit, bool) {
	for _, o := range m.own {
		if bytes.Equal(o.header, header) {
			return o, true
		}
	}
	return ownCommit{}, false
}

// commit proposes the next epoch to the server.
func (m *Meeting) commit(now time.Time, w work) {
	pending, err := m.makeCommit(w)
	if err != nil && m.refuseGhosts(now, w) {
		m.elect(now) // without them
		return
	}
	if err != nil {
		// Nothing the server sends can do this: only randomness that fails.
		m.fail(FailUnknown, 0)
		return
	}
	c := &api.Commit{Epoch: uint64(pending.Group().Epoch()), Header: pending.Header()}
	for hash, sealed := range pending.Sealed() {
		c.Sealed = append(c.Sealed, &api.SealedKey{Seat: uint32(m.byHash[hash]), Sealed: sealed})
	}
	slices.SortFunc(c.GetSealed(), func(a, b *api.SealedKey) int { return int(a.GetSeat()) - int(b.GetSeat()) })
	if len(m.own) >= maxPending {
		m.own[0].pending.Discard()
		m.own = slices.Delete(m.own, 0, 1)
	}
	m.own = append(m.own, ownCommit{pending, c.GetHeader()})
	m.commitAsked = true
	m.ask(now, request{kind: requestCommit, epoch: c.GetEpoch()}, &api.ClientFrame{Body: &api.ClientFrame_Commit{Commit: c}})
}

func (m *Meeting) makeCommit(w work) (*session.Pending, error) {
	if w.first {
		return session.Create(m.device, m.cfg.Rand)
	}
	return m.group.Commit(m.cfg.Rand, w.add, w.remove)
}

// refuseGhosts finds the waiting devices that core/session does not let in, such
// as one with the signature key of another, and reports whether there are any.
func (m *Meeting) refuseGhosts(now time.Time, w work) bool {
	found := false
	for _, a := range w.add {
		pending, err := m.group.Commit(m.cfg.Rand, []session.Announcement{a}, w.remove)
		switch {
		case err == nil:
			pending.Discard()
		case errors.Is(err, session.ErrGhost), errors.Is(err, session.ErrRoster), errors.Is(err, session.ErrUnknownDevice):
			found = true
			m.seats[m.byHash[a.Hash]].proven = false
			m.ghost(now)
		}
	}
	return found
}

// commitReply merges the own commit if it won. One that did not is not
// forgotten before the next epoch: after a lost connection it may turn out that
// it won after all.
func (m *Meeting) commitReply(now time.Time, epoch uint64, won *api.Accepted, refusal *api.Error) {
	current := m.commitAsked && uint64(m.own[len(m.own)-1].pending.Group().Epoch()) == epoch
	if won != nil {
		if current && won.GetEpoch() == epoch { // else its EpochBegan came first
			o := m.own[len(m.own)-1]
			m.adopt(now, o.pending.Group(), o.header)
		}
		return
	}
	m.stats.Conflicts++
	if !current { // the winner came first
		return
	}
	m.commitAsked = false
	m.commitAfter = now.Add(min(commitBackoff<<min(m.refused, 8), commitBackMax))
	m.refused++
	if refusal.GetCode() == api.ErrorCode_ERROR_CODE_TOO_LARGE {
		m.commitAfter = now.Add(commitBackMax)
	}
}

// firstEpoch takes over the first epoch that names this device. One without a
// sealed key does not: the device goes on waiting.
func (m *Meeting) firstEpoch(now time.Time, e *api.EpochBegan) {
	m.workSince = time.Time{}
	m.discardOwn(nil) // an own first epoch has lost
	if len(e.GetSealed()) == 0 {
		return
	}
	g, err := session.Join(m.device, e.GetHeader(), e.GetSealed(), m.known.find)
	if err != nil || uint64(g.Epoch()) != e.GetEpoch() {
		// The others take this device for a member, or the server pretends it:
		// with these keys it can never be one.
		m.rejoin(now)
		return
	}
	m.adopt(now, g, e.GetHeader())
}

// nextEpoch takes over an epoch that another member began.
func (m *Meeting) nextEpoch(now time.Time, e *api.EpochBegan) {
	g, err := m.group.Process(e.GetHeader(), e.GetSealed(), m.known.find)
	switch {
	case errors.Is(err, session.ErrRemoved):
		m.leave(LeftRemoved)
	case err != nil:
		// The server's epoch goes on without this device, which cannot follow.
		m.rejoin(now)
	default:
		m.adopt(now, g, e.GetHeader())
	}
}

// adopt makes g the current epoch and hands out its keys.
func (m *Meeting) adopt(now time.Time, g *session.Group, header []byte) {
	before := m.members
	if m.group != nil {
		m.previous = append(m.previous, oldGroup{m.group, now.Add(keepPrevious)})
	}
	if len(m.previous) > maxPrevious {
		m.dropOldest()
	}
	m.group, m.header = g, bytes.Clone(header)
	m.discardOwn(g)
	m.refused = 0
	m.workSince, m.commitAfter = time.Time{}, time.Time{}
	m.members = make(map[deviceHash]Index)
	joined := false
	for _, member := range g.Roster() {
		m.members[member.Hash] = Index(member.Index)
		if _, ok := before[member.Hash]; !ok {
			joined = true
		}
	}
	for hash := range before {
		if _, ok := m.members[hash]; !ok {
			delete(m.states, hash)
		}
	}
	if joined && m.stateSet {
		m.stateAt = m.stateSent.Add(stateEvery) // for those who are new
	}
	m.stats.Epochs++
	m.emitKeys()
}

// discardOwn forgets the own commits and erases those that are not won.
func (m *Meeting) discardOwn(won *session.Group) {
	for _, o := range m.own {
		if o.pending.Group() != won {
			o.pending.Discard()
		}
	}
	m.own, m.commitAsked = nil, false
}

// An oldGroup still opens what was sealed before its members had the next key.
type oldGroup struct {
	*session.Group
	until time.Time
}

// dropOldest erases the oldest keys.
func (m *Meeting) dropOldest() {
	m.previous[0].Erase()
	m.previous = slices.Delete(m.previous, 0, 1)
}

// dropKeys erases everything of the group.
func (m *Meeting) dropKeys() {
	for len(m.previous) > 0 {
		m.dropOldest()
	}
	if m.group != nil {
		m.group.Erase()
		m.emit(KeysGone{})
	}
	m.discardOwn(nil)
	m.group, m.header, m.refused = nil, nil, 0
	m.workSince, m.commitAfter, m.commitAt = time.Time{}, time.Time{}, time.Time{}
	m.members, m.states = nil, make(map[deviceHash]State)
}
