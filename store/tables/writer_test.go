package tables

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
	_ "modernc.org/sqlite"

	"conclave/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// database returns tables on a file with one table, numbers (n).
func database(t *testing.T, connected func() error) (*Tables, error) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(2)
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE numbers (n INTEGER UNIQUE)"); err != nil {
		t.Fatal(err)
	}
	tables, err := New(t.Context(), Database{
		Write: db, Read: db, Begin: "BEGIN",
		Connected: func(context.Context, *sql.Conn) error { return connected() },
		Full:      func(error) bool { return false },
		Lost:      func(error) bool { return false },
		Log:       slog.New(slog.DiscardHandler),
	})
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	t.Cleanup(func() {
		if err := tables.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return tables, nil
}

func fine() error { return nil }

// add returns a change that adds a number.
func add(n int) func(*change) error {
	return func(c *change) error {
		_, err := c.exec("INSERT INTO numbers VALUES ($1)", n)
		return err
	}
}

// numbers returns how many there are.
func numbers(t *testing.T, db *Tables) (n int) {
	t.Helper()
	if err := db.row(t.Context(), "SELECT COUNT(*) FROM numbers", nil, &n); err != nil {
		t.Error(err)
	}
	return n
}

// TestPanic lets a change panic: it is undone, and the next one is made.
func TestPanic(t *testing.T) {
	db, err := database(t, fine)
	if err != nil {
		t.Fatal(err)
	}
	err = db.write(t.Context(), func(c *change) error {
		if err := add(1)(c); err != nil {
			return err
		}
		panic("a bug with a secret")
	})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("write() = %v, want an error that does not tell", err)
	}
	if err := db.write(t.Context(), add(1)); err != nil {
		t.Errorf("write() after a panic = %v", err)
	}
	if n := numbers(t, db); n != 1 {
		t.Errorf("%d numbers, want 1", n)
	}
}

// TestGroup fills the queue while a change is made: those that wait share one
// transaction, up to the limit, and one that fails does not hurt the others.
func TestGroup(t *testing.T) {
	db, err := database(t, fine)
	if err != nil {
		t.Fatal(err)
	}
	const waiting = 2 * maxGroup
	begun, finish := make(chan struct{}), make(chan struct{})
	results := make(chan error, waiting+1)
	go func() {
		results <- db.write(context.Background(), func(c *change) error {
			close(begun)
			<-finish
			return add(0)(c)
		})
	}()
	<-begun
	for n := range waiting {
		go func() { results <- db.write(context.Background(), add(n/2)) }() // each number twice
	}
	over, end := context.WithCancel(t.Context())
	end()
	if err := db.write(over, add(1000)); !errors.Is(err, context.Canceled) {
		t.Errorf("write() that was given up while it waited = %v", err)
	}
	close(finish)
	failed := 0
	for range waiting + 1 {
		if err := <-results; err != nil {
			failed++
		}
	}
	if n := numbers(t, db); n != waiting/2 || failed != waiting/2+1 {
		t.Errorf("%d numbers, %d changes failed; want %d and %d", n, failed, waiting/2, waiting/2+1)
	}
	if done, groups := db.stats.Changes.Load(), db.stats.Groups.Load(); done != waiting/2 || groups < 3 || groups > waiting+1 {
		t.Errorf("%d changes in %d groups", done, groups)
	}
}

// TestNotConnected opens a database that somebody else has.
func TestNotConnected(t *testing.T) {
	if _, err := database(t, func() error { return store.ErrInUse }); !errors.Is(err, store.ErrInUse) {
		t.Errorf("New() = %v, want %v", err, store.ErrInUse)
	}
}

// TestLost closes the connection between two changes: the second is made on
// another one, unless somebody else has the database by then.
func TestLost(t *testing.T) {
	var inUse error
	db, err := database(t, func() error { return inUse })
	if err != nil {
		t.Fatal(err)
	}
	lose := func() {
		t.Helper()
		err := db.write(t.Context(), func(c *change) error {
			for text, stmt := range c.w.stmts { // this database does not bear to lose them with the connection
				_ = stmt.Close()
				delete(c.w.stmts, text)
			}
			return c.w.conn.Raw(func(any) error { return driver.ErrBadConn })
		})
		if err == nil {
			t.Error("a change on a closed connection was made")
		}
	}
	lose()
	if err := db.write(t.Context(), add(1)); err != nil {
		t.Errorf("write() after the connection was lost = %v", err)
	}
	inUse = store.ErrInUse
	lose()
	if err := db.write(t.Context(), add(2)); !errors.Is(err, store.ErrInUse) {
		t.Errorf("write() when another has the database = %v, want %v", err, store.ErrInUse)
	}
	inUse = nil
	if err := db.write(t.Context(), add(3)); err != nil {
		t.Errorf("write() when it is free again = %v", err)
	}
	if n := numbers(t, db); n != 2 {
		t.Errorf("%d numbers, want 2", n)
	}
}
