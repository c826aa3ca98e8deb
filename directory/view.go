package directory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"conclave/core/keytrans"
	"conclave/directory/prefixmap"
)

// A view is what clients are told: the newest published checkpoint, and the state
// of the map at its last epoch. It never changes.
type view struct {
	checkpoint
	leaf      []byte
	epoch     uint32
	inclusion []keytrans.Hash
	m         *prefixmap.Map

	mu          sync.Mutex
	consistency map[uint64][]keytrans.Hash // from older sizes
}

// maxProofs is the number of consistency proofs that a view remembers.
const maxProofs = 1 << 10

// proof returns the consistency proof from an older size.
func (v *view) proof(ctx context.Context, t *tree, from uint64) ([]keytrans.Hash, error) {
	if from == 0 || from >= v.size {
		return nil, nil // a client with a larger one sees that this one is smaller
	}
	v.mu.Lock()
	p, ok := v.consistency[from]
	v.mu.Unlock()
	if ok {
		return p, nil
	}
	p, err := t.tiles.consistency(ctx, from, v.size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.consistency) < maxProofs {
		v.consistency[from] = p
	}
	return p, nil
}

// current returns what clients are told now.
func (d *Directory) current() (*view, error) {
	if v := d.view.Load(); v != nil {
		return v, nil
	}
	return nil, fmt.Errorf("%w: nothing is published yet", ErrUnavailable)
}

// refresh takes over the checkpoint on the disk if it is new. Only Run calls it.
func (d *Directory) refresh(ctx context.Context) error {
	c, err := d.tree.checkpoint()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if errors.Is(err, errBroken) {
		err = errors.Join(err, d.tree.dropCheckpoint()) // a new one is signed
	}
	if err != nil {
		return err
	}
	before := d.view.Load()
	if c.size == 0 || before != nil && (c.size < before.size || string(c.note) == string(before.note)) {
		return nil
	}
	v := &view{checkpoint: *c, epoch: uint32(c.size - 1), consistency: make(map[uint64][]keytrans.Hash)}
	if before != nil && c.size == before.size { // signed again
		v.leaf, v.inclusion, v.m = before.leaf, before.inclusion, before.m
		d.show(v)
		return nil
	}
	for i, made := range d.unpublished {
		if made.epoch.Index == c.size-1 {
			v.leaf, v.m = made.leaf, made.m
			d.unpublished = slices.Clone(d.unpublished[i:]) // the last one is kept for a checkpoint signed again
			break
		}
	}
	if v.m == nil {
		return nil // on the way to the epoch that was last before the start
	}
	if v.inclusion, err = d.tree.tiles.inclusion(ctx, c.size-1, c.size); err != nil {
		return err
	}
	d.show(v)
	return nil
}

// show tells clients of v.
func (d *Directory) show(v *view) {
	d.view.Store(v)
	d.stats.Published.Store(int64(v.size))
	cosigned := int64(0)
	if d.cfg.witnesses != nil && d.cfg.witnesses.Satisfied(v.note) {
		cosigned = 1
	}
	d.stats.Cosigned.Store(cosigned)
}
