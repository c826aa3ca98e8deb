// Package native keeps a vault in a folder of this machine: one file for each
// key, sealed under a vault key that lies in the keyring of the operating system
// or, where there is none, in a file that a passphrase opens. Nothing is ever
// written that is not sealed.
//
// The folder has
//
//	format       how the vault key is kept, and a check of it; no secret
//	key.age      the vault key under a passphrase, if it is not in a keyring
//	lock         held by the one program that has the vault open
//	v/           the values, under names that say nothing
//	messages.db  what [Store.OpenDatabase] opens, with the two files of its log
//
// A file of v is nonce[24] and XChaCha20-Poly1305 of {opaque key<V>; opaque
// value[rest]}; its name is a MAC of the key and its additional data, so that a
// file that was changed, cut short or renamed is refused. Who can write to the
// folder can still put back an older file as a whole; what must not go back has a
// counter or a version in the directory.
package native

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"conclave/client/vault"
)

var (
	// ErrPassphrase says that the passphrase does not open the vault.
	ErrPassphrase = errors.New("vault: the passphrase does not open it; try again, or give the one it was made with")
	// ErrNoKeyring says that this machine has no keyring and no passphrase was
	// given.
	ErrNoKeyring = errors.New("vault: this machine has no keyring; give a passphrase to keep the keys under")
	// ErrInUse says that another program has the vault open.
	ErrInUse = errors.New("vault: another program has it open; wait for it, or end it")
	// ErrWeak says that a passphrase for a new vault is too short.
	ErrWeak = errors.New("vault: a passphrase needs at least 12 characters: who copies the folder may guess for ever")

	errClosed = fmt.Errorf("%w: it was closed", vault.ErrLocked)
)

const (
	folderMode = 0o700
	fileMode   = 0o600

	formatName = "format"
	keyName    = "key.age"
	lockName   = "lock"
	valuesName = "v"
	tempPrefix = ".new-"
)

// Options say how the vault key is kept. The zero Options use the keyring of the
// operating system only.
type Options struct {
	// Passphrase returns the passphrase of the vault, or of a new one. It is asked
	// for where there is no keyring. Nil: there is none.
	Passphrase func(isNew bool) (string, error)
	// PreferPassphrase makes a new vault use the passphrase even if there is a
	// keyring.
	PreferPassphrase bool
	// Keyring is where the vault key is kept; nil: that of the operating system.
	Keyring Keyring
	// WorkFactor is the logarithm of the cost of the passphrase for a new vault; 0:
	// what age takes, about a second.
	WorkFactor int
}

// Store is a vault in a folder. It implements [vault.Store] and may be used
// concurrently; one program at a time has it open.
type Store struct {
	dir    string // of the values
	sealer *sealer
	lock   *os.File

	mu     sync.RWMutex      // held to read by Get, to write by the rest; guards what follows and the keys of sealer
	closed bool              // the keys are erased
	names  map[string]string // key to file name; nil until all files were read
}

var _ vault.Store = (*Store)(nil)

// Open opens the vault in dir, which is made if it does not exist. It returns an
// error wrapping [ErrInUse], [ErrNoKeyring], [ErrPassphrase] or
// [vault.ErrLocked]. Close the Store.
func Open(dir string, o Options) (*Store, error) {
	values := filepath.Join(dir, valuesName)
	if err := os.MkdirAll(values, folderMode); err != nil {
		return nil, fmt.Errorf("vault: making its folder: %w", err)
	}
	for _, d := range []string{dir, values} {
		if err := os.Chmod(d, folderMode); err != nil {
			return nil, fmt.Errorf("vault: closing its folder to others: %w", err)
		}
	}
	lock, err := takeLock(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	if err := sweep(dir, values); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	key, err := openKey(dir, o)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s := &Store{dir: values, sealer: newSealer(key), lock: lock}
	key.Erase()
	return s, nil
}

// Close erases the keys from memory and lets other programs open the vault. Later
// calls return an error wrapping [vault.ErrLocked].
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.sealer.erase()
	return s.lock.Close()
}

// sweep removes what a crash left half-written in folders.
func sweep(dirs ...string) error {
	for _, dir := range dirs {
		files, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("vault: %w", err)
		}
		for _, f := range files {
			if !strings.HasPrefix(f.Name(), tempPrefix) {
				continue
			}
			if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
				return fmt.Errorf("vault: removing what a crash left: %w", err)
			}
		}
	}
	return nil
}

// Get implements [vault.Store].
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	if err := check(ctx, key); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, errClosed
	}
	_, value, err := s.read(s.sealer.name(key))
	return value, err
}

// Put implements [vault.Store].
func (s *Store) Put(ctx context.Context, key string, value []byte) error {
	if err := check(ctx, key); err != nil {
		return err
	}
	if err := vault.CheckValue(value); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	name := s.sealer.name(key)
	sealed := s.sealer.seal(name, key, value)
	if err := writeFile(filepath.Join(s.dir, name), sealed); err != nil {
		return err
	}
	if s.names != nil {
		s.names[key] = name
	}
	return nil
}

// Delete implements [vault.Store].
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := check(ctx, key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	err := os.Remove(filepath.Join(s.dir, s.sealer.name(key)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("vault: removing a value: %w", err)
	}
	delete(s.names, key)
	return syncFolder(s.dir)
}

// Keys implements [vault.Store]. The first call reads all files.
func (s *Store) Keys(ctx context.Context, prefix string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if s.names == nil {
		if err := s.readNames(); err != nil {
			return nil, err
		}
	}
	var keys []string
	for k := range s.names {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys, nil
}

func (s *Store) readNames() error {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("vault: reading its folder: %w", err)
	}
	names := make(map[string]string, len(files))
	for _, f := range files {
		if len(f.Name()) != 2*nameSize {
			continue // not ours: file managers leave theirs everywhere
		}
		key, value, err := s.read(f.Name())
		if err != nil {
			return err
		}
		clear(value)
		names[key] = f.Name()
	}
	s.names = names
	return nil
}

// read opens one file.
func (s *Store) read(name string) (key string, value []byte, err error) {
	path := filepath.Join(s.dir, name)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil, vault.ErrMissing
	case err != nil:
		return "", nil, fmt.Errorf("vault: reading a value: %w", err)
	case info.Size() > maxSealed:
		return "", nil, vault.ErrDamaged
	}
	b, err := os.ReadFile(path) //nolint:gosec // a name of our own making in our own folder
	if err != nil {
		return "", nil, fmt.Errorf("vault: reading a value: %w", err)
	}
	return s.sealer.open(name, b)
}

func check(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return vault.CheckKey(key)
}
