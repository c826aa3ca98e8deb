package directory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/transparency-dev/tessera/api/layout"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"conclave/core/keytrans"
)

// openLog opens the log and checks that it agrees with the store, which has count
// epochs. Damaged files are put aside and made again from the store; what the log
// signed is never contradicted.
func openLog(ctx context.Context, cfg *Config, count uint64) (*tree, error) {
	t, err := openAgreeing(ctx, cfg, count)
	if !errors.Is(err, errBroken) {
		return t, err
	}
	if err := signedBySame(ctx, cfg, count); err != nil {
		return nil, err
	}
	aside := fmt.Sprintf("%s.damaged-%d", filepath.Clean(cfg.Dir), time.Now().UnixNano())
	cfg.Log.ErrorContext(ctx, "the log's files are damaged: they are put aside and made again from the database",
		slog.Any("error", err), slog.String("aside", filepath.Base(aside)))
	if err := os.Rename(cfg.Dir, aside); err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	return openAgreeing(ctx, cfg, count)
}

func openAgreeing(ctx context.Context, cfg *Config, count uint64) (*tree, error) {
	t, err := openTree(cfg)
	if err != nil {
		return nil, err
	}
	if err := t.agree(ctx, cfg.Store, count); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// signedBySame checks that the published checkpoint is of what the store holds.
func signedBySame(ctx context.Context, cfg *Config, count uint64) error {
	key, err := note.NewVerifier(cfg.Secrets.logKey)
	if err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	c, err := readCheckpoint(filepath.Join(cfg.Dir, layout.CheckpointPath), key, cfg.Secrets.log.Name())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: and so is its checkpoint, so nobody knows what was signed: restore the folder of the log", err)
	case c.size > count:
		return fmt.Errorf("%w: a checkpoint of %d leaves was signed, the database has %d", ErrAhead, c.size, count)
	case c.size == 0:
		return nil
	}
	root, err := storedRoot(ctx, cfg.Store, c.size)
	if err != nil {
		return err
	}
	if root != c.root {
		return fmt.Errorf("%w: another root was signed for %d leaves", ErrFork, c.size)
	}
	return nil
}

// storedRoot returns the root of the log of the first size epochs of the store
// (RFC 6962, Section 2.1).
func storedRoot(ctx context.Context, store Store, size uint64) (keytrans.Hash, error) {
	var left []tlog.Hash // the roots of the full subtrees, from the largest
	for from := uint64(0); from < size; {
		epochs, err := store.Epochs(ctx, from, int(min(size-from, catchUp)))
		if err != nil {
			return keytrans.Hash{}, fmt.Errorf("directory: %w", err)
		}
		if len(epochs) == 0 {
			return keytrans.Hash{}, fmt.Errorf("%w: epoch %d is missing", ErrDamaged, from)
		}
		for _, e := range epochs {
			h := tlog.RecordHash(e.Leaf)
			for n := e.Number; n&1 == 1; n >>= 1 {
				h = tlog.NodeHash(left[len(left)-1], h)
				left = left[:len(left)-1]
			}
			left = append(left, h)
		}
		from += uint64(len(epochs))
	}
	root := left[len(left)-1]
	for i := len(left) - 2; i >= 0; i-- {
		root = tlog.NodeHash(left[i], root)
	}
	return keytrans.Hash(root), nil
}
