package account

import (
	"context"
	"sync"
	"time"

	"conclave/api"
)

// maxMail is how many messages are kept in memory; the oldest are dropped first.
const maxMail = 512

// A letter is a message that came.
type letter struct {
	envelope
	from     string // user
	endpoint string // session of the sender
	time     uint64
	news     string // kind of a message of the server itself, else empty
}

// A mailbox reads the server's mailbox for all who wait for messages. One of
// them polls at a time; the others wait for what it brings.
type mailbox struct {
	poll func(ctx context.Context, after uint64, wait time.Duration) (*api.Mailbox, error)
	turn chan struct{} // held by who polls

	mu      sync.Mutex
	after   uint64
	dropped int // letters dropped from the front
	letters []letter
}

func newMailbox(poll func(ctx context.Context, after uint64, wait time.Duration) (*api.Mailbox, error)) *mailbox {
	return &mailbox{poll: poll, turn: make(chan struct{}, 1)}
}

// since returns the letters from position on, and the position after them.
func (m *mailbox) since(position int) ([]letter, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := min(max(position-m.dropped, 0), len(m.letters))
	return append([]letter(nil), m.letters[i:]...), m.dropped + len(m.letters)
}

// end returns the position after all letters.
func (m *mailbox) end() int {
	_, p := m.since(0)
	return p
}

// next returns the letters from position on, and polls once if there are none.
func (m *mailbox) next(ctx context.Context, position int, wait time.Duration) ([]letter, int, error) {
	if l, p := m.since(position); len(l) > 0 {
		return l, p, nil
	}
	select {
	case m.turn <- struct{}{}:
	default:
		if wait == 0 {
			return nil, position, nil // who polls already brings it at once
		}
		select {
		case m.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, position, ctx.Err()
		}
	}
	defer func() { <-m.turn }()
	if l, p := m.since(position); len(l) > 0 {
		return l, p, nil
	}
	m.mu.Lock()
	after := m.after
	m.mu.Unlock()
	box, err := m.poll(ctx, after, wait)
	if err != nil {
		return nil, position, err
	}
	m.take(box)
	l, p := m.since(position)
	return l, p, nil
}

// take adds what a poll brought.
func (m *mailbox) take(box *api.Mailbox) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.after = box.Next
	for i := range box.Messages {
		x := &box.Messages[i]
		l := letter{from: x.FromUser, endpoint: x.FromEndpoint, time: x.TimeMS}
		if x.Kind != "message" {
			l.news = x.Kind
		} else {
			e, err := parseEnvelope(x.Body)
			if err != nil {
				continue // not of this version
			}
			l.envelope = e
		}
		m.letters = append(m.letters, l)
	}
	if extra := len(m.letters) - maxMail; extra > 0 {
		m.letters = append([]letter(nil), m.letters[extra:]...)
		m.dropped += extra
	}
}
