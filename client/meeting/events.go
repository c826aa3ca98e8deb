package meeting

import (
	"bytes"
	"slices"
	"time"

	"conclave/api"
)

// event handles one entry of the meeting's log. Entries count up by one: an
// older number is a replay, and a missing one is asked for again by resuming.
func (m *Meeting) event(now time.Time, e *api.Event) {
	if m.phase != phaseSeated {
		m.stats.Unexpected++ // before Joined there is nothing to compare with
		return
	}
	switch sequence := e.GetSequence(); {
	case sequence <= m.lastEvent:
		m.stats.Replays++
		return
	case sequence != m.lastEvent+1:
		m.stats.Gaps++
		m.drop(now)
		return
	}
	m.lastEvent = e.GetSequence()
	switch b := e.GetBody().(type) {
	case *api.Event_SeatJoined:
		m.addSeat(now, b.SeatJoined.GetSeat())
	case *api.Event_SeatAway:
		m.seatAway(SeatID(b.SeatAway.GetSeat()), true)
	case *api.Event_SeatBack:
		m.seatAway(SeatID(b.SeatBack.GetSeat()), false)
	case *api.Event_SeatLeft:
		m.seatLeft(SeatID(b.SeatLeft.GetSeat()))
		m.begun = false // if it was the last with a key, the server is back at epoch 0
	case *api.Event_EpochBegan:
		m.begun = true
		m.epochBegan(now, b.EpochBegan)
	case *api.Event_DataSent:
		m.dataSent(now, b.DataSent)
	default:
		m.stats.Malformed++
	}
}

// epochBegan takes over the next epoch, or finds out that this device's keys
// lead nowhere.
func (m *Meeting) epochBegan(now time.Time, e *api.EpochBegan) {
	if len(e.GetHeader()) > maxHeader || len(e.GetSealed()) > maxSealedKey {
		m.stats.Malformed++
		m.rejoin(now)
		return
	}
	next := uint64(1) // of a device that may have made the first epoch
	if m.group != nil {
		next = uint64(m.group.Epoch()) + 1
	}
	if own, ok := m.ownFor(e.GetHeader()); ok && e.GetEpoch() == next {
		m.adopt(now, own.pending.Group(), own.header)
		return
	}
	switch {
	case m.group == nil:
		m.firstEpoch(now, e)
	case e.GetEpoch() == next:
		m.nextEpoch(now, e)
	case bytes.Equal(e.GetHeader(), m.header):
		// The own epoch: it was taken over with the server's Accepted.
	case e.GetEpoch() < uint64(m.group.Epoch()):
		m.stats.Replays++
	default:
		// Either a second epoch of the same number or one too many: the server
		// shows different members different epochs.
		m.rejoin(now)
	}
}

// seatAway notes that a seat's connection was lost or is back.
func (m *Meeting) seatAway(id SeatID, away bool) {
	if s := m.seats[id]; s != nil && id != m.seat {
		s.away = away
	}
}

// seatLeft forgets a seat. Its device stays in the roster until the next epoch.
func (m *Meeting) seatLeft(id SeatID) {
	s := m.seats[id]
	switch {
	case s == nil:
		return
	case id == m.seat:
		m.fail(FailLost, 0)
		return
	}
	delete(m.seats, id)
	if s.proven {
		if a, ok := m.known.find(s.hash); ok {
			delete(m.byKey, keyOf(a))
		}
		delete(m.byHash, s.hash)
		m.retire(s.hash)
	}
	m.order = slices.DeleteFunc(m.order, func(o SeatID) bool { return o == id })
}
