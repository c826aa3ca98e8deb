package tables

import (
	"context"
	"database/sql"
	"errors"

	"conclave/delivery"
)

// Delivery returns the tables as the store of logs and inboxes. Each change guards
// itself with conditions on the rows that it changes, so that several servers may
// share a database.
func (t *Tables) Delivery() delivery.Store { return deliveryTables{t} }

type deliveryTables struct{ t *Tables }

// CreateGroup implements delivery.Store.
func (d deliveryTables) CreateGroup(ctx context.Context, group [16]byte, by delivery.Device, limits delivery.StoreLimits) error {
	return d.t.write(ctx, func(c *change) error {
		n, err := c.exec(`INSERT INTO groups (id, maker, epoch, head, first) VALUES ($1, $2, 0, 0, 1) ON CONFLICT DO NOTHING`, group[:], by.ID[:])
		if err != nil {
			return err
		}
		if n == 0 {
			mine, err := c.has(`SELECT 1 FROM groups WHERE id = $1 AND maker = $2`, group[:], by.ID[:])
			return errors.Join(err, unless(err != nil || mine, delivery.ErrGroupTaken))
		}
		return c.join(group, by, 0, limits)
	})
}

// join puts a device into a group after a row.
func (c *change) join(group [16]byte, d delivery.Device, seq uint64, limits delivery.StoreLimits) error {
	_, err := c.exec(`INSERT INTO group_devices (group_id, device, user_id, joined, acked, gone) VALUES ($1, $2, $3, $4, $5, 0)
ON CONFLICT (group_id, device) DO UPDATE SET user_id = excluded.user_id, joined = excluded.joined, acked = excluded.acked, gone = 0`,
		group[:], d.ID[:], d.User[:], clip(seq), clip(seq))
	if err != nil {
		return err
	}
	var groups int
	if err := c.row(`SELECT count(*) FROM group_devices WHERE device = $1 AND gone = 0`, []any{d.ID[:]}, &groups); err != nil {
		return err
	}
	return unless(groups <= limits.Groups, delivery.ErrMany)
}

const membershipColumns = `SELECT d.group_id, g.epoch, g.head, g.first, d.joined, d.acked, d.gone,
 (SELECT count(*) FROM group_devices e WHERE e.group_id = d.group_id AND e.gone = 0)
FROM group_devices d JOIN groups g ON g.id = d.group_id `

func scanMembership(row scanner) (delivery.Membership, error) {
	var m delivery.Membership
	var group []byte
	var epoch, head, first, joined, acked, gone int64
	if err := row.Scan(&group, &epoch, &head, &first, &joined, &acked, &gone, &m.Devices); err != nil {
		return m, err
	}
	m.Epoch, m.Head, m.First = uint64(epoch), uint64(head), uint64(first)
	m.Joined, m.Acked, m.Left = uint64(joined), uint64(acked), uint64(gone)
	return m, fixed(m.Group[:], group)
}

// Memberships implements delivery.Store.
func (d deliveryTables) Memberships(ctx context.Context, device [16]byte) ([]delivery.Membership, error) {
	var out []delivery.Membership
	err := d.t.query(ctx, func(row scanner) error {
		m, err := scanMembership(row)
		out = append(out, m)
		return err
	}, membershipColumns+`WHERE d.device = $1 ORDER BY d.group_id`, device[:])
	return out, err
}

// Membership implements delivery.Store.
func (d deliveryTables) Membership(ctx context.Context, group, device [16]byte) (m delivery.Membership, err error) {
	found := false
	err = d.t.query(ctx, func(row scanner) error {
		found = true
		m, err = scanMembership(row)
		return err
	}, membershipColumns+`WHERE d.group_id = $1 AND d.device = $2`, group[:], device[:])
	return m, errors.Join(err, unless(err != nil || found, delivery.ErrGroupUnknown))
}

// GroupDevices implements delivery.Store.
func (d deliveryTables) GroupDevices(ctx context.Context, group [16]byte) ([]delivery.Device, error) {
	var out []delivery.Device
	err := d.t.query(ctx, func(row scanner) error {
		var user, device []byte
		if err := row.Scan(&user, &device); err != nil {
			return err
		}
		var x delivery.Device
		err := errors.Join(fixed(x.User[:], user), fixed(x.ID[:], device))
		out = append(out, x)
		return err
	}, `SELECT user_id, device FROM group_devices WHERE group_id = $1 AND gone = 0 ORDER BY device`, group[:])
	return out, err
}

// Ack implements delivery.Store. Who has left and has all is forgotten.
func (d deliveryTables) Ack(ctx context.Context, acks []delivery.Ack) error {
	if len(acks) == 0 {
		return nil
	}
	return d.t.write(ctx, func(c *change) error {
		for i := range acks {
			a := &acks[i]
			_, err := c.exec(`UPDATE group_devices SET acked = CASE WHEN $1 < (SELECT head FROM groups WHERE id = $2) THEN $1
 ELSE (SELECT head FROM groups WHERE id = $2) END WHERE group_id = $2 AND device = $3 AND acked < $1`, clip(a.Seq), a.Group[:], a.Device[:])
			if err != nil {
				return err
			}
			if _, err := c.exec(`DELETE FROM group_devices WHERE group_id = $1 AND device = $2 AND gone > 0 AND acked >= gone`, a.Group[:], a.Device[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// RemoveDevice implements delivery.Store.
func (d deliveryTables) RemoveDevice(ctx context.Context, device [16]byte) (groups [][16]byte, err error) {
	err = d.t.write(ctx, func(c *change) error {
		groups = nil
		rows, err := c.ids(`SELECT group_id FROM group_devices WHERE device = $1 ORDER BY group_id`, device[:])
		if err != nil {
			return err
		}
		groups = rows
		return c.removeDevice(device)
	})
	return groups, err
}

func (c *change) removeDevice(device [16]byte) error {
	_, err := c.exec(`DELETE FROM group_devices WHERE device = $1`, device[:])
	if err != nil {
		return err
	}
	_, err = c.exec(`DELETE FROM inbox WHERE device = $1`, device[:])
	return err
}

// KeepDevices implements delivery.Store.
func (d deliveryTables) KeepDevices(ctx context.Context, user [16]byte, devices [][16]byte) error {
	return d.t.write(ctx, func(c *change) error {
		have, err := c.ids(`SELECT DISTINCT device FROM group_devices WHERE user_id = $1`, user[:])
		if err != nil {
			return err
		}
		keep := make(map[[16]byte]bool, len(devices))
		for _, id := range devices {
			keep[id] = true
		}
		for _, id := range have {
			if keep[id] {
				continue
			}
			if err := c.removeDevice(id); err != nil {
				return err
			}
		}
		return nil
	})
}

// noRow reports that there is none.
func noRow(err error) bool { return errors.Is(err, sql.ErrNoRows) }
