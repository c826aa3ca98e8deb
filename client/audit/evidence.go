package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"conclave/core/keytrans"
)

// Format names a document of evidence.
const Format = "conclave audit evidence 1"

// MaxEvidence is the most bytes of a document: a history of a million entries.
const MaxEvidence = 256 << 20

// Evidence is the history that convicts a directory: what its log signed, and what
// was behind it. It is verified by replaying it: see [Evidence.Verify]. In JSON,
// bytes are base64.
type Evidence struct {
	Format string `json:"format"`
	// Origin, LogKey and VRFKey are who the directory is. Whoever judges compares
	// them with what they know of the server.
	Origin     string            `json:"origin"`
	LogKey     string            `json:"log_key"`
	VRFKey     []byte            `json:"vrf_key"`
	Detail     string            `json:"detail"`
	Checkpoint string            `json:"checkpoint"` // signed note
	Leaves     [][]byte          `json:"leaves"`
	Mutations  map[string][]byte `json:"mutations"` // by epoch; those that add nothing left out
}

// collect reads once more what convicts a directory.
func collect(ctx context.Context, src Source, keys keytrans.ServerKeys, note []byte, size uint64, lie *LieError) (*Evidence, error) {
	e := &Evidence{
		Format: Format, Origin: keys.Origin, LogKey: keys.LogKey, VRFKey: keys.VRFKey[:],
		Detail: lie.Error(), Checkpoint: string(note), Mutations: make(map[string][]byte),
	}
	for bundle := uint64(0); bundle*bundleSize < size; bundle++ {
		leaves, err := src.Leaves(ctx, bundle, size)
		if err != nil {
			return nil, fmt.Errorf("audit: the directory lied (%w), and its leaves cannot be read again: %w", lie, err)
		}
		e.Leaves = append(e.Leaves, leaves...)
	}
	for n := uint64(0); n <= lie.Epoch && n < size; n++ {
		epoch, err := keytrans.ParseEpoch(e.Leaves[n])
		if err != nil || epoch.Mutations == noMutations {
			continue
		}
		file, err := src.Mutations(ctx, n)
		if err != nil {
			return nil, fmt.Errorf("audit: the directory lied (%w), and its changes cannot be read again: %w", lie, err)
		}
		e.Mutations[strconv.FormatUint(n, 10)] = file
	}
	return e, nil
}

// ErrFormat says that a document is not evidence of an audit.
var ErrFormat = errors.New("audit: this is not evidence of an audit")

// ParseEvidence reads a document. Nothing is verified but the form.
func ParseEvidence(b []byte) (*Evidence, error) {
	if len(b) > MaxEvidence {
		return nil, ErrFormat
	}
	e := new(Evidence)
	if err := json.Unmarshal(b, e); err != nil || e.Format != Format || len(e.VRFKey) != 32 {
		return nil, ErrFormat
	}
	return e, nil
}

// Keys returns who the document accuses.
func (e *Evidence) Keys() keytrans.ServerKeys {
	return keytrans.ServerKeys{Origin: e.Origin, LogKey: e.LogKey, VRFKey: [32]byte(e.VRFKey)}
}

// Verify replays the document. The result's Lie is nil if it convicts nobody, and
// Proven if the log's signature does.
func (e *Evidence) Verify(ctx context.Context) (Result, error) {
	r, _, err := Run(ctx, document{e}, e.Keys(), nil)
	return r, err
}

// A document is evidence as a Source.
type document struct{ e *Evidence }

func (d document) Checkpoint(context.Context) ([]byte, error) { return []byte(d.e.Checkpoint), nil }

func (d document) Leaves(_ context.Context, bundle, size uint64) ([][]byte, error) {
	if uint64(len(d.e.Leaves)) != size {
		return nil, ErrFormat
	}
	first := bundle * bundleSize
	return d.e.Leaves[first:min(first+bundleSize, size)], nil
}

func (d document) Mutations(_ context.Context, epoch uint64) ([]byte, error) {
	file, ok := d.e.Mutations[strconv.FormatUint(epoch, 10)]
	if !ok {
		return nil, ErrFormat
	}
	return file, nil
}
