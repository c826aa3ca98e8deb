package mls_test

import (
	"errors"
	"testing"

	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/secret"
)

// TestForeignPSKDoesNotBlockCommits holds that a member who proposes a
// pre-shared key that others do not have cannot keep them from committing (RFC
// 9420, Section 12.4.2: whoever commits must have it).
func TestForeignPSKDoesNotBlockCommits(t *testing.T) {
	knows := func(c *mls.Config) {
		c.PSK = func([]byte) (secret.Value, bool) { return secret.New([]byte("a key of one's own")), true }
	}
	members := conformGroup(t, conformClient(t, "a", knows), conformClient(t, "b", nil), conformClient(t, "c", nil))
	proposal, err := members[0].ProposePSK([]byte("id"), mls.SendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range members[1:] {
		if _, err := g.Process(proposal); err != nil {
			t.Fatalf("Process = %v", err)
		}
	}
	c, err := members[1].Commit(mls.CommitOptions{})
	if err != nil {
		t.Fatalf("Commit while a foreign PSK waits = %v", err)
	}
	if err := members[1].MergeCommit(); err != nil {
		t.Fatal(err)
	}
	conformDeliver(t, c.Message, members[0], members[2])
	conformAgree(t, members...)
}

// TestUnknownPSKIsRefused holds that a commit with a pre-shared key that is not
// known here is refused and changes nothing (RFC 9420, Section 12.4.2).
func TestUnknownPSKIsRefused(t *testing.T) {
	knows := func(c *mls.Config) {
		c.PSK = func([]byte) (secret.Value, bool) { return secret.New([]byte("a key of one's own")), true }
	}
	members := conformGroup(t, conformClient(t, "a", knows), conformClient(t, "b", nil))
	c, err := members[0].Commit(mls.CommitOptions{PSK: [][]byte{[]byte("id")}})
	if err != nil {
		t.Fatal(err)
	}
	received, err := members[1].Process(c.Message)
	if !errors.Is(err, mls.ErrUnknownPSK) || received != nil {
		t.Errorf("Process = %v, %v, want nil, ErrUnknownPSK", received, err)
	}
	if err := members[0].DiscardCommit(); err != nil {
		t.Fatal(err)
	}
	conformAgree(t, members...)
}

// TestRefusedCommitIsNil holds that a refused commit leaves nothing to merge.
func TestRefusedCommitIsNil(t *testing.T) {
	members := conformMembers(t, 2)
	c, err := members[0].Commit(mls.CommitOptions{Public: true})
	if err != nil {
		t.Fatal(err)
	}
	m, err := mlswire.ParseMessage(c.Message)
	if err != nil {
		t.Fatal(err)
	}
	m.PublicMessage.Content.Epoch++
	if received, err := members[1].Process(m.Marshal()); received != nil || !errors.Is(err, mls.ErrWrongEpoch) {
		t.Errorf("Process = %v, %v, want nil, ErrWrongEpoch", received, err)
	}
	m.PublicMessage.Content.Epoch--
	m.PublicMessage.Auth.Signature[0] ^= 1
	if received, err := members[1].Process(m.Marshal()); received != nil || err == nil {
		t.Errorf("Process = %v, %v, want nil and an error", received, err)
	}
}
