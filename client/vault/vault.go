// Package vault is where a device keeps what must not be read by others: keys,
// sessions, what it knows of its contacts and of the directory.
//
// [Store] is the whole of it: bytes under names. An implementation seals what it
// stores and binds it to its name, so that neither the disk nor whoever copies it
// learns or swaps anything. Package conclave/client/vault/native keeps a folder
// of files, the web client an IndexedDB; [Memory] is for tests and for guests,
// who leave nothing behind. [Database] adds batches and ranges, for messages.
package vault

import (
	"context"
	"errors"
	"fmt"
)

// MaxKey and MaxValue are the most bytes of a key and of a value. A backup, the
// largest thing stored, is smaller.
const (
	MaxKey   = 128
	MaxValue = 4 << 20
)

var (
	// ErrMissing says that nothing is stored under a key.
	ErrMissing = errors.New("vault: nothing is stored under this key")
	// ErrKey says that a key is empty, too long or has other bytes than a-z, 0-9,
	// ".", "_", "-" and "/".
	ErrKey = errors.New("vault: invalid key")
	// ErrSize says that a value is longer than [MaxValue].
	ErrSize = errors.New("vault: value is too long")
	// ErrDamaged says that what is stored was changed, swapped or cut short. What
	// the vault held is to be taken for lost: sign in again and recover.
	ErrDamaged = errors.New("vault: what is stored was changed outside the vault")
	// ErrLocked says that the vault's key is not at hand or does not open it.
	ErrLocked = errors.New("vault: locked")
)

// A Store keeps values under keys. Each call is atomic and durable when it
// returns: after a crash a key has its old value or its new one. A Store may be
// used concurrently. Implementations clone what they are given and what they
// return.
type Store interface {
	// Get returns the value of a key, or an error wrapping [ErrMissing].
	Get(ctx context.Context, key string) ([]byte, error)
	// Put sets the value of a key.
	Put(ctx context.Context, key string, value []byte) error
	// Delete removes a key. It is no error if there is none.
	Delete(ctx context.Context, key string) error
	// Keys returns the keys that begin with prefix, sorted.
	Keys(ctx context.Context, prefix string) ([]string, error)
}

// CheckKey returns an error wrapping [ErrKey] unless key is one that every
// implementation takes: 1 to [MaxKey] bytes of a-z, 0-9, ".", "_", "-" and "/".
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKey {
		return fmt.Errorf("%w: it has %d bytes, 1 to %d are allowed", ErrKey, len(key), MaxKey)
	}
	for _, c := range []byte(key) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '_', c == '-', c == '/':
		default:
			return fmt.Errorf("%w: byte %#x", ErrKey, c)
		}
	}
	return nil
}

// CheckValue returns an error wrapping [ErrSize] if value is too long to store.
func CheckValue(value []byte) error {
	if len(value) > MaxValue {
		return fmt.Errorf("%w: %d of %d bytes", ErrSize, len(value), MaxValue)
	}
	return nil
}
