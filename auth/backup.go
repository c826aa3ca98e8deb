package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"conclave/api"
)

// Tries to open a backup, or to sign in with a password, in one window.
const (
	tryWindow     = 15 * time.Minute
	backupTries   = 5
	passwordTries = 10
)

// hashAuth returns what is stored of a key that opens a backup. The key is made
// from 128 random bits, or by the client's own slow hash of less: another slow hash
// here would not help, since who has the store has the sealed backup too.
func hashAuth(auth []byte) [32]byte {
	return sha256.Sum256(append([]byte("Conclave 1.0 backup auth"), auth...))
}

// PutBackup keeps the sealed backup of the caller's account.
func (s *Service) PutBackup(ctx context.Context, c Caller, req *api.BackupPut) (*api.Empty, error) {
	row, err := s.bound(ctx, c)
	if err != nil {
		return nil, err
	}
	if len(req.Blob) == 0 || len(req.Blob) > api.MaxBackup {
		return nil, Refuse(api.CodeTooLarge, "a backup has 1 byte to 256 KiB")
	}
	if len(req.Auths) == 0 || len(req.Auths) > api.MaxBackupAuths {
		return nil, Refuse(api.CodeMalformed, "a backup has 1 to 8 keys that open it")
	}
	b := Backup{User: row.User, Counter: req.Counter, Blob: req.Blob, Stored: s.now()}
	for _, auth := range req.Auths {
		if len(auth) != 32 {
			return nil, Refuse(api.CodeMalformed, "a key that opens a backup has 32 bytes")
		}
		b.Auths = append(b.Auths, hashAuth(auth))
	}
	err = s.cfg.Store.PutBackup(ctx, b)
	if errors.Is(err, ErrOld) {
		return nil, Refuse(api.CodeBackupOld, "a later backup is stored: read that first")
	}
	if err != nil {
		return nil, fmt.Errorf("storing a backup: %w", err)
	}
	return &api.Empty{}, nil
}

// Backup returns the sealed backup to a device of the account.
func (s *Service) Backup(ctx context.Context, c Caller) (*api.Backup, error) {
	row, err := s.bound(ctx, c)
	if err != nil {
		return nil, err
	}
	b, err := s.backup(ctx, row.User)
	if err != nil {
		return nil, err
	}
	return &api.Backup{Counter: b.Counter, Blob: b.Blob}, nil
}

func (s *Service) backup(ctx context.Context, user [16]byte) (Backup, error) {
	b, err := s.cfg.Store.Backup(ctx, user)
	if errors.Is(err, ErrMissing) {
		return b, Refuse(api.CodeNotFound, "the account has no backup")
	}
	if err != nil {
		return b, fmt.Errorf("reading a backup: %w", err)
	}
	return b, nil
}

// OpenBackup returns the sealed backup to a device without keys that knows what
// opens it. A try counts before it is judged, so that many at a time are no more.
func (s *Service) OpenBackup(ctx context.Context, c Caller, req *api.BackupOpen) (*api.Backup, error) {
	row, err := s.session(ctx, c)
	if err != nil {
		return nil, err
	}
	b, err := s.backup(ctx, row.User)
	if err != nil {
		return nil, err
	}
	key := "backup:" + hexID(row.User)
	left, err := s.try(ctx, key, backupTries)
	if err != nil {
		return nil, err
	}
	sum := hashAuth(req.Auth)
	opens := 0
	for _, auth := range b.Auths {
		opens |= subtle.ConstantTimeCompare(sum[:], auth[:])
	}
	if opens == 0 {
		return nil, refuseTries(api.CodeCodeWrong, "this does not open the backup", left)
	}
	if err := s.cfg.Store.ForgetTries(ctx, key); err != nil {
		return nil, fmt.Errorf("forgetting tries: %w", err)
	}
	return &api.Backup{Counter: b.Counter, Blob: b.Blob}, nil
}

// try counts a try and returns how many are left after it, or refuses it.
func (s *Service) try(ctx context.Context, key string, limit int) (left int, err error) {
	now := s.now()
	count, until, err := s.cfg.Store.Try(ctx, key, now, ms(tryWindow), limit)
	if err != nil {
		return 0, fmt.Errorf("counting a try: %w", err)
	}
	if count > limit {
		return 0, refuseUntil(api.CodeTooManyTries, "too many tries: wait", now, until)
	}
	return limit - count, nil
}
