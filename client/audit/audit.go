// Package audit replays the whole history of a key directory: it reads every leaf
// of the log and every change of the map, and computes each root again. An auditor
// sees what no client alone can: an entry that was taken back, a map that does not
// hold what the directory says it added.
//
// A directory that lied is convicted by what its log signed. [Evidence] holds that,
// and anybody can replay it without the server.
package audit

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"conclave/core/keytrans"
	"conclave/directory/prefixmap"
)

// bundleSize is the number of leaves that are read together (C2SP tlog-tiles).
const bundleSize = 256

// A Source is where a history is read from.
type Source interface {
	// Checkpoint returns the newest signed note.
	Checkpoint(ctx context.Context) ([]byte, error)
	// Leaves returns the leaves from 256*bundle on of the log of size leaves, at most
	// 256. The number is right.
	Leaves(ctx context.Context, bundle, size uint64) ([][]byte, error)
	// Mutations returns what an epoch says it added to the map.
	Mutations(ctx context.Context, epoch uint64) ([]byte, error)
}

// A Result is what an audit found.
type Result struct {
	// OK says that every root is what the changes give.
	OK bool `json:"ok"`
	// Epochs is how many were replayed, and Entries how many the map has after them.
	Epochs  uint64 `json:"epochs"`
	Entries uint64 `json:"entries"`
	// Root is the root of the map after the last of them, hexadecimal.
	Root string `json:"root"`
	// Lie is why it is not OK.
	Lie *LieError `json:"lie,omitempty"`
}

// A LieError is what a directory did wrong.
type LieError struct {
	Epoch  uint64 `json:"epoch"`
	Detail string `json:"detail"`
	// Proven says that the log's own signature convicts it. If not, the server gave
	// an answer that it did not sign and that cannot be right.
	Proven bool `json:"proven"`
}

// Error returns the detail.
func (l *LieError) Error() string { return fmt.Sprintf("epoch %d: %s", l.Epoch, l.Detail) }

// Progress is told after each bundle of leaves.
type Progress func(done, of uint64)

// Run replays the history up to the newest checkpoint of src. Errors mean that the
// audit could not be done, and say nothing about the directory.
func Run(ctx context.Context, src Source, keys keytrans.ServerKeys, progress Progress) (Result, *Evidence, error) {
	v, err := keytrans.NewVerifier(keys, nil)
	if err != nil {
		return Result{}, nil, fmt.Errorf("audit: the directory's keys: %w", err)
	}
	note, err := src.Checkpoint(ctx)
	if err != nil {
		return Result{}, nil, fmt.Errorf("audit: reading the checkpoint: %w", err)
	}
	c, err := v.OpenCheckpoint(note)
	if err != nil {
		return Result{}, nil, fmt.Errorf("audit: the checkpoint: %w", err)
	}
	r := &replay{src: src, m: prefixmap.New()}
	err = r.run(ctx, c, progress)
	out := Result{OK: err == nil, Epochs: r.epochs, Entries: uint64(r.m.Len()), Root: r.m.Root().String()}
	lie := new(LieError)
	if err != nil && !errors.As(err, &lie) {
		return out, nil, fmt.Errorf("audit: %w", err)
	}
	if err == nil {
		return out, nil, nil
	}
	out.Lie = lie
	evidence, err := collect(ctx, src, keys, note, c.Size, lie)
	return out, evidence, err
}

// A replay computes the state of the map epoch by epoch.
type replay struct {
	src    Source
	m      *prefixmap.Map
	epochs uint64
	time   uint64
	left   []tlog.Hash // roots of the full subtrees of the log, from the largest
}

// run replays the log of a checkpoint. It returns a *LieError, or why it cannot go on.
func (r *replay) run(ctx context.Context, c *keytrans.Checkpoint, progress Progress) error {
	var lie *LieError // the first; it is proven if the leaves give the signed root
	for bundle := uint64(0); bundle*bundleSize < c.Size; bundle++ {
		leaves, err := r.src.Leaves(ctx, bundle, c.Size)
		if err != nil {
			return fmt.Errorf("reading leaves: %w", err)
		}
		for i, leaf := range leaves {
			n := bundle*bundleSize + uint64(i)
			r.hash(n, leaf)
			if lie != nil {
				continue
			}
			if err := r.epoch(ctx, n, leaf); err != nil && !errors.As(err, &lie) {
				return err
			}
		}
		if progress != nil {
			progress(min((bundle+1)*bundleSize, c.Size), c.Size)
		}
	}
	if r.root() != c.Root {
		return &LieError{Epoch: c.Size, Detail: "the leaves that the server shows do not give the root that its log signed"}
	}
	if lie != nil {
		return lie
	}
	return nil
}

// hash adds a leaf to the root of the log (RFC 6962, Section 2.1).
func (r *replay) hash(n uint64, leaf []byte) {
	h := tlog.RecordHash(leaf)
	for ; n&1 == 1; n >>= 1 {
		h = tlog.NodeHash(r.left[len(r.left)-1], h)
		r.left = r.left[:len(r.left)-1]
	}
	r.left = append(r.left, h)
}

func (r *replay) root() keytrans.Hash {
	if len(r.left) == 0 {
		h, _ := tlog.TreeHash(0, nil) // of no leaf it reads nothing
		return keytrans.Hash(h)
	}
	root := r.left[len(r.left)-1]
	for i := len(r.left) - 2; i >= 0; i-- {
		root = tlog.NodeHash(r.left[i], root)
	}
	return keytrans.Hash(root)
}

// epoch replays one epoch.
func (r *replay) epoch(ctx context.Context, n uint64, leaf []byte) error {
	lie := func(detail string) error { return &LieError{Epoch: n, Detail: detail, Proven: true} }
	e, err := keytrans.ParseEpoch(leaf)
	switch {
	case err != nil:
		return lie("its leaf is not an epoch")
	case e.Index != n:
		return lie(fmt.Sprintf("it says that it is epoch %d", e.Index))
	case e.Time < r.time:
		return lie("its time is before that of the epoch before")
	case n > 1<<32-1:
		return errors.New("the log has more epochs than can be replayed")
	}
	added, err := r.mutations(ctx, n, e)
	if err != nil {
		return err
	}
	next, err := r.m.Insert(added)
	switch {
	case errors.Is(err, prefixmap.ErrDuplicate):
		return lie("it adds an entry that was there already: the map must only grow")
	case err != nil:
		return err
	case next.Root() != e.MapRoot:
		return lie("its root is not what the changes up to here give: an entry was put in, changed or taken out unseen")
	case uint64(next.Len()) != e.MapSize:
		return lie("its map does not have the size that it says")
	}
	r.m, r.time, r.epochs = next, e.Time, n+1
	return nil
}

// mutations reads what an epoch added.
func (r *replay) mutations(ctx context.Context, n uint64, e *keytrans.Epoch) ([]prefixmap.Entry, error) {
	if e.Mutations == noMutations {
		return nil, nil
	}
	file, err := r.src.Mutations(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("reading what epoch %d changed: %w", n, err)
	}
	entries, sorted := parseMutations(file, uint32(n))
	if mutationsHash(file) != e.Mutations {
		return nil, &LieError{Epoch: n, Detail: "the server shows other changes than the epoch commits to"}
	}
	if !sorted {
		return nil, &LieError{Epoch: n, Detail: "its changes are not in their one form", Proven: true}
	}
	return entries, nil
}
