package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"conclave/api"
)

// lettersPerMinute is how many messages one sender may leave for other people.
const lettersPerMinute = 60

// Post leaves a message for a user or an endpoint. The server cannot read it, and
// says whom it is from.
func (s *Service) Post(ctx context.Context, c Caller, to string, req *api.MailboxPost) (*api.Empty, error) {
	row, err := s.session(ctx, c)
	if err != nil {
		return nil, err
	}
	id, err := parseID(to)
	if err != nil {
		return nil, err
	}
	if len(req.Body) == 0 || len(req.Body) > api.MaxMailboxBody {
		return nil, Refuse(api.CodeTooLarge, "a message has 1 to 4096 bytes")
	}
	owner, toEndpoint, err := s.recipient(ctx, id)
	if err != nil {
		return nil, err
	}
	if row.Device == ([16]byte{}) && (owner != row.User || !toEndpoint) {
		return nil, notBound()
	}
	if owner != row.User {
		if err := s.limits.letters.take(row.User, s.cfg.Now()); err != nil {
			return nil, err
		}
	}
	m := letter{
		kind: kindMessage, fromUser: row.User, fromEndpoint: row.Endpoint,
		to: id, owner: owner, toEndpoint: toEndpoint, body: req.Body, time: s.now(),
	}
	return &api.Empty{}, s.mail.post(m)
}

// recipient returns whose mailbox an id is. Ids are random: none is both a
// user's and an endpoint's.
func (s *Service) recipient(ctx context.Context, id [16]byte) (owner [16]byte, endpoint bool, err error) {
	row, err := s.cfg.Store.SessionAt(ctx, id)
	if err == nil && row.Expires > s.now() {
		return row.User, true, nil
	}
	if err != nil && !errors.Is(err, ErrMissing) {
		return owner, false, fmt.Errorf("reading a session: %w", err)
	}
	a, err := s.cfg.Store.Account(ctx, id)
	if errors.Is(err, ErrMissing) {
		return owner, false, Refuse(api.CodeNotFound, "nobody has this mailbox")
	}
	if err != nil {
		return owner, false, fmt.Errorf("reading an account: %w", err)
	}
	return a.User, false, nil
}

// Mailbox returns the caller's messages later than after, and waits for one up to
// wait; no longer than the server runs or the session lasts.
func (s *Service) Mailbox(ctx context.Context, c Caller, after uint64, wait time.Duration) (*api.Mailbox, error) {
	row, err := s.session(ctx, c)
	if err != nil {
		return nil, err
	}
	wait = min(max(wait, 0), api.MaxMailboxWaitMS*time.Millisecond)
	ids := mailboxes(row)
	found := s.mail.collect(ids, after, s.now())
	if len(found) == 0 && wait > 0 {
		if err := s.mail.wait(ctx, ids, after, s.now(), wait); err != nil {
			return nil, err
		}
		// The session may have ended, or got its keys, in the meantime.
		if row, err = s.session(ctx, c); err != nil {
			return nil, err
		}
		found = s.mail.collect(mailboxes(row), after, s.now())
	}
	return showLetters(found, after), nil
}

// mailboxes returns what a session may read: its own, and its user's if it is a
// device with keys.
func mailboxes(row *Session) [][16]byte {
	if row.Device == ([16]byte{}) {
		return [][16]byte{row.Endpoint}
	}
	return [][16]byte{row.Endpoint, row.User}
}

func showLetters(found []letter, after uint64) *api.Mailbox {
	slices.SortFunc(found, func(a, b letter) int { return cmp.Compare(a.seq, b.seq) })
	box := &api.Mailbox{Messages: make([]api.MailboxMessage, 0, len(found)), Next: after}
	for _, m := range found {
		box.Messages = append(box.Messages, api.MailboxMessage{
			Seq: m.seq, Kind: m.kind, FromUser: hexID(m.fromUser), FromEndpoint: hexID(m.fromEndpoint),
			ToEndpoint: m.toEndpoint, Body: m.body, TimeMS: m.time,
		})
		box.Next = m.seq
	}
	return box
}
