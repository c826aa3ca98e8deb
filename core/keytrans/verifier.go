package keytrans

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	vrf "filippo.io/mostly-harmless/vrf-r255"
	"golang.org/x/mod/sumdb/note"
)

// ServerKeys is who a server is. A client pins them; they never come from the
// answers that they judge.
type ServerKeys struct {
	// Origin is the name of the log.
	Origin string
	// LogKey is the log's key as a note verifier key (C2SP signed-note).
	LogKey string
	// VRFKey is the key of the random function that makes labels.
	VRFKey [32]byte
}

// ErrRequest says that a request is not one that the State made: a fault of the
// caller, not of the server.
var ErrRequest = errors.New("keytrans: the request is not of this state; make it with State.Request")

// A Verifier judges the answers of one directory. It is for concurrent use.
type Verifier struct {
	keys   ServerKeys
	policy *Policy
	log    note.Verifier
	vrf    *vrf.PublicKey
	last   atomic.Pointer[opened] // the newest note: most answers carry the same
}

// NewVerifier returns a Verifier. A nil policy asks for no witness. Errors wrap
// ErrFormat: the pinned keys or the policy cannot be used.
func NewVerifier(keys ServerKeys, policy *Policy) (*Verifier, error) {
	if policy == nil {
		policy = &Policy{quorum: -1}
	}
	k, err := parseNoteKey(keys.LogKey, false)
	if err != nil {
		return nil, err
	}
	log, err := note.NewVerifier(keys.LogKey)
	if err != nil {
		return nil, fmt.Errorf("%w key: %w", ErrFormat, err)
	}
	if len(policy.logs) > 0 && !slices.ContainsFunc(policy.logs, func(l *noteKey) bool { return *l == *k }) {
		return nil, fmt.Errorf("%w policy: it is for other logs than this one", ErrFormat)
	}
	public, err := vrf.NewPublicKey(keys.VRFKey[:])
	if err != nil || keys.VRFKey == [32]byte{} {
		// Under the zero key, the identity, all labels are one: RFC 9381, Section 5.4.5.
		return nil, fmt.Errorf("%w key: not a key of the random function", ErrFormat)
	}
	return &Verifier{keys: keys, policy: policy, log: log, vrf: public}, nil
}

// OpenCheckpoint checks the log's signature on a note, and nothing else: a head
// that another client shows counts for gossip even if it is old. Errors are
// *Error.
func (v *Verifier) OpenCheckpoint(text []byte) (*Checkpoint, error) {
	o, err := v.open(text)
	if err != nil {
		return nil, err
	}
	c := o.Checkpoint
	return &c, nil
}

// Gossip compares the notes of two clients, in either order, by a consistency
// proof that the server gave from the smaller to the greater. Errors are *Error:
// split, with Evidence, if no proof joins them.
func (v *Verifier) Gossip(a, b []byte, proof []Hash) error {
	first, err := v.open(a)
	if err != nil {
		return err
	}
	second, err := v.open(b)
	if err != nil {
		return err
	}
	if first.Size > second.Size {
		first, second = second, first
	}
	err = VerifyConsistency(first.Checkpoint, second.Checkpoint, proof)
	if split := new(Error); errors.As(err, &split) {
		split.Evidence = forkEvidence(first.note, second.note, proof)
	}
	return err
}

// A header is what lookups and monitoring begin with.
type header struct {
	checkpoint, epoch      []byte
	inclusion, consistency []Hash
}

// A proven is a header that was accepted.
type proven struct {
	header
	head      *Head
	epoch     *Epoch
	witnesses int
}

// accept judges the checkpoint of an answer and its last epoch against what is
// known.
func (v *Verifier) accept(st *State, h header, now uint64) (*proven, error) {
	if st.Head != nil && now+MaxSkew < st.Head.Time {
		return nil, clockError(st.Head.Time, now, "the clock is behind what it said before")
	}
	o, err := v.open(h.checkpoint)
	if err != nil {
		return nil, err
	}
	witnesses, err := v.judge(o, now)
	if err != nil {
		return nil, err
	}
	if err := continues(st.Head, o, h.consistency); err != nil {
		return nil, err
	}
	e, err := ParseEpoch(h.epoch)
	if err != nil {
		return nil, refuse(ErrProof, "MS-42", "%v", err)
	}
	switch {
	case o.Size == 0 || e.Index != o.Size-1 || !included(o.Checkpoint, e.Index, h.epoch, h.inclusion):
		return nil, refuse(ErrProof, "MS-05", "the epoch is not the last entry of the log")
	case e.Time > maxTime:
		return nil, refuse(ErrProof, "MS-42", "the epoch's time is not one")
	case st.Head != nil && e.Time < st.Head.Time:
		return nil, refuse(ErrProof, "MS-43", "the directory's time went back")
	}
	if err := v.judgeTime(e, now); err != nil {
		return nil, err
	}
	head := &Head{Checkpoint: o.Checkpoint, Note: bytes.Clone(h.checkpoint), Time: e.Time}
	return &proven{header: h, head: head, epoch: e, witnesses: witnesses}, nil
}

// continues checks that the log goes on from the head that is known.
func continues(known *Head, o *opened, proof []Hash) error {
	if known == nil {
		if len(proof) > 0 {
			return refuse(ErrProof, "MS-42", "a consistency proof that nobody asked for")
		}
		return nil
	}
	if joined(known.Checkpoint, o.Checkpoint, proof) {
		return nil
	}
	err := refuse(ErrRollback, "MS-10", "the log of %d epochs does not continue the one of %d", o.Size, known.Size)
	err.Have, err.Want = o.Size, known.Size
	if o.Size >= known.Size {
		err.Evidence = forkEvidence(string(known.Note), o.note, proof)
	}
	return err
}
