package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"conclave/directory"
)

// Directory returns what the key directory keeps.
func (t *Tables) Directory() directory.Store { return directoryTables{t} }

// directoryTables are epochs, leaves and entries. Their rows are only ever added.
type directoryTables struct{ t *Tables }

// Commit implements directory.Store.
func (d directoryTables) Commit(ctx context.Context, e directory.StoredEpoch, entries []directory.Entry) error {
	return d.t.write(ctx, func(c *change) error {
		var count int64
		if err := c.row(countEpochs, nil, &count); err != nil {
			return err
		}
		if int64(e.Number) != count {
			return fmt.Errorf("%w: epoch %d, expected is %d", directory.ErrConflict, e.Number, count)
		}
		if _, err := c.exec(`INSERT INTO epochs (number, leaf, distinguished) VALUES ($1, $2, $3)`,
			int64(e.Number), some(e.Leaf), number(e.Distinguished)); err != nil {
			return err
		}
		if err := c.insert(`INSERT INTO leaves (epoch, label, commitment)`, 3, len(entries), func(i int) []any {
			x := &entries[i]
			return []any{int64(e.Number), x.Label[:], x.Commitment[:]}
		}); err != nil {
			return err
		}
		return c.insert(`INSERT INTO entries (namespace, name, version, epoch, label, proof, value, skeleton)`, 8,
			len(entries), func(i int) []any {
				x := &entries[i]
				return []any{
					int64(x.Namespace), some(x.Name), int64(x.Version),
					int64(e.Number), x.Label[:], x.Proof[:], some(x.Value), orNull(x.Skeleton),
				}
			})
	})
}

const countEpochs = `SELECT COALESCE(MAX(number) + 1, 0) FROM epochs`

// Count implements directory.Store.
func (d directoryTables) Count(ctx context.Context) (uint64, error) {
	var n int64
	err := d.t.row(ctx, countEpochs, nil, &n)
	return uint64(n), err
}

// Epochs implements directory.Store.
func (d directoryTables) Epochs(ctx context.Context, from uint64, limit int) ([]directory.StoredEpoch, error) {
	var all []directory.StoredEpoch
	err := d.t.query(ctx, func(row scanner) error {
		var n, distinguished int64
		var e directory.StoredEpoch
		if err := row.Scan(&n, &e.Leaf, &distinguished); err != nil {
			return err
		}
		e.Number, e.Distinguished = uint64(n), distinguished != 0
		all = append(all, e)
		return nil
	}, `SELECT number, leaf, distinguished FROM epochs WHERE number >= $1 ORDER BY number LIMIT $2`, clip(from), limit)
	return all, err
}

// Distinguished implements directory.Store.
func (d directoryTables) Distinguished(ctx context.Context, from uint64, limit int) ([]uint64, error) {
	var all []uint64
	err := d.t.query(ctx, func(row scanner) error {
		var n int64
		if err := row.Scan(&n); err != nil {
			return err
		}
		all = append(all, uint64(n))
		return nil
	}, `SELECT number FROM epochs WHERE distinguished = 1 AND number >= $1 ORDER BY number LIMIT $2`, clip(from), limit)
	return all, err
}

// Leaves implements directory.Store.
func (d directoryTables) Leaves(ctx context.Context, from, to uint64, yield func(directory.Leaf) error) error {
	var label, commitment sql.RawBytes // of the row, not copied: this is the whole map
	return d.t.query(ctx, func(row scanner) error {
		var epoch int64
		if err := row.Scan(&epoch, &label, &commitment); err != nil {
			return err
		}
		l := directory.Leaf{Epoch: uint64(epoch)}
		if err := errors.Join(fixed(l.Label[:], label), fixed(l.Commitment[:], commitment)); err != nil {
			return err
		}
		return yield(l)
	}, `SELECT epoch, label, commitment FROM leaves WHERE epoch >= $1 AND epoch < $2 ORDER BY epoch, label`,
		clip(from), clip(to))
}

// selectEntry begins every query for entries.
const selectEntry = `SELECT e.namespace, e.name, e.version, e.epoch, e.label, l.commitment, e.proof, e.value, e.skeleton
FROM entries e JOIN leaves l ON l.epoch = e.epoch AND l.label = e.label `

// Latest implements directory.Store.
func (d directoryTables) Latest(ctx context.Context, namespace uint8, name []byte) (directory.Entry, error) {
	return d.entry(ctx, `WHERE e.namespace = $1 AND e.name = $2 ORDER BY e.version DESC LIMIT 1`, int64(namespace), some(name))
}

// Entries implements directory.Store.
func (d directoryTables) Entries(ctx context.Context, namespace uint8, name []byte, from, to uint32, limit int) ([]directory.Entry, error) {
	var all []directory.Entry
	err := d.t.query(ctx, func(row scanner) error {
		e, err := scanEntry(row)
		all = append(all, e)
		return err
	}, selectEntry+`WHERE e.namespace = $1 AND e.name = $2 AND e.version >= $3 AND e.version <= $4 ORDER BY e.version LIMIT $5`,
		int64(namespace), some(name), int64(from), int64(to), limit)
	return all, err
}

// BySkeleton implements directory.Store.
func (d directoryTables) BySkeleton(ctx context.Context, skeleton string) (directory.Entry, error) {
	return d.entry(ctx, `WHERE e.skeleton = $1`, []byte(skeleton))
}

// entry returns the first entry of a query.
func (d directoryTables) entry(ctx context.Context, where string, args ...any) (e directory.Entry, err error) {
	err = directory.ErrNotFound
	queried := d.t.query(ctx, func(row scanner) error {
		e, err = scanEntry(row)
		return err
	}, selectEntry+where, args...)
	if queried != nil {
		err = queried
	}
	return e, err
}

// scanEntry reads a row of selectEntry.
func scanEntry(row scanner) (directory.Entry, error) {
	var e directory.Entry
	var namespace, version, epoch int64
	var label, commitment, proof, skeleton []byte
	err := row.Scan(&namespace, &e.Name, &version, &epoch, &label, &commitment, &proof, &e.Value, &skeleton)
	if err != nil {
		return e, err
	}
	e.Namespace, e.Version, e.Epoch, e.Skeleton = uint8(namespace), uint32(version), uint64(epoch), string(skeleton)
	e.Name, e.Value = some(e.Name), some(e.Value)
	return e, errors.Join(fixed(e.Label[:], label), fixed(e.Commitment[:], commitment), fixed(e.Proof[:], proof))
}

// rowsAtOnce are inserted by one statement, which saves the way to a server.
const rowsAtOnce = 100

// insert adds n rows, or fails with directory.ErrConflict if one of them is there.
// into is the statement up to VALUES; row returns the columns of row i.
func (c *change) insert(into string, columns, n int, row func(i int) []any) error {
	args := make([]any, 0, rowsAtOnce*columns)
	for i := 0; i < n; {
		size := 1
		if n-i >= rowsAtOnce {
			size = rowsAtOnce
		}
		args = args[:0]
		for range size {
			args = append(args, row(i)...)
			i++
		}
		added, err := c.exec(into+values(columns, size), args...)
		if err != nil {
			return err
		}
		if added != int64(size) {
			return fmt.Errorf("%w: a label, a version of a name or a skeleton", directory.ErrConflict)
		}
	}
	return nil
}

// values returns the rest of an INSERT of some rows: those that are there are
// left out, and not counted.
func values(columns, rows int) string {
	var b strings.Builder
	b.WriteString(" VALUES ")
	for i := range rows * columns {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%columns == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(i+1))
	}
	b.WriteString(") ON CONFLICT DO NOTHING")
	return b.String()
}
