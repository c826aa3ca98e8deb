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
	maxStrangers   = 96       // of them from other users: the rest is kept for the user's own and the server's
	maxSameSender  = 16       // of them from one other user
	maxSent        = 256      // of all mailboxes, from one user
	maxMailBytes   = 64 << 20 // of all, with what a letter costs beside its body; the server's may be more
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
	to, owner              [16]byte // the mailbox, and whose it is
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
	sent    map[[16]byte]int                        // live letters by the user who sent them; none of the server's
	boxes   map[[16]byte][]letter                   // oldest first
	waiting map[[16]byte]map[chan struct{}]struct{} // polls; each channel has room for one signal
}

// newMail begins its numbers at the time, so that they rise over restarts.
func newMail(now uint64) *mail {
	return &mail{
		closed: make(chan struct{}), seq: now << 10, sent: make(map[[16]byte]int),
		boxes: make(map[[16]byte][]letter), waiting: make(map[[16]byte]map[chan struct{}]struct{}),
	}
}

// close ends all polls, and those that come later.
func (m *mail) close() { m.once.Do(func() { close(m.closed) }) }

// post keeps a letter, or refuses when the mailbox is full. Letters from others
// count for each of them, and leave places for those of the mailbox's owner.
func (m *mail) post(l letter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(l.to, l.time)
	if m.sent[l.fromUser] >= maxSent {
		return Refuse(api.CodeMailboxFull, "this account has left too many messages: try again in 10 minutes")
	}
	box := m.boxes[l.to]
	same, strangers := 0, 0
	for i := range box {
		if box[i].fromUser == l.fromUser {
			same++
		}
		if box[i].fromUser != l.owner {
			strangers++
		}
	}
	stranger := l.fromUser != l.owner
	if len(box) >= maxLetters || m.bytes+l.cost() > maxMailBytes ||
		stranger && (same >= maxSameSender || strangers >= maxStrangers) {
		return Refuse(api.CodeMailboxFull, "the mailbox is full: try again in 10 minutes")
	}
	m.add(l)
	return nil
}

// notify leaves word from the server itself, however much mail others have. A full
// mailbox is not told: others cannot fill it, and its owner has enough to look at.
func (m *mail) notify(user [16]byte, kind string, endpoint [16]byte, now uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(user, now)
	if len(m.boxes[user]) < maxLetters {
		m.add(letter{kind: kind, fromUser: user, fromEndpoint: endpoint, to: user, owner: user, time: now})
	}
}

// add appends a letter and wakes who waits for it. The caller holds mu.
func (m *mail) add(l letter) {
	m.seq++
	l.seq = m.seq
	m.boxes[l.to] = append(m.boxes[l.to], l)
	m.bytes += l.cost()
	if l.kind == kindMessage {
		m.sent[l.fromUser]++
	}
	m.wake(l.to)
}

// forget takes a letter that is dropped off what is counted. The caller holds mu.
func (m *mail) forget(l *letter) {
	m.bytes -= l.cost()
	if l.kind != kindMessage {
		return
	}
	if m.sent[l.fromUser]--; m.sent[l.fromUser] == 0 {
		delete(m.sent, l.fromUser)
	}
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
		m.forget(&box[n])
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
	box := m.boxes[endpoint]
	for i := range box {
		m.forget(&box[i])
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
