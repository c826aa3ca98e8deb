package account

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"conclave/core/identity"
	"conclave/core/secret"
	"conclave/core/tlsenc"
)

const (
	// MaxBackup is the most bytes of a backup: what a server stores.
	MaxBackup = 256 << 10

	labelBackup  = "Conclave 1.0 backup"
	formatBackup = 1
	// backupBlock is what the plaintext is padded to a multiple of, in bytes, so
	// that the server does not count contacts.
	backupBlock = 4 << 10
)

// NewBackupKey returns a new random backup key for Bundle.BackupKey.
func NewBackupKey() secret.Value { return secret.Own(random(keySize)) }

// SealBackup seals a bundle as backup number counter (from 1) of user, with the
// bundle's BackupKey, and that key for each of ways, at least one. The hash is
// Record.BackupHash. Upload the backup first and publish the record after it:
// see [Backup.Check]. It returns ErrMalformed for what is out of bounds.
func SealBackup(user identity.UserID, counter uint64, b *Bundle, ways []WrapKey) (sealed []byte, hash [32]byte, err error) {
	if b.BackupKey.Len() != keySize {
		return nil, hash, fmt.Errorf("%w: backup without a key", ErrMalformed)
	}
	var wraps []wrap
	for _, way := range ways {
		if way.kind == wrapBackupKey {
			return nil, hash, fmt.Errorf("%w: the backup key does not wrap itself", ErrMalformed)
		}
		wraps = append(wraps, way.wrap(user, b.BackupKey))
	}
	return sealBackup(user, counter, b, wraps)
}

func sealBackup(user identity.UserID, counter uint64, b *Bundle, wraps []wrap) (sealed []byte, hash [32]byte, err error) {
	if user.IsZero() || counter == 0 || len(wraps) == 0 || len(wraps) > maxWraps {
		return nil, hash, fmt.Errorf("%w: backup without a user, a counter or a way in", ErrMalformed)
	}
	inner, err := b.Encode()
	if err != nil {
		return nil, hash, err
	}
	defer inner.Erase()
	padded := tlsenc.NewSecretWriter(inner.Len() + backupBlock)
	padded.Vector(inner.Expose())
	padded.Fixed(make([]byte, (backupBlock-len(padded.Bytes())%backupBlock)%backupBlock))
	defer func() { clear(padded.Bytes()) }()

	w := tlsenc.NewWriter(len(padded.Bytes()) + len(wraps)*maxWrap + 256)
	w.Uint16(formatBackup)
	w.Fixed(user[:])
	w.Uint64(counter)
	w.Nested(func(w *tlsenc.Writer) {
		for i := range wraps {
			wraps[i].encode(w)
		}
	})
	aad := bytes.Clone(w.Bytes())
	s := newSealer(b.BackupKey, labelBackup, aad)
	defer s.erase()
	w.Vector(s.seal(padded.Bytes(), aad))
	if len(w.Bytes()) > MaxBackup {
		return nil, hash, fmt.Errorf("%w: the backup is longer than %d bytes", ErrMalformed, MaxBackup)
	}
	return w.Bytes(), sha256.Sum256(w.Bytes()), nil
}

// A Backup is a sealed backup that was read but not opened. It is as good as what
// the server says until Check and Open accept it.
type Backup struct {
	User    identity.UserID
	Counter uint64

	hash   [32]byte
	wraps  []wrap
	aad    []byte
	sealed []byte
}

// ParseBackup reads a sealed backup, or returns ErrMalformed. The Backup holds
// copies.
func ParseBackup(b []byte) (*Backup, error) {
	if len(b) > MaxBackup {
		return nil, fmt.Errorf("%w: the backup is longer than %d bytes", ErrMalformed, MaxBackup)
	}
	b = bytes.Clone(b)
	r := tlsenc.NewReader(b)
	format := r.Uint16()
	backup := &Backup{hash: sha256.Sum256(b)}
	copy(backup.User[:], r.Fixed(len(backup.User)))
	backup.Counter = r.Uint64()
	wraps := r.Vector(maxWraps * maxWrap)
	backup.aad = b[:len(b)-r.Len()]
	backup.sealed = r.Vector(MaxBackup)
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w: backup: %w", ErrMalformed, err)
	}
	if format != formatBackup || backup.Counter == 0 {
		return nil, fmt.Errorf("%w: backup of an unknown kind", ErrMalformed)
	}
	list := tlsenc.NewReader(wraps)
	for list.Len() > 0 {
		var w wrap
		if err := w.decode(&list); err != nil {
			return nil, fmt.Errorf("%w: backup: %w", ErrMalformed, err)
		}
		backup.wraps = append(backup.wraps, w)
	}
	if n := len(backup.wraps); list.Err() != nil || n == 0 || n > maxWraps {
		return nil, fmt.Errorf("%w: backup without a way in", ErrMalformed)
	}
	return backup, nil
}

// Check compares the backup with the newest record of its user, which the
// directory has proven: the server cannot bring back an older one. It returns
// ErrBackupForeign, ErrBackupOld or ErrBackupChanged. A newer backup than the
// record names is accepted: its record was not published before the device
// failed, and Open shows that a device of the account made it.
func (b *Backup) Check(r *identity.Record) error {
	switch {
	case b.User != r.User:
		return ErrBackupForeign
	case b.Counter < r.Backup:
		return ErrBackupOld
	case b.Counter == r.Backup && b.hash != r.BackupHash:
		return ErrBackupChanged
	default:
		return nil
	}
}

// Passkeys returns the credential ids of the passkeys that open the backup.
func (b *Backup) Passkeys() [][]byte {
	var ids [][]byte
	for i := range b.wraps {
		if b.wraps[i].kind == wrapPasskey {
			ids = append(ids, bytes.Clone(b.wraps[i].id))
		}
	}
	return ids
}

// Open opens the backup. It returns ErrNoWrap if there is no such way in, ErrCode
// if the code, passphrase or key is another, and ErrBackupChanged if the backup
// was changed after it was sealed.
func (b *Backup) Open(way WrapKey) (*Bundle, error) {
	key, err := b.unwrap(way)
	if err != nil {
		return nil, err
	}
	defer key.Erase()
	s := newSealer(key, labelBackup, b.aad)
	defer s.erase()
	padded, err := s.open(b.sealed, b.aad)
	if errors.Is(err, errWrongKey) && way.kind == wrapBackupKey {
		return nil, ErrCode
	}
	if err != nil {
		return nil, ErrBackupChanged
	}
	defer padded.Erase()
	r := tlsenc.NewReader(padded.Expose())
	inner := secret.New(r.Vector(maxBundle))
	defer inner.Erase()
	if r.Err() != nil {
		return nil, fmt.Errorf("%w: inside of a backup", ErrMalformed)
	}
	bundle, err := ParseBundle(inner)
	if err != nil {
		return nil, err
	}
	if !bundle.BackupKey.Equal(key) {
		bundle.Erase()
		return nil, ErrBackupChanged
	}
	return bundle, nil
}

// Next seals a bundle as the backup that follows, with the same backup key and
// the same ways in: no device keeps the recovery code. Each of more is added, and
// takes the place of one of the same kind and credential. It returns ErrKey if the
// bundle has another backup key than b, or ErrMalformed like [SealBackup].
func (b *Backup) Next(counter uint64, bundle *Bundle, more ...WrapKey) (sealed []byte, hash [32]byte, err error) {
	if bundle.BackupKey.Len() != keySize {
		return nil, hash, ErrKey
	}
	old := newSealer(bundle.BackupKey, labelBackup, b.aad)
	defer old.erase()
	if len(b.sealed) < commitmentSize || !old.commitment.Equal(secret.New(b.sealed[:commitmentSize])) {
		return nil, hash, ErrKey
	}
	if counter <= b.Counter {
		return nil, hash, fmt.Errorf("%w: the counter of a backup must grow", ErrMalformed)
	}
	wraps := slices.Clone(b.wraps)
	for _, way := range more {
		if way.kind == wrapBackupKey {
			return nil, hash, fmt.Errorf("%w: the backup key does not wrap itself", ErrMalformed)
		}
		wraps = slices.DeleteFunc(wraps, func(w wrap) bool { return w.kind == way.kind && bytes.Equal(w.id, way.id) })
		wraps = append(wraps, way.wrap(b.User, bundle.BackupKey))
	}
	return sealBackup(b.User, counter, bundle, wraps)
}

// unwrap returns the backup key.
func (b *Backup) unwrap(way WrapKey) (secret.Value, error) {
	if way.kind == wrapBackupKey {
		return secret.New(way.secret.Expose()), nil
	}
	for i := range b.wraps {
		if w := &b.wraps[i]; w.kind == way.kind && bytes.Equal(w.id, way.id) {
			return way.unwrap(b.User, w)
		}
	}
	return secret.Value{}, ErrNoWrap
}
