package tables

import (
	"context"
	"database/sql"
	"errors"

	"conclave/auth"
)

// Auth returns what accounts keep.
func (t *Tables) Auth() auth.Store { return authTables{t} }

// authTables are accounts and what belongs to them.
type authTables struct{ t *Tables }

// CreateAccount implements auth.Store.
func (a authTables) CreateAccount(ctx context.Context, x auth.Account, l auth.Login) error {
	return a.t.write(ctx, func(c *change) error {
		n, err := c.exec(`INSERT INTO accounts (user_id, handle, skeleton, claimed, created)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			x.User[:], orNull(x.Handle), orNull(x.Skeleton), number(x.Claimed), int64(x.Created))
		if err != nil || n == 0 {
			return errors.Join(err, unless(err != nil, auth.ErrTaken))
		}
		return c.addLogin(l)
	})
}

// Account implements auth.Store.
func (a authTables) Account(ctx context.Context, user [16]byte) (auth.Account, error) {
	x := auth.Account{User: user}
	var handle, skeleton []byte
	var claimed, created int64
	err := missing(a.t.row(ctx, `SELECT handle, skeleton, claimed, created FROM accounts WHERE user_id = $1`,
		[]any{user[:]}, &handle, &skeleton, &claimed, &created))
	if err != nil {
		return auth.Account{}, err
	}
	x.Handle, x.Skeleton, x.Claimed, x.Created = string(handle), string(skeleton), claimed != 0, uint64(created)
	return x, nil
}

// SetHandle implements auth.Store.
func (a authTables) SetHandle(ctx context.Context, user [16]byte, handle, skeleton string) error {
	return a.t.write(ctx, func(c *change) error {
		var has []byte
		if err := c.row(`SELECT handle FROM accounts WHERE user_id = $1`, []any{user[:]}, &has); err != nil {
			return missing(err)
		}
		switch {
		case string(has) == handle:
			_, err := c.exec(`UPDATE accounts SET claimed = 1 WHERE user_id = $1`, user[:])
			return err
		case len(has) > 0:
			return auth.ErrTaken
		}
		// Nobody else writes between this and the update.
		taken, err := c.has(`SELECT 1 FROM accounts WHERE handle = $1 OR skeleton = $2`, orNull(handle), orNull(skeleton))
		if err != nil || taken {
			return errors.Join(err, unless(!taken, auth.ErrTaken))
		}
		_, err = c.exec(`UPDATE accounts SET handle = $2, skeleton = $3, claimed = 1 WHERE user_id = $1`,
			user[:], orNull(handle), orNull(skeleton))
		return err
	})
}

// SkeletonTaken implements auth.Store.
func (a authTables) SkeletonTaken(ctx context.Context, skeleton string) (bool, error) {
	var one int
	err := a.t.row(ctx, `SELECT 1 FROM accounts WHERE skeleton = $1`, []any{orNull(skeleton)}, &one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// DeleteUnclaimed implements auth.Store.
func (a authTables) DeleteUnclaimed(ctx context.Context, before uint64) (int, error) {
	var n int64
	err := a.t.write(ctx, func(c *change) (err error) {
		n, err = c.exec(`DELETE FROM accounts WHERE claimed = 0 AND handle IS NOT NULL AND created < $1`, clip(before))
		return err
	})
	return int(n), err
}

// PutBackup implements auth.Store.
func (a authTables) PutBackup(ctx context.Context, b auth.Backup) error {
	auths := make([]byte, 0, len(b.Auths)*32)
	for _, x := range b.Auths {
		auths = append(auths, x[:]...)
	}
	return a.t.write(ctx, func(c *change) error {
		if err := c.needAccount(b.User); err != nil {
			return err
		}
		var counter int64
		err := c.row(`SELECT counter FROM backups WHERE user_id = $1`, []any{b.User[:]}, &counter)
		switch {
		case err == nil && uint64(counter) > b.Counter: // compared here: a database's numbers have a sign
			return auth.ErrOld
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			return err
		}
		_, err = c.exec(`INSERT INTO backups (user_id, counter, sealed, auths, stored) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (user_id) DO UPDATE SET counter = excluded.counter, sealed = excluded.sealed,
	auths = excluded.auths, stored = excluded.stored`, b.User[:], int64(b.Counter), some(b.Blob), auths, int64(b.Stored))
		return err
	})
}

// Backup implements auth.Store.
func (a authTables) Backup(ctx context.Context, user [16]byte) (auth.Backup, error) {
	b := auth.Backup{User: user}
	var counter, stored int64
	var auths []byte
	err := missing(a.t.row(ctx, `SELECT counter, sealed, auths, stored FROM backups WHERE user_id = $1`,
		[]any{user[:]}, &counter, &b.Blob, &auths, &stored))
	if err != nil {
		return auth.Backup{}, err
	}
	if len(auths)%32 != 0 {
		return auth.Backup{}, errColumn
	}
	b.Counter, b.Stored, b.Blob = uint64(counter), uint64(stored), some(b.Blob)
	for ; len(auths) > 0; auths = auths[32:] {
		b.Auths = append(b.Auths, [32]byte(auths))
	}
	return b, nil
}

// Try implements auth.Store.
func (a authTables) Try(ctx context.Context, key string, now, window uint64, limit int) (count int, until uint64, err error) {
	err = a.t.write(ctx, func(c *change) error {
		var tried, ends int64
		err := c.row(`SELECT tried, ends FROM tries WHERE try_key = $1`, []any{[]byte(key)}, &tried, &ends)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err != nil || uint64(ends) <= now {
			tried, ends = 0, int64(now+window)
		}
		count, until = int(tried)+1, uint64(ends)
		if count > limit {
			count = limit + 1
			return nil
		}
		_, err = c.exec(`INSERT INTO tries (try_key, tried, ends) VALUES ($1, $2, $3)
ON CONFLICT (try_key) DO UPDATE SET tried = excluded.tried, ends = excluded.ends`, []byte(key), int64(count), ends)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	return count, until, nil
}

// ForgetTries implements auth.Store.
func (a authTables) ForgetTries(ctx context.Context, key string) error {
	return a.t.write(ctx, func(c *change) error {
		_, err := c.exec(`DELETE FROM tries WHERE try_key = $1`, []byte(key))
		return err
	})
}

// DeleteExpired implements auth.Store.
func (a authTables) DeleteExpired(ctx context.Context, now uint64) error {
	return a.t.write(ctx, func(c *change) error {
		_, err := c.exec(`DELETE FROM sessions WHERE expires < $1`, clip(now))
		if err != nil {
			return err
		}
		_, err = c.exec(`DELETE FROM tries WHERE ends < $1`, clip(now))
		return err
	})
}

// needAccount returns auth.ErrMissing if there is no such account.
func (c *change) needAccount(user [16]byte) error {
	there, err := c.has(`SELECT 1 FROM accounts WHERE user_id = $1`, user[:])
	if err != nil || there {
		return err
	}
	return auth.ErrMissing
}

// missing turns the error for no row into that of auth.
func missing(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return auth.ErrMissing
	}
	return err
}

// unless returns nil if ok, and err otherwise.
func unless(ok bool, err error) error {
	if ok {
		return nil
	}
	return err
}
