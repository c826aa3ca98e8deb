package directory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"conclave/core/identity"
	"conclave/core/keytrans"
)

// maxQueue is the most updates that wait.
const maxQueue = maxBatch

// Options of a [Directory.Update].
type Options struct {
	// AllowReset lets the record replace the identity key: the caller has checked
	// that this was asked for by a fresh sign-in.
	AllowReset bool
}

// Accepted says where an update is in the log.
type Accepted struct {
	User    [16]byte
	Handle  string
	Version uint32
	Epoch   uint64
	// Published says that a checkpoint that covers Epoch is out. If the log cannot
	// be written now, the update is safe in the database and is published later.
	Published bool
}

// An update is a record that waits for its epoch. The fields below done are set
// before it is closed.
type update struct {
	record *identity.Record
	raw    []byte
	rows   []Entry
	after  *update // that must be committed first: it is in the same epoch or the one before

	done      chan struct{}
	epoch     uint64
	published bool
	err       error
}

// Update takes an identity record, encoded, of a user whom the caller has
// authenticated as user; another user's record is ErrRecord. The first record of
// a user claims its handle. It returns when the record's epoch is committed and its
// checkpoint published, about 0.3 s if nothing else happens. A record that is the
// newest one already is accepted again: repeating an Update is safe.
func (d *Directory) Update(ctx context.Context, user [16]byte, record []byte, o Options) (Accepted, error) {
	a, err := d.update(ctx, user, record, o)
	if err != nil {
		d.stats.Refused.Add(1)
	} else {
		d.stats.Updates.Add(1)
	}
	return a, err
}

func (d *Directory) update(ctx context.Context, user [16]byte, raw []byte, o Options) (Accepted, error) {
	r, err := identity.ParseRecord(raw)
	if err != nil {
		return Accepted{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if r.User != user {
		return Accepted{}, fmt.Errorf("%w: it is another user's", ErrRecord)
	}
	if r.Version > keytrans.MaxVersion {
		return Accepted{}, fmt.Errorf("%w: too many versions", ErrRecord)
	}
	if err := r.Verify(); err != nil {
		return Accepted{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if d.stuck.Load() || d.view.Load() == nil {
		return Accepted{}, ErrUnavailable
	}
	u := d.newUpdate(r, bytes.Clone(raw))
	u, err = d.admit(ctx, u, o)
	if err != nil {
		return Accepted{}, err
	}
	select {
	case <-u.done:
	case <-ctx.Done():
		return Accepted{}, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	case <-d.closed:
		select {
		case <-u.done: // it was in time
		default:
			return Accepted{}, ErrUnavailable
		}
	}
	if u.err != nil {
		return Accepted{}, u.err
	}
	return Accepted{User: user, Handle: r.Handle, Version: r.Version, Epoch: u.epoch, Published: u.published}, nil
}

// newUpdate computes what a record adds to the map: most of the work.
func (d *Directory) newUpdate(r *identity.Record, raw []byte) *update {
	u := &update{record: r, raw: raw, done: make(chan struct{})}
	u.rows = append(u.rows, d.row(keytrans.Users, r.User[:], r.Version, raw))
	if r.Version == 0 {
		row := d.row(keytrans.Handles, []byte(r.Handle), 0, r.User[:])
		row.Skeleton = identity.Skeleton(r.Handle)
		u.rows = append(u.rows, row)
	}
	return u
}

func (d *Directory) row(ns keytrans.Namespace, name []byte, version uint32, value []byte) Entry {
	l := d.labels.get(ns, name, version)
	return Entry{
		Namespace: uint8(ns), Name: bytes.Clone(name), Version: version, Value: bytes.Clone(value),
		Label: l.hash, Proof: l.proof,
		Commitment: keytrans.Commitment(d.labels.opening(l.hash), l.hash, value),
	}
}

// admit puts u into the queue, if it follows the newest record of its user, or
// returns the update that waits for the same record.
func (d *Directory) admit(ctx context.Context, u *update, o Options) (*update, error) {
	d.admission.Lock() // so that what is checked here still holds when u is queued
	defer d.admission.Unlock()
	d.mu.Lock()
	before := d.heads[u.record.User]
	d.mu.Unlock()
	if before != nil && bytes.Equal(before.raw, u.raw) {
		return before, nil
	}
	previous, at, err := d.newest(ctx, u.record.User, before)
	if err != nil {
		return nil, err
	}
	if before == nil && previous != nil && bytes.Equal(at.Value, u.raw) {
		return d.again(u, at), nil
	}
	switch err := identity.Follows(previous, u.record); {
	case errors.Is(err, identity.ErrReset):
		if !o.AllowReset {
			return nil, ErrReset
		}
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrOutdated, err)
	}
	if u.record.Version == 0 {
		if err := d.handleFree(ctx, u.record.Handle); err != nil {
			return nil, err
		}
	}
	u.after = before
	return u, d.enqueue(u)
}

// newest returns the newest record of a user, which may wait for its epoch; nil
// if there is none.
func (d *Directory) newest(ctx context.Context, user identity.UserID, before *update) (*identity.Record, Entry, error) {
	if before != nil {
		return before.record, Entry{}, nil
	}
	e, err := d.cfg.Store.Latest(ctx, NamespaceUser, user[:])
	if errors.Is(err, ErrNotFound) {
		return nil, Entry{}, nil
	}
	if err != nil {
		return nil, Entry{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	r, err := identity.ParseRecord(e.Value)
	if err != nil {
		return nil, Entry{}, fmt.Errorf("%w: the newest record cannot be read: %w", ErrUnavailable, err)
	}
	return r, e, nil
}

// again returns an update that is done: the record is committed already.
func (d *Directory) again(u *update, at Entry) *update {
	u.epoch = at.Epoch
	v := d.view.Load()
	u.published = v != nil && v.size > at.Epoch
	close(u.done)
	return u
}

// handleFree returns nil if nobody has a handle or one that looks like it.
func (d *Directory) handleFree(ctx context.Context, handle string) error {
	skeleton := identity.Skeleton(handle)
	d.mu.Lock()
	waiting := d.claims[skeleton]
	d.mu.Unlock()
	if waiting {
		return ErrHandle
	}
	_, err := d.cfg.Store.BySkeleton(ctx, skeleton)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	default:
		return ErrHandle
	}
}

// enqueue lets u wait for the next epoch.
func (d *Directory) enqueue(u *update) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) >= maxQueue {
		return ErrBusy
	}
	d.queue = append(d.queue, u)
	d.heads[u.record.User] = u
	if u.record.Version == 0 {
		d.claims[identity.Skeleton(u.record.Handle)] = true
	}
	d.stats.Waiting.Store(int64(len(d.queue)))
	d.nudge()
	return nil
}

// nudge wakes Run.
func (d *Directory) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// take returns what the next epoch is made of.
func (d *Directory) take() (batch []*update, beats []chan error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	queue := d.queue
	d.queue = nil
	for i, u := range queue {
		if len(batch) == maxBatch {
			d.queue = slices.Clone(queue[i:])
			break
		}
		if u.after != nil && u.after.failed() {
			d.end(u, fmt.Errorf("%w: the record before it was not taken", ErrUnavailable))
			continue
		}
		batch = append(batch, u)
	}
	d.stats.Waiting.Store(int64(len(d.queue)))
	beats, d.beats = d.beats, nil
	return batch, beats
}

// failed reports whether an update ended with an error.
func (u *update) failed() bool {
	select {
	case <-u.done:
		return u.err != nil
	default:
		return false
	}
}

// settle ends the updates of an epoch.
func (d *Directory) settle(batch []*update, err error, published bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, u := range batch {
		if err == nil {
			u.epoch, u.published = d.last.epoch.Index, published
		}
		d.end(u, err)
	}
}

// end ends an update; d.mu is held.
func (d *Directory) end(u *update, err error) {
	if d.heads[u.record.User] == u {
		delete(d.heads, u.record.User)
	}
	if u.record.Version == 0 {
		delete(d.claims, identity.Skeleton(u.record.Handle))
	}
	u.after, u.err = nil, err
	close(u.done)
}

// sortRows puts rows into the order of labels.
func sortRows(rows []Entry) {
	slices.SortFunc(rows, func(a, b Entry) int { return bytes.Compare(a.Label[:], b.Label[:]) })
}
