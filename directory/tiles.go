package directory

import (
	"context"
	"fmt"
	"sync"

	"github.com/transparency-dev/tessera/api/layout"
	"golang.org/x/mod/sumdb/tlog"

	"conclave/core/keytrans"
)

const (
	tileHeight = 8
	maxTiles   = 256 // whole tiles that are remembered; 8 KiB each
)

// tiles reads the hashes of the log from its tiles. It is for concurrent use.
type tiles struct {
	read func(ctx context.Context, level, index uint64, partial uint8) ([]byte, error)

	mu    sync.Mutex
	whole map[[2]uint64][]byte // by level and index; they never change
}

func newTiles(read func(ctx context.Context, level, index uint64, partial uint8) ([]byte, error)) *tiles {
	return &tiles{read: read, whole: make(map[[2]uint64][]byte)}
}

// at returns a reader of the hashes of the log when it had size leaves.
func (t *tiles) at(ctx context.Context, size uint64) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			tile := tlog.TileForIndex(tileHeight, index)
			data, err := t.tile(ctx, uint64(tile.L), uint64(tile.N), size)
			if err != nil {
				return nil, err
			}
			need := tile.W * keytrans.HashSize
			if len(data) < need {
				return nil, fmt.Errorf("directory: tile %d/%d is short", tile.L, tile.N)
			}
			if out[i], err = tlog.HashFromTile(tile, data[:need], index); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
}

func (t *tiles) tile(ctx context.Context, level, index, size uint64) ([]byte, error) {
	partial := layout.PartialTileSize(level, index, size)
	key := [2]uint64{level, index}
	t.mu.Lock()
	data, ok := t.whole[key]
	t.mu.Unlock()
	if ok {
		return data, nil
	}
	data, err := t.read(ctx, level, index, partial)
	if err != nil || partial != 0 {
		return data, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.whole) >= maxTiles {
		clear(t.whole)
	}
	t.whole[key] = data
	return data, nil
}

// inclusion proves that leaf index is in the log of size leaves (RFC 6962,
// Section 2.1.1).
func (t *tiles) inclusion(ctx context.Context, index, size uint64) ([]keytrans.Hash, error) {
	p, err := tlog.ProveRecord(int64(size), int64(index), t.at(ctx, size))
	return hashes(p), err
}

// consistency proves that the log of from leaves is the beginning of that of to
// leaves (RFC 6962, Section 2.1.2). from is at least 1 and at most to.
func (t *tiles) consistency(ctx context.Context, from, to uint64) ([]keytrans.Hash, error) {
	p, err := tlog.ProveTree(int64(to), int64(from), t.at(ctx, to))
	return hashes(p), err
}

func hashes[L ~[]tlog.Hash](list L) []keytrans.Hash {
	out := make([]keytrans.Hash, len(list))
	for i := range list {
		out[i] = keytrans.Hash(list[i])
	}
	return out
}
