package keytrans

import (
	vrf "filippo.io/mostly-harmless/vrf-r255"
)

// label checks the proof of a label: c2sp.org/vrf-r255.
func (v *Verifier) label(ns Namespace, name []byte, version uint32, proof []byte) (Hash, error) {
	p, err := vrf.NewProof(proof)
	if err != nil {
		return Hash{}, refuse(ErrProof, "MS-15", "a label proof is malformed")
	}
	out, err := v.vrf.Verify(p, LabelInput(ns, name, version))
	if err != nil {
		return Hash{}, refuse(ErrProof, "MS-15", "a label proof is not of the name and version asked for")
	}
	return Hash(out[:HashSize]), nil
}

// A labeller hands out the labels of a user's versions: those that the client
// told the server it has, else by the next proof of the answer.
type labeller struct {
	v      *Verifier
	user   [userSize]byte
	known  []Label
	proofs [][]byte
}

// newLabeller returns a labeller that knows the labels of u, which may be nil,
// that a request named.
func newLabeller(v *Verifier, user [userSize]byte, u *UserState, cached []uint32, proofs [][]byte) *labeller {
	l := &labeller{v: v, user: user, proofs: proofs}
	if u == nil {
		return l
	}
	l.known = make([]Label, 0, len(cached)+len(proofs))
	for _, version := range cached {
		if k := find(u.Labels, version); k != nil {
			l.known = append(l.known, *k)
		}
	}
	return l
}

// find returns the label of a version, or nil.
func find(labels []Label, version uint32) *Label {
	for i := range labels {
		if labels[i].Version == version {
			return &labels[i]
		}
	}
	return nil
}

// steps returns the labels of the steps of a ladder.
func (l *labeller) steps(steps []LadderStep) ([]Label, error) {
	out := make([]Label, len(steps))
	for i := range steps {
		k, err := l.step(steps[i].Version)
		if err != nil {
			return nil, err
		}
		out[i] = *k
	}
	return out, nil
}

func (l *labeller) step(version uint32) (*Label, error) {
	if k := find(l.known, version); k != nil {
		return k, nil
	}
	if len(l.proofs) == 0 {
		return nil, refuse(ErrProof, "MS-42", "the label proof of version %d is missing", version)
	}
	k := Label{Version: version}
	copy(k.VRF[:], l.proofs[0])
	var err error
	if k.Label, err = l.v.label(Users, l.user[:], version, l.proofs[0]); err != nil {
		return nil, err
	}
	l.proofs = l.proofs[1:]
	l.known = append(l.known, k)
	return &l.known[len(l.known)-1], nil
}

// done checks that no proof is left over.
func (l *labeller) done() error {
	if len(l.proofs) > 0 {
		return refuse(ErrProof, "MS-42", "label proofs that nobody asked for")
	}
	return nil
}

// checkSteps compares what a map holds with what a ladder asks for and with what
// is known: versions up to floor exist (-1: none is known to), and a commitment
// never changes.
func checkSteps(steps []LadderStep, labels []Label, found []Found, floor int64) error {
	for i, s := range steps {
		k, f := &labels[i], &found[i]
		switch {
		case !f.Exists && int64(s.Version) <= floor:
			return refuse(ErrFlipFlop, "MS-08", "version %d was there before and is gone", s.Version)
		case f.Exists && k.Exists && f.Commitment != k.Commitment:
			return refuse(ErrFlipFlop, "MS-08", "version %d was another before", s.Version)
		case s.Exists && !f.Exists:
			return refuse(ErrProof, "MS-07", "version %d must exist but is not proven", s.Version)
		case !s.Exists && f.Exists:
			return refuse(ErrStale, "MS-06", "version %d exists but was left out", s.Version)
		}
	}
	return nil
}

// learn notes in labels what a map holds.
func learn(labels []Label, found []Found) {
	for i := range labels {
		if found[i].Exists {
			labels[i].Exists, labels[i].Commitment = true, found[i].Commitment
		}
	}
}
