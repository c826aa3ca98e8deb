package keytrans

import (
	"fmt"

	"conclave/core/tlsenc"
)

// Limits of monitoring.
const (
	// MaxDistinguished is the most distinguished epochs of one answer.
	MaxDistinguished = 64
	// MaxMonitorRequest is the most bytes of a MonitorRequest.
	MaxMonitorRequest = 1 << 10
	// MaxMonitorResponse is the most bytes of a MonitorResponse.
	MaxMonitorResponse = 8 << 20

	maxDistinguishedBytes = MaxMonitorResponse - (64 << 10)
)

// A MonitorRequest asks what the directory said of a user in the distinguished
// epochs since the client last looked. Make it with [State.MonitorRequest].
//
//	struct {
//	    opaque user[16];
//	    uint64 known;           /* size of the client's checkpoint */
//	    uint64 after;           /* index of the last epoch that was checked */
//	    uint32 version;         /* pinned */
//	    uint8 owner;            /* 1: the user's own device; 0: a contact */
//	    uint8 most;             /* epochs wanted, 1..64 */
//	    uint32 cached<V>;       /* rising; versions whose label proof is left out */
//	} MonitorRequest;
type MonitorRequest struct {
	User    [userSize]byte
	Known   uint64
	After   uint64
	Version uint32
	Owner   bool
	Most    uint8
	Cached  []uint32
}

// Encode returns the body of the request.
func (q *MonitorRequest) Encode() []byte {
	w := tlsenc.NewWriter(64 + 4*len(q.Cached))
	w.Fixed(q.User[:])
	w.Uint64(q.Known)
	w.Uint64(q.After)
	w.Uint32(q.Version)
	writeBool(w, q.Owner)
	w.Uint8(q.Most)
	writeVersions(w, q.Cached)
	return w.Bytes()
}

// ParseMonitorRequest reads a request. Errors wrap ErrFormat.
func ParseMonitorRequest(b []byte) (*MonitorRequest, error) {
	r := tlsenc.NewReader(b)
	q := &MonitorRequest{}
	copy(q.User[:], r.Fixed(userSize))
	q.Known, q.After, q.Version = r.Uint64(), r.Uint64(), r.Uint32()
	var errs [2]error
	q.Owner, errs[0] = readBool(&r)
	q.Most = r.Uint8()
	q.Cached, errs[1] = readVersions(&r, maxLadder)
	if err := done("monitor request", &r, errs[:]...); err != nil {
		return nil, err
	}
	if q.Version > MaxVersion || q.Most < 1 || q.Most > MaxDistinguished {
		return nil, fmt.Errorf("%w monitor request: version %d, %d epochs", ErrFormat, q.Version, q.Most)
	}
	return q, nil
}

// A Checked is one distinguished epoch of a MonitorResponse.
//
//	struct {
//	    opaque before<V>;       /* entry index-1: of the same hour as the epoch that
//	                               was checked before this one */
//	    Hash before_inclusion<V>;
//	    opaque epoch<V>;        /* entry index: of a later hour */
//	    Hash inclusion<V>;
//	    uint32 version;         /* owner: the greatest there; contact: the pinned */
//	    BatchProof proof;       /* owner: the ladder of version, in order; contact:
//	                               the pinned version alone */
//	} Checked;
type Checked struct {
	Before          []byte
	BeforeInclusion []Hash
	Epoch           []byte
	Inclusion       []Hash
	Version         uint32
	Proof           *BatchProof
}

// A MonitorResponse answers a MonitorRequest.
//
//	struct {
//	    opaque checkpoint<V>;   /* as in a lookup */
//	    opaque epoch<V>;
//	    Hash inclusion<V>;
//	    Hash consistency<V>;
//	    opaque vrf<V>;          /* 80 bytes each: label proofs of the versions that
//	                               epochs look at, in order of first use, those in
//	                               request.cached left out */
//	    Checked epochs<V>;      /* the next distinguished epochs after request.after,
//	                               in order, as many as wanted or as there are */
//	} MonitorResponse;
//
// After an epoch of hour h the next distinguished one is e if and only if entry
// e-1 is of hour h and entry e of a later one. There are more than were sent if
// the last entry of the log is of a later hour than the last one sent.
type MonitorResponse struct {
	Checkpoint  []byte
	Epoch       []byte
	Inclusion   []Hash
	Consistency []Hash
	VRFs        [][]byte
	Epochs      []Checked
}

// Encode returns the body of the answer.
func (a *MonitorResponse) Encode() []byte {
	w := tlsenc.NewWriter(8 << 10)
	w.Vector(a.Checkpoint)
	w.Vector(a.Epoch)
	writeHashes(w, a.Inclusion)
	writeHashes(w, a.Consistency)
	writeVRFs(w, a.VRFs)
	w.Nested(func(w *tlsenc.Writer) {
		for i := range a.Epochs {
			c := &a.Epochs[i]
			w.Vector(c.Before)
			writeHashes(w, c.BeforeInclusion)
			w.Vector(c.Epoch)
			writeHashes(w, c.Inclusion)
			w.Uint32(c.Version)
			c.Proof.encode(w)
		}
	})
	return w.Bytes()
}

// ParseMonitorResponse reads an answer. What it returns aliases b. Errors wrap
// ErrFormat. Nothing is checked but the form: see [Verifier.Monitor].
func ParseMonitorResponse(b []byte) (*MonitorResponse, error) {
	r := tlsenc.NewReader(b)
	a := &MonitorResponse{Checkpoint: r.Vector(maxCheckpoint), Epoch: r.Vector(maxEpoch)}
	var errs [4]error
	a.Inclusion, errs[0] = readHashes(&r, maxInclusion)
	a.Consistency, errs[1] = readHashes(&r, maxTreeProof)
	a.VRFs, errs[2] = readVRFs(&r, MaxDistinguished*maxLadder)
	list := tlsenc.NewReader(r.Vector(maxDistinguishedBytes))
	a.Epochs, errs[3] = readChecked(&list)
	if err := done("monitor answer", &r, errs[:]...); err != nil {
		return nil, err
	}
	return a, nil
}

func readChecked(list *tlsenc.Reader) ([]Checked, error) {
	var out []Checked
	for list.Len() > 0 {
		if len(out) == MaxDistinguished {
			return nil, fmt.Errorf("more than %d epochs", MaxDistinguished)
		}
		var c Checked
		var errs [3]error
		c.Before = list.Vector(maxEpoch)
		c.BeforeInclusion, errs[0] = readHashes(list, maxInclusion)
		c.Epoch = list.Vector(maxEpoch)
		c.Inclusion, errs[1] = readHashes(list, maxInclusion)
		c.Version = list.Uint32()
		c.Proof, errs[2] = readBatch(list)
		for _, err := range errs {
			if err != nil {
				return nil, err
			}
		}
		if c.Version > MaxVersion {
			return nil, fmt.Errorf("version %d", c.Version)
		}
		out = append(out, c)
	}
	return out, list.Err()
}
