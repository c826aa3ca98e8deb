package tables

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"conclave/store"
)

// A group is what shares one transaction, and so one wait for the disk. Changes
// that come while a group is written make up the next one, so a change that comes
// alone waits for nobody.
const (
	maxGroup  = 64                   // changes
	groupTime = 2 * time.Millisecond // after which a group takes no more
)

// Stats are the counters of a database.
type Stats struct {
	Changes atomic.Uint64 // durable
	Groups  atomic.Uint64 // transactions they were in
	Failed  atomic.Uint64 // groups that could not be written
	Full    atomic.Uint64 // of them, those for lack of room
}

// A writer runs changes one after another on one connection.
type writer struct {
	db    *Database
	stats *Stats

	queue   chan *operation // not buffered: who is not taken can still leave
	closing chan struct{}   // closed by stop
	done    chan struct{}   // closed when run has ended

	// Owned by run, and before it by connect.
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

// An operation is a change and where its result goes.
type operation struct {
	f      func(*change) error
	err    error      // of f
	result chan error // capacity 1
}

func newWriter(db *Database, stats *Stats) *writer {
	return &writer{
		db: db, stats: stats,
		queue: make(chan *operation), closing: make(chan struct{}), done: make(chan struct{}),
	}
}

// do has run make a change, and returns when it is durable or has failed. Once
// taken, a change is not given up: ctx only ends the wait before that.
func (w *writer) do(ctx context.Context, f func(*change) error) error {
	op := &operation{f: f, result: make(chan error, 1)}
	select {
	case w.queue <- op:
		return <-op.result
	case <-w.closing:
		return store.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// stop ends run after the group it is at.
func (w *writer) stop() {
	close(w.closing)
	<-w.done
}

// run makes changes until stop.
func (w *writer) run() {
	defer close(w.done)
	defer w.disconnect()
	for {
		select {
		case op := <-w.queue:
			w.group(op)
		case <-w.closing:
			return
		}
	}
}

// group makes the change first and those that wait behind it, and answers all. If
// the disk is full, each is tried alone: a small one may fit where all do not.
func (w *writer) group(first *operation) {
	ops, err := w.attempt(first, w.next)
	switch {
	case err == nil:
		w.stats.Groups.Add(1)
	case len(ops) > 1 && errors.Is(err, store.ErrFull):
		for _, op := range ops {
			w.group1(op)
		}
		return
	}
	w.answer(ops, err)
}

// group1 makes one change in a transaction of its own and answers it.
func (w *writer) group1(op *operation) {
	op.err = nil
	_, err := w.attempt(op, func(time.Time) *operation { return nil })
	if err == nil {
		w.stats.Groups.Add(1)
	}
	w.answer([]*operation{op}, err)
}

// answer tells each operation its own error, or that of the group.
func (w *writer) answer(ops []*operation, err error) {
	if err != nil {
		w.stats.Failed.Add(1)
		if errors.Is(err, store.ErrFull) {
			w.stats.Full.Add(1)
		}
		w.db.Log.Error("database does not take changes", slog.Any("error", err))
	}
	for _, op := range ops {
		if err == nil && op.err == nil {
			w.stats.Changes.Add(1)
		}
		if err != nil {
			op.result <- err
		} else {
			op.result <- op.err
		}
	}
}

// next returns a change that waits, or nil if there is none or the group that was
// begun at start has taken long enough.
func (w *writer) next(start time.Time) *operation {
	if time.Since(start) > groupTime {
		return nil
	}
	select {
	case op := <-w.queue:
		return op
	default:
		return nil
	}
}

// attempt makes first and what next returns in one transaction. It returns the
// operations it took; err is of the transaction, and if it is not nil nothing of
// them is known to be durable.
func (w *writer) attempt(first *operation, next func(time.Time) *operation) (ops []*operation, err error) {
	ops = []*operation{first}
	defer func() {
		if err != nil {
			err = w.failed(err)
		}
	}()
	ctx := context.Background() // the end of one caller must not undo the changes of others
	if err := w.begin(ctx); err != nil {
		return ops, err
	}
	start := time.Now()
	for op := first; op != nil; {
		if err := w.step(ctx, op); err != nil {
			return ops, err
		}
		if len(ops) == maxGroup {
			break
		}
		if op = next(start); op != nil {
			ops = append(ops, op)
		}
	}
	return ops, w.exec(ctx, "COMMIT")
}

// step makes one change of a group. It returns an error only if the whole group
// has failed.
func (w *writer) step(ctx context.Context, op *operation) error {
	if err := w.exec(ctx, "SAVEPOINT change"); err != nil {
		return err
	}
	c := &change{ctx: ctx, w: w}
	if op.err = c.call(op.f); op.err != nil {
		// SQLite may have undone the group by itself, for want of room or memory. Then
		// there is no such savepoint any more.
		if err := w.exec(ctx, "ROLLBACK TO SAVEPOINT change"); err != nil {
			return errors.Join(op.err, err)
		}
	}
	return w.exec(ctx, "RELEASE SAVEPOINT change")
}

// failed ends the transaction if there is one, drops a connection that cannot end
// it, and returns err as callers see it.
func (w *writer) failed(err error) error {
	if w.db.Full(err) {
		err = fmt.Errorf("%w: %v", store.ErrFull, err)
	}
	if w.conn == nil {
		return err
	}
	// There may be no transaction any more: a failed commit has ended it.
	_ = w.exec(context.Background(), "ROLLBACK")
	if pinged := w.conn.PingContext(context.Background()); pinged != nil {
		w.disconnect()
	}
	return err
}

// begin begins a transaction. A connection that was lost since the last one is
// replaced: nothing was sent on it that could be done twice.
func (w *writer) begin(ctx context.Context) error {
	if err := w.connect(ctx); err != nil {
		return err
	}
	err := w.exec(ctx, w.db.Begin)
	if err == nil || w.conn.PingContext(ctx) == nil {
		return err
	}
	w.disconnect()
	if err := w.connect(ctx); err != nil {
		return err
	}
	return w.exec(ctx, w.db.Begin)
}

// connect makes sure that there is a connection.
func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.db.Write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connecting to the database: %w", err)
	}
	if err := w.db.Connected(ctx, conn); err != nil {
		return errors.Join(err, conn.Close())
	}
	w.conn, w.stmts = conn, make(map[string]*sql.Stmt)
	return nil
}

// disconnect ends the connection, in whatever state it is.
func (w *writer) disconnect() {
	if w.conn == nil {
		return
	}
	for _, stmt := range w.stmts {
		_ = stmt.Close() // the connection goes too
	}
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn }) // the pool must not give it to another
	w.conn, w.stmts = nil, nil
}

// exec runs a statement without parameters or results.
func (w *writer) exec(ctx context.Context, text string) error {
	stmt, err := w.stmt(ctx, text) //nolint:sqlclosecheck // kept, and closed by disconnect
	if err != nil {
		return err
	}
	if _, err := stmt.ExecContext(ctx); err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	return nil
}

// stmt returns the prepared statement of a query.
func (w *writer) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt := w.stmts[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("preparing a query: %w", err)
	}
	w.stmts[text] = stmt
	return stmt, nil
}

// A change is the transaction that a change is made in.
type change struct {
	ctx context.Context //nolint:containedctx // lives as long as one call
	w   *writer
}

// call runs f. A bug in it fails this change, and not all meetings of the server.
func (c *change) call(f func(*change) error) (err error) {
	defer func() {
		if bug := recover(); bug != nil {
			c.w.db.Log.Error("a change of the database panicked",
				slog.Any("panic", bug), slog.String("stack", string(debug.Stack())))
			err = errors.New("changing the database: internal error; the log says more")
		}
	}()
	return f(c)
}

// exec runs a statement and returns how many rows it changed.
func (c *change) exec(text string, args ...any) (int64, error) {
	stmt, err := c.w.stmt(c.ctx, text) //nolint:sqlclosecheck // kept, and closed by disconnect
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(c.ctx, args...)
	if err != nil {
		return 0, fmt.Errorf("changing the database: %w", err)
	}
	return result.RowsAffected()
}

// row reads one row; sql.ErrNoRows if there is none.
func (c *change) row(text string, args []any, into ...any) error {
	stmt, err := c.w.stmt(c.ctx, text) //nolint:sqlclosecheck // kept, and closed by disconnect
	if err != nil {
		return err
	}
	return rowError(stmt.QueryRowContext(c.ctx, args...).Scan(into...))
}

// ids reads a column of ids.
func (c *change) ids(text string, args ...any) ([][16]byte, error) {
	stmt, err := c.w.stmt(c.ctx, text) //nolint:sqlclosecheck // kept, and closed by disconnect
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(c.ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the database: %w", err)
	}
	var out [][16]byte
	err = scanRows(rows, func(row scanner) error {
		var b []byte
		if err := row.Scan(&b); err != nil {
			return err
		}
		var id [16]byte
		err := fixed(id[:], b)
		out = append(out, id)
		return err
	})
	return out, err
}

// has reports whether a query has a row.
func (c *change) has(text string, args ...any) (bool, error) {
	var one int
	err := c.row(text, args, &one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
