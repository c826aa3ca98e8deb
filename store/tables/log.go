package tables

import (
	"context"
	"errors"

	"conclave/delivery"
)

// errAgain rolls back the change of a row that was there before.
var errAgain = errors.New("tables: the row is there")

// AppendMessage implements delivery.Store.
func (d deliveryTables) AppendMessage(ctx context.Context, a *delivery.Append) (delivery.Sent, error) {
	var sent delivery.Sent
	err := d.t.write(ctx, func(c *change) (err error) {
		sent, err = c.appendRow(a, delivery.KindMessage)
		return err
	})
	return d.answer(ctx, a, sent, err)
}

// AppendCommit implements delivery.Store.
func (d deliveryTables) AppendCommit(ctx context.Context, m *delivery.Commit, limits delivery.StoreLimits) (delivery.Sent, error) {
	var sent delivery.Sent
	err := d.t.write(ctx, func(c *change) (err error) {
		if sent, err = c.appendRow(&m.Append, delivery.KindCommit); err != nil {
			return err
		}
		return c.members(m, sent.Seq, limits)
	})
	return d.answer(ctx, &m.Append, sent, err)
}

// answer returns what a retry is told, or the error.
func (d deliveryTables) answer(ctx context.Context, a *delivery.Append, sent delivery.Sent, err error) (delivery.Sent, error) {
	if !errors.Is(err, errAgain) {
		return sent, err
	}
	var seq, epoch, head int64
	err = d.t.row(ctx, `SELECT l.seq, g.epoch, g.head FROM group_log l JOIN groups g ON g.id = l.group_id
WHERE l.group_id = $1 AND l.sender = $2 AND l.client_id = $3`, []any{a.Group[:], a.Sender[:], a.ClientID[:]}, &seq, &epoch, &head)
	return delivery.Sent{Seq: uint64(seq), Epoch: uint64(epoch), Head: uint64(head), Again: true}, err
}

// appendRow takes the next number of a group, if its epoch is the row's and the sender
// is in it, and stores the row there.
func (c *change) appendRow(a *delivery.Append, kind delivery.Kind) (delivery.Sent, error) {
	next := int64(0)
	if kind == delivery.KindCommit {
		next = 1
	}
	var head int64
	err := c.row(`UPDATE groups SET head = head + 1, epoch = epoch + $1 WHERE id = $2 AND epoch = $3
 AND EXISTS (SELECT 1 FROM group_devices WHERE group_id = $2 AND device = $4 AND gone = 0) RETURNING head`,
		[]any{next, a.Group[:], clip(a.Epoch), a.Sender[:]}, &head)
	if noRow(err) {
		return delivery.Sent{}, c.why(a)
	}
	if err != nil {
		return delivery.Sent{}, err
	}
	n, err := c.exec(`INSERT INTO group_log (group_id, seq, kind, sender, client_id, epoch, time, message)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		a.Group[:], head, int64(kind), a.Sender[:], a.ClientID[:], clip(a.Epoch), clip(a.Time), some(a.Message))
	if err != nil {
		return delivery.Sent{}, err
	}
	sent := delivery.Sent{Seq: uint64(head), Epoch: a.Epoch + uint64(next), Head: uint64(head)}
	return sent, unless(n == 1, errAgain)
}

// why says what is wrong with a row that could not be appended.
func (c *change) why(a *delivery.Append) error {
	there, err := c.has(`SELECT 1 FROM group_log WHERE group_id = $1 AND sender = $2 AND client_id = $3`, a.Group[:], a.Sender[:], a.ClientID[:])
	if err != nil || there {
		return errors.Join(err, unless(!there, errAgain))
	}
	var epoch, head int64
	err = c.row(`SELECT g.epoch, g.head FROM groups g JOIN group_devices d ON d.group_id = g.id
WHERE g.id = $1 AND d.device = $2 AND d.gone = 0`, []any{a.Group[:], a.Sender[:]}, &epoch, &head)
	switch {
	case noRow(err):
		return delivery.ErrGroupUnknown
	case err != nil:
		return err
	}
	return &delivery.StaleError{Epoch: uint64(epoch), Head: uint64(head)}
}

// members carries out who comes and goes with a commit.
func (c *change) members(m *delivery.Commit, seq uint64, limits delivery.StoreLimits) error {
	again := make(map[[16]byte]bool, len(m.Added))
	for i := range m.Added {
		again[m.Added[i].ID] = true
	}
	for _, device := range m.Removed {
		n, err := c.exec(`UPDATE group_devices SET gone = $1 WHERE group_id = $2 AND device = $3 AND gone = 0`, clip(seq), m.Group[:], device[:])
		if err != nil {
			return err
		}
		if n == 0 || again[device] {
			continue
		}
		item := delivery.InboxItem{Kind: delivery.InboxRemoved, Device: device, Group: m.Group, Commit: seq}
		if err := c.put(&item, limits); err != nil {
			return err
		}
	}
	for i := range m.Added {
		a := &m.Added[i]
		if err := c.join(m.Group, a.Device, seq, limits); err != nil {
			return err
		}
		item := delivery.InboxItem{Kind: delivery.InboxWelcome, Device: a.ID, Group: m.Group, Commit: seq, Data: a.Welcome, Tree: m.Tree}
		if err := c.put(&item, limits); err != nil {
			return err
		}
	}
	if len(m.Added) == 0 {
		return nil
	}
	var n int
	if err := c.row(`SELECT count(*) FROM group_devices WHERE group_id = $1 AND gone = 0`, []any{m.Group[:]}, &n); err != nil {
		return err
	}
	return unless(n <= limits.Devices, delivery.ErrMany)
}

// Rows implements delivery.Store.
func (d deliveryTables) Rows(ctx context.Context, group [16]byte, after uint64, rows, bytes int) ([]delivery.Row, error) {
	var out []delivery.Row
	size, full := 0, false
	err := d.t.query(ctx, func(row scanner) error {
		var r delivery.Row
		var seq, kind, epoch, at int64
		var sender, id []byte
		if err := row.Scan(&seq, &kind, &sender, &id, &epoch, &at, &r.Message); err != nil || full {
			return err
		}
		if size += len(r.Message); size > bytes && len(out) > 0 {
			full = true
			return nil
		}
		r.Seq, r.Kind, r.Epoch, r.Time = uint64(seq), delivery.Kind(kind), uint64(epoch), uint64(at)
		out = append(out, r)
		last := &out[len(out)-1]
		return errors.Join(fixed(last.Sender[:], sender), fixed(last.ClientID[:], id))
	}, `SELECT seq, kind, sender, client_id, epoch, time, message FROM group_log
WHERE group_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`, group[:], clip(after), max(rows, 1))
	return out, err
}

// Sweep implements delivery.Store.
func (d deliveryTables) Sweep(ctx context.Context, before uint64, most int) (int, error) {
	type part struct {
		group    []byte
		from, to int64
	}
	var parts []part
	left := int64(most)
	err := d.t.query(ctx, func(row scanner) error {
		var p part
		var head, all, old int64
		if err := row.Scan(&p.group, &p.from, &head, &all, &old); err != nil {
			return err
		}
		p.to = min(head, max(all, old), p.from+left-1)
		if p.to >= p.from {
			left -= p.to - p.from + 1
			parts = append(parts, p)
		}
		return nil
	}, `SELECT g.id, g.first, g.head,
 COALESCE((SELECT min(acked) FROM group_devices WHERE group_id = g.id AND gone = 0), g.head),
 COALESCE((SELECT max(seq) FROM group_log WHERE group_id = g.id AND seq >= g.first AND time < $1), 0)
FROM groups g WHERE g.first <= g.head`, clip(before))
	if err != nil || len(parts) == 0 {
		return 0, err
	}
	swept := int64(0)
	err = d.t.write(ctx, func(c *change) error {
		swept = 0
		for _, p := range parts {
			n, err := c.exec(`UPDATE group_log SET message = $1 WHERE group_id = $2 AND seq BETWEEN $3 AND $4`, []byte{}, p.group, p.from, p.to)
			if err != nil {
				return err
			}
			swept += n
			if _, err := c.exec(`UPDATE groups SET first = $1 WHERE id = $2 AND first < $1`, p.to+1, p.group); err != nil {
				return err
			}
		}
		return nil
	})
	return int(swept), err
}
