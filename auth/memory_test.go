package auth_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"conclave/auth"
	"conclave/core/identity"
	"conclave/directory"
)

// memory is a Store without durability.
type memory struct {
	mu       sync.Mutex
	accounts []auth.Account
	logins   []auth.Login
	sessions []auth.Session
	backups  map[[16]byte]auth.Backup
	tries    map[string]tries
}

type tries struct {
	count int
	until uint64
}

var _ auth.Store = (*memory)(nil)

func newMemory() *memory {
	return &memory{backups: make(map[[16]byte]auth.Backup), tries: make(map[string]tries)}
}

func (m *memory) lock() func() { m.mu.Lock(); return m.mu.Unlock }

// find returns the first that fits, which belongs to the store.
func find[T any](list []T, fits func(*T) bool) (*T, error) {
	for i := range list {
		if fits(&list[i]) {
			return &list[i], nil
		}
	}
	return nil, auth.ErrMissing
}

func get[T any](list []T, fits func(*T) bool) (T, error) {
	v, err := find(list, fits)
	if err != nil {
		var zero T
		return zero, err
	}
	return *v, nil
}

func (m *memory) CreateAccount(_ context.Context, a auth.Account, l auth.Login) error {
	defer m.lock()()
	if a.Handle != "" && slices.ContainsFunc(m.accounts, func(b auth.Account) bool { return b.Handle == a.Handle || b.Skeleton == a.Skeleton }) {
		return auth.ErrTaken
	}
	if err := m.addLogin(l); err != nil {
		return err
	}
	m.accounts = append(m.accounts, a)
	return nil
}

func (m *memory) Account(_ context.Context, user [16]byte) (auth.Account, error) {
	defer m.lock()()
	return get(m.accounts, func(a *auth.Account) bool { return a.User == user })
}

func (m *memory) SkeletonTaken(_ context.Context, skeleton string) (bool, error) {
	defer m.lock()()
	return slices.ContainsFunc(m.accounts, func(a auth.Account) bool { return a.Skeleton == skeleton }), nil
}

func (m *memory) SetHandle(_ context.Context, user [16]byte, handle, skeleton string) error {
	defer m.lock()()
	a, err := find(m.accounts, func(a *auth.Account) bool { return a.User == user })
	switch {
	case err != nil:
		return err
	case a.Handle == handle:
	case a.Handle != "", slices.ContainsFunc(m.accounts, func(b auth.Account) bool { return b.Skeleton == skeleton }):
		return auth.ErrTaken
	}
	a.Handle, a.Skeleton, a.Claimed = handle, skeleton, true
	return nil
}

func (m *memory) DeleteUnclaimed(_ context.Context, before uint64) (int, error) {
	defer m.lock()()
	var gone [][16]byte
	m.accounts = slices.DeleteFunc(m.accounts, func(a auth.Account) bool {
		if a.Handle == "" || a.Claimed || a.Created >= before {
			return false
		}
		gone = append(gone, a.User)
		return true
	})
	m.logins = slices.DeleteFunc(m.logins, func(l auth.Login) bool { return slices.Contains(gone, l.User) })
	m.sessions = slices.DeleteFunc(m.sessions, func(s auth.Session) bool { return slices.Contains(gone, s.User) })
	return len(gone), nil
}

func (m *memory) addLogin(l auth.Login) error {
	if slices.ContainsFunc(m.logins, func(o auth.Login) bool { return o.Kind == l.Kind && o.Key == l.Key }) {
		return auth.ErrTaken
	}
	m.logins = append(m.logins, l)
	return nil
}

func (m *memory) AddLogin(_ context.Context, l auth.Login) error {
	defer m.lock()()
	return m.addLogin(l)
}

func (m *memory) Login(_ context.Context, kind auth.LoginKind, key string) (auth.Login, error) {
	defer m.lock()()
	return get(m.logins, func(l *auth.Login) bool { return l.Kind == kind && l.Key == key })
}

func (m *memory) Logins(_ context.Context, user [16]byte) ([]auth.Login, error) {
	defer m.lock()()
	var list []auth.Login
	for _, l := range m.logins {
		if l.User == user {
			list = append(list, l)
		}
	}
	return list, nil
}

func (m *memory) UpdateLogin(_ context.Context, l auth.Login, old []byte) error {
	defer m.lock()()
	o, err := find(m.logins, func(o *auth.Login) bool { return o.Kind == l.Kind && o.Key == l.Key && bytes.Equal(o.Data, old) })
	if err == nil {
		o.Data, o.Used = l.Data, l.Used
	}
	return err
}

func (m *memory) DeleteLogin(_ context.Context, user [16]byte, kind auth.LoginKind, key string) error {
	defer m.lock()()
	n := len(m.logins)
	m.logins = slices.DeleteFunc(m.logins, func(l auth.Login) bool { return l.User == user && l.Kind == kind && l.Key == key })
	if len(m.logins) == n {
		return auth.ErrMissing
	}
	return nil
}

func (m *memory) CreateSession(_ context.Context, s auth.Session) error {
	defer m.lock()()
	m.sessions = append(m.sessions, s)
	return nil
}

func (m *memory) Session(_ context.Context, token [32]byte) (auth.Session, error) {
	defer m.lock()()
	return get(m.sessions, func(s *auth.Session) bool { return s.Token == token })
}

func (m *memory) SessionAt(_ context.Context, endpoint [16]byte) (auth.Session, error) {
	defer m.lock()()
	return get(m.sessions, func(s *auth.Session) bool { return s.Endpoint == endpoint })
}

func (m *memory) Sessions(_ context.Context, user [16]byte) ([]auth.Session, error) {
	defer m.lock()()
	var list []auth.Session
	for _, s := range m.sessions {
		if s.User == user {
			list = append(list, s)
		}
	}
	return list, nil
}

func (m *memory) TouchSession(_ context.Context, endpoint [16]byte, seen, expires uint64) error {
	defer m.lock()()
	s, err := find(m.sessions, func(s *auth.Session) bool { return s.Endpoint == endpoint })
	if err == nil {
		s.Seen, s.Expires = seen, expires
	}
	return err
}

func (m *memory) BindSession(_ context.Context, endpoint, device [16]byte) error {
	defer m.lock()()
	s, err := find(m.sessions, func(s *auth.Session) bool { return s.Endpoint == endpoint })
	if err == nil {
		s.Device = device
	}
	return err
}

func (m *memory) DeleteSession(_ context.Context, endpoint [16]byte) error {
	defer m.lock()()
	m.sessions = slices.DeleteFunc(m.sessions, func(s auth.Session) bool { return s.Endpoint == endpoint })
	return nil
}

func (m *memory) DeleteExpired(_ context.Context, now uint64) error {
	defer m.lock()()
	m.sessions = slices.DeleteFunc(m.sessions, func(s auth.Session) bool { return s.Expires <= now })
	for key, t := range m.tries {
		if t.until <= now {
			delete(m.tries, key)
		}
	}
	return nil
}

func (m *memory) PutBackup(_ context.Context, b auth.Backup) error {
	defer m.lock()()
	if m.backups[b.User].Counter > b.Counter {
		return auth.ErrOld
	}
	m.backups[b.User] = b
	return nil
}

func (m *memory) Backup(_ context.Context, user [16]byte) (auth.Backup, error) {
	defer m.lock()()
	b, ok := m.backups[user]
	if !ok {
		return b, auth.ErrMissing
	}
	return b, nil
}

func (m *memory) Try(_ context.Context, key string, now, window uint64, limit int) (int, uint64, error) {
	defer m.lock()()
	t := m.tries[key]
	if t.until <= now {
		t = tries{until: now + window}
	}
	t.count = min(t.count+1, limit+1)
	m.tries[key] = t
	return t.count, t.until, nil
}

func (m *memory) ForgetTries(_ context.Context, key string) error {
	defer m.lock()()
	delete(m.tries, key)
	return nil
}

// records is a directory without proofs.
type records struct {
	mu     sync.Mutex
	byUser map[[16]byte][]byte
	epoch  uint64
	fail   error // of the next Update
}

func (d *records) Latest(_ context.Context, user [16]byte) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b := d.byUser[user]
	if b == nil {
		return nil, directory.ErrNotFound
	}
	return b, nil
}

func (d *records) Update(_ context.Context, user [16]byte, record []byte, o directory.Options) (directory.Accepted, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.fail; err != nil {
		d.fail = nil
		return directory.Accepted{}, err
	}
	next, err := identity.ParseRecord(record)
	if err != nil || next.User != user {
		return directory.Accepted{}, directory.ErrRecord
	}
	var prev *identity.Record
	if b := d.byUser[user]; b != nil && !bytes.Equal(b, record) {
		if prev, err = identity.ParseRecord(b); err != nil {
			return directory.Accepted{}, err
		}
	}
	if !bytes.Equal(d.byUser[user], record) {
		err = identity.Follows(prev, next)
	}
	if errors.Is(err, identity.ErrReset) && o.AllowReset {
		err = nil
	}
	if err != nil {
		return directory.Accepted{}, directory.ErrOutdated
	}
	d.epoch++
	d.byUser[user] = record
	return directory.Accepted{User: next.User, Version: next.Version, Epoch: d.epoch, Published: true}, nil
}
