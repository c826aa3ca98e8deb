package room

import (
	"slices"
	"time"

	"conclave/api"
)

// commit begins an epoch, if c is for the one after the current, every seat it
// names is still there and no member that is still there is left out: so exactly
// one commit wins each epoch, no key is sealed to somebody who has left, and
// nobody is put out of a meeting that they are in. A loser gets the current epoch
// and, as events, what it did not know.
func (r *Room) commit(now time.Time, s *Session, c *api.Commit) (*api.Reply, error) {
	switch {
	case len(c.GetHeader()) == 0:
		return nil, malformed("header is empty")
	case len(c.GetHeader()) > MaxHeader:
		return nil, tooLarge("header", len(c.GetHeader()), MaxHeader)
	case len(c.GetSealed()) > MaxSealedKeys:
		return nil, tooLarge("number of sealed keys", len(c.GetSealed()), MaxSealedKeys)
	}
	sealed := make(map[SeatID][]byte, len(c.GetSealed()))
	for _, k := range c.GetSealed() {
		switch n := len(k.GetSealed()); {
		case n == 0:
			return nil, malformed("sealed key is empty")
		case n > MaxSealedKey:
			return nil, tooLarge("sealed key", n, MaxSealedKey)
		}
		id := SeatID(k.GetSeat())
		if _, twice := sealed[id]; twice || id == s.seat.id {
			return nil, malformed("two keys for one seat, or one for the committer")
		}
		sealed[id] = slices.Clone(k.GetSealed())
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || s.seat.out != s.out {
		return nil, seatGone()
	}
	if !r.mayCommitLocked(s.seat, c.GetEpoch()) || !r.presentLocked(sealed) || !r.keepsMembersLocked(s.seat, sealed) {
		return nil, r.conflictLocked()
	}
	r.epoch = c.GetEpoch()
	for _, o := range r.seats {
		_, has := sealed[o.id]
		o.member = has || o == s.seat
	}
	r.registry.stats.Commits.Add(1)
	sequence := r.recordLocked(now, &api.Event{Body: &api.Event_EpochBegan{EpochBegan: &api.EpochBegan{
		Epoch:         r.epoch,
		CommitterSeat: uint32(s.seat.id),
		Header:        slices.Clone(c.GetHeader()),
	}}}, sealed)
	return accepted(r.epoch, sequence), nil
}

// mayCommitLocked reports whether s, which is connected, may begin epoch: members
// the next one, and everybody the first. Who is here was admitted, and the first
// to commit wins; the order among them is the clients' business.
func (r *Room) mayCommitLocked(s *seat, epoch uint64) bool {
	return epoch == r.epoch+1 && (r.epoch == 0 || s.member)
}

// presentLocked reports whether every seat that a key is sealed to is taken.
func (r *Room) presentLocked(sealed map[SeatID][]byte) bool {
	for id := range sealed {
		if r.seatLocked(id) == nil {
			return false
		}
	}
	return true
}

// keepsMembersLocked reports whether a key is sealed to every member but the
// committer, those away included. In epoch 0 nobody is a member.
func (r *Room) keepsMembersLocked(committer *seat, sealed map[SeatID][]byte) bool {
	for _, o := range r.seats {
		if _, has := sealed[o.id]; o.member && !has && o != committer {
			return false
		}
	}
	return true
}

func (r *Room) conflictLocked() *Error {
	r.registry.stats.Conflicts.Add(1)
	return &Error{
		Code: api.ErrorCode_ERROR_CODE_EPOCH_CONFLICT, Message: "the meeting has moved on",
		Epoch: r.epoch,
	}
}

// data puts a sealed message into the log. Who has no key of the current epoch
// has nothing to say to those who have; so that nobody else fills the log.
func (r *Room) data(now time.Time, s *Session, d *api.Data) (*api.Reply, error) {
	switch n := len(d.GetSealed()); {
	case n == 0:
		return nil, malformed("data is empty")
	case n > MaxData:
		return nil, tooLarge("data", n, MaxData)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || s.seat.out != s.out {
		return nil, seatGone()
	}
	if !s.seat.member {
		return nil, r.conflictLocked()
	}
	r.registry.stats.Data.Add(1)
	sequence := r.recordLocked(now, &api.Event{Body: &api.Event_DataSent{DataSent: &api.DataSent{
		Seat: uint32(s.seat.id), Sealed: d.GetSealed(),
	}}}, nil)
	return accepted(r.epoch, sequence), nil
}

func accepted(epoch, sequence uint64) *api.Reply {
	return &api.Reply{Body: &api.Reply_Accepted{Accepted: &api.Accepted{Epoch: epoch, Sequence: sequence}}}
}
