package mls_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// An authority is an Authentication Service that writes down what it is asked.
type authority struct {
	asked  []string
	refuse func(mls.Identity) bool
}

var errRefused = errors.New("not in this group")

func (a *authority) configure(c *mls.Config) {
	c.Authenticate = func(id mls.Identity) error {
		s := string(id.Credential.Identity)
		if id.Previous != nil {
			s += " after " + string(id.Previous.Identity)
		}
		if id.External {
			s += ", external sender"
		}
		if id.Uninvited {
			s += ", uninvited"
		}
		if len(id.GroupID) == 0 {
			s += ", no group"
		}
		a.asked = append(a.asked, s)
		if a.refuse != nil && a.refuse(id) {
			return errRefused
		}
		return nil
	}
}

// expect checks and forgets what was asked.
func (a *authority) expect(t *testing.T, event string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, a.asked); diff != "" {
		t.Errorf("%s: identities validated (-want +got):\n%s", event, diff)
	}
	a.asked = nil
}

// TestCredentialsAreValidated holds RFC 9420, Section 5.3.1: at each of its
// events, new credentials go to the Authentication Service, and where one
// replaces another, it is told which.
func TestCredentialsAreValidated(t *testing.T) {
	var a authority
	alice := conformClient(t, "alice", a.configure)
	groups := conformGroup(t, alice, conformClient(t, "bob", nil))
	watched, bob := groups[0], groups[1]
	a.asked = nil

	// A KeyPackage to add.
	carol, err := conformClient(t, "carol", nil).NewKeyPackage()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watched.Commit(mls.CommitOptions{Add: [][]byte{carol.Bytes()}}); err != nil {
		t.Fatal(err)
	}
	a.expect(t, "adding a KeyPackage", "carol")
	if err := watched.DiscardCommit(); err != nil {
		t.Fatal(err)
	}

	// A received Add, an Update and a path with another credential; and with the same.
	add, err := bob.ProposeAdd(carol.Bytes(), mls.SendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	conformProcess(t, watched, add)
	a.expect(t, "receiving an Add", "carol")
	same, err := bob.ProposeUpdate(mls.LeafChange{}, mls.SendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	conformProcess(t, watched, same)
	a.expect(t, "receiving an Update with the same credential")
	robert := mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: []byte("robert")}
	update, err := bob.ProposeUpdate(mls.LeafChange{Credential: &robert}, mls.SendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	conformProcess(t, watched, update)
	a.expect(t, "receiving an Update with another credential", "robert after bob")
	c, err := bob.Commit(mls.CommitOptions{Leaf: mls.LeafChange{Credential: &robert}, WithoutPending: true})
	if err != nil {
		t.Fatal(err)
	}
	conformProcess(t, watched, c.Message)
	a.expect(t, "receiving a path with another credential", "robert after bob")
}

// TestJoinersValidateCredentials holds RFC 9420, Section 5.3.1: who joins has
// every member validated, by a Welcome and by an external commit, and members
// have the joiner validated, who is uninvited where it lets itself in.
func TestJoinersValidateCredentials(t *testing.T) {
	var a, joiner authority
	groups := conformGroup(t, conformClient(t, "alice", a.configure), conformClient(t, "bob", joiner.configure))
	joiner.expect(t, "joining by Welcome", "alice", "bob")
	watched := groups[0]
	info, err := watched.GroupInfo(true)
	if err != nil {
		t.Fatal(err)
	}
	a.asked = nil
	var outsider authority
	dave := conformClient(t, "dave", outsider.configure)
	outsider.asked = nil
	_, c, err := dave.JoinExternal(info, mls.ExternalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"alice", "bob"} {
		if !slices.Contains(outsider.asked, want) {
			t.Errorf("joining by external commit: %s is not validated, only %q", want, outsider.asked)
		}
	}
	conformProcess(t, watched, c.Message)
	a.expect(t, "receiving an external commit", "dave, uninvited")

	k, err := dave.NewKeyPackage()
	if err != nil {
		t.Fatal(err)
	}
	ask, err := k.ProposeJoin(watched.GroupID(), watched.Epoch())
	if err != nil {
		t.Fatal(err)
	}
	conformProcess(t, watched, ask)
	a.expect(t, "receiving a proposal to be added", "dave, uninvited")
}

// TestUninvitedCanBeRefused holds RFC 9420, Section 12.1.8: who is not
// authorized to let itself in is refused, though members may add it.
func TestUninvitedCanBeRefused(t *testing.T) {
	a := authority{refuse: func(id mls.Identity) bool { return id.Uninvited }}
	watched := conformGroup(t, conformClient(t, "alice", a.configure), conformClient(t, "bob", nil))[0]
	info, err := watched.GroupInfo(true)
	if err != nil {
		t.Fatal(err)
	}
	dave := conformClient(t, "dave", nil)
	_, c, err := dave.JoinExternal(info, mls.ExternalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watched.Process(c.Message); !errors.Is(err, mls.ErrCredential) || !errors.Is(err, errRefused) {
		t.Errorf("Process of an external commit = %v, want ErrCredential and the service's own error", err)
	}
	k, err := dave.NewKeyPackage()
	if err != nil {
		t.Fatal(err)
	}
	ask, err := k.ProposeJoin(watched.GroupID(), watched.Epoch())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watched.Process(ask); !errors.Is(err, mls.ErrCredential) {
		t.Errorf("Process of a proposal to be added = %v, want ErrCredential", err)
	}
	if len(watched.Proposals()) != 0 {
		t.Error("a refused proposal waits to be committed")
	}
	if _, err := watched.Commit(mls.CommitOptions{Add: [][]byte{k.Bytes()}}); err != nil {
		t.Errorf("Commit with the same client added by a member = %v", err)
	}
}

// TestExternalSendersAreValidated holds RFC 9420, Section 5.3.1: external senders
// are validated when they are set and when they change, and not otherwise.
func TestExternalSendersAreValidated(t *testing.T) {
	var a authority
	watched, bob := conformTwo(conformGroup(t, conformClient(t, "alice", a.configure), conformClient(t, "bob", nil)))
	senders := func(names ...string) mlswire.Extensions {
		var list mlswire.ExternalSenders
		for _, name := range names {
			s, err := suite.Lookup(watched.Suite())
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, mlswire.ExternalSender{
				SignatureKey: s.GenerateSigningKey().Public(),
				Credential:   mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: []byte(name)},
			})
		}
		var w tlsenc.Writer
		list.Encode(&w)
		return mlswire.Extensions{{Type: mlswire.ExtensionTypeExternalSenders, Data: w.Bytes()}}
	}
	first, second := senders("robot"), senders("robot", "clerk")
	for _, step := range []struct {
		event      string
		extensions mlswire.Extensions
		want       []string
	}{
		{"set", first, []string{"robot, external sender"}},
		{"the same again", first, nil},
		{"changed", second, []string{"robot, external sender", "clerk, external sender"}},
		{"taken away", mlswire.Extensions{}, nil},
	} {
		a.asked = nil
		c, err := bob.Commit(mls.CommitOptions{Extensions: &step.extensions})
		if err != nil {
			t.Fatalf("%s: Commit = %v", step.event, err)
		}
		if err := bob.MergeCommit(); err != nil {
			t.Fatal(err)
		}
		conformDeliver(t, c.Message, watched)
		a.expect(t, step.event, step.want...)
	}
}

// TestAuthenticationServiceRefuses holds that a refused identity fails whatever
// brings it, and changes nothing.
func TestAuthenticationServiceRefuses(t *testing.T) {
	a := authority{refuse: func(id mls.Identity) bool { return string(id.Credential.Identity) == "mallory" }}
	alice := conformClient(t, "alice", a.configure)
	watched, bob := conformTwo(conformGroup(t, alice, conformClient(t, "bob", nil)))
	mallory, err := conformClient(t, "mallory", nil).NewKeyPackage()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watched.ProposeAdd(mallory.Bytes(), mls.SendOptions{}); !errors.Is(err, mls.ErrCredential) {
		t.Errorf("ProposeAdd = %v, want ErrCredential", err)
	}
	if _, err := watched.Commit(mls.CommitOptions{Add: [][]byte{mallory.Bytes()}}); !errors.Is(err, mls.ErrCredential) {
		t.Errorf("Commit = %v, want ErrCredential", err)
	}
	c, err := bob.Commit(mls.CommitOptions{Add: [][]byte{mallory.Bytes()}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watched.Process(c.Message); !errors.Is(err, mls.ErrCredential) {
		t.Errorf("Process = %v, want ErrCredential", err)
	}
	if err := bob.DiscardCommit(); err != nil {
		t.Fatal(err)
	}
	conformAgree(t, watched, bob)
}

// conformProcess has a group process a message that it must accept.
func conformProcess(t *testing.T, g *mls.Group, message []byte) {
	t.Helper()
	if _, err := g.Process(message); err != nil {
		t.Fatalf("Process = %v", err)
	}
}

func conformTwo(groups []*mls.Group) (a, b *mls.Group) { return groups[0], groups[1] }

// TestResyncRemovesNoOtherDevice holds RFC 9420, Section 12.4.3.2: a client that
// joins again removes its own old leaf, and no other that has its credential.
func TestResyncRemovesNoOtherDevice(t *testing.T) {
	groups := conformGroup(t, conformClient(t, "alice", nil), conformClient(t, "bob", nil), conformClient(t, "bob", nil))
	info, err := groups[0].GroupInfo(true)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := conformClient(t, "bob", nil).JoinExternal(info, mls.ExternalOptions{Resync: true}); !errors.Is(err, mls.ErrNoOldLeaf) {
		t.Errorf("JoinExternal of a third device = %v, want ErrNoOldLeaf", err)
	}
	if _, _, err := conformClient(t, "alice", nil).JoinExternal(info, mls.ExternalOptions{Resync: true}); err != nil {
		t.Errorf("JoinExternal of the one with its credential = %v", err)
	}
}
