//go:build unix

package native

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// syncFolder makes what was renamed or removed in a folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the vault's own folder
	if err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("vault: syncing its folder: %w", err)
	}
	return nil
}

// takeLock takes the lock, which ends when the file is closed or the program
// dies.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, fileMode) //nolint:gosec // the vault's own folder
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return nil, errors.Join(ErrInUse, f.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("vault: locking it: %w", err), f.Close())
	}
	return f, nil
}
