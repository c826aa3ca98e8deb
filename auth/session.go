package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"conclave/api"
	"conclave/core/identity"
	"conclave/directory"
)

const (
	sessionLifetime = 30 * 24 * time.Hour // after it was last seen
	touchInterval   = time.Hour           // how exact "last seen" is
	maxSessions     = 64                  // of an account
)

// now returns the time in milliseconds since 1970.
func (s *Service) now() uint64 { return millis(s.cfg.Now()) }

func millis(t time.Time) uint64 { return uint64(max(t.UnixMilli(), 0)) }

func ms(d time.Duration) uint64 { return uint64(d.Milliseconds()) }

// session returns the session of a caller, if it has one that has not ended. A
// session that is bound to a device ends with the device's place in the list.
func (s *Service) session(ctx context.Context, c Caller) (*Session, error) {
	token, err := base64.RawURLEncoding.Strict().DecodeString(c.Token)
	if err != nil || len(token) != 32 {
		return nil, Refuse(api.CodeNoSession, "sign in first")
	}
	row, err := s.cfg.Store.Session(ctx, sha256.Sum256(token))
	switch {
	case errors.Is(err, ErrMissing):
		if err := s.limits.signIn(c.Address, s.cfg.Now()); err != nil {
			return nil, err // guessing tokens is hopeless, but not free for the server
		}
		return nil, Refuse(api.CodeNoSession, "this session has ended: sign in again")
	case err != nil:
		return nil, fmt.Errorf("reading the session: %w", err)
	}
	now := s.now()
	if row.Expires <= now {
		return nil, s.ended(ctx, &row, "this session has expired: sign in again")
	}
	if row.Device != ([16]byte{}) {
		listed, err := s.listed(ctx, &row)
		if err != nil {
			return nil, err
		}
		if !listed {
			return nil, s.ended(ctx, &row, "this device was removed from the account")
		}
	}
	if err := s.limits.accounts.take(row.User, s.cfg.Now()); err != nil {
		return nil, err
	}
	if now-min(row.Seen, now) >= ms(touchInterval) {
		row.Seen, row.Expires = now, now+ms(sessionLifetime)
		if err := s.cfg.Store.TouchSession(ctx, row.Endpoint, row.Seen, row.Expires); err != nil {
			return nil, fmt.Errorf("keeping the session: %w", err)
		}
	}
	return &row, nil
}

// ended removes a session and returns the refusal that says so.
func (s *Service) ended(ctx context.Context, row *Session, message string) error {
	if err := s.endSession(ctx, row.Endpoint); err != nil {
		return err
	}
	return Refuse(api.CodeNoSession, message)
}

// endSession removes a session with what waits for it.
func (s *Service) endSession(ctx context.Context, endpoint [16]byte) error {
	if err := s.cfg.Store.DeleteSession(ctx, endpoint); err != nil {
		return fmt.Errorf("ending a session: %w", err)
	}
	s.requests.remove(endpoint)
	s.mail.drop(endpoint)
	return nil
}

// endUnbound ends the sessions without keys of an account, but not the one that
// asks: somebody may have made them with a login that is now no more.
func (s *Service) endUnbound(ctx context.Context, asks *Session) error {
	rows, err := s.cfg.Store.Sessions(ctx, asks.User)
	if err != nil {
		return fmt.Errorf("reading sessions: %w", err)
	}
	for _, row := range rows {
		if row.Device == ([16]byte{}) && row.Endpoint != asks.Endpoint {
			if err := s.endSession(ctx, row.Endpoint); err != nil {
				return err
			}
		}
	}
	return nil
}

// bound is session for what only a device with keys may do.
func (s *Service) bound(ctx context.Context, c Caller) (*Session, error) {
	row, err := s.session(ctx, c)
	if err == nil && row.Device == ([16]byte{}) {
		return nil, notBound()
	}
	return row, err
}

func notBound() error {
	return Refuse(api.CodeNotBound, "this device has no keys of the account yet: approve it from another one first")
}

// owner is session for what changes how one signs in: a device with keys, or any
// session while the account has no devices.
func (s *Service) owner(ctx context.Context, c Caller) (*Session, error) {
	row, err := s.session(ctx, c)
	if err != nil || row.Device != ([16]byte{}) {
		return row, err
	}
	switch _, err := s.cfg.Directory.Latest(ctx, row.User); {
	case errors.Is(err, directory.ErrNotFound):
		return row, nil
	case err != nil:
		return nil, fmt.Errorf("reading the record: %w", err)
	}
	return nil, notBound()
}

// record returns the last record of a user, or directory.ErrNotFound.
func (s *Service) record(ctx context.Context, user [16]byte) (*identity.Record, error) {
	b, err := s.cfg.Directory.Latest(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("reading the record: %w", err)
	}
	r, err := identity.ParseRecord(b)
	if err != nil {
		return nil, fmt.Errorf("reading a stored record: %w", err)
	}
	return r, nil
}

// listed reports whether the device of a session is in its user's list.
func (s *Service) listed(ctx context.Context, row *Session) (bool, error) {
	r, err := s.record(ctx, row.User)
	if errors.Is(err, directory.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	d := r.Device(row.Device)
	return d != nil && (d.Expires == 0 || d.Expires > s.now()), nil
}

// signIn makes a session, and tells the user's devices of it.
func (s *Service) signIn(ctx context.Context, user [16]byte, method, name string) (*api.SignedIn, error) {
	if err := identity.CheckName(name); err != nil {
		return nil, Refuse(api.CodeMalformed, "name this device: 1 to 64 bytes that can be seen")
	}
	if err := s.makeRoom(ctx, user); err != nil {
		return nil, err
	}
	now := s.now()
	token := make([]byte, 32)
	_, _ = rand.Read(token) // never fails: crypto/rand
	row := Session{
		Token: sha256.Sum256(token), User: user, Name: name, Method: method,
		SignedIn: now, Seen: now, Expires: now + ms(sessionLifetime),
	}
	_, _ = rand.Read(row.Endpoint[:]) // never fails
	if err := s.cfg.Store.CreateSession(ctx, row); err != nil {
		return nil, fmt.Errorf("making a session: %w", err)
	}
	s.mail.notify(user, kindSignIn, row.Endpoint, now)
	shown, err := s.show(ctx, &row)
	if err != nil {
		return nil, err
	}
	return &api.SignedIn{Token: base64.RawURLEncoding.EncodeToString(token), Session: *shown}, nil
}

// makeRoom ends the oldest session without keys of an account that has too many.
func (s *Service) makeRoom(ctx context.Context, user [16]byte) error {
	rows, err := s.cfg.Store.Sessions(ctx, user)
	if err != nil {
		return fmt.Errorf("reading sessions: %w", err)
	}
	if len(rows) < maxSessions {
		return nil
	}
	for _, row := range rows {
		if row.Device == ([16]byte{}) {
			return s.endSession(ctx, row.Endpoint)
		}
	}
	return Refuse(api.CodeBusy, "this account has too many devices: remove one first")
}

// show returns a session as its user sees it.
func (s *Service) show(ctx context.Context, row *Session) (*api.Session, error) {
	a, err := s.cfg.Store.Account(ctx, row.User)
	if err != nil {
		return nil, fmt.Errorf("reading the account: %w", err)
	}
	shown := describe(row, a.Handle)
	shown.Current = true
	return &shown, nil
}

func describe(row *Session, handle string) api.Session {
	shown := api.Session{
		User: hexID(row.User), Endpoint: hexID(row.Endpoint), Name: row.Name, Method: row.Method,
		SignedInMS: row.SignedIn, LastSeenMS: row.Seen, ExpiresMS: row.Expires, Handle: handle,
	}
	if row.Device != ([16]byte{}) {
		shown.Device = hexID(row.Device)
	}
	return shown
}

func hexID(id [16]byte) string { return hex.EncodeToString(id[:]) }

// parseID reads 32 lower-case hexadecimal digits.
func parseID(text string) (id [16]byte, err error) {
	user, err := identity.ParseUserID(text)
	if err != nil {
		return id, Refuse(api.CodeMalformed, "an id has 32 lower-case hexadecimal digits")
	}
	return user, nil
}

// SessionInfo returns the caller's session.
func (s *Service) SessionInfo(ctx context.Context, c Caller) (*api.Session, error) {
	row, err := s.session(ctx, c)
	if err != nil {
		return nil, err
	}
	return s.show(ctx, row)
}

// SignOut ends the caller's session.
func (s *Service) SignOut(ctx context.Context, c Caller) (*api.Empty, error) {
	row, err := s.session(ctx, c)
	if err != nil {
		return nil, err
	}
	return &api.Empty{}, s.endSession(ctx, row.Endpoint)
}

// Sessions lists the sessions of the caller's account, those without keys too.
func (s *Service) Sessions(ctx context.Context, c Caller) (*api.Sessions, error) {
	row, err := s.session(ctx, c)
	if err != nil {
		return nil, err
	}
	rows, err := s.cfg.Store.Sessions(ctx, row.User)
	if err != nil {
		return nil, fmt.Errorf("reading sessions: %w", err)
	}
	a, err := s.cfg.Store.Account(ctx, row.User)
	if err != nil {
		return nil, fmt.Errorf("reading the account: %w", err)
	}
	list := &api.Sessions{Sessions: []api.Session{}}
	now := s.now()
	for i := range rows {
		if rows[i].Expires <= now {
			continue
		}
		shown := describe(&rows[i], a.Handle)
		shown.Current = rows[i].Endpoint == row.Endpoint
		list.Sessions = append(list.Sessions, shown)
	}
	return list, nil
}

// EndSession ends another session of the caller's account: it refuses a sign-in
// that somebody else made. Devices with keys may, and every session its own.
func (s *Service) EndSession(ctx context.Context, c Caller, endpoint string) (*api.Empty, error) {
	row, err := s.session(ctx, c)
	if err != nil {
		return nil, err
	}
	id, err := parseID(endpoint)
	if err != nil {
		return nil, err
	}
	if id != row.Endpoint {
		if row.Device == ([16]byte{}) {
			return nil, notBound()
		}
		other, err := s.cfg.Store.SessionAt(ctx, id)
		if errors.Is(err, ErrMissing) || err == nil && other.User != row.User {
			return nil, Refuse(api.CodeNotFound, "the account has no such session")
		}
		if err != nil {
			return nil, fmt.Errorf("reading a session: %w", err)
		}
	}
	return &api.Empty{}, s.endSession(ctx, id)
}
