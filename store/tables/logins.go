package tables

import (
	"context"
	"errors"

	"conclave/auth"
)

// AddLogin implements auth.Store.
func (a authTables) AddLogin(ctx context.Context, l auth.Login) error {
	return a.t.write(ctx, func(c *change) error {
		if err := c.needAccount(l.User); err != nil {
			return err
		}
		return c.addLogin(l)
	})
}

// addLogin adds a login of an account that is there.
func (c *change) addLogin(l auth.Login) error {
	n, err := c.exec(`INSERT INTO logins (kind, login_key, user_id, provider, label, data, created, used)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		int64(l.Kind), []byte(l.Key), l.User[:], []byte(l.Provider), []byte(l.Label), some(l.Data),
		int64(l.Created), int64(l.Used))
	return errors.Join(err, unless(err != nil || n > 0, auth.ErrTaken))
}

const selectLogin = `SELECT kind, login_key, user_id, provider, label, data, created, used FROM logins `

// Login implements auth.Store.
func (a authTables) Login(ctx context.Context, kind auth.LoginKind, key string) (auth.Login, error) {
	found := auth.ErrMissing
	var l auth.Login
	err := a.t.query(ctx, func(row scanner) error {
		l, found = scanLogin(row)
		return found
	}, selectLogin+`WHERE kind = $1 AND login_key = $2`, int64(kind), []byte(key))
	if err != nil {
		return auth.Login{}, err
	}
	return l, found
}

// Logins implements auth.Store.
func (a authTables) Logins(ctx context.Context, user [16]byte) ([]auth.Login, error) {
	var all []auth.Login
	err := a.t.query(ctx, func(row scanner) error {
		l, err := scanLogin(row)
		all = append(all, l)
		return err
	}, selectLogin+`WHERE user_id = $1 ORDER BY created, id`, user[:])
	return all, err
}

// scanLogin reads a row of selectLogin.
func scanLogin(row scanner) (auth.Login, error) {
	var l auth.Login
	var kind, created, used int64
	var key, user, provider, label []byte
	if err := row.Scan(&kind, &key, &user, &provider, &label, &l.Data, &created, &used); err != nil {
		return l, err
	}
	l.Kind, l.Key, l.Provider, l.Label = auth.LoginKind(kind), string(key), string(provider), string(label)
	l.Created, l.Used, l.Data = uint64(created), uint64(used), some(l.Data)
	return l, fixed(l.User[:], user)
}

// UpdateLogin implements auth.Store.
func (a authTables) UpdateLogin(ctx context.Context, l auth.Login, old []byte) error {
	return a.t.write(ctx, func(c *change) error {
		n, err := c.exec(`UPDATE logins SET data = $1, used = $2 WHERE kind = $3 AND login_key = $4 AND data = $5`,
			some(l.Data), int64(l.Used), int64(l.Kind), []byte(l.Key), some(old))
		return errors.Join(err, unless(err != nil || n > 0, auth.ErrMissing))
	})
}

// DeleteLogin implements auth.Store.
func (a authTables) DeleteLogin(ctx context.Context, user [16]byte, kind auth.LoginKind, key string) error {
	return a.t.write(ctx, func(c *change) error {
		n, err := c.exec(`DELETE FROM logins WHERE user_id = $1 AND kind = $2 AND login_key = $3`,
			user[:], int64(kind), []byte(key))
		return errors.Join(err, unless(err != nil || n > 0, auth.ErrMissing))
	})
}
