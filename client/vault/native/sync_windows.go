package native

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// syncFolder does nothing: a rename is durable with the file.
func syncFolder(string) error { return nil }

// takeLock takes the lock, which ends when the file is closed or the program
// dies.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	err = windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, new(windows.Overlapped))
	switch {
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION):
		return nil, errors.Join(ErrInUse, f.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("vault: locking it: %w", err), f.Close())
	}
	return f, nil
}
