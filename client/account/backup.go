package account

import (
	"context"
	"encoding/json"
	"errors"

	"conclave/api"
	"conclave/client/directory"
	"conclave/core/account"
	"conclave/core/identity"
	"conclave/core/secret"
)

// pins is what a backup holds besides keys and statements, as JSON in
// Bundle.Pins.
type pins struct {
	Directory []byte   `json:"directory"` // of client/directory: who the server is, and contacts
	Auths     [][]byte `json:"auths"`     // of the backup itself
}

// pushBackup stores a new backup of what this device knows and publishes its
// counter and hash. The backup goes first: one that is newer than the record
// says is good, an older one is not.
func (a *Account) pushBackup(ctx context.Context) error {
	s, _, err := a.ready()
	if err != nil {
		return err
	}
	var stored backup
	_, err = a.change(ctx, s.Keys, func(next *identity.Record) error {
		if err := a.catchUp(ctx, next); err != nil {
			return err
		}
		blob, hash, err := a.sealNext(next)
		if err != nil {
			return err
		}
		stored = backup{Counter: next.Backup + 1, Blob: blob, Auths: a.read().Backup.Auths}
		next.Backup, next.BackupHash = stored.Counter, hash
		return a.server.PutBackup(ctx, &api.BackupPut{Counter: stored.Counter, Blob: blob, Auths: stored.Auths})
	})
	if err != nil {
		return err
	}
	return a.update(ctx, func(s *state) error {
		s.Backup = stored
		return nil
	})
}

// catchUp takes over the backup that a record names, if another device made it.
// One that is not what the record says was overwritten by a device that lost a
// race: the backup that follows makes it good.
func (a *Account) catchUp(ctx context.Context, r *identity.Record) error {
	if r.Backup <= a.read().Backup.Counter {
		return nil
	}
	if err := a.pullBackup(ctx, r); !errors.Is(err, account.ErrBackupChanged) {
		return err
	}
	return nil
}

// sealNext seals what this device knows as the backup after the one that a
// record names, with the same ways in.
func (a *Account) sealNext(r *identity.Record) ([]byte, [32]byte, error) {
	s := a.read()
	b, err := a.bundle(r, s.Backup.Auths)
	if err != nil {
		return nil, [32]byte{}, err
	}
	defer b.Erase()
	last, err := account.ParseBackup(s.Backup.Blob)
	if err != nil {
		return nil, [32]byte{}, err
	}
	return last.Next(r.Backup+1, b)
}

// pullBackup reads the backup that another device of the account made, and takes
// over what is new.
func (a *Account) pullBackup(ctx context.Context, r *identity.Record) error {
	s := a.read()
	got, err := a.server.Backup(ctx)
	if err != nil {
		return err
	}
	key := secret.New(s.Keys.Backup)
	defer key.Erase()
	way, err := account.BackupKeyWrap(key)
	if err != nil {
		return err
	}
	defer way.Erase()
	bundle, err := openBackup(got.Blob, r, way)
	if errors.Is(err, account.ErrBackupOld) {
		return errors.Join(err, a.raiseOldBackup(ctx, r, err))
	}
	if err != nil {
		return err
	}
	defer bundle.Erase()
	return a.takeOver(ctx, bundle, backup{Counter: max(got.Counter, r.Backup), Blob: got.Blob})
}

// openBackup opens a backup that the server gave out for the account of a record.
func openBackup(blob []byte, r *identity.Record, way account.WrapKey) (*account.Bundle, error) {
	b, err := account.ParseBackup(blob)
	if err != nil {
		return nil, err
	}
	if err := b.Check(r); err != nil {
		return nil, err
	}
	return b.Open(way)
}

func (a *Account) raiseOldBackup(ctx context.Context, r *identity.Record, cause error) error {
	_, err := a.dir.Raise(ctx, directory.Alarm{
		ID: "backup-old", Attack: "MS-32", User: r.User, Handle: r.Handle, Name: r.Name, Want: r.Backup,
		Detail: cause.Error(),
	}, "", nil)
	return err
}

// takeOver merges what a bundle from the account's own keys says into what this
// device knows.
func (a *Account) takeOver(ctx context.Context, b *account.Bundle, from backup) error {
	key, err := account.NewIdentityKey(b.IdentityKey)
	if err != nil {
		return err
	}
	defer key.Erase()
	var taken pins
	if len(b.Pins) > 0 {
		if err := json.Unmarshal(b.Pins, &taken); err != nil {
			return account.ErrMalformed
		}
	}
	if len(taken.Directory) > 0 { // the first backup knows nobody
		if err := a.dir.Import(ctx, taken.Directory); err != nil {
			return err
		}
	}
	theirs := make(map[string]*account.Statement)
	for _, encoded := range b.Statements {
		st, err := account.ParseStatement(encoded)
		if err != nil {
			return err
		}
		if st.Verify(key.Public()) != nil || st.Signer.String() != a.read().User {
			continue // of a key before a reset
		}
		theirs[st.Subject.String()] = st
	}
	mine := false
	err = a.update(ctx, func(s *state) error {
		mine = false
		for user, st := range theirs {
			if newer(st, s.person(user).Statement) {
				s.People[user].Statement = st.Encode()
			}
		}
		for user, p := range s.People {
			if st := theirs[user]; len(p.Statement) > 0 && (st == nil || newerThan(p.Statement, st)) {
				mine = true
			}
		}
		auths := s.Backup.Auths
		if len(taken.Auths) > 0 {
			auths = taken.Auths
		}
		s.Backup = backup{Counter: from.Counter, Blob: from.Blob, Auths: auths, Dirty: s.Backup.Dirty || mine}
		return nil
	})
	if err != nil {
		return err
	}
	if len(taken.Directory) > 0 {
		// It asks for the records of the contacts that came. What it finds is stored;
		// what it cannot ask now it asks next time.
		if _, err := a.dir.Monitor(ctx); err != nil {
			return offlineIsFine(err)
		}
	}
	return a.applyStatements(ctx)
}

// newer reports whether st was made after the encoded statement.
func newer(st *account.Statement, encoded []byte) bool {
	old, err := account.ParseStatement(encoded)
	return err != nil || st.Time > old.Time
}

// newerThan reports whether the encoded statement was made after st.
func newerThan(encoded []byte, st *account.Statement) bool {
	own, err := account.ParseStatement(encoded)
	return err == nil && own.Time > st.Time
}

// applyStatements tells the directory who was verified. A statement about a key
// that a contact no longer has says nothing.
func (a *Account) applyStatements(ctx context.Context) error {
	for user, p := range a.read().People {
		if len(p.Statement) == 0 {
			continue
		}
		st, err := account.ParseStatement(p.Statement)
		if err != nil {
			return err
		}
		id, err := identity.ParseUserID(user)
		if err != nil {
			return err
		}
		c := a.dir.Contact(id)
		if c == nil || c.Record.IdentityKey != st.Key || c.Verified == levelOf(st.Method) {
			continue
		}
		if err := a.dir.SetVerified(ctx, id, levelOf(st.Method), st.Key); err != nil {
			return err
		}
	}
	return nil
}

func levelOf(m account.Method) directory.Level {
	switch m {
	case account.MethodEmoji:
		return directory.LevelEmoji
	case account.MethodQR:
		return directory.LevelQR
	case account.MethodNumber:
		return directory.LevelNumber
	default:
		return directory.LevelNone
	}
}
