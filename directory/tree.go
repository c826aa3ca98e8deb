package directory

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"conclave/core/keytrans"
)

const (
	batchSize       = 256                    // leaves that are written together when many are missing
	batchAge        = 2 * time.Millisecond   // a leaf is written after this
	checkpointEvery = 100 * time.Millisecond // least, between checkpoints
	collectEvery    = time.Minute            // old partial tiles are removed
	maxCheckpoint   = 16 << 10               // bytes
)

// A tree is the log on disk: Tessera's tiles, bundles of leaves, and the
// checkpoint. append is for one goroutine; the rest may be called at any time.
type tree struct {
	dir    string
	log    *slog.Logger
	key    note.Verifier
	origin string
	tiles  *tiles
	add    tessera.AddFn
	reader tessera.LogReader
	gate   *gate
	adding sync.WaitGroup // appends that may still write
	cancel context.CancelFunc
}

// openTree opens the log in cfg.Dir, or makes an empty one. The caller must call
// close. Errors wrap errBroken if the files cannot be read for what they should be.
func openTree(cfg *Config) (*tree, error) {
	key, err := note.NewVerifier(cfg.Secrets.logKey)
	if err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	quietTessera(cfg.Log)
	ctx, cancel := context.WithCancel(context.Background())
	t := &tree{dir: cfg.Dir, log: cfg.Log, key: key, origin: cfg.Secrets.log.Name(), cancel: cancel}
	t.gate = &gate{Signer: cfg.Secrets.log}
	opts := tessera.NewAppendOptions().
		WithCheckpointSigner(t.gate).
		WithBatching(batchSize, batchAge).
		WithCheckpointInterval(checkpointEvery).
		WithCheckpointRepublishInterval(max(cfg.Republish, checkpointEvery)).
		WithGarbageCollectionInterval(collectEvery)
	if cfg.witnesses != nil {
		opts.WithWitnesses(*cfg.witnesses, &tessera.WitnessOptions{Timeout: cfg.WitnessTimeout, FailOpen: true})
	}
	driver, err := posix.New(ctx, posix.Config{HTTPClient: cfg.Client, Path: cfg.Dir})
	if err == nil {
		var a *tessera.Appender
		if a, _, t.reader, err = tessera.NewAppender(ctx, driver, opts); err == nil {
			t.add = a.Add
		}
	}
	if err != nil {
		cancel()
		if full := new(os.PathError); errors.As(err, &full) {
			return nil, fmt.Errorf("directory: opening the log: %w", err)
		}
		return nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	t.tiles = newTiles(t.reader.ReadTile)
	return t, nil
}

// close ends what Tessera runs in the background and returns when nothing more is
// written.
func (t *tree) close() {
	t.adding.Wait()
	signed := t.gate.shut()
	t.cancel()
	if !signed.IsZero() {
		t.written(signed)
	}
	sleep(context.Background(), settling)
}

const (
	// settling is how long a publication takes to find out that nothing is signed
	// any more.
	settling = 10 * time.Millisecond
	// lateWrite is how long one that was signed may take to be written.
	lateWrite = 2 * time.Second
	// coarse is how much earlier than the clock says the times of files may be.
	coarse = 20 * time.Millisecond
)

// written waits until the checkpoint of the last signature is on the disk.
func (t *tree) written(signed time.Time) {
	for limit := time.Now().Add(lateWrite); time.Now().Before(limit); sleep(context.Background(), time.Millisecond) {
		info, err := os.Stat(filepath.Join(t.dir, layout.CheckpointPath))
		if err != nil || !info.ModTime().Before(signed.Add(-coarse)) {
			return
		}
	}
}

// A gate signs until it is shut.
type gate struct {
	note.Signer
	mu     sync.Mutex
	closed bool
	last   time.Time
}

var errShut = errors.New("directory: the log is closed")

// Sign implements note.Signer.
func (g *gate) Sign(msg []byte) ([]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, errShut
	}
	g.last = time.Now()
	return g.Signer.Sign(msg)
}

// shut ends signing and returns when that was done last.
func (g *gate) shut() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	return g.last
}

// size returns the number of leaves in the tiles, published or not.
func (t *tree) size(ctx context.Context) (uint64, error) { return t.reader.IntegratedSize(ctx) }

// append writes leaves, the first of which is number first, to the tiles. After an
// error some may be there: ask size.
func (t *tree) append(ctx context.Context, first uint64, leaves [][]byte) error {
	futures := make([]tessera.IndexFuture, len(leaves))
	for i := range leaves {
		futures[i] = t.add(ctx, tessera.NewEntry(leaves[i]))
	}
	done := make(chan error, 1)
	t.adding.Go(func() {
		for i, f := range futures {
			index, err := f()
			if err == nil && index.Index != first+uint64(i) {
				err = fmt.Errorf("%w: leaf %d became leaf %d", ErrFork, first+uint64(i), index.Index)
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A checkpoint is what the log signed.
type checkpoint struct {
	note []byte
	size uint64
	root keytrans.Hash
}

// checkpoint reads and checks the published checkpoint: fs.ErrNotExist if there is
// none yet, errBroken if it is not one of this log.
func (t *tree) checkpoint() (*checkpoint, error) {
	return readCheckpoint(filepath.Join(t.dir, layout.CheckpointPath), t.key, t.origin)
}

// dropCheckpoint removes a damaged checkpoint, so that it is signed again.
func (t *tree) dropCheckpoint() error {
	return os.Remove(filepath.Join(t.dir, layout.CheckpointPath))
}

func readCheckpoint(path string, key note.Verifier, origin string) (*checkpoint, error) {
	b, err := readFile(path, maxCheckpoint)
	if err != nil {
		return nil, err
	}
	return parseCheckpoint(b, key, origin)
}

// parseCheckpoint checks the log's signature and reads what is signed (C2SP
// tlog-checkpoint).
func parseCheckpoint(b []byte, key note.Verifier, origin string) (*checkpoint, error) {
	n, err := note.Open(b, note.VerifierList(key))
	if err != nil {
		return nil, fmt.Errorf("%w: checkpoint: %w", errBroken, err)
	}
	lines := strings.SplitN(n.Text, "\n", 4)
	if len(lines) < 4 || lines[0] != origin {
		return nil, fmt.Errorf("%w: checkpoint of another log", errBroken)
	}
	c := &checkpoint{note: b}
	c.size, err = strconv.ParseUint(lines[1], 10, 62)
	if err != nil {
		return nil, fmt.Errorf("%w: checkpoint: size", errBroken)
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != len(c.root) {
		return nil, fmt.Errorf("%w: checkpoint: root", errBroken)
	}
	copy(c.root[:], root)
	return c, nil
}

// agree checks that the log holds nothing but the beginning of what the store
// holds: count epochs. Errors wrap errBroken if the files are damaged, ErrAhead or
// ErrFork if the log says something else.
func (t *tree) agree(ctx context.Context, store Store, count uint64) error {
	size, err := t.size(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	if size > count {
		return fmt.Errorf("%w: the log has %d leaves, the database %d", ErrAhead, size, count)
	}
	c, err := t.checkpoint()
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		// The tree is as it should be, so a new one takes its place.
		t.log.WarnContext(ctx, "the log's checkpoint is damaged: it is signed again", slog.Any("error", err))
		if err := t.dropCheckpoint(); err != nil {
			return fmt.Errorf("directory: %w", err)
		}
	case c.size > size:
		return fmt.Errorf("%w: its checkpoint is of %d leaves, and it has %d", errBroken, c.size, size)
	case c.size > 0:
		root, err := tlog.TreeHash(int64(c.size), t.tiles.at(ctx, size))
		if err != nil || keytrans.Hash(root) != c.root {
			return fmt.Errorf("%w: its tiles do not give the root that was signed", errBroken)
		}
	}
	return t.agreeEnd(ctx, store, size)
}

// agreeEnd compares the last bundle of leaves and their hashes with the store.
func (t *tree) agreeEnd(ctx context.Context, store Store, size uint64) error {
	if size == 0 {
		return nil
	}
	bundle := (size - 1) / layout.EntryBundleWidth
	first := bundle * layout.EntryBundleWidth
	epochs, err := store.Epochs(ctx, first, int(size-first))
	if err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	if uint64(len(epochs)) != size-first {
		return fmt.Errorf("%w: the database lacks epochs", ErrFork)
	}
	got, err := t.reader.ReadEntryBundle(ctx, bundle, uint8((size-first)%layout.EntryBundleWidth))
	if err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	want := new(bytes.Buffer)
	hashes := t.tiles.at(ctx, size)
	for _, e := range epochs {
		want.Write([]byte{byte(len(e.Leaf) >> 8), byte(len(e.Leaf))})
		want.Write(e.Leaf)
		stored, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(e.Number))})
		if err != nil {
			return fmt.Errorf("%w: %w", errBroken, err)
		}
		if stored[0] != tlog.RecordHash(e.Leaf) {
			return fmt.Errorf("%w: leaf %d is another one in the log", ErrFork, e.Number)
		}
	}
	// A crash may leave a bundle with more leaves than the tree; they are the same.
	if !bytes.HasPrefix(got, want.Bytes()) {
		return fmt.Errorf("%w: a bundle of leaves is not that of its tile", errBroken)
	}
	return nil
}
