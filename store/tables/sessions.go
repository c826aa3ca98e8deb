package tables

import (
	"context"
	"errors"

	"conclave/auth"
)

// CreateSession implements auth.Store.
func (a authTables) CreateSession(ctx context.Context, s auth.Session) error {
	return a.t.write(ctx, func(c *change) error {
		if err := c.needAccount(s.User); err != nil {
			return err
		}
		n, err := c.exec(`INSERT INTO sessions (token, endpoint, user_id, device, name, method, signed_in, seen, expires)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
			s.Token[:], s.Endpoint[:], s.User[:], s.Device[:], []byte(s.Name), []byte(s.Method),
			int64(s.SignedIn), int64(s.Seen), int64(s.Expires))
		return errors.Join(err, unless(err != nil || n > 0, auth.ErrTaken))
	})
}

const selectSession = `SELECT token, endpoint, user_id, device, name, method, signed_in, seen, expires FROM sessions `

// Session implements auth.Store.
func (a authTables) Session(ctx context.Context, token [32]byte) (auth.Session, error) {
	return a.session(ctx, `WHERE token = $1`, token[:])
}

// SessionAt implements auth.Store.
func (a authTables) SessionAt(ctx context.Context, endpoint [16]byte) (auth.Session, error) {
	return a.session(ctx, `WHERE endpoint = $1`, endpoint[:])
}

func (a authTables) session(ctx context.Context, where string, id []byte) (auth.Session, error) {
	found := auth.ErrMissing
	var s auth.Session
	err := a.t.query(ctx, func(row scanner) error {
		s, found = scanSession(row)
		return found
	}, selectSession+where, id)
	if err != nil {
		return auth.Session{}, err
	}
	return s, found
}

// Sessions implements auth.Store.
func (a authTables) Sessions(ctx context.Context, user [16]byte) ([]auth.Session, error) {
	var all []auth.Session
	err := a.t.query(ctx, func(row scanner) error {
		s, err := scanSession(row)
		all = append(all, s)
		return err
	}, selectSession+`WHERE user_id = $1 ORDER BY signed_in, id`, user[:])
	return all, err
}

// scanSession reads a row of selectSession.
func scanSession(row scanner) (auth.Session, error) {
	var s auth.Session
	var token, endpoint, user, device, name, method []byte
	var signedIn, seen, expires int64
	if err := row.Scan(&token, &endpoint, &user, &device, &name, &method, &signedIn, &seen, &expires); err != nil {
		return s, err
	}
	s.Name, s.Method = string(name), string(method)
	s.SignedIn, s.Seen, s.Expires = uint64(signedIn), uint64(seen), uint64(expires)
	return s, errors.Join(fixed(s.Token[:], token), fixed(s.Endpoint[:], endpoint),
		fixed(s.User[:], user), fixed(s.Device[:], device))
}

// TouchSession implements auth.Store.
func (a authTables) TouchSession(ctx context.Context, endpoint [16]byte, seen, expires uint64) error {
	return a.t.write(ctx, func(c *change) error {
		_, err := c.exec(`UPDATE sessions SET seen = $1, expires = $2 WHERE endpoint = $3`,
			int64(seen), int64(expires), endpoint[:])
		return err
	})
}

// BindSession implements auth.Store.
func (a authTables) BindSession(ctx context.Context, endpoint, device [16]byte) error {
	return a.t.write(ctx, func(c *change) error {
		n, err := c.exec(`UPDATE sessions SET device = $1 WHERE endpoint = $2`, device[:], endpoint[:])
		return errors.Join(err, unless(err != nil || n > 0, auth.ErrMissing))
	})
}

// DeleteSession implements auth.Store.
func (a authTables) DeleteSession(ctx context.Context, endpoint [16]byte) error {
	return a.t.write(ctx, func(c *change) error {
		_, err := c.exec(`DELETE FROM sessions WHERE endpoint = $1`, endpoint[:])
		return err
	})
}
