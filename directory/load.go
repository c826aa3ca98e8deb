package directory

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"

	"conclave/core/keytrans"
	"conclave/directory/prefixmap"
)

// loadBatch is the number of entries that are put into the map together.
const loadBatch = 1 << 16

// A commit is an epoch that the store has, and the state of the map then.
type commit struct {
	epoch *keytrans.Epoch
	leaf  []byte
	m     *prefixmap.Map
}

// load reads the map and the last epoch from the store; nil if there is none.
func load(ctx context.Context, store Store, history *prefixmap.History) (*commit, error) {
	count, err := store.Count(ctx)
	if err != nil || count == 0 {
		return nil, err
	}
	if count > math.MaxUint32 {
		return nil, fmt.Errorf("%w: too many epochs", ErrDamaged)
	}
	last, err := store.Epochs(ctx, count-1, 1)
	if err != nil {
		return nil, err
	}
	if len(last) != 1 {
		return nil, fmt.Errorf("%w: epoch %d is missing", ErrDamaged, count-1)
	}
	epoch, err := keytrans.ParseEpoch(last[0].Leaf)
	if err != nil || epoch.Index != count-1 || last[0].Number != count-1 {
		return nil, fmt.Errorf("%w: epoch %d is not readable", ErrDamaged, count-1)
	}
	marks, err := allDistinguished(ctx, store)
	if err != nil {
		return nil, err
	}
	m, err := loadMap(ctx, store, count, marks, history)
	if err != nil {
		return nil, err
	}
	if m.Root() != epoch.MapRoot || uint64(m.Len()) != epoch.MapSize {
		return nil, fmt.Errorf("%w: its %d entries do not give the root of epoch %d, which has %d",
			ErrDamaged, m.Len(), epoch.Index, epoch.MapSize)
	}
	return &commit{epoch, last[0].Leaf, m}, nil
}

// allDistinguished returns the numbers of all distinguished epochs.
func allDistinguished(ctx context.Context, store Store) ([]uint64, error) {
	var all []uint64
	for from := uint64(0); ; from = all[len(all)-1] + 1 {
		const page = 1000
		some, err := store.Distinguished(ctx, from, page)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if len(some) < page {
			return all, nil
		}
	}
}

// loadMap builds the map from the leaves of count epochs and marks those of marks.
func loadMap(ctx context.Context, store Store, count uint64, marks []uint64, history *prefixmap.History) (*prefixmap.Map, error) {
	m := prefixmap.New()
	waiting := make([]prefixmap.Entry, 0, loadBatch)
	flush := func() error {
		next, err := m.Insert(waiting)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		m, waiting = next, waiting[:0]
		return nil
	}
	// mark marks the epochs before next, up to which everything is there.
	mark := func(next uint64) error {
		for len(marks) > 0 && marks[0] < next {
			if len(waiting) > 0 {
				if err := flush(); err != nil {
					return err
				}
			}
			history.Mark(uint32(marks[0]), m)
			marks = marks[1:]
		}
		return nil
	}
	err := store.Leaves(ctx, 0, count, func(l Leaf) error {
		if l.Epoch >= count {
			return fmt.Errorf("%w: an entry of epoch %d", ErrDamaged, l.Epoch)
		}
		if err := mark(l.Epoch); err != nil {
			return err
		}
		if len(waiting) == loadBatch {
			if err := flush(); err != nil {
				return err
			}
		}
		waiting = append(waiting, prefixmap.Entry{Label: l.Label, Commitment: l.Commitment, Epoch: uint32(l.Epoch)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := mark(count); err != nil {
		return nil, err
	}
	return m, flush()
}

// checkSecrets checks that the keys are those that the directory began with, which
// epoch 0 names: with others, every label would be another.
func checkSecrets(ctx context.Context, store Store, s *Secrets) error {
	first, err := store.Epochs(ctx, 0, 1)
	if err != nil {
		return err
	}
	if len(first) != 1 {
		return fmt.Errorf("%w: epoch 0 is missing", ErrDamaged)
	}
	epoch, err := keytrans.ParseEpoch(first[0].Leaf)
	if err != nil {
		return fmt.Errorf("%w: epoch 0 is not readable", ErrDamaged)
	}
	if string(epoch.Extensions) != string(s.fingerprint()) {
		return fmt.Errorf("%w: other keys made what the database holds; restore the key file that belongs to it", ErrSecrets)
	}
	return nil
}

// mutations encodes what an epoch added and returns its hash.
func mutations(entries []prefixmap.Entry) (file []byte, hash keytrans.Hash) {
	file = make([]byte, 0, len(entries)*2*keytrans.HashSize)
	for i := range entries {
		file = append(file, entries[i].Label[:]...)
		file = append(file, entries[i].Commitment[:]...)
	}
	return file, sha256.Sum256(file)
}
