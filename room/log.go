package room

import (
	"time"

	"conclave/api"
)

// entry is one event in the log, already encoded for sending.
type entry struct {
	sequence uint64
	at       time.Time
	shared   []byte // the frame every seat gets; nil for an EpochBegan
	// epoch is set for an EpochBegan, whose frame differs for each seat.
	epoch  *api.EpochBegan
	sealed map[SeatID][]byte
	size   int
}

// frame returns the encoded frame of the entry as one seat gets it.
func (e *entry) frame(to SeatID) []byte {
	if e.epoch == nil {
		return e.shared
	}
	return encode(&api.ServerFrame{Body: &api.ServerFrame_Event{Event: &api.Event{
		Sequence: e.sequence,
		Body: &api.Event_EpochBegan{EpochBegan: &api.EpochBegan{
			Epoch:         e.epoch.GetEpoch(),
			CommitterSeat: e.epoch.GetCommitterSeat(),
			Header:        e.epoch.GetHeader(),
			Sealed:        e.sealed[to],
		}},
	}}})
}

// eventLog is the ordered log of one meeting, bounded in events, bytes and time.
type eventLog struct {
	last    uint64 // sequence of the newest event ever, 0 before the first
	entries []*entry
	bytes   int
}

// append gives the event its number and keeps it.
func (l *eventLog) append(now time.Time, ev *api.Event, sealed map[SeatID][]byte) *entry {
	l.last++
	ev.Sequence = l.last
	e := &entry{sequence: l.last, at: now}
	if began := ev.GetEpochBegan(); began != nil {
		e.epoch, e.sealed = began, sealed
		e.size = len(began.GetHeader())
		for _, s := range sealed {
			e.size += len(s)
		}
	} else {
		e.shared = encode(&api.ServerFrame{Body: &api.ServerFrame_Event{Event: ev}})
		e.size = len(e.shared)
	}
	l.entries = append(l.entries, e)
	l.bytes += e.size
	for len(l.entries) > maxLogEvents || l.bytes > maxLogBytes {
		l.drop()
	}
	return e
}

// expire forgets the events older than keep.
func (l *eventLog) expire(now time.Time, keep time.Duration) {
	for len(l.entries) > 0 && now.Sub(l.entries[0].at) > keep {
		l.drop()
	}
}

func (l *eventLog) drop() {
	l.bytes -= l.entries[0].size
	l.entries[0] = nil // the array outlives the slice: let the event go
	l.entries = l.entries[1:]
}

// after returns the events later than sequence. It reports false if some of
// them are gone, or if sequence is later than the newest.
func (l *eventLog) after(sequence uint64) ([]*entry, bool) {
	if sequence > l.last {
		return nil, false
	}
	missed := l.last - sequence
	if missed > uint64(len(l.entries)) {
		return nil, false
	}
	return l.entries[uint64(len(l.entries))-missed:], true
}
