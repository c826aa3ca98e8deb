// Package tables holds the queries that keep accounts and the directory in SQL,
// written so that SQLite and PostgreSQL both understand them. Everything that
// came from outside is in columns of bytes: no database then has an opinion on
// its encoding, order or case.
//
// All changes are made by one goroutine, one after another, so that a change may
// read before it writes; see [Tables.write]. Reads do not wait for them.
package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"conclave/store"
)

// A Database is what differs between SQLite and PostgreSQL.
type Database struct {
	// Write has at most one connection; Read some. They may be the same.
	Write, Read *sql.DB
	// Begin is the statement that begins a transaction that writes.
	Begin string
	// Connected is called with each new connection for writing. It returns an
	// error that wraps store.ErrInUse if another server has the database.
	Connected func(context.Context, *sql.Conn) error
	// Full reports whether an error says that the disk is full.
	Full func(error) bool
	// Lost reports whether an error says that a connection has ended, which a
	// server's restart does to all of them at once. A read is then done again.
	Lost func(error) bool
	// Close is called last.
	Close func() error
	Log   *slog.Logger
}

// Tables are the tables of one database. Methods of what [Tables.Auth] and
// [Tables.Directory] return may be called at the same time.
type Tables struct {
	db     Database
	writer *writer
	stats  Stats

	reads sync.Map // query to its *sql.Stmt on db.Read
}

// New starts the writer of a database whose tables are up to date. The caller
// must call Close, also to close the database.
func New(ctx context.Context, db Database) (*Tables, error) {
	t := &Tables{db: db}
	t.writer = newWriter(&t.db, &t.stats)
	if err := t.writer.connect(ctx); err != nil {
		return nil, err
	}
	go t.writer.run()
	return t, nil
}

// Stats returns the counters.
func (t *Tables) Stats() *Stats { return &t.stats }

// Close waits for the changes that have begun and closes the database. Changes
// that come later fail with store.ErrClosed.
func (t *Tables) Close() error {
	t.writer.stop()
	var errs []error
	t.reads.Range(func(_, stmt any) bool {
		errs = append(errs, stmt.(*sql.Stmt).Close()) //nolint:errcheck // only statements are stored
		return true
	})
	errs = append(errs, t.db.Write.Close())
	if t.db.Read != t.db.Write {
		errs = append(errs, t.db.Read.Close())
	}
	if t.db.Close != nil {
		errs = append(errs, t.db.Close())
	}
	return errors.Join(errs...)
}

// write runs f on the writer's goroutine, in a transaction that other changes may
// share, and returns once it is durable. If f fails, nothing of it stays. f may
// run twice, and must not keep its argument or call write.
func (t *Tables) write(ctx context.Context, f func(*change) error) error {
	return t.writer.do(ctx, f)
}

// query reads rows outside of the writer. each is called with every row.
func (t *Tables) query(ctx context.Context, each func(scanner) error, text string, args ...any) error {
	stmt, err := t.read(ctx, text) //nolint:sqlclosecheck // kept, and closed by Close
	if err != nil {
		return err
	}
	var rows *sql.Rows
	err = t.again(ctx, func() (err error) {
		rows, err = stmt.QueryContext(ctx, args...) //nolint:sqlclosecheck // by scanRows
		return err
	})
	if err != nil {
		return fmt.Errorf("reading the database: %w", err)
	}
	return scanRows(rows, each)
}

// row reads one row outside of the writer; sql.ErrNoRows if there is none.
func (t *Tables) row(ctx context.Context, text string, args []any, into ...any) error {
	stmt, err := t.read(ctx, text) //nolint:sqlclosecheck // kept, and closed by Close
	if err != nil {
		return err
	}
	return rowError(t.again(ctx, func() error { return stmt.QueryRowContext(ctx, args...).Scan(into...) }))
}

// again calls f until it does not meet a connection that has ended. Each call takes
// one of those out of the pool.
func (t *Tables) again(ctx context.Context, f func() error) (err error) {
	for range t.db.Read.Stats().MaxOpenConnections + 1 {
		if err = f(); err == nil || ctx.Err() != nil || !t.db.Lost(err) {
			break
		}
	}
	return err
}

// read returns the prepared statement of a query that changes nothing.
func (t *Tables) read(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt, ok := t.reads.Load(text); ok {
		return stmt.(*sql.Stmt), nil //nolint:errcheck // only statements are stored
	}
	select {
	case <-t.writer.closing:
		return nil, store.ErrClosed
	default:
	}
	stmt, err := t.db.Read.PrepareContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("preparing a query: %w", err)
	}
	if other, loaded := t.reads.LoadOrStore(text, stmt); loaded {
		_ = stmt.Close()              //nolint:sqlclosecheck // the other is kept; nothing of this was used
		return other.(*sql.Stmt), nil //nolint:errcheck // only statements are stored
	}
	return stmt, nil
}

// A scanner is a row.
type scanner interface{ Scan(into ...any) error }

// scanRows calls each with every row and closes rows.
func scanRows(rows *sql.Rows, each func(scanner) error) (err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading the database: %w", err)
	}
	return nil
}

// rowError keeps sql.ErrNoRows as it is and says of others where they are from.
func rowError(err error) error {
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return fmt.Errorf("reading the database: %w", err)
}
