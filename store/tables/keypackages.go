package tables

import (
	"context"
	"database/sql"
	"errors"
	"strconv"

	"conclave/delivery"
)

// KeyPackages returns the tables as the store of KeyPackages.
func (t *Tables) KeyPackages() delivery.KeyPackageStore { return keyPackageTables{t} }

type keyPackageTables struct{ t *Tables }

// PutKeyPackages implements delivery.KeyPackageStore.
func (k keyPackageTables) PutKeyPackages(ctx context.Context, user, device [16]byte, list []delivery.StoredKeyPackage, most int, now uint64) error {
	return k.t.write(ctx, func(c *change) error {
		if err := c.needAccount(user); err != nil {
			return err
		}
		if _, err := c.exec(`DELETE FROM key_packages WHERE user_id = $1 AND device = $2 AND expires <= $3`, user[:], device[:], clip(now)); err != nil {
			return err
		}
		for i := range list {
			if err := putKeyPackage(c, user, device, &list[i]); err != nil {
				return err
			}
		}
		var waiting int
		err := c.row(`SELECT count(*) FROM key_packages WHERE user_id = $1 AND device = $2 AND last_resort = 0 AND claimed = 0`,
			[]any{user[:], device[:]}, &waiting)
		return errors.Join(err, unless(err != nil || waiting <= most, delivery.ErrManyKeyPackages))
	})
}

// putKeyPackage adds one that the device never had.
func putKeyPackage(c *change, user, device [16]byte, s *delivery.StoredKeyPackage) error {
	n, err := c.exec(`INSERT INTO key_packages (user_id, device, hash, last_resort, claimed, expires, message)
VALUES ($1, $2, $3, $4, 0, $5, $6) ON CONFLICT DO NOTHING`,
		user[:], device[:], s.Hash[:], number(s.LastResort), clip(s.Expires), some(s.Message))
	if err != nil || n == 0 || !s.LastResort {
		return err
	}
	_, err = c.exec(`UPDATE key_packages SET claimed = 1, message = $1
WHERE user_id = $2 AND device = $3 AND last_resort = 1 AND claimed = 0 AND hash <> $4`,
		[]byte{}, user[:], device[:], s.Hash[:])
	return err
}

// CountKeyPackages implements delivery.KeyPackageStore.
func (k keyPackageTables) CountKeyPackages(ctx context.Context, user, device [16]byte, now uint64) (count int, lastResort bool, err error) {
	err = k.t.query(ctx, func(row scanner) error {
		var last int64
		var n int
		if err := row.Scan(&last, &n); err != nil {
			return err
		}
		if last == 0 {
			count = n
		} else {
			lastResort = n > 0
		}
		return nil
	}, `SELECT last_resort, count(*) FROM key_packages
WHERE user_id = $1 AND device = $2 AND claimed = 0 AND expires > $3 GROUP BY last_resort`,
		user[:], device[:], clip(now))
	return count, lastResort, err
}

// ClaimKeyPackage implements delivery.KeyPackageStore.
func (k keyPackageTables) ClaimKeyPackage(ctx context.Context, user, device [16]byte, now uint64) (delivery.StoredKeyPackage, error) {
	var s delivery.StoredKeyPackage
	err := k.t.write(ctx, func(c *change) error {
		s = delivery.StoredKeyPackage{}
		var hash []byte
		var row, last, expires int64
		err := c.row(`SELECT id, hash, last_resort, expires, message FROM key_packages
WHERE user_id = $1 AND device = $2 AND claimed = 0 AND expires > $3 ORDER BY last_resort, id LIMIT 1`,
			[]any{user[:], device[:], clip(now)}, &row, &hash, &last, &expires, &s.Message)
		if errors.Is(err, sql.ErrNoRows) {
			return delivery.ErrNoKeyPackage
		}
		if err != nil {
			return err
		}
		s.LastResort, s.Expires = last == 1, uint64(expires)
		if err := fixed(s.Hash[:], hash); err != nil || s.LastResort {
			return err
		}
		_, err = c.exec(`UPDATE key_packages SET claimed = 1, message = $1 WHERE id = $2`, []byte{}, row)
		return err
	})
	if err != nil {
		return delivery.StoredKeyPackage{}, err
	}
	return s, nil
}

// RemoveKeyPackages implements delivery.KeyPackageStore. What was handed out stays
// remembered.
func (k keyPackageTables) RemoveKeyPackages(ctx context.Context, user, device [16]byte) error {
	return k.t.write(ctx, func(c *change) error {
		_, err := c.exec(`UPDATE key_packages SET claimed = 1, message = $1 WHERE user_id = $2 AND device = $3`,
			[]byte{}, user[:], device[:])
		return err
	})
}

// KeepKeyPackages implements delivery.KeyPackageStore.
func (k keyPackageTables) KeepKeyPackages(ctx context.Context, user [16]byte, devices [][16]byte) error {
	text, args := `DELETE FROM key_packages WHERE user_id = $1`, []any{user[:]}
	for i := range devices { // at most identity.MaxDevices: as many statements are prepared
		args = append(args, devices[i][:])
		text += " AND device <> $" + strconv.Itoa(len(args))
	}
	return k.t.write(ctx, func(c *change) error {
		_, err := c.exec(text, args...)
		return err
	})
}
