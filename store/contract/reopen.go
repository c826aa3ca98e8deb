package contract

import (
	"errors"
	"reflect"
	"testing"

	"conclave/auth"
	"conclave/directory"
	"conclave/store"
)

// testReopen writes, closes and opens: all is there, and numbers go on.
func testReopen(t *testing.T, open Open) {
	ctx, db := t.Context(), open()
	commit(t, db.Directory(), epoch(0, true), record(1, 0), handle(1, "alice", "~alice"))
	commit(t, db.Directory(), epoch(1, false), record(1, 1))
	s := db.Auth()
	create(t, s, 1, "alice")
	done(t, "CreateSession", s.CreateSession(ctx, session(1, 1)))
	done(t, "PutBackup", s.PutBackup(ctx, auth.Backup{User: id(1), Counter: 3, Blob: []byte{1}}))
	_, _, err := s.Try(ctx, "a", 0, 100, 5)
	done(t, "Try", err)
	done(t, "Close", db.Close())

	db = opened(t, open)
	if n, err := db.Directory().Count(ctx); n != 2 || err != nil {
		t.Errorf("Count = %d, %v; want 2", n, err)
	}
	user := id(1)
	got, err := db.Directory().Latest(ctx, directory.NamespaceUser, user[:])
	if want := in(1, record(1, 1)); !reflect.DeepEqual(got, want) || err != nil {
		t.Errorf("Latest = %+v, %v", got, err)
	}
	refused(t, "Commit", db.Directory().Commit(ctx, epoch(1, false), nil), directory.ErrConflict)
	commit(t, db.Directory(), epoch(2, false), record(1, 2))
	s = db.Auth()
	refused(t, "CreateAccount", s.CreateAccount(ctx, account(2, "alice"), login(2, "other")), auth.ErrTaken)
	if got, err := s.Session(ctx, hash(1)); got != session(1, 1) || err != nil {
		t.Errorf("Session = %+v, %v", got, err)
	}
	if b, err := s.Backup(ctx, id(1)); b.Counter != 3 || err != nil {
		t.Errorf("Backup = %+v, %v", b, err)
	}
	if n, _, err := s.Try(ctx, "a", 50, 100, 5); n != 2 || err != nil {
		t.Errorf("Try = %d, %v; want 2", n, err)
	}
}

// testClosed calls after the end.
func testClosed(t *testing.T, open Open) {
	db := open()
	commit(t, db.Directory(), epoch(0, true))
	done(t, "Close", db.Close())
	refused(t, "Commit", db.Directory().Commit(t.Context(), epoch(1, false), nil), store.ErrClosed)
	if _, err := db.Directory().Count(t.Context()); err == nil || errors.Is(err, directory.ErrNotFound) {
		t.Errorf("Count = %v, want another error", err)
	}
	if _, err := db.Auth().Account(t.Context(), id(1)); err == nil || errors.Is(err, auth.ErrMissing) {
		t.Errorf("Account = %v, want another error", err)
	}
}
