package keytrans

import (
	"errors"
	"fmt"

	"conclave/core/tlsenc"
)

// An EvidenceKind says what Evidence is.
type EvidenceKind uint8

const (
	// Fork is two notes that the log signed and no proof joins, and the proof that
	// the server gave. It proves a fork if the sizes are the same, or if the proof leads to the
	// greater note's root from another root than the smaller's. Else it shows that the server
	// could not join them: ask it for the proof.
	Fork EvidenceKind = 1
	// Changed is two statements about the same label, both signed, that a map that
	// only grows cannot make. It proves a lie.
	Changed EvidenceKind = 2
	// Answer is an answer that was refused, and what the client knew. Answers are not
	// signed: it shows what happened to whoever trusts the client, and proves nothing.
	Answer EvidenceKind = 3
)

// ErrUnproven says that Evidence does not prove what it says.
var ErrUnproven = errors.New("keytrans: the evidence proves nothing; ask the server for a proof that joins the two")

// maxEvidence bounds each part of Evidence, in bytes.
const maxEvidence = 1 << 20

// Evidence is what proves, or at least shows, that a directory lied.
//
//	struct {
//	    uint8 kind;             /* 1 fork, 2 changed, 3 answer */
//	    opaque first<V>;        /* note; statement; request */
//	    opaque second<V>;       /* note; statement; answer */
//	    Hash proof<V>;          /* fork only: the server's consistency proof */
//	    opaque head<V>;         /* answer only: what the client knew */
//	    opaque user<V>;
//	    uint64 time;
//	    opaque id<V>;           /* why it was refused */
//	} Evidence;
type Evidence struct {
	Kind          EvidenceKind
	First, Second []byte
	Proof         []Hash
	Head, User    []byte
	Time          uint64
	ID            string
}

// Encode returns the bytes of the evidence.
func (e *Evidence) Encode() []byte {
	w := tlsenc.NewWriter(64 + len(e.First) + len(e.Second) + len(e.Head) + len(e.User))
	w.Uint8(uint8(e.Kind))
	w.Vector(e.First)
	w.Vector(e.Second)
	writeHashes(w, e.Proof)
	w.Vector(e.Head)
	w.Vector(e.User)
	w.Uint64(e.Time)
	w.Vector([]byte(e.ID))
	return w.Bytes()
}

// ParseEvidence reads evidence; what it returns aliases b. Errors wrap ErrFormat.
// Nothing is proven by that: see [Verifier.VerifyEvidence].
func ParseEvidence(b []byte) (*Evidence, error) {
	r := tlsenc.NewReader(b)
	e := &Evidence{Kind: EvidenceKind(r.Uint8()), First: r.Vector(maxEvidence), Second: r.Vector(maxEvidence)}
	var err error
	e.Proof, err = readHashes(&r, maxTreeProof)
	e.Head, e.User, e.Time, e.ID = r.Vector(maxCheckpoint+64), r.Vector(maxEvidence), r.Uint64(), string(r.Vector(64))
	if e.Kind < Fork || e.Kind > Answer {
		err = errors.Join(err, fmt.Errorf("kind %d", e.Kind))
	}
	if err := done("evidence", &r, err); err != nil {
		return nil, err
	}
	return e, nil
}

// VerifyEvidence checks evidence by the server's keys alone. It returns nil if it
// proves that the server lied, ErrUnproven if it does not, and other errors if it
// is not genuine. Evidence of kind Answer never proves anything.
func (v *Verifier) VerifyEvidence(e *Evidence) error {
	switch e.Kind {
	case Fork:
		return v.verifyFork(e)
	case Changed:
		lie, err := v.contradict(e.First, e.Second)
		if err == nil && !lie {
			err = ErrUnproven
		}
		return err
	default:
		return ErrUnproven
	}
}

func (v *Verifier) verifyFork(e *Evidence) error {
	a, err := v.open(e.First)
	if err != nil {
		return err
	}
	b, err := v.open(e.Second)
	if err != nil {
		return err
	}
	if a.Size > b.Size {
		a, b = b, a
	}
	if a.Size == b.Size {
		if a.Root == b.Root {
			return ErrUnproven
		}
		return nil
	}
	first, second, err := treeRoots(a.Checkpoint, b.Checkpoint, e.Proof)
	if err != nil || second != b.Root || first == a.Root {
		return ErrUnproven
	}
	return nil
}

func forkEvidence(first, second string, proof []Hash) *Evidence {
	return &Evidence{Kind: Fork, First: []byte(first), Second: []byte(second), Proof: proof}
}

// changedEvidence returns nil if the statements do not contradict each other:
// what a client knew may be of an older proof than it kept.
func (v *Verifier) changedEvidence(first, second []byte) *Evidence {
	if lie, err := v.contradict(first, second); err != nil || !lie {
		return nil
	}
	return &Evidence{Kind: Changed, First: first, Second: second}
}

// answerEvidence keeps an answer and what was known; an answer that is too long
// is left out.
func (s *State) answerEvidence(request, answer []byte, now uint64, u *UserState, id string) *Evidence {
	e := &Evidence{Kind: Answer, First: request, Time: now, ID: id}
	if len(answer) <= maxEvidence {
		e.Second = append([]byte(nil), answer...)
	}
	if s.Head != nil {
		e.Head = s.Head.Encode()
	}
	if u != nil {
		e.User = u.Encode()
	}
	return e
}
