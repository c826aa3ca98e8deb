package mls

import (
	"bytes"
	"errors"
	"testing"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/tlsenc"
)

// secretsOf are all secrets of an epoch that must be gone when it has ended.
func secretsOf(e *epoch) map[string]secret.Value {
	return map[string]secret.Value{
		"encryption_secret": e.secrets.Encryption, "exporter_secret": e.secrets.Exporter,
		"external_secret": e.secrets.External, "confirmation_key": e.secrets.Confirmation,
		"membership_key": e.secrets.Membership, "epoch_authenticator": e.secrets.Authenticator,
		"init_secret": e.secrets.Init,
	}
}

func isErased(v secret.Value) bool { return bytes.Equal(v.Expose(), make([]byte, v.Len())) }

// TestSecretsAreOverwritten holds RFC 9420, Sections 7.5 and 9.2: when an epoch
// has ended, its secrets and the private keys that were replaced are overwritten,
// and those that late messages need only when that epoch is forgotten.
func TestSecretsAreOverwritten(t *testing.T) {
	s := newScene(t)
	g := s.bob
	old := g.current
	private := old.private
	kept := map[string]secret.Value{"sender_data_secret": old.secrets.SenderData, "resumption_psk": old.secrets.Resumption}
	s.turn(t, g) // g commits with a path: all its keys are replaced
	for name, v := range secretsOf(old) {
		// The secret tree erases its root with the first message of the epoch.
		if name == "encryption_secret" {
			continue
		}
		if !isErased(v) {
			t.Errorf("the %s of the ended epoch is not overwritten", name)
		}
	}
	if n := privateKeysLeft(t, private); n != 0 {
		t.Errorf("%d replaced private keys are not overwritten", n)
	}
	for name, v := range kept {
		if isErased(v) {
			t.Errorf("the %s is gone while late messages may come", name)
		}
	}
	for range g.client.pastEpochs() {
		s.turn(t, g)
	}
	for name, v := range kept {
		if !isErased(v) {
			t.Errorf("the %s of a forgotten epoch is not overwritten", name)
		}
	}
	for name, v := range secretsOf(old) {
		if !isErased(v) {
			t.Errorf("the %s of a forgotten epoch is not overwritten", name)
		}
	}
}

// privateKeysLeft counts the keys of a member's path that are not overwritten.
func privateKeysLeft(t *testing.T, p *tree.Private) int {
	t.Helper()
	var w tlsenc.Writer
	p.Encode(&w)
	r := tlsenc.NewReader(w.Bytes())
	r.Uint32() // the member's leaf
	left := 0
	for range r.Uint8() {
		r.Uint8() // level
		if key := r.Vector(r.Len()); !bytes.Equal(key, make([]byte, len(key))) {
			left++
		}
	}
	if err := r.Done(); err != nil {
		t.Fatalf("reading private keys: %v", err)
	}
	return left
}

// TestDiscardedSecretsAreOverwritten holds RFC 9420, Section 14: nothing is left
// of an epoch that does not come to be.
func TestDiscardedSecretsAreOverwritten(t *testing.T) {
	s := newScene(t)
	if _, err := s.bob.Commit(CommitOptions{}); err != nil {
		t.Fatal(err)
	}
	next := s.bob.pending.next
	if err := s.bob.DiscardCommit(); err != nil {
		t.Fatal(err)
	}
	for name, v := range secretsOf(next) {
		if !isErased(v) {
			t.Errorf("the %s of a discarded epoch is not overwritten", name)
		}
	}
	if n := privateKeysLeft(t, next.private); n != 0 {
		t.Errorf("%d private keys of a discarded epoch are not overwritten", n)
	}
	for name, v := range secretsOf(s.bob.current) {
		if name != "encryption_secret" && isErased(v) { // the secret tree has consumed that one
			t.Errorf("the %s of the present epoch is gone", name)
		}
	}
}

// A commit that is refused leaves nothing of what was derived on the way, and
// what it shares with the present epoch as it was.
func TestRefusedSecretsAreOverwritten(t *testing.T) {
	s := newScene(t)
	must1(s.bob.ProposeUpdate(LeafChange{}, SendOptions{}))
	own := s.bob.proposals[0]
	leaf := &own.Proposal.(*mlswire.Update).LeafNode
	p := &plan{Updates: []plannedUpdate{{s.bob.Self(), leaf}}, committer: s.mallory.Self()}
	shared := privateKeysLeft(t, s.bob.current.private)
	for _, c := range []struct {
		update *ownUpdate
		left   int // keys, those of the present epoch
	}{{own.update, 0}, {nil, 1}} {
		if c.update == nil {
			p.Updates = nil
		}
		tr := must1(s.bob.begin(p, c.update))
		path := must1(tr.tree.NewPath(s.mallory.Self(), func(key, parentHash []byte) (*mlswire.LeafNode, error) {
			leaf := *s.mallory.current.leaf()
			leaf.EncryptionKey, leaf.ParentHash, leaf.Source = key, parentHash, mlswire.LeafNodeSourceCommit
			return &leaf, nil
		}))
		sealed := must1(path.Encrypt([]byte("another context"), nil))
		if err := tr.take(s.mallory.Self(), sealed); !errors.Is(err, ErrPathSecret) {
			t.Fatalf("take() = %v, want ErrPathSecret", err)
		}
		tr.erase()
		if n := privateKeysLeft(t, tr.private); n < c.left || c.left == 0 && n > 0 {
			t.Errorf("%d private keys are left, want %d", n, c.left)
		}
	}
	if isErased(own.update.leafKey.Private) || privateKeysLeft(t, s.bob.current.private) != shared {
		t.Error("keys that are still of use are gone")
	}
}

// TestRemovedMemberIsErased holds RFC 9420, Section 12.4.2: who is removed keeps
// nothing.
func TestRemovedMemberIsErased(t *testing.T) {
	s := newScene(t)
	commit, err := s.alice.Commit(CommitOptions{Remove: []LeafIndex{s.bob.Self()}})
	if err != nil {
		t.Fatal(err)
	}
	received, err := s.bob.Process(commit.Message)
	if err != nil {
		t.Fatal(err)
	}
	last, past := s.bob.current, s.bob.past
	if err := s.bob.Merge(received.(*StagedCommit)); err != nil {
		t.Fatal(err)
	}
	for name, v := range secretsOf(last) {
		if !isErased(v) {
			t.Errorf("the %s is not overwritten", name)
		}
	}
	if n := privateKeysLeft(t, last.private); n != 0 {
		t.Errorf("%d private keys are not overwritten", n)
	}
	if len(past) == 0 {
		t.Fatal("the scene has no past epochs")
	}
	for _, p := range past {
		if !isErased(p.secrets.SenderData) || !isErased(p.secrets.Resumption) {
			t.Error("secrets of a past epoch are not overwritten")
		}
	}
}
