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

// TestHandshakesAreEncrypted holds RFC 9420, Section 6: proposals and commits go
// out encrypted unless the application wants them otherwise.
func TestHandshakesAreEncrypted(t *testing.T) {
	open := func(c *mls.Config) { c.PublicHandshakes = true }
	for _, tt := range []struct {
		name   string
		change func(*mls.Config)
		public bool
		want   mlswire.WireFormat
	}{
		{"by default", nil, false, mlswire.WireFormatPrivateMessage},
		{"one message", nil, true, mlswire.WireFormatPublicMessage},
		{"all messages", open, false, mlswire.WireFormatPublicMessage},
	} {
		g := conformGroup(t, conformClient(t, "a", tt.change), conformClient(t, "b", nil))[0]
		proposal, err := g.ProposeRemove(1, mls.SendOptions{Public: tt.public})
		if err != nil {
			t.Fatal(err)
		}
		c, err := g.Commit(mls.CommitOptions{Public: tt.public})
		if err != nil {
			t.Fatal(err)
		}
		for what, message := range map[string][]byte{"proposal": proposal, "commit": c.Message} {
			h, err := mlswire.Peek(message)
			if err != nil || h.WireFormat != tt.want {
				t.Errorf("%s: the %s has wire format %d, %v, want %d", tt.name, what, h.WireFormat, err, tt.want)
			}
		}
	}
}

// TestCommitMayLeaveProposalsOut holds RFC 9420, Section 12.4: receivers do not
// insist that a commit takes in all proposals.
func TestCommitMayLeaveProposalsOut(t *testing.T) {
	members := conformMembers(t, 3)
	proposal, err := members[0].ProposeRemove(2, mls.SendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range members[1:] {
		conformProcess(t, g, proposal)
	}
	c, err := members[1].Commit(mls.CommitOptions{WithoutPending: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := members[1].MergeCommit(); err != nil {
		t.Fatal(err)
	}
	conformDeliver(t, c.Message, members[0], members[2])
	conformAgree(t, members...) // and the proposal is gone with its epoch
}

// TestCommitMayHaveNoPath holds RFC 9420, Section 12.4: a commit has a path where
// its proposals require one, where it has none, and where it is asked for.
func TestCommitMayHaveNoPath(t *testing.T) {
	k, _ := conformKeyPackage(t, conformClient(t, "c", nil))
	add := [][]byte{k.Bytes()}
	reInit := &mlswire.ReInit{GroupID: []byte("next"), Version: mlswire.MLS10, CipherSuite: 1}
	extensions := mlswire.Extensions{}
	for _, tt := range []struct {
		name string
		o    mls.CommitOptions
		want bool
	}{
		{"empty", mls.CommitOptions{}, true},
		{"add", mls.CommitOptions{Add: add}, false},
		{"psk", mls.CommitOptions{ResumptionPSK: []uint64{1}}, false},
		{"reinit", mls.CommitOptions{ReInit: reInit}, false},
		{"add and psk", mls.CommitOptions{Add: add, ResumptionPSK: []uint64{1}}, false},
		{"add, forced", mls.CommitOptions{Add: add, ForcePath: true}, true},
		{"remove", mls.CommitOptions{Remove: []mls.LeafIndex{2}}, true},
		{"add and remove", mls.CommitOptions{Add: add, Remove: []mls.LeafIndex{2}}, true},
		{"extensions", mls.CommitOptions{Extensions: &extensions}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			members := conformMembers(t, 3)
			c, err := members[0].Commit(tt.o)
			if err != nil {
				t.Fatal(err)
			}
			if err := members[0].MergeCommit(); err != nil {
				t.Fatal(err)
			}
			received, err := members[1].Process(c.Message)
			if err != nil {
				t.Fatalf("Process = %v", err)
			}
			staged := received.(*mls.StagedCommit)
			if staged.HasPath() != tt.want {
				t.Errorf("HasPath = %v, want %v", staged.HasPath(), tt.want)
			}
			if err := members[1].Merge(staged); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(members[0].EpochAuthenticator(), members[1].EpochAuthenticator()) {
				t.Error("members are in different epochs")
			}
		})
	}
}

// TestCommitChangesNothing holds RFC 9420, Section 14: to make a commit, and to
// process one, does not change the group's state.
func TestCommitChangesNothing(t *testing.T) {
	members := conformMembers(t, 3)
	k, _ := conformKeyPackage(t, conformClient(t, "d", nil))
	options := []mls.CommitOptions{
		{}, {Add: [][]byte{k.Bytes()}}, {Remove: []mls.LeafIndex{2}}, {Add: [][]byte{k.Bytes()}, ForcePath: true},
	}
	for i, o := range options {
		o.Public = true // a PrivateMessage would use up a generation
		tree, epoch, authenticator := members[0].RatchetTree(), members[0].Epoch(), members[0].EpochAuthenticator()
		receiver := members[1].Snapshot()
		c, err := members[0].Commit(o)
		if err != nil {
			t.Fatal(err)
		}
		if members[0].Epoch() != epoch || !bytes.Equal(members[0].RatchetTree(), tree) ||
			!bytes.Equal(members[0].EpochAuthenticator(), authenticator) {
			t.Errorf("commit %d changed the group", i)
		}
		conformProcess(t, members[1], c.Message)
		if !members[1].Snapshot().Equal(receiver) {
			t.Errorf("processing commit %d changed the receiver", i)
		}
		if err := members[0].DiscardCommit(); err != nil {
			t.Fatal(err)
		}
		for _, g := range members {
			g.Snapshot()
		}
		conformAgree(t, members...)
	}
}

// TestOwnListIsChecked holds RFC 9420, Section 12.2: the committer is held to the
// rules for lists of proposals like everybody else.
func TestOwnListIsChecked(t *testing.T) {
	client := conformClient(t, "c", nil)
	one, _ := conformKeyPackage(t, client)
	two, _ := conformKeyPackage(t, client)
	reInit := &mlswire.ReInit{GroupID: []byte("next"), Version: mlswire.MLS10, CipherSuite: 1}
	for _, tt := range []struct {
		name string
		o    mls.CommitOptions
		want error
	}{
		{"self-removal", mls.CommitOptions{Remove: []mls.LeafIndex{0}}, mls.ErrSelfRemove},
		{"two removals", mls.CommitOptions{Remove: []mls.LeafIndex{1, 1}}, mls.ErrSameLeaf},
		{"blank leaf", mls.CommitOptions{Remove: []mls.LeafIndex{9}}, mls.ErrRemoveBlank},
		{"one client twice", mls.CommitOptions{Add: [][]byte{one.Bytes(), two.Bytes()}}, mls.ErrDuplicateAdd},
		{"reinit and more", mls.CommitOptions{Remove: []mls.LeafIndex{1}, ReInit: reInit}, mls.ErrReInitAlone},
		{"unknown psk", mls.CommitOptions{PSK: [][]byte{[]byte("none")}}, mls.ErrUnknownPSK},
	} {
		g := conformMembers(t, 2)[0]
		if c, err := g.Commit(tt.o); c != nil || !errors.Is(err, tt.want) || g.HasPendingCommit() {
			t.Errorf("%s: Commit = %v, %v, want nil, %v", tt.name, c, err, tt.want)
		}
	}
}
