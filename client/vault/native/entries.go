package native

import (
	"context"
	"database/sql"
	"errors"

	"conclave/client/vault"
)

// Get implements [vault.Store].
func (d *Database) Get(ctx context.Context, key string) ([]byte, error) {
	if err := check(ctx, key); err != nil {
		return nil, err
	}
	var value []byte
	err := d.use(func() (err error) {
		value, err = d.get(ctx, key)
		return err
	})
	return value, err
}

func (d *Database) get(ctx context.Context, key string) ([]byte, error) {
	var sealed []byte
	err := d.read.QueryRowContext(ctx, "SELECT value FROM entries WHERE key = ?", key).Scan(&sealed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, vault.ErrMissing
	case err != nil:
		return nil, trouble("reading a value", err)
	}
	return d.sealer.open(key, sealed)
}

// Put implements [vault.Store].
func (d *Database) Put(ctx context.Context, key string, value []byte) error {
	return d.Apply(ctx, []vault.Change{{Key: key, Value: append([]byte{}, value...)}})
}

// Delete implements [vault.Store].
func (d *Database) Delete(ctx context.Context, key string) error {
	return d.Apply(ctx, []vault.Change{{Key: key}})
}

// Keys implements [vault.Store].
func (d *Database) Keys(ctx context.Context, prefix string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var keys []string
	err := d.use(func() (err error) {
		keys, err = d.keys(ctx, prefix)
		return err
	})
	return keys, err
}

func (d *Database) keys(ctx context.Context, prefix string) (keys []string, err error) {
	rows, err := d.read.QueryContext(ctx, "SELECT key FROM entries WHERE key >= ? AND (? = '' OR key < ?) AND key <> ? ORDER BY key",
		prefix, vault.End(prefix), vault.End(prefix), sealKey)
	if err != nil {
		return nil, trouble("listing its keys", err)
	}
	defer func() {
		if closeErr := rows.Close(); err == nil && closeErr != nil {
			err = trouble("listing its keys", closeErr)
		}
	}()
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, trouble("listing its keys", err)
		}
		keys = append(keys, key)
	}
	if err := rows.Err(); err != nil {
		return nil, trouble("listing its keys", err)
	}
	return keys, nil
}

// Apply implements [vault.Database].
func (d *Database) Apply(ctx context.Context, changes []vault.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := vault.CheckChanges(changes); err != nil {
		return err
	}
	for _, c := range changes {
		if c.Key == sealKey {
			return vault.ErrKey
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return d.use(func() error { return d.apply(ctx, changes) })
}

func (d *Database) apply(ctx context.Context, changes []vault.Change) error {
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return trouble("writing", err)
	}
	if err := d.change(ctx, tx, changes); err != nil {
		_ = tx.Rollback() // what failed is what the caller is told
		return err
	}
	if err := tx.Commit(); err != nil {
		return trouble("writing", err)
	}
	return nil
}

func (d *Database) change(ctx context.Context, tx *sql.Tx, changes []vault.Change) error {
	set, err := tx.PrepareContext(ctx, "INSERT INTO entries (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
	if err != nil {
		return trouble("writing", err)
	}
	defer func() { _ = set.Close() }() // ends with the transaction
	for _, c := range changes {
		if c.Value == nil {
			_, err = tx.ExecContext(ctx, "DELETE FROM entries WHERE key = ?", c.Key)
		} else {
			_, err = set.ExecContext(ctx, c.Key, d.sealer.seal(c.Key, c.Value))
		}
		if err != nil {
			return trouble("writing", err)
		}
	}
	return nil
}

// Range implements [vault.Database].
func (d *Database) Range(ctx context.Context, from, to string, limit int, reverse bool) ([]vault.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := vault.CheckLimit(limit); err != nil {
		return nil, err
	}
	query := "SELECT key, value FROM entries WHERE key >= ? AND key <> ?"
	args := []any{from, sealKey}
	if to != "" {
		query, args = query+" AND key < ?", append(args, to)
	}
	query += " ORDER BY key"
	if reverse {
		query += " DESC"
	}
	var entries []vault.Entry
	err := d.use(func() (err error) {
		entries, err = d.rangeOf(ctx, query+" LIMIT ?", append(args, limit))
		return err
	})
	return entries, err
}

func (d *Database) rangeOf(ctx context.Context, query string, args []any) (entries []vault.Entry, err error) {
	rows, err := d.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, trouble("reading values", err)
	}
	defer func() {
		if closeErr := rows.Close(); err == nil && closeErr != nil {
			err = trouble("reading values", closeErr)
		}
	}()
	for rows.Next() {
		var e vault.Entry
		var sealed sql.RawBytes
		if err := rows.Scan(&e.Key, &sealed); err != nil {
			return nil, trouble("reading values", err)
		}
		if e.Value, err = d.sealer.open(e.Key, sealed); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	if err := rows.Err(); err != nil {
		return nil, trouble("reading values", err)
	}
	return entries, nil
}
