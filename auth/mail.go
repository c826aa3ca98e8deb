package auth

import (
	"context"
	"sync"
	"time"

	"conclave/api"
)

// Bounds of all mailboxes, which are in memory.
const (
	letterLifetime = 10 * time.Minute
	maxLetters     = 128      // of one mailbox
	maxSameSender  = 16       // of them from one other user
	maxMailBytes   = 64 << 20 // of all, with what a letter costs beside its body
	letterCost     = 256
	maxWaiting     = 4 // polls of one mailbox
)

// Kinds of letters.
const (
	kindMessage = "message"
	kindRequest = "request"
	kindSignIn  = "sign-in"
)

// A letter is one message to a user or an endpoint.
type letter struct {
	seq                    uint64
	kind                   string
	fromUser, fromEndpoint [16]byte
	to                     [16]byte
	toEndpoint             bool
	body                   []byte
	time                   uint64
}

func (l *letter) cost() int { return letterCost + len(l.body) }

// mail is all mailboxes.
type mail struct {
	closed chan struct{}
	once   sync.Once

	mu      sync.Mutex
	seq     uint64 // of the last letter
	bytes   int
	boxes   map[[16]byte][]letter                   // oldest first
	waiting map[[16]byte]map[chan struct{}]struct{} // polls; each channel has room for one signal
}

// newMail begins its numbers at the time, so that they rise over restarts.
func newMail(now uint64) *mail {
	return &mail{
		closed: make(chan struct{}), seq: now << 10,
		boxes: make(map[[16]byte][]letter), waiting: make(map[[16]byte]map[chan struct{}]struct{}),
	}
}

// close ends all polls, and those that come later.
func (m *mail) close() { m.once.Do(func() { close(m.closed) }) }

// post keeps a letter, or refuses when the mailbox is full.
func (m *mail) post(l letter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(l.to, l.time)
	box := m.boxes[l.to]
	same := 0
	for i := range box {
		if box[i].fromUser == l.fromUser {
			same++
		}
	}
	stranger := l.fromUser != l.to && !l.toEndpoint
	if len(box) >= maxLetters || stranger && same >= maxSameSender || m.bytes+l.cost() > maxMailBytes {
		return Refuse(api.CodeMailboxFull, "the mailbox is full: try again in 10 minutes")
	}
	m.add(l)
	return nil
}

// notify leaves word from the server itself. A full mailbox is not told: its
// owner has enough to look at.
func (m *mail) notify(user [16]byte, kind string, endpoint [16]byte, now uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(user, now)
	l := letter{kind: kind, fromUser: user, fromEndpoint: endpoint, to: user, time: now}
	if len(m.boxes[user]) < maxLetters && m.bytes+l.cost() <= maxMailBytes {
		m.add(l)
	}
}

// add appends a letter and wakes who waits for it. The caller holds mu.
func (m *mail) add(l letter) {
	m.seq++
	l.seq = m.seq
	m.boxes[l.to] = append(m.boxes[l.to], l)
	m.bytes += l.cost()
	m.wake(l.to)
}

// wake ends the polls of a mailbox. The caller holds mu.
func (m *mail) wake(id [16]byte) {
	for c := range m.waiting[id] {
		select {
		case c <- struct{}{}:
		default: // it is awake already
		}
	}
}

// expire drops the old letters of a mailbox. The caller holds mu.
func (m *mail) expire(id [16]byte, now uint64) {
	box := m.boxes[id]
	n := 0
	for n < len(box) && box[n].time+ms(letterLifetime) <= now {
		m.bytes -= box[n].cost()
		n++
	}
	switch {
	case n == 0:
	case n == len(box):
		delete(m.boxes, id)
	default:
		m.boxes[id] = append([]letter(nil), box[n:]...)
	}
}

// expireAll drops all old letters.
func (m *mail) expireAll(now uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range m.boxes {
		m.expire(id, now)
	}
}

// drop forgets the mailbox of an endpoint that ended, and wakes its polls.
func (m *mail) drop(endpoint [16]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.boxes[endpoint] {
		m.bytes -= l.cost()
	}
	delete(m.boxes, endpoint)
	m.wake(endpoint)
}

// collect returns the letters of mailboxes later than after.
func (m *mail) collect(ids [][16]byte, after, now uint64) []letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []letter
	for _, id := range ids {
		m.expire(id, now)
		for _, l := range m.boxes[id] {
			if l.seq > after {
				found = append(found, l)
			}
		}
	}
	return found
}

// wait returns when a letter later than after may be there, a mailbox was
// dropped, the time is over, or the server closes.
func (m *mail) wait(ctx context.Context, ids [][16]byte, after, now uint64, d time.Duration) error {
	signal := make(chan struct{}, 1)
	if err := m.enrol(ids, signal); err != nil {
		return err
	}
	defer m.leave(ids, signal)
	if len(m.collect(ids, after, now)) > 0 {
		return nil // it came before the signal could
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-signal:
	case <-t.C:
	case <-m.closed:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// enrol adds a poll. The first mailbox is the session's own and bounds its polls.
func (m *mail) enrol(ids [][16]byte, signal chan struct{}) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiting[ids[0]]) >= maxWaiting {
		return Refuse(api.CodeSlowDown, "this session waits several times already")
	}
	for _, id := range ids {
		if m.waiting[id] == nil {
			m.waiting[id] = make(map[chan struct{}]struct{})
		}
		m.waiting[id][signal] = struct{}{}
	}
	return nil
}

func (m *mail) leave(ids [][16]byte, signal chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		delete(m.waiting[id], signal)
		if len(m.waiting[id]) == 0 {
			delete(m.waiting, id)
		}
	}
}
