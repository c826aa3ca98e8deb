package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"conclave/core/keytrans"
)

// Monitor answers an encoded keytrans.MonitorRequest with a keytrans.MonitorResponse.
func (d *Directory) Monitor(ctx context.Context, request []byte) ([]byte, error) {
	d.stats.Monitors.Add(1)
	q, err := keytrans.ParseMonitorRequest(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	v, err := d.current()
	if err != nil {
		return nil, err
	}
	a := &keytrans.MonitorResponse{Checkpoint: v.note, Epoch: v.leaf, Inclusion: v.inclusion}
	if a.Consistency, err = v.proof(ctx, d.tree, q.Known); err != nil {
		return nil, err
	}
	if q.After >= v.size {
		return a.Encode(), nil
	}
	marks, err := d.cfg.Store.Distinguished(ctx, q.After+1, int(q.Most))
	if err != nil {
		return nil, fmt.Errorf("%w: epochs: %w", ErrUnavailable, err)
	}
	newest, err := d.newestAt(ctx, q.User, uint64(v.epoch))
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("%w: there is no such user", ErrRequest)
	}
	if err != nil {
		return nil, err
	}
	for len(marks) > 0 && marks[len(marks)-1] >= v.size {
		marks = marks[:len(marks)-1]
	}
	// From the last to the first, so that each goes on from the version of the next.
	greatest := make([]uint32, len(marks))
	for i := len(marks) - 1; i >= 0 && q.Owner; i-- {
		newest, err = d.olderAt(ctx, newest, marks[i])
		if errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("%w: the user is younger than epoch %d", ErrRequest, marks[i])
		}
		if err != nil {
			return nil, err
		}
		greatest[i] = newest.Version
	}
	used := map[uint32]bool{} // versions whose proof was sent or is known
	for _, version := range q.Cached {
		used[version] = true
	}
	for i, mark := range marks {
		c, versions, err := d.checked(ctx, v, q, mark, greatest[i])
		if err != nil {
			return nil, err
		}
		for _, version := range versions {
			if !used[version] {
				used[version] = true
				proof := d.labels.get(keytrans.Users, q.User[:], version).proof
				a.VRFs = append(a.VRFs, proof[:])
			}
		}
		a.Epochs = append(a.Epochs, *c)
	}
	return a.Encode(), nil
}

// checked answers for one distinguished epoch, and says which versions it looked
// at. greatest is the owner's.
func (d *Directory) checked(ctx context.Context, v *view, q *keytrans.MonitorRequest, mark uint64, greatest uint32) (*keytrans.Checked, []uint32, error) {
	rows, err := d.cfg.Store.Epochs(ctx, mark-1, 2)
	if err != nil || len(rows) != 2 {
		return nil, nil, fmt.Errorf("%w: epochs: %w", ErrUnavailable, err)
	}
	c := &keytrans.Checked{Before: rows[0].Leaf, Epoch: rows[1].Leaf, Version: q.Version}
	if c.BeforeInclusion, err = d.tree.tiles.inclusion(ctx, mark-1, v.size); err == nil {
		c.Inclusion, err = d.tree.tiles.inclusion(ctx, mark, v.size)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	versions := []uint32{q.Version}
	if q.Owner {
		c.Version, versions = greatest, nil
		for _, step := range keytrans.Ladder(greatest) {
			versions = append(versions, step.Version)
		}
	}
	var batch paths
	for _, version := range versions {
		l := d.labels.get(keytrans.Users, q.User[:], version)
		batch.add(l.hash, d.history.Prove(v.m, uint32(mark), l.hash))
	}
	if c.Proof, err = keytrans.NewBatchProof(batch.labels, batch.proofs); err != nil {
		return nil, nil, fmt.Errorf("directory: internal error: %w", err)
	}
	return c, slices.Clip(versions), nil
}
