package keytrans

import (
	"fmt"

	"conclave/core/tlsenc"
)

// Limits of a lookup.
const (
	// MaxRecords is the most records of one answer. A directory refuses a request
	// that wants more.
	MaxRecords = 1024
	// MaxLookupRequest is the most bytes of a LookupRequest.
	MaxLookupRequest = 1 << 10
	// MaxLookupResponse is the most bytes of a LookupResponse.
	MaxLookupResponse = 8 << 20

	maxRecord  = 64 << 10
	maxRecords = MaxLookupResponse - (64 << 10)
)

// A Kind says what a lookup asks for.
type Kind uint8

const (
	// ByHandle asks for a handle: Name is the normalised handle.
	ByHandle Kind = 1
	// ByUser asks for a user: Name is the user, 16 bytes.
	ByUser Kind = 2
)

// A LookupRequest asks for the newest record of a user. Make it with
// [State.Request].
//
//	struct {
//	    uint8 kind;             /* 1 handle, 2 user */
//	    opaque name<V>;         /* at most 256 bytes */
//	    uint64 known;           /* size of the client's checkpoint; 0 none */
//	    uint32 since_plus_one;  /* records wanted from this version on; 0 the last only */
//	    uint32 cached<V>;       /* rising; versions whose label proof is left out */
//	} LookupRequest;
type LookupRequest struct {
	Kind         Kind
	Name         []byte
	Known        uint64
	SincePlusOne uint32
	Cached       []uint32
}

// Encode returns the body of the request.
func (q *LookupRequest) Encode() []byte {
	w := tlsenc.NewWriter(64 + len(q.Name) + 4*len(q.Cached))
	w.Uint8(uint8(q.Kind))
	w.Vector(q.Name)
	w.Uint64(q.Known)
	w.Uint32(q.SincePlusOne)
	writeVersions(w, q.Cached)
	return w.Bytes()
}

// ParseLookupRequest reads a request. What it returns aliases b. Errors wrap
// ErrFormat.
func ParseLookupRequest(b []byte) (*LookupRequest, error) {
	r := tlsenc.NewReader(b)
	q := &LookupRequest{Kind: Kind(r.Uint8()), Name: r.Vector(maxName), Known: r.Uint64(), SincePlusOne: r.Uint32()}
	var err error
	q.Cached, err = readVersions(&r, maxLadder)
	if err := done("lookup", &r, err, q.check()); err != nil {
		return nil, err
	}
	return q, nil
}

func (q *LookupRequest) check() error {
	switch {
	case q.Kind == ByHandle && len(q.Name) > 0:
		return nil
	case q.Kind == ByUser && len(q.Name) == userSize:
		return nil
	default:
		return fmt.Errorf("kind %d with a name of %d bytes", q.Kind, len(q.Name))
	}
}

const userSize = 16

// A Binding is the label proof of a handle, and who has it. Where nobody has it,
// opening and user are zero.
type Binding struct {
	VRF     [vrfSize]byte
	Opening Hash
	User    [userSize]byte
}

// A LookupResponse answers a LookupRequest.
//
//	struct { opaque vrf[80]; opaque opening[32]; opaque user[16]; } Binding;
//	struct {
//	    opaque checkpoint<V>;   /* signed note, at most 16 KiB */
//	    opaque epoch<V>;        /* last entry of the log */
//	    Hash inclusion<V>;      /* of that entry */
//	    Hash consistency<V>;    /* from the client's checkpoint; empty if none or the same */
//	    Binding handle<V>;      /* one if asked by handle, else none */
//	    uint8 found;            /* 1: there are records */
//	    opaque user[16];        /* zero if nobody has the handle */
//	    uint32 version;         /* the greatest; 0 if none */
//	    opaque vrf<V>;          /* 80 bytes each: label proofs of the ladder's versions
//	                               in order, those in request.cached left out */
//	    BatchProof proof;       /* of the handle, if any, and the ladder, in order */
//	    opaque opening[32];     /* of the last record */
//	    opaque records<V><V>;   /* from min(since, version) to version */
//	} LookupResponse;
//
// If a handle is nobody's, there is no ladder: the batch has the handle alone. If
// a user has no records, the ladder is version 0 alone, which is not in the map.
type LookupResponse struct {
	Checkpoint  []byte
	Epoch       []byte
	Inclusion   []Hash
	Consistency []Hash
	Handle      *Binding
	Found       bool
	User        [userSize]byte
	Version     uint32
	VRFs        [][]byte
	Proof       *BatchProof
	Opening     Hash
	Records     [][]byte
}

// Encode returns the body of the answer.
func (a *LookupResponse) Encode() []byte {
	w := tlsenc.NewWriter(8 << 10)
	w.Vector(a.Checkpoint)
	w.Vector(a.Epoch)
	writeHashes(w, a.Inclusion)
	writeHashes(w, a.Consistency)
	w.Nested(func(w *tlsenc.Writer) {
		if h := a.Handle; h != nil {
			w.Fixed(h.VRF[:])
			w.Fixed(h.Opening[:])
			w.Fixed(h.User[:])
		}
	})
	writeBool(w, a.Found)
	w.Fixed(a.User[:])
	w.Uint32(a.Version)
	writeVRFs(w, a.VRFs)
	a.Proof.encode(w)
	w.Fixed(a.Opening[:])
	w.Nested(func(w *tlsenc.Writer) {
		for _, record := range a.Records {
			w.Vector(record)
		}
	})
	return w.Bytes()
}

// ParseLookupResponse reads an answer. What it returns aliases b. Errors wrap
// ErrFormat. Nothing is checked but the form: see [Verifier.Lookup].
func ParseLookupResponse(b []byte) (*LookupResponse, error) {
	r := tlsenc.NewReader(b)
	a := &LookupResponse{Checkpoint: r.Vector(maxCheckpoint), Epoch: r.Vector(maxEpoch)}
	var errs [6]error
	a.Inclusion, errs[0] = readHashes(&r, maxInclusion)
	a.Consistency, errs[1] = readHashes(&r, maxTreeProof)
	a.Handle, errs[2] = readBinding(&r)
	a.Found, errs[3] = readBool(&r)
	copy(a.User[:], r.Fixed(userSize))
	a.Version = r.Uint32()
	a.VRFs, errs[4] = readVRFs(&r, maxLadder)
	if r.Err() == nil {
		a.Proof, errs[5] = readBatch(&r)
	}
	readHash(&r, &a.Opening)
	records, err := readRecords(&r)
	a.Records = records
	if err := done("answer", &r, append(errs[:], err)...); err != nil {
		return nil, err
	}
	if a.Version > MaxVersion {
		return nil, fmt.Errorf("%w answer: version %d", ErrFormat, a.Version)
	}
	return a, nil
}

func readBinding(r *tlsenc.Reader) (*Binding, error) {
	b := r.Vector(vrfSize + HashSize + userSize)
	if r.Err() != nil || len(b) == 0 {
		return nil, r.Err()
	}
	in := tlsenc.NewReader(b)
	h := &Binding{}
	copy(h.VRF[:], in.Fixed(vrfSize))
	readHash(&in, &h.Opening)
	copy(h.User[:], in.Fixed(userSize))
	return h, in.Done()
}

func readRecords(r *tlsenc.Reader) ([][]byte, error) {
	list := tlsenc.NewReader(r.Vector(maxRecords))
	var out [][]byte
	for list.Len() > 0 {
		if len(out) == MaxRecords {
			return nil, fmt.Errorf("more than %d records", MaxRecords)
		}
		out = append(out, list.Vector(maxRecord))
	}
	return out, list.Err()
}
