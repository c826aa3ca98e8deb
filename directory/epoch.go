package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"conclave/core/keytrans"
	"conclave/directory/prefixmap"
)

const (
	pollCheckpoint = 5 * time.Millisecond   // while an epoch waits for its checkpoint
	refreshEvery   = time.Second            // for a checkpoint that was signed again
	retryEvery     = 500 * time.Millisecond // when the store or the log cannot be written
	// slack is how long a checkpoint may take beyond the witnesses: longer, and the
	// updates are answered without.
	slack = 3 * time.Second
	// maxBatch is the most updates of an epoch.
	maxBatch = 20_000
	// catchUp is the number of leaves that are appended together at the start.
	catchUp = 4 * batchSize
)

// run makes epochs until ctx ends.
func (d *Directory) run(ctx context.Context) error {
	if d.last == nil {
		if err := d.makeEpoch(ctx, nil); err != nil {
			return fmt.Errorf("%w: epoch 0: %w", ErrUnavailable, err)
		}
	}
	if d.cfg.witnesses != nil {
		if err := d.askWitnesses(ctx); err != nil {
			return err
		}
	}
	_ = d.publish(ctx) // what failed is logged and tried again
	refresh := time.NewTicker(refreshEvery)
	defer refresh.Stop()
	for ctx.Err() == nil {
		made := d.made
		wait := time.NewTimer(d.untilNext(made))
		select {
		case <-ctx.Done():
		case <-d.wake: // the queue is not empty any more, or a beat was asked for
		case <-wait.C:
			d.step(ctx)
		case <-refresh.C:
			if d.behind() {
				_ = d.publish(ctx)
			} else if err := d.refresh(ctx); err != nil {
				d.logFailed(ctx, err)
			}
		}
		wait.Stop()
	}
	return nil
}

// untilNext returns how long to wait for the next epoch.
func (d *Directory) untilNext(made time.Time) time.Duration {
	d.mu.Lock()
	waiting := len(d.queue) > 0 || len(d.beats) > 0
	d.mu.Unlock()
	if waiting {
		return max(0, d.cfg.MinInterval-time.Since(made))
	}
	last := time.UnixMilli(int64(d.last.epoch.Time))
	since := max(d.cfg.Now().Sub(last), time.Since(made)) // a clock may be set back
	return max(0, d.cfg.Heartbeat-since, d.cfg.MinInterval-time.Since(made))
}

// step makes an epoch of what waits and publishes it.
func (d *Directory) step(ctx context.Context) {
	batch, beats := d.take()
	if d.rolledBack(ctx) {
		err := fmt.Errorf("%w: %w", ErrUnavailable, ErrAhead)
		d.settle(batch, err, false)
		d.finish(beats, err)
		d.made = time.Now() // not at once again
		return
	}
	err := d.makeEpoch(ctx, batch)
	if err != nil {
		d.stats.StoreFailures.Add(1)
		d.log.ErrorContext(ctx, "an epoch could not be stored: updates are refused", slog.Any("error", err))
		d.settle(batch, fmt.Errorf("%w: %w", ErrUnavailable, err), false)
		d.finish(beats, ErrUnavailable)
		d.made = time.Now() // not at once again
		return
	}
	err = d.publish(ctx)
	d.settle(batch, nil, err == nil)
	d.finish(beats, err)
}

// makeEpoch commits an epoch to the store. It returns nil if and only if the store
// has it.
func (d *Directory) makeEpoch(ctx context.Context, batch []*update) error {
	made, stored, rows, err := d.nextEpoch(batch)
	if err != nil {
		return err
	}
	// Once begun it ends, whatever becomes of Run.
	store := context.WithoutCancel(ctx)
	err = d.cfg.Store.Commit(store, stored, rows)
	if err != nil && !d.committed(ctx, stored) {
		return err
	}
	if stored.Distinguished {
		d.history.Mark(uint32(stored.Number), made.m)
	}
	d.last, d.made = made, time.Now()
	d.unpublished = append(d.unpublished, made)
	d.stats.Epochs.Store(int64(stored.Number) + 1)
	d.stats.Entries.Store(int64(made.m.Len()))
	return nil
}

// nextEpoch computes the epoch that adds a batch to the map.
func (d *Directory) nextEpoch(batch []*update) (*commit, StoredEpoch, []Entry, error) {
	before := &commit{epoch: &keytrans.Epoch{Index: math.MaxUint64}, m: prefixmap.New()}
	if d.last != nil {
		before = d.last
	}
	epoch := &keytrans.Epoch{Index: before.epoch.Index + 1, Time: d.now()}
	if epoch.Time < before.epoch.Time {
		epoch.Time = before.epoch.Time
	}
	if epoch.Index == 0 {
		epoch.Extensions = d.cfg.Secrets.fingerprint()
	}
	if epoch.Index > math.MaxUint32 {
		return nil, StoredEpoch{}, nil, errors.New("directory: no more epochs")
	}
	var rows []Entry
	for _, u := range batch {
		rows = append(rows, u.rows...)
	}
	sortRows(rows)
	added := make([]prefixmap.Entry, len(rows))
	for i := range rows {
		rows[i].Epoch = epoch.Index
		added[i] = prefixmap.Entry{Label: rows[i].Label, Commitment: rows[i].Commitment, Epoch: uint32(epoch.Index)}
	}
	m, err := before.m.Insert(added)
	if err != nil {
		return nil, StoredEpoch{}, nil, err
	}
	_, epoch.Mutations = mutations(added)
	epoch.MapRoot, epoch.MapSize = m.Root(), uint64(m.Len())
	leaf := epoch.Encode()
	return &commit{epoch, leaf, m}, StoredEpoch{
		Number:        epoch.Index,
		Leaf:          leaf,
		Distinguished: epoch.Index == 0 || keytrans.Distinguished(before.epoch.Time, epoch.Time),
	}, rows, nil
}

// committed finds out what became of a Commit that failed: a connection may break
// after the store took it. It waits for the store to answer.
func (d *Directory) committed(ctx context.Context, e StoredEpoch) bool {
	for {
		there, err := d.cfg.Store.Epochs(ctx, e.Number, 1)
		if err == nil {
			return len(there) == 1 && string(there[0].Leaf) == string(e.Leaf)
		}
		if !sleep(ctx, retryEvery) {
			return false // the next start reads what there is
		}
	}
}

// publish appends what the log lacks and waits for a checkpoint of it. It gives up,
// to be called again, if the log cannot be written or ctx ends.
func (d *Directory) publish(ctx context.Context) error {
	want := d.last.epoch.Index + 1
	if err := d.append(ctx, want); err != nil {
		d.logFailed(ctx, err)
		return err
	}
	limit := time.Now().Add(d.cfg.WitnessTimeout + slack)
	for {
		err := d.refresh(ctx)
		if v := d.view.Load(); v != nil && v.size >= want {
			d.stuck.Store(false)
			return nil
		}
		if err == nil && time.Now().After(limit) {
			err = errors.New("directory: the log's checkpoint is late")
		}
		if err != nil {
			d.logFailed(ctx, err)
			return err
		}
		if !sleep(ctx, pollCheckpoint) {
			return ctx.Err()
		}
	}
}

// append appends the leaves up to number want, which the store has.
func (d *Directory) append(ctx context.Context, want uint64) error {
	for {
		// Asked each time: what failed before may be there or not.
		size, err := d.tree.size(ctx)
		if err != nil {
			return err
		}
		if size > want {
			return fmt.Errorf("%w: the log has %d leaves, the database %d", ErrAhead, size, want)
		}
		if size == want {
			return nil
		}
		epochs, err := d.cfg.Store.Epochs(ctx, size, int(min(want-size, catchUp)))
		if err != nil {
			return err
		}
		leaves := make([][]byte, len(epochs))
		for i, e := range epochs {
			if e.Number != size+uint64(i) {
				return fmt.Errorf("%w: epoch %d is missing", ErrDamaged, size+uint64(i))
			}
			leaves[i] = e.Leaf
		}
		if len(leaves) == 0 {
			return fmt.Errorf("%w: epoch %d is missing", ErrDamaged, size)
		}
		if err := d.tree.append(ctx, size, leaves); err != nil {
			return err
		}
	}
}

// behind reports whether the store has epochs that are not published.
func (d *Directory) behind() bool {
	v := d.view.Load()
	return v == nil || v.size <= d.last.epoch.Index
}

// logFailed says that the log could not be written. Updates are refused until it
// is published again.
func (d *Directory) logFailed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	d.stuck.Store(true)
	d.stats.LogFailures.Add(1)
	d.log.ErrorContext(ctx, "the log could not be written: it is tried again", slog.Any("error", err))
}

// now is the time of an epoch.
func (d *Directory) now() uint64 { return uint64(max(0, d.cfg.Now().UnixMilli())) }

// sleep waits, and reports whether ctx goes on.
func sleep(ctx context.Context, t time.Duration) bool {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
