package directory

import (
	"context"
	"errors"
)

// Namespaces of names in the map.
const (
	NamespaceHandle uint8 = 1 // name: the normalised handle; only version 0; value: the user, 16 bytes
	NamespaceUser   uint8 = 2 // name: the user, 16 bytes; value: the identity record of the version
)

// Errors of a [Store].
var (
	// ErrNotFound says that there is no such entry.
	ErrNotFound = errors.New("directory: not found")
	// ErrConflict says that a Commit would write what is there already: an epoch
	// of the same number, a label, a version of a name, or a skeleton. Nothing of
	// the Commit was written.
	ErrConflict = errors.New("directory: already there")
)

// A StoredEpoch is one row of the epochs: one leaf of the log.
type StoredEpoch struct {
	Number        uint64 // from 0, without gaps: the index of the leaf in the log
	Leaf          []byte // the encoded keytrans.Epoch, at most MaxLeaf bytes; never changes
	Distinguished bool   // the first of its hour
}

// MaxLeaf is the most bytes of a leaf: the fields of an epoch record and its
// extensions.
const MaxLeaf = 2048

// An Entry is one row of the entries: a version of a name, and what the map says
// of it. (Namespace, Name, Version) is unique, and so is Label.
type Entry struct {
	Namespace  uint8
	Name       []byte // 1 to 128 bytes
	Version    uint32
	Epoch      uint64 // that added it
	Label      [32]byte
	Commitment [32]byte
	Proof      [80]byte // VRF proof of Label
	Value      []byte   // the user (handle), or the identity record; at most 64 KiB
	// Skeleton is what handles that look alike have in common; unique among those
	// that are not empty. Empty for users.
	Skeleton string
}

// A Leaf is the part of an [Entry] that the map is built from.
type Leaf struct {
	Epoch      uint64
	Label      [32]byte
	Commitment [32]byte
}

// A Store keeps the directory durably. What Commit wrote is on the disk when it
// returns nil. All methods may be called at the same time; Commit is called by one
// goroutine of one process. Reads see every Commit that returned before they began.
//
// Errors other than ErrNotFound and ErrConflict mean that the Store does not work
// now: the Directory refuses updates and goes on when it does again.
type Store interface {
	// Commit writes an epoch and its entries in one transaction: all or nothing.
	// It must fail with ErrConflict unless e.Number is the number of epochs there
	// are. The entries are sorted by label, up to 100,000 of them; their Epoch is
	// e.Number. Commit must not keep what it was given.
	Commit(ctx context.Context, e StoredEpoch, entries []Entry) error

	// Count returns the number of epochs.
	Count(ctx context.Context) (uint64, error)

	// Epochs returns the epochs from number from on in order, at most limit.
	Epochs(ctx context.Context, from uint64, limit int) ([]StoredEpoch, error)

	// Distinguished returns the numbers of the distinguished epochs from number
	// from on in order, at most limit.
	Distinguished(ctx context.Context, from uint64, limit int) ([]uint64, error)

	// Leaves calls yield for the leaves of the epochs from ≤ n < to, ordered by
	// epoch and then by label, and stops at its first error, which it returns. It
	// must not hold all of them in memory: at the start this is the whole map.
	Leaves(ctx context.Context, from, to uint64, yield func(Leaf) error) error

	// Latest returns the entry of a name with the greatest version, or ErrNotFound.
	Latest(ctx context.Context, namespace uint8, name []byte) (Entry, error)

	// Entries returns the entries of a name with from ≤ version ≤ to in order, at
	// most limit; none is no error.
	Entries(ctx context.Context, namespace uint8, name []byte, from, to uint32, limit int) ([]Entry, error)

	// BySkeleton returns the entry of a handle with this skeleton, or ErrNotFound.
	BySkeleton(ctx context.Context, skeleton string) (Entry, error)
}
