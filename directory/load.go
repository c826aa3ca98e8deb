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

// A stage is a part of the map that is being loaded: entries to put in, and the
// epochs to mark then.
type stage struct {
	entries []prefixmap.Entry
	marks   []uint64
}

// loadMap builds the map from the leaves of count epochs and marks those of marks.
// It reads while it builds.
func loadMap(ctx context.Context, store Store, count uint64, marks []uint64, history *prefixmap.History) (*prefixmap.Map, error) {
	stages := make(chan stage, 16)
	read := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(stages)
		read <- readMap(ctx, store, count, marks, stages)
	}()
	m := prefixmap.New()
	for s := range stages {
		next, err := m.Insert(s.entries)
		if err != nil {
			cancel()
			<-read //nolint:errcheck // it was told to stop
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		m = next
		for _, n := range s.marks {
			history.Mark(uint32(n), m)
		}
	}
	return m, <-read
}

// readMap sends the leaves of count epochs. Each stage ends with an epoch that is
// marked, or where it is long.
func readMap(ctx context.Context, store Store, count uint64, marks []uint64, stages chan<- stage) error {
	var waiting []prefixmap.Entry
	send := func(marks []uint64) error {
		select {
		case stages <- stage{waiting, marks}:
			waiting = nil
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	// pass sends what is there when it is all up to an epoch before next to mark.
	pass := func(next uint64) error {
		n := 0
		for n < len(marks) && marks[n] < next {
			n++
		}
		if n == 0 {
			return nil
		}
		passed := marks[:n]
		marks = marks[n:]
		return send(passed)
	}
	err := store.Leaves(ctx, 0, count, func(l Leaf) error {
		if l.Epoch >= count {
			return fmt.Errorf("%w: an entry of epoch %d", ErrDamaged, l.Epoch)
		}
		if err := pass(l.Epoch); err != nil {
			return err
		}
		if len(waiting) == loadBatch {
			if err := send(nil); err != nil {
				return err
			}
		}
		waiting = append(waiting, prefixmap.Entry{Label: l.Label, Commitment: l.Commitment, Epoch: uint32(l.Epoch)})
		return nil
	})
	if err == nil {
		err = pass(count)
	}
	if err == nil {
		err = send(nil)
	}
	return err
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
