package mls_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// groupInfoOf returns what a group says of its epoch.
func groupInfoOf(t *testing.T, g *mls.Group) *mlswire.GroupInfo {
	t.Helper()
	b, err := g.GroupInfo(true)
	if err != nil {
		t.Fatalf("GroupInfo = %v", err)
	}
	m, err := mlswire.ParseMessage(b)
	if err != nil {
		t.Fatalf("ParseMessage = %v", err)
	}
	return m.GroupInfo
}

// TestFirstEpoch holds RFC 9420, Sections 11 and 12: a group begins with one
// member in epoch 0 and an empty transcript, and its interim transcript hash is
// the one that others compute from the confirmation tag.
func TestFirstEpoch(t *testing.T) {
	for _, id := range suite.IDs() {
		creator, err := conformClient(t, "a", func(c *mls.Config) { c.Suite = id }).CreateGroup([]byte("id"), nil)
		if err != nil {
			t.Fatal(err)
		}
		context := groupInfoOf(t, creator).GroupContext
		if context.Epoch != 0 || creator.Epoch() != 0 || len(context.ConfirmedTranscriptHash) != 0 ||
			string(context.GroupID) != "id" || context.CipherSuite != id || len(creator.Members()) != 1 || creator.Self() != 0 {
			t.Errorf("suite %d: the first GroupContext is %+v", id, context)
		}
		info, err := creator.GroupInfo(true)
		if err != nil {
			t.Fatal(err)
		}
		// Who joins computes the interim hash from the GroupInfo; with another one,
		// the confirmation tag of its commit would not be the creator's.
		joiner, c, err := conformClient(t, "b", func(c *mls.Config) { c.Suite = id }).JoinExternal(info, mls.ExternalOptions{})
		if err != nil {
			t.Fatal(err)
		}
		conformDeliver(t, c.Message, creator)
		conformAgree(t, creator, joiner)
		if creator.Epoch() != 1 {
			t.Errorf("the second epoch is %d", creator.Epoch())
		}
	}
}

// TestGroupIDsAreRandom holds RFC 9420, Section 11: ids that the library chooses
// do not collide, and have the size of the hash; nor do the secrets.
func TestGroupIDsAreRandom(t *testing.T) {
	c := conformClient(t, "a", nil)
	seen := make(map[string]bool)
	for range 10 {
		g, err := c.CreateGroup(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range [][]byte{g.GroupID(), g.EpochAuthenticator()} {
			if len(v) != 32 || seen[string(v)] {
				t.Errorf("%x is short or there before", v)
			}
			seen[string(v)] = true
		}
	}
}

// TestExtensionsAreReplaced holds RFC 9420, Section 12.1.7: the new list of
// extensions takes the place of the old, and is not merged with it.
func TestExtensionsAreReplaced(t *testing.T) {
	supports := func(c *mls.Config) {
		c.Capabilities = &mlswire.Capabilities{
			Versions: []mlswire.ProtocolVersion{mlswire.MLS10}, CipherSuites: []suite.ID{c.Suite},
			Extensions:  []mlswire.ExtensionType{0xf001, 0xf002},
			Credentials: []mlswire.CredentialType{mlswire.CredentialTypeBasic},
		}
	}
	members := conformGroup(t, conformClient(t, "a", supports), conformClient(t, "b", supports))
	for _, extensions := range []mlswire.Extensions{
		{{Type: 0xf001, Data: []byte("one")}},
		{{Type: 0xf002, Data: []byte("two")}},
		{},
	} {
		c, err := members[0].Commit(mls.CommitOptions{Extensions: &extensions})
		if err != nil {
			t.Fatal(err)
		}
		if err := members[0].MergeCommit(); err != nil {
			t.Fatal(err)
		}
		conformDeliver(t, c.Message, members[1])
		for _, g := range members {
			got := g.Extensions()
			if !bytes.Equal(mlswire.Marshal(got), mlswire.Marshal(extensions)) {
				t.Errorf("extensions are %v, want %v", got, extensions)
			}
		}
	}
}

// TestSeveralPSKs holds RFC 9420, Section 8.4: members and those who join take
// several pre-shared keys in one order, and each use has a nonce of its own.
func TestSeveralPSKs(t *testing.T) {
	ids := [][]byte{[]byte("two"), []byte("one"), []byte("three")}
	knows := func(c *mls.Config) {
		c.PSK = func(id []byte) (secret.Value, bool) { return secret.New(append([]byte("secret "), id...)), true }
	}
	members := conformGroup(t, conformClient(t, "a", knows), conformClient(t, "b", knows))
	k, _ := conformKeyPackage(t, conformClient(t, "c", knows))
	c, err := members[0].Commit(mls.CommitOptions{Add: [][]byte{k.Bytes()}, PSK: ids, Public: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := members[0].MergeCommit(); err != nil {
		t.Fatal(err)
	}
	conformDeliver(t, c.Message, members[1])
	joined, err := k.Join(c.Welcomes[0].Message, mls.JoinOptions{})
	if err != nil {
		t.Fatalf("Join = %v", err)
	}
	conformAgree(t, append(members, joined)...)

	m, err := mlswire.ParseMessage(c.Message)
	if err != nil {
		t.Fatal(err)
	}
	nonces := make(map[string]bool)
	var order [][]byte
	for _, p := range m.PublicMessage.Content.Commit.Proposals {
		if psk, ok := p.Proposal.(*mlswire.PreSharedKey); ok {
			order = append(order, psk.PSK.PSKID)
			nonces[string(psk.PSK.PSKNonce)] = true
			if len(psk.PSK.PSKNonce) != 32 {
				t.Errorf("a nonce has %d bytes, want 32", len(psk.PSK.PSKNonce))
			}
		}
	}
	if len(nonces) != len(ids) || !bytes.Equal(bytes.Join(order, nil), bytes.Join(ids, nil)) {
		t.Errorf("%d nonces in the order %q, want %d in %q", len(nonces), order, len(ids), ids)
	}
}

// TestResumptionSecretsAreForgotten holds RFC 9420, Section 8.6: resumption
// secrets are kept for as many epochs as the configuration says.
func TestResumptionSecretsAreForgotten(t *testing.T) {
	keeps := func(c *mls.Config) { c.PastEpochs = 2 }
	members := conformGroup(t, conformClient(t, "a", keeps), conformClient(t, "b", keeps))
	for range 3 {
		c, err := members[0].Commit(mls.CommitOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := members[0].MergeCommit(); err != nil {
			t.Fatal(err)
		}
		conformDeliver(t, c.Message, members[1])
	}
	now := members[0].Epoch()
	for _, tt := range []struct {
		epoch uint64
		want  error
	}{{now, nil}, {now - 1, nil}, {now - 2, nil}, {now - 3, mls.ErrUnknownPSK}, {now + 1, mls.ErrUnknownPSK}} {
		_, err := members[0].Commit(mls.CommitOptions{ResumptionPSK: []uint64{tt.epoch}})
		if !errors.Is(err, tt.want) {
			t.Errorf("Commit with the resumption secret of epoch %d in epoch %d = %v, want %v", tt.epoch, now, err, tt.want)
		}
		if err == nil {
			if err := members[0].DiscardCommit(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestExpiredCredentialCanBeReplaced holds RFC 9420, Section 5.3.2: a member whose
// credential has expired is still heard, and can bring another.
func TestExpiredCredentialCanBeReplaced(t *testing.T) {
	now := conformTime
	expires := conformTime.Add(time.Hour)
	service := func(c *mls.Config) {
		c.Authenticate = func(id mls.Identity) error {
			if string(id.Credential.Identity) == "b until one o'clock" && now.After(expires) {
				return errRefused
			}
			return nil
		}
	}
	members := conformGroup(t, conformClient(t, "a", service), conformClient(t, "b until one o'clock", nil))
	sent, err := members[1].Protect([]byte("before"), nil)
	if err != nil {
		t.Fatal(err)
	}
	now = expires.Add(time.Minute)
	conformProcess(t, members[0], sent)
	same, err := members[1].ProposeUpdate(mls.LeafChange{}, mls.SendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	conformProcess(t, members[0], same)
	renewed := mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: []byte("b until two o'clock")}
	c, err := members[1].Commit(mls.CommitOptions{Leaf: mls.LeafChange{Credential: &renewed}, WithoutPending: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := members[1].MergeCommit(); err != nil {
		t.Fatal(err)
	}
	conformDeliver(t, c.Message, members[0])
	conformAgree(t, members...)
}
