package meeting

import (
	"time"

	"conclave/core/session"
)

// Who commits and when: docs/protocol.md, section 3, "Who may commit". The
// first member in roster order whose seat is connected commits at once, the
// next in order a second later, and so on.

// work is what the next epoch has to change.
type work struct {
	add    []session.Announcement
	remove []session.SenderIndex
	first  bool // there is no epoch yet, and this device may make it
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
		return work{first: m.device != nil && m.isFirstSeat()}
	}
	w := work{add: m.waiting()}
	for _, member := range m.group.Roster() {
		if _, ok := m.byHash[member.Hash]; !ok {
			w.remove = append(w.remove, member.Index)
		}
	}
	if room := maxMembers - len(m.members) + len(w.remove); len(w.add) > room {
		w.add = w.add[:room]
	}
	return w
}

// isFirstSeat reports whether this is the first connected seat in the order of
// joining. Such a device makes the first epoch if the server has none: nobody
// else holds a key.
func (m *Meeting) isFirstSeat() bool {
	for _, id := range m.order {
		if s := m.seats[id]; !s.away {
			return id == m.seat
		}
	}
	return false
}

// rank counts the connected members that come before this device.
func (m *Meeting) rank() int {
	if m.group == nil {
		return 0 // isFirstSeat
	}
	rank := 0
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
