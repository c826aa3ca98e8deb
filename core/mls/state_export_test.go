package mls

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"conclave/core/secret"
)

// Reload returns the group after it was saved and restored. It checks that
// saving is repeatable, that what was restored has the very state, and that it
// looks the same from outside.
func (g *Group) Reload() (*Group, error) {
	state := g.Snapshot()
	if again := g.Snapshot(); !again.Equal(state) {
		return nil, errors.New("two snapshots differ")
	}
	copied := secret.New(state.Expose())
	r, err := g.client.Restore(copied)
	if err != nil {
		return nil, err
	}
	copied.Erase() // the group must not need it any more
	if !r.encode().Equal(state) || !r.Snapshot().Equal(state) {
		return nil, errors.New("the restored group has another state")
	}
	if err := g.same(r); err != nil {
		return nil, err
	}
	r.lease.idle = nil // as if it had wanted to send
	r.Snapshot()
	return r, nil
}

// same compares what a group was with what it became.
func (g *Group) same(r *Group) error {
	switch {
	case g.Epoch() != r.Epoch() || g.Self() != r.Self() || g.Suite() != r.Suite() || !bytes.Equal(g.GroupID(), r.GroupID()):
		return errors.New("the restored group is another one")
	case !bytes.Equal(g.EpochAuthenticator(), r.EpochAuthenticator()) || !bytes.Equal(g.RatchetTree(), r.RatchetTree()):
		return errors.New("the restored group is in another epoch")
	case g.IsRemoved() != r.IsRemoved() || g.HasPendingCommit() != r.HasPendingCommit() || (g.ReInit() == nil) != (r.ReInit() == nil):
		return errors.New("the restored group is in another state")
	case !bytes.Equal(g.current.encoded, r.current.encoded):
		return errors.New("the restored group has another context")
	case !g.removed && (!bytes.Equal(g.current.interim, r.current.interim) || !bytes.Equal(g.current.confirmationTag, r.current.confirmationTag)):
		return errors.New("the restored group has another transcript")
	case len(g.past) != len(r.past):
		return fmt.Errorf("the restored group has %d past epochs, want %d", len(r.past), len(g.past))
	}
	for i, p := range g.past {
		for leaf := range LeafIndex(max(p.tree.Width(), g.current.tree.Width()) + 2) {
			s, ok := p.sender(leaf)
			s2, ok2 := r.past[i].sender(leaf)
			if ok != ok2 || !bytes.Equal(s.signatureKey, s2.signatureKey) || !sameCredential(&s.credential, &s2.credential) {
				return fmt.Errorf("past epoch %d: leaf %d is somebody else", p.number, leaf)
			}
		}
	}
	return g.samePending(r)
}

func (g *Group) samePending(r *Group) error {
	if g.pending == nil {
		return nil
	}
	a, b := g.pending, r.pending
	if !bytes.Equal(a.next.encoded, b.next.encoded) || !bytes.Equal(a.next.interim, b.next.interim) ||
		!a.next.secrets.Authenticator.Equal(b.next.secrets.Authenticator) || !bytes.Equal(a.next.signer.Public(), b.next.signer.Public()) {
		return errors.New("the restored commit leads to another epoch")
	}
	if a.Committer() != b.Committer() || len(a.Added()) != len(b.Added()) || len(a.Proposals()) != len(b.Proposals()) ||
		a.HasPath() != b.HasPath() || !bytes.Equal(a.AuthenticatedData(), b.AuthenticatedData()) || a.Epoch() != b.Epoch() {
		return errors.New("the restored commit is another one")
	}
	return nil
}

// ReloadKeyPackage returns the KeyPackage after it was saved and restored.
func (k *KeyPackage) Reload() (*KeyPackage, error) {
	state := k.Snapshot()
	copied := secret.New(state.Expose())
	r, err := k.client.RestoreKeyPackage(copied)
	if err != nil {
		return nil, err
	}
	copied.Erase()
	if !r.Snapshot().Equal(state) || !bytes.Equal(r.Ref(), k.Ref()) || !bytes.Equal(r.Bytes(), k.Bytes()) {
		return nil, errors.New("the restored KeyPackage is another one")
	}
	return r, nil
}

// Restart returns the group as it is after its program was ended and started.
func (g *Group) Restart(t testing.TB) *Group {
	t.Helper()
	return g.RestartFrom(t, g.Snapshot())
}

// RestartFrom returns the group of a snapshot.
func (g *Group) RestartFrom(t testing.TB, state secret.Value) *Group {
	t.Helper()
	r, err := g.client.Restore(state)
	if err != nil {
		t.Fatalf("Restore = %v", err)
	}
	return r
}
