package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/transparency-dev/tessera"

	"conclave/core/identity"
	"conclave/core/tlsenc"
	"conclave/directory/prefixmap"
)

// A Config says what a [Directory] works on. Zero fields mean the default.
type Config struct {
	Store Store
	// Dir is the folder of the log: tiles and the checkpoint. It is made if it is
	// missing, and rebuilt from Store.
	Dir string
	// Secrets are the keys; see [LoadSecrets].
	Secrets *Secrets
	// Policy is the C2SP tlog-policy of witnesses that cosign checkpoints, each
	// with its URL; empty: none. A checkpoint that they do not answer for is
	// published all the same: clients judge.
	Policy string
	// WitnessTimeout is how long witnesses are waited for; 2 s.
	WitnessTimeout time.Duration
	// Client does the requests to witnesses; a default one.
	Client *http.Client
	// MinInterval is the least time between two epochs; 1 s. Heartbeat is the
	// longest; 10 min. Republish is the age after which a checkpoint is signed
	// again, so that its cosignatures stay fresh; 30 s.
	MinInterval, Heartbeat, Republish time.Duration
	Now                               func() time.Time // time.Now
	Log                               *slog.Logger     // discarded

	witnesses *tessera.WitnessGroup // of Policy; nil: none
	heard     *atomic.Uint64        // the largest size that a witness said it cosigned
}

// withDefaults checks the configuration.
func (c Config) withDefaults() (Config, error) {
	if c.Store == nil || c.Dir == "" || c.Secrets == nil {
		return c, errors.New("directory: a store, a folder and keys are needed")
	}
	set := func(t *time.Duration, d time.Duration) {
		if *t <= 0 {
			*t = d
		}
	}
	set(&c.WitnessTimeout, 2*time.Second)
	set(&c.MinInterval, time.Second)
	set(&c.Heartbeat, 10*time.Minute)
	set(&c.Republish, 30*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.heard = new(atomic.Uint64)
	c.Client = listening(c.Client, c.WitnessTimeout, c.heard)
	if c.Policy != "" {
		group, err := tessera.NewWitnessGroupFromPolicy([]byte(c.Policy))
		if err != nil {
			return c, fmt.Errorf("directory: the witness policy: %w", err)
		}
		c.witnesses = &group
	}
	return c, nil
}

// A Directory is the key directory of one server. Create it with [New]; it works
// once Run runs. All methods may be called at the same time.
type Directory struct {
	// Constant after New.
	cfg     Config
	log     *slog.Logger
	labels  *labels
	history *prefixmap.History
	tree    *tree
	wake    chan struct{} // something waits
	closed  chan struct{} // Run ended

	stats Stats
	view  atomic.Pointer[view] // what clients are told; nil before the first one
	stuck atomic.Bool          // the log cannot be written
	back  atomic.Bool          // a witness has cosigned more than there is

	admission sync.Mutex // held while an update is compared with the store

	mu     sync.Mutex
	queue  []*update                   // for the next epoch
	heads  map[identity.UserID]*update // the last one of each user that is not done
	claims map[string]bool             // skeletons of those that claim a handle
	beats  []chan error                // who waits for an epoch without an update

	// Only Run uses these.
	last        *commit   // the newest epoch of the store
	unpublished []*commit // after what is published, and that
	made        time.Time // when last was made
}

// New opens the directory: it loads the map from the Store (3 s for 100,000
// users), and refuses a log that does not agree with it. The caller must call Run,
// or Close.
func New(ctx context.Context, cfg Config) (*Directory, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	d := &Directory{
		cfg:     cfg,
		log:     cfg.Log,
		labels:  newLabels(cfg.Secrets),
		history: prefixmap.NewHistory(),
		wake:    make(chan struct{}, 1),
		closed:  make(chan struct{}),
		heads:   make(map[identity.UserID]*update),
		claims:  make(map[string]bool),
	}
	if d.last, err = load(ctx, cfg.Store, d.history); err != nil {
		return nil, fmt.Errorf("directory: loading: %w", err)
	}
	var count uint64
	if d.last != nil {
		if err := checkSecrets(ctx, cfg.Store, cfg.Secrets); err != nil {
			return nil, fmt.Errorf("directory: loading: %w", err)
		}
		count = d.last.epoch.Index + 1
		d.unpublished = []*commit{d.last}
		d.made = time.Now().Add(-cfg.MinInterval)
		d.stats.Epochs.Store(int64(count))
		d.stats.Entries.Store(int64(d.last.m.Len()))
	}
	if d.tree, err = openLog(ctx, &d.cfg, count); err != nil {
		return nil, err
	}
	return d, nil
}

// Close frees what New opened if Run is not called. Nothing is written to the
// log's folder when it returns.
func (d *Directory) Close() { d.tree.close() }

// Run makes epochs and publishes them until ctx ends. It returns nil then, or why
// the directory cannot begin. Run may be called once. Nothing is written to the
// log's folder when it returns.
func (d *Directory) Run(ctx context.Context) error {
	defer close(d.closed)
	defer d.tree.close()
	return d.run(ctx)
}

// Beat makes an epoch now, with or without updates, and returns when it is
// published.
func (d *Directory) Beat(ctx context.Context) error {
	done := make(chan error, 1)
	d.mu.Lock()
	d.beats = append(d.beats, done)
	d.mu.Unlock()
	d.nudge()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-d.closed:
		return ErrUnavailable
	}
}

// finish ends beats.
func (d *Directory) finish(beats []chan error, err error) {
	for _, b := range beats {
		b <- err
	}
}

// Ready returns nil once clients are answered, and ErrUnavailable before.
func (d *Directory) Ready() error {
	_, err := d.current()
	return err
}

// Latest returns the newest committed record of a user, encoded, or ErrNotFound.
// It is for the server's own decisions (which devices a user has); clients look up.
func (d *Directory) Latest(ctx context.Context, user [16]byte) ([]byte, error) {
	e, err := d.cfg.Store.Latest(ctx, NamespaceUser, user[:])
	return e.Value, err
}

// HandleFree returns nil if a handle may be claimed, and ErrHandle if it, or one
// that looks like it, is taken.
func (d *Directory) HandleFree(ctx context.Context, handle string) error {
	return d.handleFree(ctx, handle)
}

// Consistency returns the encoded proof that the log of from leaves is the
// beginning of that of to leaves: opaque<V> of hashes. Sizes that are not published
// are ErrRequest.
func (d *Directory) Consistency(ctx context.Context, from, to uint64) ([]byte, error) {
	v, err := d.current()
	if err != nil {
		return nil, err
	}
	if from == 0 || from > to || to > v.size {
		return nil, fmt.Errorf("%w: sizes", ErrRequest)
	}
	proof, err := d.tree.tiles.consistency(ctx, from, to)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	w := tlsenc.NewWriter(4 + len(proof)*len(v.root))
	w.Nested(func(w *tlsenc.Writer) {
		for i := range proof {
			w.Fixed(proof[i][:])
		}
	})
	return w.Bytes(), nil
}

// Mutations returns what an epoch added to the map, label and commitment of each,
// 64 bytes, sorted. An epoch that is not published is ErrNotFound.
func (d *Directory) Mutations(ctx context.Context, epoch uint64) ([]byte, error) {
	v, err := d.current()
	if err != nil {
		return nil, err
	}
	if epoch >= v.size {
		return nil, ErrNotFound
	}
	var added []prefixmap.Entry
	err = d.cfg.Store.Leaves(ctx, epoch, epoch+1, func(l Leaf) error {
		added = append(added, prefixmap.Entry{Label: l.Label, Commitment: l.Commitment})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	file, _ := mutations(added)
	return file, nil
}

// PublicConfig is what a client pins of a directory.
type PublicConfig struct {
	Origin string   // first line of checkpoints
	LogKey string   // verifier key of the log (C2SP signed-note)
	VRFKey [32]byte // c2sp.org/vrf-r255
}

// PublicConfig returns what clients pin.
func (d *Directory) PublicConfig() PublicConfig { return d.cfg.Secrets.Public() }

// Stats returns the directory's counters.
func (d *Directory) Stats() *Stats { return &d.stats }
