package mls

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// quick is the suite of most of these tests: what they are about does not
// depend on the suite, and this one is fast under js/wasm too.
const quick = suite.MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519

// Private-use types that every member of a scene supports, and one that nobody does.
const (
	knownExtension   mlswire.ExtensionType = 0xff01
	knownProposal    mlswire.ProposalType  = 0xff02
	unknownExtension mlswire.ExtensionType = 0xff03
)

var (
	testNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

	errStranger = errors.New("the authentication service does not know this one")
)

// stranger is a name that the authentication service of a scene refuses.
const stranger = "stranger"

// testClient returns a client with a basic credential of that name. Edits change
// its configuration.
func testClient(t testing.TB, name string, edits ...func(*Config)) *Client {
	t.Helper()
	capabilities := defaultCapabilities(quick)
	capabilities.Extensions = []mlswire.ExtensionType{knownExtension}
	capabilities.Proposals = []mlswire.ProposalType{knownProposal}
	config := Config{
		Suite:             quick,
		Credential:        basic(name),
		Capabilities:      &capabilities,
		Now:               func() time.Time { return testNow },
		AllowJoinRequests: true, AllowExternalCommits: true,
		Authenticate: func(id Identity) error {
			if string(id.Credential.Identity) == stranger {
				return errStranger
			}
			return nil
		},
		PSK: func(id []byte) (secret.Value, bool) {
			return secret.New([]byte("a pre-shared key")), string(id) == "psk"
		},
	}
	for _, edit := range edits {
		edit(&config)
	}
	c, err := NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// postQuantum gives a client the suite that is the default.
func postQuantum(c *Config) {
	capabilities := *c.Capabilities
	capabilities.CipherSuites = []mlswire.CipherSuite{suite.Default}
	c.Suite, c.Capabilities = suite.Default, &capabilities
}

func basic(name string) mlswire.Credential {
	return mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: []byte(name)}
}

// A scene is a group of five, one of whom means ill: Mallory, at leaf 1. All
// have committed once, so that no node above a member is blank. There is an
// external sender, too.
type scene struct {
	alice, mallory, bob, carol, dave *Group
	watcher                          *Client // entry 0 of external_senders
	joined                           int     // how many others joined, for their names
}

// newScene makes a scene. Edits are applied to the configuration of everybody.
func newScene(t testing.TB, edits ...func(*Config)) *scene {
	t.Helper()
	s := &scene{watcher: testClient(t, "watcher")}
	extensions := mlswire.Extensions{
		{Type: mlswire.ExtensionTypeRequiredCapabilities, Data: mlswire.Marshal(&mlswire.RequiredCapabilities{
			ExtensionTypes:  []mlswire.ExtensionType{knownExtension, mlswire.ExtensionTypeApplicationID},
			ProposalTypes:   []mlswire.ProposalType{knownProposal, mlswire.ProposalTypeAdd},
			CredentialTypes: []mlswire.CredentialType{mlswire.CredentialTypeBasic},
		})},
		{Type: mlswire.ExtensionTypeExternalSenders, Data: mlswire.Marshal(mlswire.ExternalSenders{
			{SignatureKey: s.watcher.signer.Public(), Credential: s.watcher.leaf.credential},
		})},
		{Type: knownExtension, Data: []byte("what all agree on")},
	}
	var err error
	if s.alice, err = testClient(t, "alice", edits...).CreateGroup(nil, extensions); err != nil {
		t.Fatal(err)
	}
	var packages []*KeyPackage
	var add [][]byte
	for _, name := range []string{"mallory", "bob", "carol", "dave"} {
		k := newKeyPackage(t, testClient(t, name, edits...))
		packages, add = append(packages, k), append(add, k.Bytes())
	}
	commit, err := s.alice.Commit(CommitOptions{Add: add})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.alice.MergeCommit(); err != nil {
		t.Fatal(err)
	}
	for i, g := range []**Group{&s.mallory, &s.bob, &s.carol, &s.dave} {
		if *g, err = packages[i].Join(commit.Welcomes[0].Message, JoinOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range s.members() {
		s.turn(t, g)
	}
	return s
}

func newKeyPackage(t testing.TB, c *Client) *KeyPackage {
	t.Helper()
	k, err := c.NewKeyPackage()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// members returns the groups in the order of their leaves.
func (s *scene) members() []*Group { return []*Group{s.alice, s.mallory, s.bob, s.carol, s.dave} }

// turn lets one member commit and all others follow.
func (s *scene) turn(t testing.TB, committer *Group) {
	t.Helper()
	commit, err := committer.Commit(CommitOptions{WithoutPending: true})
	if err != nil {
		t.Fatalf("honest commit: %v", err)
	}
	for _, g := range s.members() {
		if g != committer {
			follow(t, g, commit.Message)
		}
	}
	if err := committer.MergeCommit(); err != nil {
		t.Fatal(err)
	}
	for _, g := range s.members() {
		if !bytes.Equal(g.EpochAuthenticator(), committer.EpochAuthenticator()) {
			t.Fatal("members are in different epochs after an honest commit")
		}
	}
}

// follow processes and merges a commit.
func follow(t testing.TB, g *Group, message []byte) {
	t.Helper()
	received, err := g.Process(message)
	if err != nil {
		t.Fatalf("honest commit: Process() = %v", err)
	}
	if err := g.Merge(received.(*StagedCommit)); err != nil {
		t.Fatalf("honest commit: Merge() = %v", err)
	}
}

// newcomer returns a client that is not a member.
func (s *scene) newcomer(t testing.TB, edits ...func(*Config)) *Client {
	t.Helper()
	s.joined++
	return testClient(t, "newcomer "+string(rune('0'+s.joined%10)), edits...)
}

// fingerprint is the whole state of a group. Taking it changes nothing but what
// the group may send before it is taken again.
func fingerprint(g *Group) []byte { return g.Snapshot().Expose() }

// refuses processes a message that breaks a rule. It must be refused with want
// and change nothing.
func refuses(t testing.TB, g *Group, message []byte, want error) {
	t.Helper()
	before := fingerprint(g)
	received, err := g.Process(message)
	if !errors.Is(err, want) {
		t.Errorf("Process() = %T, %v, want %v", received, err, want)
	}
	if !bytes.Equal(fingerprint(g), before) {
		t.Error("a refused message changed the state")
	}
}

// A refusal is a message that breaks one rule.
type refusal struct {
	name string // of the rule, with its section
	want error
	// message makes it; what it needs beforehand it does to the scene.
	message func(t *testing.T, s *scene) []byte
}

// refuseAll runs refusals one after the other in one scene: Bob processes the
// message of each, and then the members go on with an honest commit.
func refuseAll(t *testing.T, cases []refusal, edits ...func(*Config)) {
	t.Helper()
	s := newScene(t, edits...)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			refuses(t, s.bob, c.message(t, s), c.want)
			s.turn(t, s.mallory)
		})
		if t.Failed() {
			s = newScene(t, edits...) // so that one failure does not cause others
		}
	}
}
