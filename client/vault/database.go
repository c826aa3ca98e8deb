package vault

import (
	"context"
	"errors"
	"fmt"
)

// MaxBatch, MaxBatchBytes and MaxRange are the most changes of one Apply, the most
// bytes of their values together, and the most entries of one Range.
const (
	MaxBatch      = 16384
	MaxBatchBytes = 64 << 20
	MaxRange      = 4096
)

var (
	// ErrBatch says that an Apply has too many changes or a Range asks for too many
	// entries.
	ErrBatch = errors.New("vault: too much at one time; ask for less")
	// ErrFull says that there is no room to write. What was stored before is still
	// there, and nothing of the batch is.
	ErrFull = errors.New("vault: the disk is full; free some space and try again, nothing was lost")
)

// A Change sets a key, or removes it.
type Change struct {
	Key   string
	Value []byte // nil: remove the key; empty but not nil is a value
}

// An Entry is a key and its value.
type Entry struct {
	Key   string
	Value []byte
}

// A Database is a Store for many small values that change together, such as
// messages. Values are sealed, keys are not: they must say nothing that who copies
// the disk may not learn. It may be used concurrently.
type Database interface {
	Store
	// Apply makes all changes or none, durable when it returns; of two changes of a
	// key the later counts. What is invalid is refused before anything is written.
	Apply(ctx context.Context, changes []Change) error
	// Range returns up to limit entries with from <= key < to, in the order of the
	// bytes of their keys, or backwards from the last. An empty to is the end. The
	// limit is 1 to [MaxRange]. Fewer than limit entries are all that there are.
	Range(ctx context.Context, from, to string, limit int, reverse bool) ([]Entry, error)
}

// End returns what to give [Database.Range] as to, with prefix as from, for all
// keys that begin with prefix.
func End(prefix string) string {
	if prefix == "" {
		return ""
	}
	return prefix + "~" // after every byte of a key
}

// CheckChanges returns an error wrapping [ErrKey], [ErrSize] or [ErrBatch] unless
// every implementation takes the changes as one batch.
func CheckChanges(changes []Change) error {
	if len(changes) > MaxBatch {
		return fmt.Errorf("%w: %d of %d changes", ErrBatch, len(changes), MaxBatch)
	}
	total := 0
	for _, c := range changes {
		if err := CheckKey(c.Key); err != nil {
			return err
		}
		if err := CheckValue(c.Value); err != nil {
			return err
		}
		total += len(c.Value)
	}
	if total > MaxBatchBytes {
		return fmt.Errorf("%w: %d of %d bytes", ErrBatch, total, MaxBatchBytes)
	}
	return nil
}

// CheckLimit returns an error wrapping [ErrBatch] unless limit is one that Range
// takes.
func CheckLimit(limit int) error {
	if limit < 1 || limit > MaxRange {
		return fmt.Errorf("%w: a range of %d, 1 to %d are allowed", ErrBatch, limit, MaxRange)
	}
	return nil
}
