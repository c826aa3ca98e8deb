package directory_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"conclave/directory"
)

// memStore is a Store in memory, whose failures a test decides.
type memStore struct {
	mu      sync.Mutex
	epochs  []directory.StoredEpoch
	entries []directory.Entry // by epoch, then by label

	// fail, if set, is asked before a Commit, and lost after it: a Commit that is
	// lost was done, and its caller hears of an error.
	fail, lost func() error
}

var errDisk = errors.New("no space left on device")

func (s *memStore) Commit(_ context.Context, e directory.StoredEpoch, entries []directory.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return err
		}
	}
	if e.Number != uint64(len(s.epochs)) {
		return directory.ErrConflict
	}
	for _, n := range entries {
		for _, o := range s.entries {
			same := n.Namespace == o.Namespace && bytes.Equal(n.Name, o.Name) && n.Version == o.Version
			if same || n.Label == o.Label || n.Skeleton != "" && n.Skeleton == o.Skeleton {
				return directory.ErrConflict
			}
		}
	}
	s.epochs = append(s.epochs, e)
	s.entries = append(s.entries, entries...)
	if s.lost != nil {
		return s.lost()
	}
	return nil
}

// set changes the failures.
func (s *memStore) set(fail, lost func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail, s.lost = fail, lost
}

// copy returns a backup.
func (s *memStore) copy() *memStore {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &memStore{epochs: slices.Clone(s.epochs), entries: slices.Clone(s.entries)}
}

func (s *memStore) Count(context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return uint64(len(s.epochs)), nil
}

func (s *memStore) Epochs(_ context.Context, from uint64, limit int) ([]directory.StoredEpoch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from >= uint64(len(s.epochs)) {
		return nil, nil
	}
	rest := s.epochs[from:]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}

func (s *memStore) Distinguished(_ context.Context, from uint64, limit int) (out []uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.epochs {
		if e.Distinguished && e.Number >= from && len(out) < limit {
			out = append(out, e.Number)
		}
	}
	return out, nil
}

func (s *memStore) Leaves(_ context.Context, from, to uint64, yield func(directory.Leaf) error) error {
	for _, e := range s.copy().entries {
		if e.Epoch >= from && e.Epoch < to {
			if err := yield(directory.Leaf{Epoch: e.Epoch, Label: e.Label, Commitment: e.Commitment}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *memStore) Entries(_ context.Context, namespace uint8, name []byte, from, to uint32, limit int) (out []directory.Entry, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.entries {
		if e.Namespace == namespace && bytes.Equal(e.Name, name) && e.Version >= from && e.Version <= to {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b directory.Entry) int { return int(a.Version) - int(b.Version) })
	return out[:min(limit, len(out))], nil
}

func (s *memStore) Latest(ctx context.Context, namespace uint8, name []byte) (directory.Entry, error) {
	all, err := s.Entries(ctx, namespace, name, 0, 1<<31, 1<<30)
	if err != nil || len(all) == 0 {
		return directory.Entry{}, directory.ErrNotFound
	}
	return all[len(all)-1], nil
}

func (s *memStore) BySkeleton(_ context.Context, skeleton string) (directory.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.entries {
		if e.Skeleton != "" && e.Skeleton == skeleton {
			return e, nil
		}
	}
	return directory.Entry{}, directory.ErrNotFound
}
