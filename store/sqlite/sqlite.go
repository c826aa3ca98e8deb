// Package sqlite keeps accounts and the directory in one SQLite file. What was
// written is on the disk when a method returns (WAL, synchronous FULL).
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"conclave/store/tables"
)

//go:embed migrations/*.sql
var migrations embed.FS

// readers is the most queries at one time: each takes a connection with a cache.
const readers = 4

// Open opens the database in the file path and makes it if it is missing; the
// folder must be there. Only its owner can read it. A file that another process
// has open is store.ErrInUse. The caller must close the Tables.
func Open(ctx context.Context, path string, log *slog.Logger) (*tables.Tables, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("finding the database: %w", err)
	}
	unlock, err := lock(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("opening the database %s: %w", path, err)
	}
	t, err := open(ctx, path, unlock, log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the database %s: %w", path, err), unlock())
	}
	return t, nil
}

// open does what [Open] says. The connection for writing has further settings.
func open(ctx context.Context, path string, unlock func() error, log *slog.Logger, settings ...string) (*tables.Tables, error) {
	// SQLite gives the files beside it the mode of this one.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	write, err := sql.Open("sqlite", dsn(path, append(settings,
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "journal_size_limit(67108864)")...))
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	if err := tables.Migrate(ctx, write, goose.DialectSQLite3, files, log); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read, err := sql.Open("sqlite", dsn(path, "query_only(ON)"))
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	t, err := tables.New(ctx, tables.Database{
		Write: write, Read: read,
		Begin:     "BEGIN IMMEDIATE",
		Connected: func(context.Context, *sql.Conn) error { return nil },
		Full:      full,
		Lost:      func(error) bool { return false },
		Close:     unlock,
		Log:       log,
	})
	if err != nil {
		return nil, errors.Join(err, read.Close(), write.Close())
	}
	return t, nil
}

// dsn returns the name of the file with what each connection sets.
func dsn(path string, pragmas ...string) string {
	q := url.Values{"_pragma": append(pragmas, "busy_timeout(10000)", "trusted_schema(OFF)")}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// full reports whether SQLite says that there is no room. It knows of full disks,
// but a quota that is used up is to it a write that failed.
func full(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch e.Code() {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE:
		return true
	default:
		return false
	}
}
