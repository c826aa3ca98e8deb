package native

import (
	"crypto/rand"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"conclave/client/vault"
	"conclave/core/secret"
)

// An entrySealer seals the values of a database.
type entrySealer struct{ key secret.Value }

func newEntrySealer(key secret.Value) *entrySealer {
	return &entrySealer{secret.New(key.Expose())}
}

// seal returns nonce[24] and the sealed value, which can be opened under its key
// only.
func (s *entrySealer) seal(key string, value []byte) []byte {
	aead, err := chacha20poly1305.NewX(s.key.Expose())
	if err != nil {
		panic("vault: internal error: " + err.Error()) // the key has the right size
	}
	out := make([]byte, aead.NonceSize(), aead.NonceSize()+len(value)+aead.Overhead())
	_, _ = rand.Read(out) // never fails
	return aead.Seal(out, out, value, []byte(key))
}

// open returns what was sealed under a key, or vault.ErrDamaged.
func (s *entrySealer) open(key string, sealed []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(s.key.Expose())
	if err != nil {
		panic("vault: internal error: " + err.Error())
	}
	if len(sealed) < aead.NonceSize() || vault.CheckKey(key) != nil {
		return nil, vault.ErrDamaged
	}
	value, err := aead.Open([]byte{}, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(key))
	if err != nil {
		return nil, vault.ErrDamaged
	}
	return value, nil
}

// trouble says in the vault's words what SQLite could not do.
func trouble(doing string, err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return fmt.Errorf("vault: %s: %w", doing, err)
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: %s", vault.ErrDamaged, doing)
	case sqlite3.SQLITE_FULL:
		return vault.ErrFull
	}
	switch e.Code() {
	case sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE: // a quota that is used up
		return vault.ErrFull
	case sqlite3.SQLITE_IOERR_SHORT_READ:
		return fmt.Errorf("%w: %s", vault.ErrDamaged, doing)
	}
	return fmt.Errorf("vault: %s: %w", doing, err)
}
