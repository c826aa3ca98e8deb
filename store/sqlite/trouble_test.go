package sqlite

import (
	"bufio"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"conclave/auth"
	"conclave/directory"
	"conclave/store"
	"conclave/store/tables"
)

// The tests below run this program again, with a job to do until it is killed or
// its disk is full.
const (
	jobVariable  = "CONCLAVE_STORE_TEST_JOB"
	pathVariable = "CONCLAVE_STORE_TEST_PATH"
)

// job commits epochs with one entry each and says so on standard output, until it
// is killed, or cannot.
func job() error {
	if name, limit, ok := strings.Cut(os.Getenv(jobVariable), " "); ok && name == "full" {
		n, err := strconv.ParseUint(limit, 10, 64)
		if err != nil {
			return err
		}
		// A file that may not grow: what a full disk does to whoever writes, without one.
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
			return err
		}
	}
	db, err := Open(testContext, os.Getenv(pathVariable), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	for {
		n, err := db.Directory().Count(testContext)
		if err != nil {
			return err
		}
		if err := db.Directory().Commit(testContext, directory.StoredEpoch{Number: n, Leaf: []byte("leaf")}, []directory.Entry{entry(n)}); err != nil {
			_, _ = fmt.Println("failed", err) //nolint:forbidigo // the test reads it
			after, err := db.Directory().Count(testContext)
			_, _ = fmt.Println("count", after, err) //nolint:forbidigo // the test reads it
			return nil
		}
		_, _ = fmt.Println("done", n) //nolint:forbidigo // the test reads it
	}
}

// entry returns the entry of epoch n.
func entry(n uint64) directory.Entry {
	e := directory.Entry{Namespace: directory.NamespaceUser, Version: uint32(n), Name: []byte("name"), Value: make([]byte, 3000)}
	binary.BigEndian.PutUint64(e.Label[:], n)
	binary.BigEndian.PutUint64(e.Value, n)
	return e
}

// work runs job in another process and returns its lines.
func work(t *testing.T, path, what string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), jobVariable+"="+what, pathVariable+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// check opens the database and fails unless it is whole and has the epochs that
// were acknowledged, and at most one more.
func check(t *testing.T, path string, acknowledged uint64) {
	t.Helper()
	db, err := Open(t.Context(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("Open() = %v", err)
	}
	defer closed(t, db)
	count, err := db.Directory().Count(t.Context())
	if err != nil || count < acknowledged || count > acknowledged+1 {
		t.Errorf("%d epochs, %v; %d were acknowledged", count, err, acknowledged)
	}
	entries, err := db.Directory().Entries(t.Context(), directory.NamespaceUser, []byte("name"), 0, 1<<30, 1<<30)
	if uint64(len(entries)) != count || err != nil {
		t.Errorf("%d entries of %d epochs, %v", len(entries), count, err)
	}
	for n, e := range entries {
		if want := entry(uint64(n)); e.Label != want.Label || e.Epoch != uint64(n) || string(e.Value) != string(want.Value) {
			t.Errorf("entry %d is not what was written", n)
		}
	}
	intact(t, path)
}

// intact has SQLite check the file.
func intact(t *testing.T, path string) {
	t.Helper()
	raw, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	var says string
	if err := raw.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&says); err != nil || says != "ok" {
		t.Errorf("integrity_check says %q, %v", says, err)
	}
}

func closed(t *testing.T, db *tables.Tables) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
}

// TestKilled kills a process that writes, again and again: what it was told to be
// durable is there, and the file is whole.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	var acknowledged uint64
	for round := range 8 {
		cmd, lines := work(t, path, "kill")
		for range 1 + round*3 { // so it is killed at different points, also at the first
			if !lines.Scan() {
				t.Fatal("the process ended by itself")
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		last := lines.Text()
		for lines.Scan() { // what it said before it died counts
			last = lines.Text()
		}
		_ = cmd.Wait() // killed
		if _, err := fmt.Sscanf(last, "done %d", &acknowledged); err != nil {
			t.Fatalf("%q: %v", last, err)
		}
		acknowledged++
		check(t, path, acknowledged)
	}
}

// TestDiskFull lets a process write to a disk that becomes full: it is told so,
// can read on, and nothing is lost. With room, it goes on.
func TestDiskFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	for _, limit := range []int{300_000, 400_000} {
		cmd, lines := work(t, path, "full "+strconv.Itoa(limit))
		var acknowledged, count uint64
		failed := ""
		for lines.Scan() {
			switch word, rest, _ := strings.Cut(lines.Text(), " "); word {
			case "done":
				if _, err := fmt.Sscan(rest, &acknowledged); err != nil {
					t.Fatal(err)
				}
			case "failed":
				failed = rest
			case "count":
				if rest != fmt.Sprint(acknowledged+1, " <nil>") {
					t.Errorf("count says %q after the failure; %d were acknowledged", rest, acknowledged+1)
				}
				count++
			}
		}
		if err := cmd.Wait(); err != nil || failed == "" || count != 1 {
			t.Fatalf("the process ended with %v; its failure was %q", err, failed)
		}
		if !strings.HasPrefix(failed, store.ErrFull.Error()) {
			t.Errorf("the failure was %q, want %q", failed, store.ErrFull)
		}
		check(t, path, acknowledged+1)
	}
}

// TestOneTooLarge lets changes of one group not fit together: those that fit
// alone are made.
func TestOneTooLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	log := slog.New(slog.DiscardHandler)
	db, err := open(t.Context(), path, func() error { return nil }, log, "max_page_count(100)")
	if err != nil {
		t.Fatal(err)
	}
	s := db.Auth()
	user := [16]byte{1}
	if err := s.CreateAccount(t.Context(), auth.Account{User: user}, auth.Login{User: user}); err != nil {
		t.Fatal(err)
	}
	small, large := make(chan error), make(chan error)
	for range 5 {
		go func() {
			large <- s.PutBackup(t.Context(), auth.Backup{User: user, Blob: make([]byte, 512<<10)})
		}()
		go func() {
			_, _, err := s.Try(t.Context(), "a", 0, 10, 100)
			small <- err
		}()
	}
	for range 5 {
		if err := <-large; !errors.Is(err, store.ErrFull) {
			t.Errorf("a change without room = %v, want %v", err, store.ErrFull)
		}
		if err := <-small; err != nil {
			t.Errorf("a change with room = %v", err)
		}
	}
	if n, _, err := s.Try(t.Context(), "a", 0, 10, 100); n != 6 || err != nil {
		t.Errorf("Try = %d, %v; want 6: those before count once each", n, err)
	}
	if full := db.Stats().Full.Load(); full == 0 {
		t.Error("no failure was counted")
	}
	closed(t, db)
	if db, err = Open(t.Context(), path, log); err != nil {
		t.Fatal(err)
	}
	defer closed(t, db)
	s = db.Auth()
	if err := s.PutBackup(t.Context(), auth.Backup{User: user, Blob: make([]byte, 512<<10)}); err != nil {
		t.Errorf("PutBackup with room again = %v", err)
	}
}

// TestInUse opens a database twice.
func TestInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	log := slog.New(slog.DiscardHandler)
	db, err := Open(t.Context(), path, log)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, log); !errors.Is(err, store.ErrInUse) {
		t.Errorf("Open() again = %v, want %v", err, store.ErrInUse)
	}
	closed(t, db)
	db, err = Open(t.Context(), path, log)
	if err != nil {
		t.Fatalf("Open() after Close() = %v", err)
	}
	closed(t, db)
}

// TestNotOurs opens what is no database of this version.
func TestNotOurs(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	t.Run("a later version", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a.db")
		db, err := Open(t.Context(), path, log)
		if err != nil {
			t.Fatal(err)
		}
		closed(t, db)
		change(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)")
		if _, err := Open(t.Context(), path, log); !errors.Is(err, store.ErrNewer) {
			t.Errorf("Open() = %v, want %v", err, store.ErrNewer)
		}
	})
	t.Run("no database", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a.db")
		if err := os.WriteFile(path, []byte(strings.Repeat("not a database. ", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), path, log); err == nil {
			t.Error("Open() took a file that is no database")
		}
	})
	t.Run("half a database", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a.db")
		db, err := Open(t.Context(), path, log)
		if err != nil {
			t.Fatal(err)
		}
		for n := range uint64(50) {
			if err := db.Directory().Commit(t.Context(), directory.StoredEpoch{Number: n}, []directory.Entry{entry(n)}); err != nil {
				t.Fatal(err)
			}
		}
		closed(t, db)
		if err := os.Truncate(path, 100_000); err != nil {
			t.Fatal(err)
		}
		db, err = Open(t.Context(), path, log)
		if err == nil {
			err = db.Directory().Leaves(t.Context(), 0, 50, func(directory.Leaf) error { return nil })
			_, read := db.Directory().Entries(t.Context(), directory.NamespaceUser, []byte("name"), 0, 50, 50)
			err = errors.Join(err, read)
			closed(t, db)
		}
		if err == nil {
			t.Error("half of a database was read as if it were whole")
		}
	})
	t.Run("no folder", func(t *testing.T) {
		if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "none", "a.db"), log); err == nil {
			t.Error("Open() = nil without a folder")
		}
	})
}

// TestWrongColumn reads a row that something else has changed.
func TestWrongColumn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	log := slog.New(slog.DiscardHandler)
	db, err := Open(t.Context(), path, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Directory().Commit(t.Context(), directory.StoredEpoch{}, []directory.Entry{entry(0)}); err != nil {
		t.Fatal(err)
	}
	closed(t, db)
	change(t, path, "UPDATE leaves SET commitment = x'00'")
	if db, err = Open(t.Context(), path, log); err != nil {
		t.Fatal(err)
	}
	defer closed(t, db)
	if err := db.Directory().Leaves(t.Context(), 0, 9, func(directory.Leaf) error { return nil }); err == nil {
		t.Error("Leaves() = nil with a commitment of one byte")
	}
	if _, err := db.Directory().Latest(t.Context(), directory.NamespaceUser, []byte("name")); err == nil || errors.Is(err, directory.ErrNotFound) {
		t.Errorf("Latest() = %v with a commitment of one byte", err)
	}
}

// TestMode checks that only the owner can read the files.
func TestMode(t *testing.T) {
	dir := t.TempDir()
	db, err := Open(t.Context(), filepath.Join(dir, "a.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, db)
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 4 {
		t.Errorf("%d files, %v; want the database, its log, its index and its lock", len(files), err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v; want 0600", f.Name(), info.Mode(), err)
		}
	}
}

// change changes a database behind the back of Tables.
func change(t *testing.T, path, statement string) {
	t.Helper()
	raw, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
