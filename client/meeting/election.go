package meeting

import (
	"time"

	"conclave/core/session"
)

// Who commits and when: docs/protocol.md, section 3, "Who may commit". The
// first member in roster order whose seat is connected commits at once, the
// next in order a second later, and so on. Epoch 1 has no roster before it: it
// is made in the order of joining.

// work is what the next epoch has to change.
type work struct {
	add    []session.Announcement
	remove []session.SenderIndex
	first  bool // nobody has a key, as far as this device can know: it may make epoch 1
}

func (w work) empty() bool { return !w.first && len(w.add) == 0 && len(w.remove) == 0 }

// waiting returns the proven, connected seats that are not in the roster, in the
// order of joining.
func (m *Meeting) waiting() []session.Announcement {
	var add []session.Announcement
	for _, id := range m.order {
		s := m.seats[id]
		if !s.proven || s.away || id == m.seat {
			continue
		}
		if _, ok := m.members[s.hash]; ok {
			continue
		}
		if a, ok := m.known.find(s.hash); ok {
			add = append(add, a)
		}
	}
	return add
}

func (m *Meeting) work() work {
	if m.group == nil {
		return work{first: !m.begun}
	}
	w := work{add: m.waiting()}
	for _, member := range m.group.Roster() {
		if _, ok := m.byHash[member.Hash]; !ok {
			w.remove = append(w.remove, member.Index)
		}
	}
	// An index that is given up rests for one epoch: there is no more room for it.
	if room := maxMembers - len(m.members); len(w.add) > room {
		w.add = w.add[:room]
	}
	return w
}

// rank counts the connected members that come before this device. As long as it
// has no key, it counts the connected seats that joined before it. One that is
// not proven counts for nothing, so no ghost can hold the meeting up.
func (m *Meeting) rank() int {
	rank := 0
	if m.group == nil {
		for _, id := range m.order {
			if id == m.seat {
				break
			}
			if s := m.seats[id]; s.proven && !s.away {
				rank++
			}
		}
		return rank
	}
	for _, member := range m.group.Roster() {
		if member.Index == m.group.Self() {
			break
		}
		if id, ok := m.byHash[member.Hash]; ok && !m.seats[id].away {
			rank++
		}
	}
	return rank
}

// elect commits if it is this device's turn, or notes when it will be.
func (m *Meeting) elect(now time.Time) {
	m.commitAt = time.Time{}
	if m.phase != phaseSeated || !m.caughtUp || m.commitAsked || !m.canAsk() {
		return
	}
	w := m.work()
	if w.empty() {
		m.workSince = time.Time{}
		return
	}
	if m.workSince.IsZero() {
		m.workSince = now
	}
	at := m.workSince.Add(time.Duration(m.rank()) * takeoverAfter)
	if !w.first && len(w.remove) == 0 {
		at = at.Add(batchJoins)
	}
	if at.Before(m.commitAfter) {
		at = m.commitAfter
	}
	if now.Before(at) {
		m.commitAt = at
		return
	}
	m.commit(now, w)
}
