// Package witness cosigns the checkpoints of logs (C2SP tlog-witness): it answers
// for a log that it never shortened or rewrote what it showed. The state is
// durable before a cosignature leaves.
package witness

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// A State is the newest checkpoint of a log that was cosigned.
type State struct {
	Size uint64
	Root [32]byte
}

// A Store keeps the state of each log durably.
type Store interface {
	// Load returns the state of a log; the zero State if there is none.
	Load(ctx context.Context, origin string) (State, error)
	// Save replaces the state of a log, which is on the disk when it returns nil.
	Save(ctx context.Context, origin string, s State) error
}

// A Config says what a [Witness] does.
type Config struct {
	Key   string   // signing key, C2SP signed-note with type 0x04: "PRIVATE+KEY+…"
	Logs  []string // verifier keys of the logs to cosign; their names are the origins
	Store Store
	Now   func() time.Time
	Log   *slog.Logger
}

// Stats are the numbers that a [Witness] exports.
type Stats struct {
	Cosigned atomic.Uint64
	Refused  atomic.Uint64
}

// A Witness is an http.Handler of POST …/add-checkpoint.
type Witness struct {
	cfg   Config
	stats Stats
}

// New checks the configuration.
func New(cfg Config) (*Witness, error) { return &Witness{cfg: cfg}, nil }

// ServeHTTP answers add-checkpoint requests.
func (w *Witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) { http.NotFound(rw, r) }

// Stats returns the counters.
func (w *Witness) Stats() *Stats { return &w.stats }

// VerifierKey returns the key that others check cosignatures with.
func (w *Witness) VerifierKey() string { return "" }

// NewFileStore returns a Store of one small file a log in a folder, which it makes.
func NewFileStore(dir string) (Store, error) { return nil, nil }
