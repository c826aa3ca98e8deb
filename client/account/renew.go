package account

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"conclave/api"
	"conclave/core/account"
	"conclave/core/identity"
)

// renewal is a new recovery code until it is confirmed.
type renewal struct {
	Words   []string `json:"words"`
	Confirm [2]int   `json:"confirm"`
	Stored  bool     `json:"stored"` // the backup opens with it
}

// NewRecovery replaces a recovery code that was lost; the one before opens no
// backup made from now on. Like CreateIdentity it may be called again until
// ConfirmRecovery was. It does not help against somebody who has both the old code
// and an old backup: against them only Reset does.
func (a *Account) NewRecovery(ctx context.Context) (Recovery, error) {
	s, user, err := a.ready()
	if err != nil {
		return Recovery{}, err
	}
	if s.Fresh != nil {
		return a.continueFresh(ctx)
	}
	if s.Renewal == nil {
		if err := a.drawCode(ctx); err != nil {
			return Recovery{}, err
		}
		s = a.read()
	}
	if !s.Renewal.Stored {
		if err := a.storeCode(ctx, s, user); err != nil {
			return Recovery{}, err
		}
	}
	return Recovery{Words: s.Renewal.Words, Confirm: s.Renewal.Confirm}, nil
}

// drawCode makes a new code and stores it, so that a crash loses none that the
// account has.
func (a *Account) drawCode(ctx context.Context) error {
	code := account.NewRecoveryCode()
	defer code.Erase()
	confirm, err := twoNumbers(account.RecoveryWords)
	if err != nil {
		return err
	}
	return a.update(ctx, func(s *state) error {
		s.Renewal = &renewal{Words: code.Words(), Confirm: confirm}
		return nil
	})
}

// storeCode stores a backup that opens with the new code and publishes both.
func (a *Account) storeCode(ctx context.Context, s *state, user identity.UserID) error {
	code, err := account.ParseRecoveryCode(strings.Join(s.Renewal.Words, " "))
	if err != nil {
		return err
	}
	defer code.Erase()
	var stored backup
	_, err = a.change(ctx, s.Keys, func(next *identity.Record) error {
		if err := a.catchUp(ctx, next); err != nil {
			return err
		}
		last, err := account.ParseBackup(a.read().Backup.Blob)
		if err != nil {
			return err
		}
		auths := a.read().Backup.Auths
		auth := code.AuthKey(user)
		defer auth.Erase()
		// The code's comes first, see waysIn; those of passkeys stay.
		auths = append([][]byte{bytes.Clone(auth.Expose())}, auths[min(1, len(auths)):]...)
		b, err := a.bundle(next, auths)
		if err != nil {
			return err
		}
		defer b.Erase()
		way := account.RecoveryWrap(code)
		defer way.Erase()
		blob, hash, err := last.Next(next.Backup+1, b, way)
		if err != nil {
			return err
		}
		stored = backup{Counter: next.Backup + 1, Blob: blob, Auths: auths}
		next.Backup, next.BackupHash, next.Recovery = stored.Counter, hash, code.Commitment(user)
		return a.server.PutBackup(ctx, &api.BackupPut{Counter: stored.Counter, Blob: blob, Auths: auths})
	})
	if err != nil {
		return err
	}
	return a.update(ctx, func(s *state) error {
		s.Backup = stored
		s.Renewal.Stored = true
		return nil
	})
}

// bundle is all that this device knows, for the backup that r will name.
func (a *Account) bundle(r *identity.Record, auths [][]byte) (*account.Bundle, error) {
	s := a.read()
	exported, err := a.dir.Export()
	if err != nil {
		return nil, err
	}
	b := identityBundle(s.Keys)
	if b.Pins, err = json.Marshal(pins{Directory: exported, Auths: auths}); err != nil {
		b.Erase()
		return nil, err
	}
	b.Statements = s.statements()
	b.Version, b.Record = r.Version-1, r.Previous
	return b, nil
}

// unconfirmed returns the code that is still to be confirmed, or nil.
func (s *state) unconfirmed() *renewal {
	switch {
	case s.Fresh != nil && s.Fresh.Stored:
		return &renewal{s.Fresh.Words, s.Fresh.Confirm, true}
	case s.Renewal != nil && s.Renewal.Stored:
		return s.Renewal
	default:
		return nil
	}
}
