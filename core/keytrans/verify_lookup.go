package keytrans

import (
	"bytes"
	"crypto/sha256"
	"errors"
)

// Lookup judges an answer to q, which must be what st.Request returned. now is
// in milliseconds since 1970. It does not change st. Errors are *Error, with
// Evidence, or ErrRequest.
func (v *Verifier) Lookup(st *State, q *LookupRequest, answer []byte, now uint64) (*Result, error) {
	if err := st.made(q); err != nil {
		return nil, err
	}
	r, err := v.lookup(st, q, answer, now)
	if e := new(Error); errors.As(err, &e) && e.Evidence == nil {
		e.Evidence = st.answerEvidence(q.Encode(), answer, now, st.user(q.Kind, q.Name), e.ID)
	}
	return r, err
}

// made checks that s could have made q.
func (s *State) made(q *LookupRequest) error {
	var known uint64
	if s.Head != nil {
		known = s.Head.Size
	}
	var since uint32
	if u := s.user(q.Kind, q.Name); u != nil {
		since = u.Version + 1
	}
	if q.check() != nil || q.Known != known || q.SincePlusOne != since {
		return ErrRequest
	}
	return nil
}

// An asked is a lookup that is being judged.
type asked struct {
	st     *State
	q      *LookupRequest
	a      *LookupResponse
	p      *proven
	user   *UserState // that is known of a.User; may be nil
	claims []claim    // what the batch proves, in its order
	labels []Hash
	steps  []LadderStep
	ladder []Label
}

func (v *Verifier) lookup(st *State, q *LookupRequest, answer []byte, now uint64) (*Result, error) {
	if len(answer) > MaxLookupResponse {
		return nil, refuse(ErrProof, "MS-42", "the answer has %d bytes", len(answer))
	}
	a, err := ParseLookupResponse(answer)
	if err != nil {
		return nil, refuse(ErrProof, "MS-42", "%v", err)
	}
	p, err := v.accept(st, header{a.Checkpoint, a.Epoch, a.Inclusion, a.Consistency}, now)
	if err != nil {
		return nil, err
	}
	c := &asked{st: st, q: q, a: a, p: p}
	if err := c.checkShape(); err != nil {
		return nil, err
	}
	if a.User != [userSize]byte{} {
		c.user = st.Users[a.User]
	}
	if err := c.collect(v); err != nil {
		return nil, err
	}
	found, err := a.Proof.Verify(p.epoch.MapRoot, c.labels)
	if err != nil {
		return nil, refuse(ErrProof, "MS-05", "the map proof is wrong: %v", err)
	}
	if err := c.checkFound(found); err != nil {
		u := c.user
		if u == nil {
			u = st.user(q.Kind, q.Name) // nobody has the handle any more
		}
		if e := new(Error); errors.As(err, &e) && e.ID == ErrFlipFlop.ID && u != nil {
			e.Evidence = v.changedEvidence(u.Proof, c.statement())
		}
		return nil, err
	}
	return c.result(found)
}

// checkShape checks that the parts of an answer go together.
func (c *asked) checkShape() error {
	a := c.a
	nobody := a.User == [userSize]byte{}
	before, pinned := c.st.Handles[string(c.q.Name)]
	switch {
	case (c.q.Kind == ByHandle) != (a.Handle != nil):
		return refuse(ErrProof, "MS-42", "the answer is to another kind of question")
	case a.Handle != nil && a.Handle.User != a.User:
		return refuse(ErrProof, "MS-05", "the handle belongs to another user than the answer says")
	case a.Handle != nil && pinned && !nobody && before != a.User:
		// Before any proof: the labels that the client has are of the one it knows.
		return refuse(ErrHandleMoved, "MS-16", "the handle belongs to another user than before")
	case c.q.Kind == ByUser && !bytes.Equal(c.q.Name, a.User[:]):
		return refuse(ErrProof, "MS-05", "the answer is about another user")
	case !a.Found && (a.Version != 0 || !a.Opening.IsZero() || len(a.Records) > 0):
		return refuse(ErrProof, "MS-42", "records of a user who has none")
	case a.Handle != nil && a.Found == nobody:
		// A handle is claimed together with version 0.
		return refuse(ErrProof, "MS-05", "a handle without records, or records without a handle")
	case a.Handle != nil && nobody && !a.Handle.Opening.IsZero():
		return refuse(ErrProof, "MS-42", "an opening of a handle that nobody has")
	default:
		return nil
	}
}

// collect checks the labels of all that the batch proves.
func (c *asked) collect(v *Verifier) error {
	a := c.a
	if h := a.Handle; h != nil {
		label, err := v.label(Handles, c.q.Name, 0, h.VRF[:])
		if err != nil {
			return err
		}
		c.labels = append(c.labels, label)
		c.claims = append(c.claims, claim{Handles, c.q.Name, 0, h.VRF})
	}
	switch {
	case a.Found:
		c.steps = Ladder(a.Version)
	case a.Handle == nil:
		c.steps = []LadderStep{{0, false}}
	}
	l := newLabeller(v, a.User, c.user, c.q.Cached, a.VRFs)
	var err error
	if c.ladder, err = l.steps(c.steps); err != nil {
		return err
	}
	for i := range c.ladder {
		if k := c.user.label(c.ladder[i].Version); k != nil {
			c.ladder[i] = *k // asked by a handle that was not known, no label was cached
		}
		c.labels = append(c.labels, c.ladder[i].Label)
		c.claims = append(c.claims, claim{Users, a.User[:], c.ladder[i].Version, c.ladder[i].VRF})
	}
	return l.done()
}

// checkFound compares what the map holds with what the answer says.
func (c *asked) checkFound(found []Found) error {
	a := c.a
	if h := a.Handle; h != nil {
		if err := c.checkHandle(found[0]); err != nil {
			return err
		}
		found = found[1:]
	}
	if err := checkSteps(c.steps, c.ladder, found, c.user.floor()); err != nil {
		return err
	}
	if !a.Found {
		return nil
	}
	if c.user != nil && a.Version < c.user.Version {
		return refuse(ErrStale, "MS-06", "version %d, after version %d", a.Version, c.user.Version)
	}
	if len(a.Records) == 0 {
		return refuse(ErrProof, "MS-42", "no record")
	}
	for i, s := range c.steps {
		if s.Version != a.Version {
			continue
		}
		if Commitment(a.Opening, c.ladder[i].Label, a.Records[len(a.Records)-1]) != found[i].Commitment {
			return refuse(ErrProof, "MS-05", "the record is not the one in the map")
		}
		return nil
	}
	return refuse(ErrProof, "MS-05", "the ladder does not reach the version") // it always does
}

// checkHandle checks who has a handle.
func (c *asked) checkHandle(f Found) error {
	h := c.a.Handle
	_, pinned := c.st.Handles[string(c.q.Name)]
	nobody := h.User == [userSize]byte{}
	switch {
	case !f.Exists && pinned:
		return refuse(ErrFlipFlop, "MS-08", "the handle was there before and is gone")
	case !f.Exists && !nobody:
		return refuse(ErrProof, "MS-05", "the handle is not in the map")
	case f.Exists && nobody:
		return refuse(ErrStale, "MS-06", "the handle is in the map but its user was left out")
	case !nobody && Commitment(h.Opening, c.labels[0], h.User[:]) != f.Commitment:
		return refuse(ErrProof, "MS-05", "the handle is not of the user in the map")
	default:
		return nil
	}
}

func (c *asked) statement() []byte {
	s := statement{c.a.Checkpoint, c.a.Epoch, c.a.Inclusion, c.claims, c.a.Proof}
	return s.encode()
}

// result checks the records and says what was learned.
func (c *asked) result(found []Found) (*Result, error) {
	a := c.a
	r := &Result{Head: c.p.head, Witnesses: c.p.witnesses, User: a.User}
	if a.Handle != nil {
		r.Handle, r.Bound = string(c.q.Name), a.Found
		found = found[1:]
	}
	if !a.Found {
		return r, nil
	}
	last, reset, err := c.checkRecords()
	if err != nil {
		return nil, err
	}
	r.Found, r.Version, r.Reset = true, a.Version, reset
	r.First = a.Version - uint32(len(a.Records)-1)
	for _, record := range a.Records {
		r.Records = append(r.Records, bytes.Clone(record))
	}
	learn(c.ladder, found)
	u := &UserState{
		User: a.User, Version: a.Version, Record: sha256.Sum256(a.Records[len(a.Records)-1]), IdentityKey: last,
		Labels: c.user.merge(c.ladder), Proof: c.statement(),
		Accepted: c.p.epoch.Index, AcceptedTime: c.p.epoch.Time,
	}
	if before := c.user; before == nil {
		u.Checked, u.CheckedTime, u.CheckedVersion = u.Accepted, u.AcceptedTime, u.Version
	} else {
		u.Checked, u.CheckedTime, u.CheckedVersion = before.Checked, before.CheckedTime, before.CheckedVersion
		if before.Version == u.Version {
			u.Accepted, u.AcceptedTime, u.Confirmed = before.Accepted, before.AcceptedTime, before.Confirmed
		}
	}
	r.State = u
	return r, nil
}
