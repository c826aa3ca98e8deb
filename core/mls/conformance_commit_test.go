package mls_test

import (
	"bytes"
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

// TestWelcomeKeyIsUsedOnce holds that one key and nonce encrypt one GroupInfo
// (RFC 9420, Sections 9.1 and 12.4.3.1). They follow from the commit, and a commit
// without path that is made again is the same commit.
func TestWelcomeKeyIsUsedOnce(t *testing.T) {
	members := conformMembers(t, 2)
	g := members[0]
	k, err := conformClient(t, "joiner", nil).NewKeyPackage()
	if err != nil {
		t.Fatal(err)
	}
	var beginnings [][]byte
	for _, restart := range []bool{false, false, true} {
		if restart {
			if g, err = conformClient(t, "a", nil).Restore(g.Snapshot()); err != nil {
				t.Fatal(err)
			}
			g.Snapshot()
		}
		c, err := g.Commit(mls.CommitOptions{
			Add: [][]byte{k.Bytes()}, Public: true,
			GroupInfoExtensions: mlswire.Extensions{{Type: 0xf000, Data: []byte{byte(len(beginnings))}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		m, err := mlswire.ParseMessage(c.Welcomes[0].Message)
		if err != nil {
			t.Fatal(err)
		}
		// A GroupInfo begins with version, suite and group id: equal ciphertexts
		// mean an equal key stream.
		beginning := m.Welcome.EncryptedGroupInfo[:8]
		for i, before := range beginnings {
			if bytes.Equal(before, beginning) {
				t.Errorf("commits %d and %d encrypt two GroupInfos under one key and nonce", i, len(beginnings))
			}
		}
		beginnings = append(beginnings, beginning)
		if err := g.DiscardCommit(); err != nil {
			t.Fatal(err)
		}
	}
}
