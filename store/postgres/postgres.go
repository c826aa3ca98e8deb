// Package postgres keeps accounts and the directory in a PostgreSQL database, for
// servers whose databases are kept by others.
package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"conclave/store"
	"conclave/store/tables"
)

//go:embed migrations/*.sql
var migrations embed.FS

// readers is the most queries at one time.
const readers = 8

// SQLSTATEs.
const (
	diskFull      = "53100"
	adminShutdown = "57P01" // the connection ends
	crashShutdown = "57P02"
)

// Open connects to the database that url says (postgres://user:password@host/name)
// and makes its tables if they are missing. They belong to the user, in the first
// schema of the search path. A database that another server uses is
// store.ErrInUse. The caller must close the Tables. Errors do not hold the url.
func Open(ctx context.Context, url string, log *slog.Logger) (*tables.Tables, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil { // its text quotes the url, though not the password
		return nil, errors.New("the URL of the database does not parse: postgres://user:password@host/name is one")
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	write, read := stdlib.OpenDB(*cfg), stdlib.OpenDB(*cfg)
	write.SetMaxOpenConns(1)
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	t, err := tables.New(ctx, tables.Database{
		Write: write, Read: read,
		Begin:     "BEGIN",
		Connected: connected,
		Full:      full,
		Lost:      lost,
		Log:       log,
	})
	if err != nil {
		return nil, errors.Join(opening(err), read.Close(), write.Close())
	}
	// The connection for writing has the lock of the database by now.
	if err := tables.Migrate(ctx, read, goose.DialectPostgres, files, log); err != nil {
		return nil, errors.Join(opening(err), t.Close())
	}
	return t, nil
}

// connected takes the lock that says that this server writes to this schema. The
// database frees it when the connection ends.
func connected(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "SET synchronous_commit = on"); err != nil {
		return err
	}
	var locked bool
	err := conn.QueryRowContext(ctx,
		"SELECT pg_try_advisory_lock(hashtext('conclave'), hashtext(current_schema()))").Scan(&locked)
	if err == nil && !locked {
		err = store.ErrInUse
	}
	return err
}

// opening says what failed, without the addresses that errors of connecting hold.
func opening(err error) error {
	if e, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		if refused, ok := errors.AsType[*pgconn.PgError](e); ok {
			return fmt.Errorf("the database refuses the connection: %s (%s)", refused.Message, refused.Code)
		}
		return errors.New("the database does not answer: is it running, and is the URL right?")
	}
	return fmt.Errorf("opening the database: %w", err)
}

// full reports whether PostgreSQL says that there is no room.
func full(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == diskFull
}

// lost reports whether a connection has ended: the server said so, or it is not
// the server that says what is wrong.
func lost(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return !errors.Is(err, sql.ErrNoRows) && (!ok || e.Code == adminShutdown || e.Code == crashShutdown)
}
