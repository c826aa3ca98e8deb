package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"conclave/core/identity"
	"conclave/core/keytrans"
)

// Lookup answers an encoded keytrans.LookupRequest with a keytrans.LookupResponse.
func (d *Directory) Lookup(ctx context.Context, request []byte) ([]byte, error) {
	d.stats.Lookups.Add(1)
	q, err := keytrans.ParseLookupRequest(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	v, err := d.current()
	if err != nil {
		return nil, err
	}
	a := &keytrans.LookupResponse{Checkpoint: v.note, Epoch: v.leaf, Inclusion: v.inclusion}
	if a.Consistency, err = v.proof(ctx, d.tree, q.Known); err != nil {
		return nil, err
	}
	var batch paths
	if q.Kind == keytrans.ByHandle {
		if a.Handle, err = d.bind(ctx, v, q.Name, &batch); err != nil {
			return nil, err
		}
		a.User = a.Handle.User
	} else {
		copy(a.User[:], q.Name)
	}
	if a.User != [16]byte{} || q.Kind == keytrans.ByUser {
		if err := d.climb(ctx, v, q, a, &batch); err != nil {
			return nil, err
		}
	}
	if a.Proof, err = keytrans.NewBatchProof(batch.labels, batch.proofs); err != nil {
		return nil, fmt.Errorf("directory: internal error: %w", err)
	}
	return a.Encode(), nil
}

// paths are the labels of an answer and their paths through the map.
type paths struct {
	labels []keytrans.Hash
	proofs []keytrans.MapProof
}

func (p *paths) add(label keytrans.Hash, proof keytrans.MapProof) {
	p.labels = append(p.labels, label)
	p.proofs = append(p.proofs, proof)
}

// bind looks a handle up and adds its path.
func (d *Directory) bind(ctx context.Context, v *view, handle []byte, batch *paths) (*keytrans.Binding, error) {
	l := d.labels.get(keytrans.Handles, handle, 0)
	batch.add(l.hash, v.m.Prove(l.hash))
	b := &keytrans.Binding{VRF: l.proof}
	if _, there := v.m.Get(l.hash); !there {
		return b, nil
	}
	e, err := d.cfg.Store.Latest(ctx, NamespaceHandle, handle)
	if err != nil {
		return nil, fmt.Errorf("%w: a handle: %w", ErrUnavailable, err)
	}
	b.Opening = d.labels.opening(l.hash)
	copy(b.User[:], e.Value)
	return b, nil
}

// climb adds the ladder of a user and the records that are wanted.
func (d *Directory) climb(ctx context.Context, v *view, q *keytrans.LookupRequest, a *keytrans.LookupResponse, batch *paths) error {
	newest, err := d.newestAt(ctx, a.User, uint64(v.epoch))
	if errors.Is(err, ErrNotFound) {
		l := d.labels.get(keytrans.Users, a.User[:], 0)
		batch.add(l.hash, v.m.Prove(l.hash))
		if !slices.Contains(q.Cached, 0) {
			a.VRFs = append(a.VRFs, l.proof[:])
		}
		return nil
	}
	if err != nil {
		return err
	}
	a.Found, a.Version = true, newest.Version
	for _, step := range keytrans.Ladder(newest.Version) {
		l := d.labels.get(keytrans.Users, a.User[:], step.Version)
		batch.add(l.hash, v.m.Prove(l.hash))
		if !slices.Contains(q.Cached, step.Version) {
			a.VRFs = append(a.VRFs, l.proof[:])
		}
	}
	a.Opening = d.labels.opening(keytrans.Hash(newest.Label))
	a.Records, err = d.records(ctx, q, newest)
	return err
}

// newestAt returns the newest record of a user at an epoch, or ErrNotFound.
func (d *Directory) newestAt(ctx context.Context, user identity.UserID, epoch uint64) (Entry, error) {
	e, err := d.cfg.Store.Latest(ctx, NamespaceUser, user[:])
	if errors.Is(err, ErrNotFound) {
		return Entry{}, ErrNotFound
	}
	if err != nil {
		return Entry{}, fmt.Errorf("%w: a record: %w", ErrUnavailable, err)
	}
	return d.olderAt(ctx, e, epoch)
}

// olderAt returns the newest record at an epoch of the user of e, which is a later
// one or it, or ErrNotFound. Epochs rise with versions, so it reads no more rows than
// twice the logarithm of the versions between.
func (d *Directory) olderAt(ctx context.Context, e Entry, epoch uint64) (Entry, error) {
	if e.Epoch <= epoch {
		d.labels.learn(&e)
		return e, nil
	}
	late := e.Version // the least version that is known to be too new
	low := uint32(0)  // the least that may be
	var best *Entry
	for step := uint32(1); low < late; {
		version := low + (late-low)/2
		if best == nil { // from the newest in growing steps: it is seldom far
			version = late - min(step, late-low)
			step *= 2
		}
		rows, err := d.cfg.Store.Entries(ctx, NamespaceUser, e.Name, version, version, 1)
		if err == nil && len(rows) != 1 {
			err = errors.New("a version is missing")
		}
		if err != nil {
			return Entry{}, fmt.Errorf("%w: a record: %w", ErrUnavailable, err)
		}
		if rows[0].Epoch <= epoch {
			best, low = &rows[0], version+1
		} else {
			late = version
		}
	}
	if best == nil {
		return Entry{}, ErrNotFound
	}
	d.labels.learn(best)
	return *best, nil
}

// records returns the records that a request wants, the newest last.
func (d *Directory) records(ctx context.Context, q *keytrans.LookupRequest, newest Entry) ([][]byte, error) {
	if q.SincePlusOne == 0 || q.SincePlusOne-1 >= newest.Version {
		return [][]byte{newest.Value}, nil
	}
	since := q.SincePlusOne - 1
	n := newest.Version - since + 1
	if n > keytrans.MaxRecords {
		return nil, fmt.Errorf("%w: more than %d records", ErrRequest, keytrans.MaxRecords)
	}
	entries, err := d.cfg.Store.Entries(ctx, NamespaceUser, newest.Name, since, newest.Version, int(n))
	if err != nil || uint32(len(entries)) != n {
		return nil, fmt.Errorf("%w: records: %w", ErrUnavailable, err)
	}
	out := make([][]byte, len(entries))
	size := 0
	for i := range entries {
		out[i] = entries[i].Value
		size += len(out[i])
		d.labels.learn(&entries[i])
	}
	if size > keytrans.MaxLookupResponse/2 {
		return nil, fmt.Errorf("%w: the records are too many for an answer", ErrRequest)
	}
	return out, nil
}
