package mls

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// other is a suite to change to.
const other = suite.MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519

// onOther gives a client the other suite.
func onOther(c *Config) {
	capabilities := *c.Capabilities
	capabilities.CipherSuites = []mlswire.CipherSuite{other}
	c.Suite, c.Capabilities = other, &capabilities
}

var names = []string{"alice", "mallory", "bob", "carol", "dave"}

// end ends the scene's group with a ReInit by Alice.
func (s *scene) end(t testing.TB, r mlswire.ReInit) {
	t.Helper()
	c := must1(s.alice.Commit(CommitOptions{ReInit: &r}))
	for _, g := range s.members() {
		if g != s.alice {
			follow(t, g, c.Message)
		}
	}
	must0(s.alice.MergeCommit())
}

// A successorForgery is a group that claims to follow another and need not.
type successorForgery struct {
	why   purpose
	id    []byte
	suite func(*Config)
	names []string // who is in it beside Mallory
	more  mlswire.Extensions
	psk   func(*mlswire.PreSharedKeyID)
	turns int // epochs before the one in which the others join
}

// make makes the group by Mallory and returns a Welcome for each name.
func (f successorForgery) make(t testing.TB, s *scene) (packages map[string]*KeyPackage, welcome []byte) {
	t.Helper()
	edits := []func(*Config){}
	if f.suite != nil {
		edits = append(edits, f.suite)
	}
	packages = map[string]*KeyPackage{}
	var add [][]byte
	for _, name := range f.names {
		packages[name] = newKeyPackage(t, testClient(t, name, edits...))
		add = append(add, packages[name].Bytes())
	}
	next := must1(testClient(t, "mallory", edits...).CreateGroup(f.id, f.more))
	for range f.turns {
		must1(next.Commit(CommitOptions{}))
		must0(next.MergeCommit())
	}
	link := &successor{why: f.why, psk: s.mallory.successorPSK(next, f.why)}
	if f.psk != nil {
		f.psk(&link.psk)
	}
	next.origin = s.mallory
	return packages, must1(next.Commit(CommitOptions{Add: add, ForcePath: true, successor: link})).Welcomes[0].Message
}

// RFC 9420, Section 11.2, with another suite, by another member than the one
// that committed the ReInit.
func TestReinitialize(t *testing.T) {
	s := newScene(t)
	announced := mlswire.ReInit{
		GroupID: []byte("the next group"), Version: mlswire.MLS10, CipherSuite: other,
		Extensions: mlswire.Extensions{{Type: knownExtension, Data: []byte("new")}},
	}
	if _, _, err := s.bob.Reinitialize(testClient(t, "bob", onOther), nil, CommitOptions{}); !errors.Is(err, ErrNotReInit) {
		t.Errorf("Reinitialize() before the ReInit = %v, want ErrNotReInit", err)
	}
	s.end(t, announced)
	for _, g := range s.members() {
		if g.ReInit() == nil {
			t.Fatal("ReInit() = nil after the ReInit")
		}
		if _, err := g.Protect([]byte("too late"), nil); !errors.Is(err, ErrReInit) {
			t.Errorf("Protect() = %v, want ErrReInit", err)
		}
		if _, err := g.Commit(CommitOptions{}); !errors.Is(err, ErrReInit) {
			t.Errorf("Commit() = %v, want ErrReInit", err)
		}
	}

	packages := map[string]*KeyPackage{}
	var add [][]byte
	for _, name := range names {
		if name != "bob" {
			packages[name] = newKeyPackage(t, testClient(t, name, onOther))
			add = append(add, packages[name].Bytes())
		}
	}
	bob := testClient(t, "bob", onOther)
	if _, _, err := s.bob.Reinitialize(testClient(t, "bob"), add, CommitOptions{}); !errors.Is(err, ErrReInitMismatch) {
		t.Errorf("Reinitialize() with the old suite = %v, want ErrReInitMismatch", err)
	}
	if _, _, err := s.bob.Reinitialize(bob, add[1:], CommitOptions{}); !errors.Is(err, ErrReInitMembers) {
		t.Errorf("Reinitialize() without a member = %v, want ErrReInitMembers", err)
	}
	more := append(slices.Clip(add), newKeyPackage(t, testClient(t, "eve", onOther)).Bytes())
	if _, _, err := s.bob.Reinitialize(bob, more, CommitOptions{}); !errors.Is(err, ErrReInitMembers) {
		t.Errorf("Reinitialize() with somebody else = %v, want ErrReInitMembers", err)
	}
	next, commit, err := s.bob.Reinitialize(bob, add, CommitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(next.GroupID(), announced.GroupID) || next.Epoch() != 1 || next.Suite() != other {
		t.Errorf("new group = %x, epoch %d, suite %d", next.GroupID(), next.Epoch(), next.Suite())
	}
	for i, name := range names {
		if name == "bob" {
			continue
		}
		joined, err := packages[name].Join(commit.Welcomes[0].Message, JoinOptions{From: s.members()[i]})
		if err != nil {
			t.Fatalf("%s: Join() = %v", name, err)
		}
		if !bytes.Equal(joined.EpochAuthenticator(), next.EpochAuthenticator()) {
			t.Errorf("%s is in another epoch", name)
		}
		must1(joined.Process(must1(next.Protect([]byte("hello again"), nil))))
	}
}

// RFC 9420, Section 11.3.
func TestBranch(t *testing.T) {
	s := newScene(t)
	carol, dave := newKeyPackage(t, testClient(t, "carol")), newKeyPackage(t, testClient(t, "dave"))
	eve := newKeyPackage(t, testClient(t, "eve"))
	before := fingerprint(s.bob)
	if _, _, err := s.bob.Branch(nil, [][]byte{carol.Bytes(), eve.Bytes()}, CommitOptions{}); !errors.Is(err, ErrBranchMembers) {
		t.Errorf("Branch() with somebody else = %v, want ErrBranchMembers", err)
	}
	next, commit, err := s.bob.Branch(nil, [][]byte{carol.Bytes(), dave.Bytes()}, CommitOptions{WelcomePerJoiner: true})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(fingerprint(s.bob), before) {
		t.Error("a branch changed the group that it is from")
	}
	if bytes.Equal(next.GroupID(), s.bob.GroupID()) {
		t.Error("the branch has the id of its group")
	}
	// One joins when the group has gone on: the epoch is remembered.
	s.turn(t, s.alice)
	for i, k := range []*KeyPackage{carol, dave} {
		joined, err := k.Join(commit.Welcomes[i].Message, JoinOptions{From: s.members()[3+i]})
		if err != nil {
			t.Fatalf("Join() = %v", err)
		}
		if !bytes.Equal(joined.EpochAuthenticator(), next.EpochAuthenticator()) {
			t.Error("the joiner is in another epoch")
		}
	}
	s.turn(t, s.alice)
}

// What a joiner refuses of a group that claims to follow one, RFC 9420, Sections
// 11.2, 11.3 and 12.4.3.1.
func TestRefuseSuccessor(t *testing.T) {
	announced := mlswire.ReInit{GroupID: []byte("the next group"), Version: mlswire.MLS10, CipherSuite: quick}
	everybody := []string{"alice", "bob", "carol", "dave"}
	for _, c := range []struct {
		name   string
		want   error
		reInit bool // whether the group has ended
		forged successorForgery
	}{
		{"reinit of a group that goes on", ErrReInitMismatch, false, successorForgery{why: forReInit, id: announced.GroupID, names: everybody}},
		{"reinit with another id", ErrReInitMismatch, true, successorForgery{why: forReInit, id: []byte("another"), names: everybody}},
		{"reinit with other extensions", ErrReInitMismatch, true, successorForgery{
			why: forReInit, id: announced.GroupID, names: everybody, more: mlswire.Extensions{{Type: knownExtension}},
		}},
		{"reinit with another suite", ErrReInitMismatch, true, successorForgery{why: forReInit, id: announced.GroupID, names: everybody, suite: onOther}},
		{"reinit from the epoch before", ErrReInitMismatch, true, successorForgery{
			why: forReInit, id: announced.GroupID, names: everybody, psk: func(id *mlswire.PreSharedKeyID) { id.Epoch-- },
		}},
		{"reinit without a member", ErrReInitMembers, true, successorForgery{why: forReInit, id: announced.GroupID, names: everybody[1:]}},
		{"reinit with somebody else", ErrReInitMembers, true, successorForgery{
			why: forReInit, id: announced.GroupID, names: []string{"alice", "bob", "carol", "dave", "eve"},
		}},
		{"reinit with somebody in place of a member", ErrReInitMembers, true, successorForgery{
			why: forReInit, id: announced.GroupID, names: []string{"eve", "bob", "carol", "dave"},
		}},
		{"reinit later than its first epoch", ErrInitialEpoch, true, successorForgery{why: forReInit, id: announced.GroupID, names: everybody, turns: 1}},
		{"reinit of another group", ErrUnknownPSK, true, successorForgery{
			why: forReInit, id: announced.GroupID, names: everybody,
		}},
		{"branch with somebody else", ErrBranchMembers, false, successorForgery{why: forBranch, names: []string{"bob", "eve"}}},
		{"branch with another suite", ErrBranchMismatch, false, successorForgery{why: forBranch, names: []string{"bob"}, suite: onOther}},
		{"branch later than its first epoch", ErrInitialEpoch, false, successorForgery{why: forBranch, names: []string{"bob"}, turns: 1}},
		{"branch of an epoch that is forgotten", ErrUnknownPSK, false, successorForgery{
			why: forBranch, names: []string{"bob"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			if c.reInit {
				s.end(t, announced)
			}
			packages, welcome := c.forged.make(t, s)
			from := s.bob
			if errors.Is(c.want, ErrUnknownPSK) {
				from = newScene(t).bob // of another group, or so much later
			}
			k := packages["bob"]
			before, state := k.Snapshot().Expose(), fingerprint(from)
			if _, err := k.Join(welcome, JoinOptions{From: from}); !errors.Is(err, c.want) {
				t.Errorf("Join() = %v, want %v", err, c.want)
			}
			if !bytes.Equal(k.Snapshot().Expose(), before) || !bytes.Equal(fingerprint(from), state) {
				t.Error("a refused Welcome changed the state")
			}
		})
	}
}

// The forged group is accepted when there is nothing wrong with it.
func TestForgedSuccessorWithoutFaultIsAccepted(t *testing.T) {
	s := newScene(t)
	packages, welcome := successorForgery{why: forBranch, names: []string{"bob", "carol"}}.make(t, s)
	must1(packages["bob"].Join(welcome, JoinOptions{From: s.bob}))
	announced := mlswire.ReInit{GroupID: []byte("the next group"), Version: mlswire.MLS10, CipherSuite: quick}
	s.end(t, announced)
	packages, welcome = successorForgery{why: forReInit, id: announced.GroupID, names: []string{"alice", "bob", "carol", "dave"}}.make(t, s)
	must1(packages["bob"].Join(welcome, JoinOptions{From: s.bob}))
}

// A group that follows another is not joined by who does not name that group,
// even if the application knows the secret.
func TestRefuseSuccessorOfUnnamedGroup(t *testing.T) {
	s := newScene(t)
	knows := func(c *Config) {
		c.ResumptionPSK = func(id []byte, epoch uint64) (secret.Value, bool) {
			return s.bob.resumption(&mlswire.PreSharedKeyID{
				Type: mlswire.PSKTypeResumption, GroupID: id, Epoch: epoch,
			})
		}
	}
	packages, welcome := successorForgery{why: forBranch, names: []string{"bob"}, suite: knows}.make(t, s)
	if _, err := packages["bob"].Join(welcome, JoinOptions{}); !errors.Is(err, ErrNoPredecessor) {
		t.Errorf("Join() = %v, want ErrNoPredecessor", err)
	}
	if _, err := packages["bob"].Join(welcome, JoinOptions{From: newScene(t).bob}); !errors.Is(err, ErrNoPredecessor) {
		t.Errorf("Join() = %v, want ErrNoPredecessor", err)
	}
	must1(packages["bob"].Join(welcome, JoinOptions{From: s.bob}))
}

// Nor by who has forgotten the epoch that it is from, and with it who was in it.
func TestRefuseSuccessorOfForgottenEpoch(t *testing.T) {
	s := newScene(t)
	knows := func(c *Config) {
		c.ResumptionPSK = func(id []byte, epoch uint64) (secret.Value, bool) {
			return s.mallory.resumption(&mlswire.PreSharedKeyID{Type: mlswire.PSKTypeResumption, GroupID: id, Epoch: epoch})
		}
	}
	packages, welcome := successorForgery{why: forBranch, names: []string{"bob"}, suite: knows}.make(t, s)
	s.turn(t, s.alice)
	s.bob.past = nil
	if _, err := packages["bob"].Join(welcome, JoinOptions{From: s.bob}); !errors.Is(err, ErrNoPredecessor) {
		t.Errorf("Join() = %v, want ErrNoPredecessor", err)
	}
	must1(packages["bob"].Join(welcome, JoinOptions{From: s.carol}))
}

// A group whose secrets are gone begins no other.
func TestErasedGroupBeginsNoOther(t *testing.T) {
	s := newScene(t)
	s.end(t, mlswire.ReInit{GroupID: []byte("the next group"), Version: mlswire.MLS10, CipherSuite: quick})
	s.bob.Erase()
	if _, _, err := s.bob.Reinitialize(testClient(t, "bob"), nil, CommitOptions{}); !errors.Is(err, ErrRemoved) {
		t.Errorf("Reinitialize() = %v, want ErrRemoved", err)
	}
	if _, _, err := s.bob.Branch(nil, nil, CommitOptions{}); !errors.Is(err, ErrRemoved) {
		t.Errorf("Branch() = %v, want ErrRemoved", err)
	}
	if _, _, err := s.carol.Branch(nil, nil, CommitOptions{}); !errors.Is(err, ErrReInit) {
		t.Errorf("Branch() of a group that has ended = %v, want ErrReInit", err)
	}
}

// MemberID says who is the same member: here, whoever has the same first letter.
func TestMemberID(t *testing.T) {
	initial := func(c *Config) {
		c.MemberID = func(c mlswire.Credential) []byte { return c.Identity[:1] }
	}
	s := newScene(t, initial)
	bernard := newKeyPackage(t, testClient(t, "bernard", initial))
	_, commit, err := s.alice.Branch(nil, [][]byte{bernard.Bytes()}, CommitOptions{})
	if err != nil {
		t.Fatalf("Branch() = %v", err)
	}
	must1(bernard.Join(commit.Welcomes[0].Message, JoinOptions{From: s.bob}))
	eve := newKeyPackage(t, testClient(t, "eve", initial))
	if _, _, err := s.alice.Branch(nil, [][]byte{eve.Bytes()}, CommitOptions{}); !errors.Is(err, ErrBranchMembers) {
		t.Errorf("Branch() with somebody else = %v, want ErrBranchMembers", err)
	}
}
