//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sqlite

import (
	"errors"
	"os"
	"syscall"

	"conclave/store"
)

// lock takes a lock that ends with the process at the latest. The file stays: to
// remove it would let two processes lock different files of one name.
func lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = store.ErrInUse
		fallthrough
	case err != nil:
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}
