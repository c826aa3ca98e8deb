package account

import (
	"crypto/sha256"

	"conclave/core/tlsenc"
)

// A Checkpoint is what a device last accepted of a directory's log. Two people
// who check each other also compare these: a server that shows them different
// directories is found out.
type Checkpoint struct {
	Origin [32]byte // OriginHash of the server
	Size   uint64   // leaves of the log; 0: none yet
	Root   [32]byte
}

// OriginHash returns what stands for a server's origin in a Checkpoint.
func OriginHash(origin string) [32]byte { return sha256.Sum256([]byte(origin)) }

// Contradicts reports whether no log can have both checkpoints: same origin and
// size, another root. Other pairs need a consistency proof.
func (c Checkpoint) Contradicts(other Checkpoint) bool {
	return c.Origin == other.Origin && c.Size == other.Size && c.Root != other.Root
}

// checkpointSize is the size of an encoded Checkpoint in bytes.
const checkpointSize = 32 + 8 + 32

func (c *Checkpoint) encode(w *tlsenc.Writer) {
	w.Fixed(c.Origin[:])
	w.Uint64(c.Size)
	w.Fixed(c.Root[:])
}

func (c *Checkpoint) decode(r *tlsenc.Reader) {
	copy(c.Origin[:], r.Fixed(32))
	c.Size = r.Uint64()
	copy(c.Root[:], r.Fixed(32))
}
