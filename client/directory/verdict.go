package directory

import (
	"errors"
	"fmt"

	"conclave/core/identity"
	"conclave/core/keytrans"
)

// ErrEvidence says that a document of evidence is not genuine: what it holds was
// not signed by the server that it names, or does not show what it says.
var ErrEvidence = errors.New("directory: the evidence is not genuine")

// A Verdict is what a document of evidence is worth to somebody who trusts
// neither the server nor who made it.
type Verdict struct {
	ID     string `json:"id"`
	Attack string `json:"attack"`
	Origin string `json:"origin"`
	// Proven says that the server's own signatures contradict each other: it lied.
	Proven bool `json:"proven"`
	// Signed says that the server's log signed what the alarm is about: an identity
	// or a device that is in the directory. Only the owner can say that it is not
	// theirs.
	Signed bool `json:"signed"`
	// Detail says it in words. If it is neither Proven nor Signed the document shows
	// what happened to whoever trusts the device that made it.
	Detail string `json:"detail"`
}

// Verify judges the document by the keys in it, without asking the server. The
// reader compares those keys with what they know of the server. Errors wrap
// ErrEvidence.
func (e *Evidence) Verify() (*Verdict, error) {
	out := &Verdict{ID: e.ID, Attack: e.Attack, Origin: e.Origin, Detail: e.Detail}
	if len(e.Proof) == 0 {
		return out, nil
	}
	pin := &pinDoc{Keys: keytrans.ServerKeys{Origin: e.Origin, LogKey: e.LogKey, VRFKey: [32]byte(e.VRFKey)}, Policy: e.Policy}
	v, _, err := newVerifier(pin)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	proof, err := keytrans.ParseEvidence(e.Proof)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	if proof.Kind == keytrans.Answer {
		return out, e.repeat(v, proof, out)
	}
	err = v.VerifyEvidence(proof)
	switch {
	case err == nil:
		out.Proven = true
	case !errors.Is(err, keytrans.ErrUnproven):
		return nil, fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	return out, nil
}

// repeat judges the answer again as the device did.
func (e *Evidence) repeat(v *keytrans.Verifier, proof *keytrans.Evidence, out *Verdict) error {
	if len(proof.Second) == 0 {
		return nil // it was too long to keep
	}
	st, err := knownThen(proof)
	if err != nil {
		return err
	}
	var r *keytrans.Result
	if e.Question == "monitor" {
		q, err := keytrans.ParseMonitorRequest(proof.First)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrEvidence, err)
		}
		_, err = v.Monitor(st, q, proof.Second, proof.Time)
		return e.compare(err, nil, out)
	}
	q, err := keytrans.ParseLookupRequest(proof.First)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	if u := st.Users; q.Kind == keytrans.ByHandle && len(u) == 1 {
		for user := range u {
			st.Handles = map[string][16]byte{string(q.Name): user}
		}
	}
	r, err = v.Lookup(st, q, proof.Second, proof.Time)
	return e.compare(err, r, out)
}

// knownThen is what the device knew when it judged.
func knownThen(proof *keytrans.Evidence) (*keytrans.State, error) {
	st := &keytrans.State{Users: make(map[[16]byte]*keytrans.UserState)}
	if len(proof.Head) > 0 {
		h, err := keytrans.ParseHead(proof.Head)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrEvidence, err)
		}
		st.Head = h
	}
	if len(proof.User) > 0 {
		u, err := keytrans.ParseUserState(proof.User)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrEvidence, err)
		}
		st.Users[u.User] = u
	}
	return st, nil
}

// compare holds the second judgement against the alarm.
func (e *Evidence) compare(err error, r *keytrans.Result, out *Verdict) error {
	if refused, ok := errors.AsType[*keytrans.Error](err); ok {
		if refused.ID != e.ID && (e.ID != IDOwnIdentity || refused.ID != IDReset) {
			return fmt.Errorf("%w: the answer is refused as %s, not as %s", ErrEvidence, refused.ID, e.ID)
		}
		out.Detail = refused.Detail
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	if r != nil && !e.changes(r) {
		return fmt.Errorf("%w: the answer is in order", ErrEvidence)
	}
	out.Signed = true
	return nil
}

// changes reports whether the records of an accepted answer have what the alarm
// says: another identity key, or a new device.
func (e *Evidence) changes(r *keytrans.Result) bool {
	if len(e.Records) == 0 {
		return e.ID == IDOwnIdentity // of an account that had no record before
	}
	before, err := identity.ParseRecord(e.Records[0])
	if err != nil {
		return false
	}
	for _, b := range r.Records {
		rec, err := identity.ParseRecord(b)
		if err != nil {
			return false
		}
		if rec.IdentityKey != before.IdentityKey {
			return e.ID == IDOwnIdentity || e.ID == IDReset
		}
		if rec.Version <= before.Version {
			continue
		}
		for i := range rec.Devices {
			if before.Device(rec.Devices[i].ID) == nil && e.ID == IDOwnDevice {
				return true
			}
		}
	}
	return false
}
