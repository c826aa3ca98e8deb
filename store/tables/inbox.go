package tables

import (
	"context"
	"errors"

	"conclave/delivery"
)

// put adds an item, unless the inbox is full: then it is left out, so that nobody can
// stop a commit by filling the inbox of another. A device that misses its Welcome asks
// to be let in again.
func (c *change) put(i *delivery.InboxItem, limits delivery.StoreLimits) error {
	var n int
	if err := c.row(`SELECT count(*) FROM inbox WHERE device = $1`, []any{i.Device[:]}, &n); err != nil || n >= limits.Inbox {
		return err
	}
	_, err := c.exec(`INSERT INTO inbox (device, kind, group_id, commit_seq, from_user, from_device, data, tree)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		i.Device[:], int64(i.Kind), i.Group[:], clip(i.Commit), i.From.User[:], i.From.ID[:], some(i.Data), some(i.Tree))
	return err
}

// PutInbox implements delivery.Store.
func (d deliveryTables) PutInbox(ctx context.Context, items []delivery.InboxItem, limits delivery.StoreLimits) error {
	return d.t.write(ctx, func(c *change) error {
		for i := range items {
			if err := c.put(&items[i], limits); err != nil {
				return err
			}
		}
		return nil
	})
}

// Inbox implements delivery.Store.
func (d deliveryTables) Inbox(ctx context.Context, device [16]byte, after uint64, items, bytes int) ([]delivery.InboxItem, error) {
	var out []delivery.InboxItem
	size, full := 0, false
	err := d.t.query(ctx, func(row scanner) error {
		i := delivery.InboxItem{Device: device}
		var seq, kind, commit int64
		var group, user, from []byte
		if err := row.Scan(&seq, &kind, &group, &commit, &user, &from, &i.Data, &i.Tree); err != nil || full {
			return err
		}
		if size += len(i.Data) + len(i.Tree); size > bytes && len(out) > 0 {
			full = true
			return nil
		}
		i.Seq, i.Kind, i.Commit = uint64(seq), delivery.InboxKind(kind), uint64(commit)
		err := errors.Join(fixed(i.Group[:], group), fixed(i.From.User[:], user), fixed(i.From.ID[:], from))
		out = append(out, i)
		return err
	}, `SELECT id, kind, group_id, commit_seq, from_user, from_device, data, tree FROM inbox
WHERE device = $1 AND id > $2 ORDER BY id LIMIT $3`, device[:], clip(after), max(items, 1))
	return out, err
}

// AckInbox implements delivery.Store.
func (d deliveryTables) AckInbox(ctx context.Context, device [16]byte, seq uint64) error {
	return d.t.write(ctx, func(c *change) error {
		_, err := c.exec(`DELETE FROM inbox WHERE device = $1 AND id <= $2`, device[:], clip(seq))
		return err
	})
}
