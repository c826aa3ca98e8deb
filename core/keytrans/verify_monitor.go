package keytrans

import (
	"bytes"
	"errors"
)

// Monitor judges an answer to q, which must be what st.MonitorRequest returned.
// It does not change st. Errors are *Error, with Evidence, or ErrRequest.
//
// An owner learns whether the directory ever says more of the user than the user
// published: any greater version, in each distinguished epoch. A contact learns
// whether what it accepted is still there. Neither sees a value that was shown
// and taken back between two distinguished epochs; the contact who was shown it
// does, in the next one.
func (v *Verifier) Monitor(st *State, q *MonitorRequest, answer []byte, now uint64) (*MonitorResult, error) {
	u := st.Users[q.User]
	if u == nil || st.Head == nil {
		return nil, ErrRequest
	}
	if after, _ := u.checked(q.Owner); q.After != after || q.Known != st.Head.Size || q.Version != u.Version {
		return nil, ErrRequest
	}
	r, err := v.monitor(st, q, u, answer, now)
	if e := new(Error); errors.As(err, &e) && e.Evidence == nil {
		e.Evidence = st.answerEvidence(q.Encode(), answer, now, u, e.ID)
	}
	return r, err
}

// A watch is monitoring that is being judged.
type watch struct {
	v        *Verifier
	q        *MonitorRequest
	u        *UserState
	p        *proven
	labels   *labeller
	at       Epoch  // the last epoch that was checked; only index and time
	greatest uint32 // the greatest version known to exist at it
	learned  []Label
	proof    []byte // of the last epoch
}

func (v *Verifier) monitor(st *State, q *MonitorRequest, u *UserState, answer []byte, now uint64) (*MonitorResult, error) {
	if len(answer) > MaxMonitorResponse {
		return nil, refuse(ErrProof, "MS-42", "the answer has %d bytes", len(answer))
	}
	a, err := ParseMonitorResponse(answer)
	if err != nil {
		return nil, refuse(ErrProof, "MS-42", "%v", err)
	}
	p, err := v.accept(st, header{a.Checkpoint, a.Epoch, a.Inclusion, a.Consistency}, now)
	if err != nil {
		return nil, err
	}
	w := &watch{v: v, q: q, u: u, p: p, labels: newLabeller(v, q.User, u, q.Cached, a.VRFs), greatest: u.CheckedVersion}
	w.at.Index, w.at.Time = u.checked(q.Owner)
	if !q.Owner {
		w.greatest = u.Version
	}
	if len(a.Epochs) > int(q.Most) {
		return nil, refuse(ErrProof, "MS-42", "%d epochs, asked for %d", len(a.Epochs), q.Most)
	}
	for i := range a.Epochs {
		if err := w.epoch(&a.Epochs[i]); err != nil {
			return nil, err
		}
	}
	if err := w.labels.done(); err != nil {
		return nil, err
	}
	more := Distinguished(w.at.Time, p.epoch.Time)
	if more && len(a.Epochs) < int(q.Most) {
		return nil, refuse(ErrProof, "MS-08", "a distinguished epoch after %d was left out", w.at.Index)
	}
	return w.result(len(a.Epochs), more), nil
}

// epoch checks that c is the next distinguished epoch, and what it says of the
// user.
func (w *watch) epoch(c *Checked) error {
	e, err := w.next(c)
	if err != nil {
		return err
	}
	steps := []LadderStep{{c.Version, true}}
	floor := int64(w.greatest)
	if w.q.Owner {
		steps = Ladder(c.Version)
		if e.Index >= w.u.Accepted {
			floor = max(floor, int64(w.u.Version))
		}
	} else if c.Version != w.q.Version {
		return refuse(ErrProof, "MS-42", "version %d, asked for %d", c.Version, w.q.Version)
	}
	ladder, err := w.labels.steps(steps)
	if err != nil {
		return err
	}
	labels := make([]Hash, len(ladder))
	s := statement{w.p.checkpoint, c.Epoch, c.Inclusion, make([]claim, len(ladder)), c.Proof}
	for i := range ladder {
		labels[i] = ladder[i].Label
		s.claims[i] = claim{Users, w.q.User[:], ladder[i].Version, ladder[i].VRF}
	}
	found, err := c.Proof.Verify(e.MapRoot, labels)
	if err != nil {
		return refuse(ErrProof, "MS-05", "the map proof of epoch %d is wrong: %v", e.Index, err)
	}
	if err := checkSteps(steps, ladder, found, floor); err != nil {
		if e := new(Error); errors.As(err, &e) && e.ID == ErrFlipFlop.ID {
			e.Evidence = w.v.changedEvidence(w.u.Proof, s.encode())
		}
		return err
	}
	learn(ladder, found)
	for i := range ladder {
		w.labels.learn(&ladder[i])
	}
	w.at.Index, w.at.Time = e.Index, e.Time
	w.greatest, w.learned, w.proof = max(w.greatest, c.Version), ladder, s.encode()
	return nil
}

// next checks that the two entries of c are neighbours in the log and the second
// the first of a later hour than the epoch that was checked last: then no
// distinguished epoch lies between.
func (w *watch) next(c *Checked) (*Epoch, error) {
	before, err1 := ParseEpoch(c.Before)
	e, err2 := ParseEpoch(c.Epoch)
	if err := errors.Join(err1, err2); err != nil {
		return nil, refuse(ErrProof, "MS-42", "%v", err)
	}
	last := &w.at
	switch {
	case before.Index < last.Index || before.Index+1 != e.Index || before.Index > maxSize:
		return nil, refuse(ErrProof, "MS-08", "epochs %d and %d do not come next after %d", before.Index, e.Index, last.Index)
	case !included(w.p.head.Checkpoint, before.Index, c.Before, c.BeforeInclusion):
		return nil, refuse(ErrProof, "MS-05", "epoch %d is not in the log", before.Index)
	case !included(w.p.head.Checkpoint, e.Index, c.Epoch, c.Inclusion):
		return nil, refuse(ErrProof, "MS-05", "epoch %d is not in the log", e.Index)
	case before.Time < last.Time || e.Time < before.Time || e.Time > w.p.epoch.Time:
		return nil, refuse(ErrProof, "MS-43", "the directory's time went back")
	case Distinguished(last.Time, before.Time):
		return nil, refuse(ErrProof, "MS-08", "a distinguished epoch after %d was left out", last.Index)
	case !Distinguished(before.Time, e.Time):
		return nil, refuse(ErrProof, "MS-08", "epoch %d is not a distinguished one", e.Index)
	}
	return e, nil
}

// learn notes what a map holds at a label.
func (l *labeller) learn(k *Label) {
	if known := find(l.known, k.Version); known != nil {
		*known = *k
	}
}

func (w *watch) result(epochs int, more bool) *MonitorResult {
	u := *w.u
	u.Checked, u.CheckedTime = w.at.Index, w.at.Time
	if w.q.Owner {
		u.CheckedVersion = w.greatest
	}
	if epochs > 0 {
		u.Confirmed = u.Confirmed || !w.q.Owner || u.Checked >= u.Accepted
		if w.q.Owner {
			u.Proof = w.proof
		}
	}
	u.Labels = u.merge(w.keep())
	u.Proof = bytes.Clone(u.Proof)
	return &MonitorResult{
		Head: w.p.head, Witnesses: w.p.witnesses, Epochs: epochs, More: more,
		Version: max(w.greatest, u.Version), State: &u,
	}
}

// keep returns the labels of the newest ladder that was seen, with what was known
// before of the pinned version's.
func (w *watch) keep() []Label {
	out := w.learned
	for _, s := range Ladder(w.u.Version) {
		if k := w.u.label(s.Version); k != nil && find(out, s.Version) == nil {
			out = append(out, *k)
		}
	}
	return out[:min(len(out), maxLadder)]
}
