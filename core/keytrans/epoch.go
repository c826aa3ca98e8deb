package keytrans

import (
	"errors"
	"fmt"

	"conclave/core/tlsenc"
)

// Limits of an epoch record, in bytes.
const (
	maxExtensions = 1 << 10
	maxEpoch      = 2 << 10
)

// ErrFormat says that bytes are not an encoding of what they should be.
var ErrFormat = errors.New("keytrans: malformed")

// epochFormat is the version of the format of an epoch.
const epochFormat = 1

// An Epoch is one entry of the log: the state of the map at a time.
//
//	struct {
//	    uint16 format = 1;
//	    uint64 epoch;            /* index in the log */
//	    uint64 time;             /* ms since 1970 */
//	    uint64 map_size;         /* entries */
//	    opaque map_root[32];
//	    opaque mutations[32];    /* SHA-256 of the mutation file */
//	    opaque extensions<V>;    /* at most 1024 bytes, ignored */
//	} Epoch;
type Epoch struct {
	// Index is the number of the epoch and its place in the log.
	Index uint64
	// Time is when the epoch was made. It never falls from one epoch to the next.
	Time uint64
	// MapSize is how many entries the map has.
	MapSize uint64
	// MapRoot is the root of the map.
	MapRoot Hash
	// Mutations is the SHA-256 of the mutation file: label || commitment of each
	// new entry, sorted by label.
	Mutations Hash
	// Extensions are for later versions; at most 1024 bytes.
	Extensions []byte
}

// Encode returns the entry of the log.
func (e *Epoch) Encode() []byte {
	w := tlsenc.NewWriter(2 + 3*8 + 2*HashSize + 4 + len(e.Extensions))
	w.Uint16(epochFormat)
	w.Uint64(e.Index)
	w.Uint64(e.Time)
	w.Uint64(e.MapSize)
	w.Fixed(e.MapRoot[:])
	w.Fixed(e.Mutations[:])
	w.Vector(e.Extensions)
	return w.Bytes()
}

// ParseEpoch reads an entry of the log. What it returns aliases b. Errors wrap
// ErrFormat.
func ParseEpoch(b []byte) (*Epoch, error) {
	r := tlsenc.NewReader(b)
	format := r.Uint16()
	e := &Epoch{Index: r.Uint64(), Time: r.Uint64(), MapSize: r.Uint64()}
	readHash(&r, &e.MapRoot)
	readHash(&r, &e.Mutations)
	e.Extensions = r.Vector(maxExtensions)
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w epoch: %w", ErrFormat, err)
	}
	if format != epochFormat {
		return nil, fmt.Errorf("%w epoch: format %d", ErrFormat, format)
	}
	return e, nil
}

// hour is the time between distinguished epochs, in milliseconds.
const hour = 3_600_000

// Distinguished reports whether an epoch of time this is the first of its UTC
// hour, after one of time before. Epoch 0 is always distinguished. Owners and
// contacts look at the distinguished epochs, so that a value cannot be shown and
// taken back unseen.
func Distinguished(before, this uint64) bool { return before/hour != this/hour }
