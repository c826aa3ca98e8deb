package account

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"conclave/api"
	"conclave/client/directory"
	"conclave/core/account"
	"conclave/core/identity"
	"conclave/core/secret"
)

// CreateIdentity makes the keys of the account and of this device, publishes the
// first identity record and verifies it in the directory, and stores the backup.
// handle and name may be empty where the sign-in gave them. It may be called
// again until ConfirmRecovery was: then it goes on where it stopped and returns
// the same words.
func (a *Account) CreateIdentity(ctx context.Context, handle, name string) (Recovery, error) {
	s := a.read()
	switch {
	case s.Session.Token == "":
		return Recovery{}, ErrSignedOut
	case s.Fresh == nil && s.Exists:
		return Recovery{}, ErrHasIdentity
	}
	if s.Fresh != nil && !s.Fresh.Published && handle != "" && !sameHandle(s.Handle, handle) {
		// The handle was taken; with another one everything is made anew.
		s.Fresh = nil
	}
	if s.Fresh == nil {
		if err := a.makeFirst(ctx, handle, name); err != nil {
			return Recovery{}, err
		}
	}
	return a.continueFresh(ctx)
}

// Reset replaces the identity when every device and the code are lost. All
// contacts are told, and every verification is gone. It needs a sign-in younger
// than ten minutes. Like CreateIdentity it may be called again.
func (a *Account) Reset(ctx context.Context) (Recovery, error) {
	s := a.read()
	if s.Session.Token == "" {
		return Recovery{}, ErrSignedOut
	}
	user, err := s.userID()
	if err != nil {
		return Recovery{}, err
	}
	if s.Fresh == nil {
		own, err := a.ownAnyway(ctx, user)
		if err != nil {
			return Recovery{}, err
		}
		err = a.makeFresh(ctx, user, own.Record.Backup+1, func(first identity.Device, now uint64) *identity.Record {
			return account.ResetRecord(own.Record, now, first)
		})
		if err != nil {
			return Recovery{}, err
		}
	}
	return a.continueFresh(ctx)
}

// own looks the own record up. If it is of an identity that is not this
// device's, the error is the directory's alarm, and the record comes with it.
func (a *Account) own(ctx context.Context, user identity.UserID) (*directory.Contact, error) {
	s := a.read()
	k := s.Keys
	if k == nil && s.Join != nil {
		k = &s.Join.Keys
	}
	var public [32]byte
	if k != nil {
		key, err := k.identityKey()
		if err != nil {
			return nil, err
		}
		public = key.Public()
		key.Erase()
	}
	if err := a.dir.SetOwn(ctx, user, public); err != nil {
		return nil, err
	}
	return a.dir.LookupUser(ctx, user)
}

// ownAnyway is own for who is about to replace the identity, whatever it is.
func (a *Account) ownAnyway(ctx context.Context, user identity.UserID) (*directory.Contact, error) {
	own, err := a.own(ctx, user)
	if own != nil && errors.Is(err, directory.ErrBlocked) {
		return own, nil
	}
	return own, err
}

func sameHandle(a, b string) bool {
	n, err := identity.NormalizeHandle(b)
	return err == nil && n == a
}

// makeFirst makes the first identity of the account.
func (a *Account) makeFirst(ctx context.Context, handle, name string) error {
	s := a.read()
	user, err := s.userID()
	if err != nil {
		return err
	}
	if handle == "" {
		handle = s.Handle
	}
	if name == "" {
		name = s.Name
	}
	if handle, err = identity.NormalizeHandle(handle); err != nil {
		return err
	}
	if err := identity.CheckName(name); err != nil {
		return err
	}
	if err := a.update(ctx, func(s *state) error {
		s.Handle, s.Name, s.Fresh = handle, name, nil
		return nil
	}); err != nil {
		return err
	}
	return a.makeFresh(ctx, user, 1, func(first identity.Device, now uint64) *identity.Record {
		return account.FirstRecord(user, handle, name, now, first)
	})
}

// makeFresh makes keys, code, backup and record, and stores them before anybody
// hears of them.
func (a *Account) makeFresh(ctx context.Context, user identity.UserID, counter uint64,
	make func(first identity.Device, now uint64) *identity.Record,
) error {
	idKey, err := account.GenerateIdentityKey()
	if err != nil {
		return err
	}
	defer idKey.Erase()
	devKey, err := account.GenerateDeviceKey()
	if err != nil {
		return err
	}
	defer devKey.Erase()
	now := a.now()
	first, err := devKey.Device(user, account.DeviceInfo{
		Class: a.cfg.Class, Name: a.cfg.DeviceName, Added: now, AddedBy: devKey.ID(),
	})
	if err != nil {
		return err
	}
	code := account.NewRecoveryCode()
	defer code.Erase()
	backupKey := account.NewBackupKey()
	defer backupKey.Erase()
	seed := idKey.Seed()
	defer seed.Erase()
	ways, auths, err := a.waysIn(user, code)
	if err != nil {
		return err
	}
	known, err := json.Marshal(pins{Auths: auths}) // the next backup needs them, whichever device makes it
	if err != nil {
		return err
	}
	blob, hash, err := account.SealBackup(user, counter, &account.Bundle{IdentityKey: seed, BackupKey: backupKey, Pins: known}, ways)
	for _, w := range ways {
		w.Erase()
	}
	if err != nil {
		return err
	}
	r := make(first, now)
	r.Recovery, r.Backup, r.BackupHash = code.Commitment(user), counter, hash
	if err := idKey.Sign(r); err != nil {
		return err
	}
	confirm, err := twoNumbers(account.RecoveryWords)
	if err != nil {
		return err
	}
	deviceSeed := devKey.Seed()
	defer deviceSeed.Erase()
	return a.update(ctx, func(s *state) error {
		s.Fresh = &fresh{
			Keys: keys{
				Identity: bytes.Clone(seed.Expose()), Device: bytes.Clone(deviceSeed.Expose()), Backup: bytes.Clone(backupKey.Expose()),
			},
			Words: code.Words(), Confirm: confirm, Record: r.Encode(),
			Backup: backup{Counter: counter, Blob: blob, Auths: auths},
		}
		return nil
	})
}

// waysIn returns the ways into a new backup: the code, and the passkey with which
// the person just signed in.
func (a *Account) waysIn(user identity.UserID, code account.RecoveryCode) ([]account.WrapKey, [][]byte, error) {
	auth := code.AuthKey(user)
	ways, auths := []account.WrapKey{account.RecoveryWrap(code)}, [][]byte{bytes.Clone(auth.Expose())}
	auth.Erase()
	way, passAuth, ok, err := a.passkeyWrap(user)
	if err != nil {
		return nil, nil, err
	}
	if ok {
		ways, auths = append(ways, way), append(auths, passAuth)
	}
	return ways, auths, nil
}

// twoNumbers draws two different numbers from 1 to n, in order.
func twoNumbers(n int64) ([2]int, error) {
	x, err := rand.Int(rand.Reader, big.NewInt(n))
	if err != nil {
		return [2]int{}, fmt.Errorf("account: %w", err)
	}
	y, err := rand.Int(rand.Reader, big.NewInt(n-1))
	if err != nil {
		return [2]int{}, fmt.Errorf("account: %w", err)
	}
	a, b := int(x.Int64())+1, int(y.Int64())+1
	if b >= a {
		b++
	}
	return [2]int{min(a, b), max(a, b)}, nil
}

// continueFresh publishes what makeFresh made and returns the words.
func (a *Account) continueFresh(ctx context.Context) (Recovery, error) {
	if err := a.finishFresh(ctx); err != nil {
		return Recovery{}, err
	}
	f := a.read().Fresh
	if f == nil {
		return Recovery{}, ErrHasIdentity
	}
	return Recovery{Words: f.Words, Confirm: f.Confirm}, nil
}

// finishFresh does the steps from the stored keys to the stored backup; each may
// have been done before.
func (a *Account) finishFresh(ctx context.Context) error {
	a.publishing.Lock()
	defer a.publishing.Unlock()
	s := a.read()
	if s.Fresh == nil {
		return nil
	}
	user, err := s.userID()
	if err != nil {
		return err
	}
	if !s.Fresh.Published {
		if err := a.publishFresh(ctx, user, s.Fresh); err != nil {
			return err
		}
	}
	if err := a.bind(ctx); err != nil {
		return err
	}
	if s = a.read(); s.Fresh.Stored {
		return nil
	}
	b := &s.Fresh.Backup
	err = a.server.PutBackup(ctx, &api.BackupPut{Counter: b.Counter, Blob: b.Blob, Auths: b.Auths})
	if err != nil {
		return err
	}
	return a.update(ctx, func(s *state) error {
		s.Fresh.Stored = true
		return nil
	})
}

// publishFresh publishes the first record of a new identity. If the directory
// meanwhile has another one of the account, what was made is thrown away.
func (a *Account) publishFresh(ctx context.Context, user identity.UserID, f *fresh) error {
	r, err := identity.ParseRecord(f.Record)
	if err != nil {
		return err
	}
	own, err := a.ownAnyway(ctx, user)
	if err != nil && !errors.Is(err, directory.ErrUnknown) {
		return err
	}
	switch {
	case own == nil && r.Version == 0, own != nil && own.Record.Hash() == r.Previous:
		if _, err := a.dir.Publish(ctx, f.Record); err != nil {
			return err
		}
	case own != nil && own.Record.IdentityKey == r.IdentityKey: // it arrived before the crash
	default:
		err := a.update(ctx, func(s *state) error {
			s.Fresh, s.Exists = nil, true
			return nil
		})
		return errors.Join(ErrHasIdentity, err)
	}
	if r.Reset {
		if err := a.forgetVerified(ctx); err != nil {
			return err
		}
	}
	return a.update(ctx, func(s *state) error {
		s.Fresh.Published = true
		s.Exists, s.Removed, s.Join, s.Asked, s.Renewal = true, false, nil, nil, nil
		s.Keys = &keys{s.Fresh.Keys.Identity, s.Fresh.Keys.Device, s.Fresh.Keys.Backup}
		s.Backup = s.Fresh.Backup
		s.Session.Bound = false
		return nil
	})
}

// forgetVerified takes back every verification: they were signed by a key that
// is gone.
func (a *Account) forgetVerified(ctx context.Context) error {
	for _, c := range a.dir.Contacts() {
		if err := a.dir.SetVerified(ctx, c.User, directory.LevelNone, c.Record.IdentityKey); err != nil {
			return err
		}
	}
	return a.update(ctx, func(s *state) error {
		s.People = nil
		return nil
	})
}

// ConfirmRecovery takes the two words that Recovery asked for. Then the words
// are erased from this device and the account is ready.
func (a *Account) ConfirmRecovery(ctx context.Context, words [2]string) (Status, error) {
	code := a.read().unconfirmed()
	if code == nil {
		return a.status(), ErrCheck
	}
	for i, number := range code.Confirm {
		typed := strings.ToLower(strings.TrimSpace(words[i]))
		if subtle.ConstantTimeCompare([]byte(typed), []byte(code.Words[number-1])) != 1 {
			return a.status(), ErrConfirm
		}
	}
	err := a.update(ctx, func(s *state) error {
		s.Fresh, s.Renewal = nil, nil
		return nil
	})
	return a.status(), err
}

// identityBundle is the bundle of this device's keys, without what others said.
func identityBundle(k *keys) *account.Bundle {
	return &account.Bundle{IdentityKey: secret.New(k.Identity), BackupKey: secret.New(k.Backup)}
}
