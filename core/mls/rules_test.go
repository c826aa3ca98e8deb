package mls

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"conclave/core/mlswire"
)

// Lists are as long as others make them: two of 2^16 types each are compared by
// looking at each type once, not at each pair.
func TestLongCapabilities(t *testing.T) {
	have := make([]mlswire.ExtensionType, 1<<16)
	for i := range have {
		have[i] = mlswire.ExtensionType(i)
	}
	short := have[:1<<16-1]
	if !includes(have, have) || !includes(have, short) || includes(short, have) {
		t.Error("includes() compares long lists wrongly")
	}
	if n := testing.AllocsPerRun(10, func() { includes(have, have) }); n != 0 {
		t.Errorf("includes() allocates %v times", n)
	}
}

// An Add that has expired while it waited is left out of an honest commit, and
// accepted in one that was made earlier: RFC 9420, Section 7.3.
func TestExpiredAddIsNotCommitted(t *testing.T) {
	now := testNow
	s := newScene(t, func(c *Config) { c.Now = func() time.Time { return now } })
	k := newKeyPackage(t, s.newcomer(t))
	ref := s.byReference(t, must1(s.mallory.ProposeAdd(k.Bytes(), SendOptions{})), s.mallory)
	early := forgery{proposals: []mlswire.ProposalOrRef{ref}}.commit(t, s.mallory)
	now = now.Add(DefaultLifetime + time.Hour)
	must1(s.alice.Commit(CommitOptions{}))
	if got := s.alice.pending.Proposals(); len(got) != 0 {
		t.Errorf("the commit took in %d proposals, want 0", len(got))
	}
	must0(s.alice.DiscardCommit())
	if _, err := s.bob.Process(early); err != nil {
		t.Errorf("Process() of a commit that comes late = %v", err)
	}
	// So late that no honest committer has taken it.
	now = now.Add(lateness)
	refuses(t, s.bob, mallory(k.add())(t, s), ErrLifetime)
}

// Credential types must be supported by all, RFC 9420, Section 7.3.
func TestRefuseCredentialSupport(t *testing.T) {
	lists := func(types ...mlswire.CredentialType) func(*Config) {
		return func(c *Config) {
			capabilities := *c.Capabilities
			capabilities.Credentials = types
			c.Capabilities = &capabilities
		}
	}
	const basicType, x509Type = mlswire.CredentialTypeBasic, mlswire.CredentialTypeX509
	certificate := func(l *mlswire.LeafNode) { l.Credential = certified(l.SignatureKey) }

	t.Run("members do not support the newcomer's", func(t *testing.T) {
		s := newScene(t, lists(basicType))
		k := keyPackageForgery{leaf: certificate}.make(t, s.newcomer(t, lists(basicType, x509Type)))
		refuses(t, s.bob, mallory(k.add())(t, s), ErrCredentialSupport)
		s.turn(t, s.mallory)
		// Mallory's own new credential is refused as well.
		refuses(t, s.bob, forgery{leaf: func(l *mlswire.LeafNode) {
			certificate(l)
			l.Capabilities.Credentials = []mlswire.CredentialType{basicType, x509Type}
		}}.commit(t, s.mallory), ErrCredentialSupport)
		s.turn(t, s.mallory)
	})
	t.Run("a member that others let in with one that they do not support", func(t *testing.T) {
		s := newScene(t, lists(basicType))
		frank := newKeyPackage(t, s.newcomer(t, lists(basicType)))
		accomplice := keyPackageForgery{leaf: certificate}.make(t, s.newcomer(t, lists(basicType, x509Type)))
		out := forgery{proposals: byValue(accomplice.add(), frank.add())}.make(t, s.mallory)
		if _, err := frank.Join(welcomeForgery{}.make(t, out, frank), JoinOptions{}); !errors.Is(err, ErrCredentialSupport) {
			t.Errorf("Join() = %v, want ErrCredentialSupport", err)
		}
	})
	t.Run("the newcomer does not support a member's", func(t *testing.T) {
		s := newScene(t)
		credential := certified(s.carol.current.signer.Public())
		c := must1(s.carol.Commit(CommitOptions{Leaf: LeafChange{Credential: &credential}}))
		s.settle(t, s.carol, c.Message)
		k := newKeyPackage(t, s.newcomer(t, lists(basicType)))
		refuses(t, s.bob, mallory(k.add())(t, s), ErrCredentialSupport)
		s.turn(t, s.mallory)
		// Nor may a member stop supporting it.
		refuses(t, s.bob, forgery{leaf: func(l *mlswire.LeafNode) {
			l.Capabilities.Credentials = []mlswire.CredentialType{basicType}
		}}.commit(t, s.mallory), ErrCredentialSupport)
		update := forgeUpdate(t, s.mallory, func(l *mlswire.LeafNode) {
			l.Capabilities.Credentials = []mlswire.CredentialType{basicType}
		}, nil)
		ref := s.byReference(t, forgeProposal(t, s.mallory, s.mallory.current.sender(), nil, update), s.mallory)
		refuses(t, s.bob, forgery{proposals: []mlswire.ProposalOrRef{ref}}.commit(t, s.carol), ErrCredentialSupport)
		// With Carol removed in the same commit there is nobody to support.
		c = must1(s.alice.Commit(CommitOptions{Remove: []LeafIndex{3}, Add: [][]byte{k.Bytes()}, WithoutPending: true}))
		follow(t, s.bob, c.Message)
		must1(k.Join(c.Welcomes[0].Message, JoinOptions{}))
	})
}

// A member may be removed and its client added again in one commit, RFC 9420,
// Section 12.2.
func TestRemoveAndAddAgain(t *testing.T) {
	s := newScene(t)
	k := newKeyPackage(t, s.carol.client)
	c, err := s.alice.Commit(CommitOptions{Remove: []LeafIndex{3}, Add: [][]byte{k.Bytes()}})
	if err != nil {
		t.Fatalf("Commit() = %v", err)
	}
	follow(t, s.bob, c.Message)
	must1(k.Join(c.Welcomes[0].Message, JoinOptions{}))
}

// Required capabilities may be introduced with the removal of who lacks them, RFC
// 9420, Section 12.1.7.
func TestRequireWhatOnlyTheRemovedLack(t *testing.T) {
	s := newScene(t)
	frank := newKeyPackage(t, s.newcomer(t))
	c := must1(s.alice.Commit(CommitOptions{Add: [][]byte{frank.Bytes()}}))
	s.settle(t, s.alice, c.Message)
	// Everybody but Frank, at leaf 5, gets to support one more extension.
	more := s.bob.client.leaf.capabilities
	more.Extensions = append(slices.Clone(more.Extensions), unknownExtension)
	for _, g := range s.members() {
		c := must1(g.Commit(CommitOptions{Leaf: LeafChange{Capabilities: &more}}))
		s.settle(t, g, c.Message)
	}
	extensions := s.extensions(mlswire.Extension{Type: unknownExtension}).Extensions
	if _, err := s.alice.Commit(CommitOptions{Extensions: &extensions}); !errors.Is(err, ErrGroupExtension) {
		t.Errorf("Commit() with Frank = %v, want ErrGroupExtension", err)
	}
	c, err := s.alice.Commit(CommitOptions{Extensions: &extensions, Remove: []LeafIndex{5}})
	if err != nil {
		t.Fatalf("Commit() = %v", err)
	}
	follow(t, s.bob, c.Message)
}

// Lifetimes at their limits, RFC 9420, Sections 7.2 and 7.3.
func TestLifetime(t *testing.T) {
	at := func(from, to time.Duration) mlswire.Lifetime { return lifetime(from, to) }
	p := policy{now: testNow}
	for _, c := range []struct {
		name           string
		lifetime       mlswire.Lifetime
		send, received bool
	}{
		{"within", at(-time.Hour, time.Hour), true, true},
		{"from now", at(0, time.Hour), true, true},
		{"until now", at(-time.Hour, 0), true, true},
		{"over since a second", at(-time.Hour, -time.Second), false, true},
		{"over since as long as may be", at(-40*24*time.Hour, -lateness), false, true},
		{"over since a second longer", at(-40*24*time.Hour, -lateness-time.Second), false, false},
		{"begins in a second", at(time.Second, time.Hour), false, true},
		{"begins when clocks may say", at(skew, 2*skew), false, true},
		{"begins a second later", at(skew+time.Second, 2*skew), false, false},
		{"from the beginning of time", mlswire.Lifetime{NotAfter: 1 << 62}, true, true},
		{"from the end of time", mlswire.Lifetime{NotBefore: 1<<64 - 1, NotAfter: 1<<64 - 1}, false, false},
	} {
		if got := p.inside(c.lifetime, true); got != c.send {
			t.Errorf("%s: inside() for sending = %v, want %v", c.name, got, c.send)
		}
		if got := p.inside(c.lifetime, false); got != c.received {
			t.Errorf("%s: inside() for receiving = %v, want %v", c.name, got, c.received)
		}
	}
	early := policy{now: time.Unix(-1000, 0)} // a clock that was never set
	if early.inside(at(-time.Hour, time.Hour), false) {
		t.Error("inside() = true for a clock before 1970")
	}
	year := policy{now: testNow, maxLifetime: 366 * 24 * time.Hour}
	for l, want := range map[mlswire.Lifetime]bool{
		at(0, 366*24*time.Hour):             true,
		at(0, 366*24*time.Hour+time.Second): false,
		at(0, 0):                            true,
		at(time.Second, 0):                  false,
		{NotAfter: 1<<64 - 1}:               false,
	} {
		if got := year.accepts(l); got != want {
			t.Errorf("accepts(%v) = %v, want %v", l, got, want)
		}
	}
}

// A list that was not decoded, but made here, has no type twice either, RFC 9420,
// Section 13.4.
func TestRefuseOwnDuplicateExtension(t *testing.T) {
	twice := mlswire.Extensions{{Type: knownExtension}, {Type: knownExtension}}
	if _, err := testClient(t, "alice").CreateGroup(nil, twice); !errors.Is(err, ErrDuplicateExtension) {
		t.Errorf("CreateGroup() = %v, want ErrDuplicateExtension", err)
	}
	s := newScene(t)
	before := fingerprint(s.alice)
	if _, err := s.alice.Commit(CommitOptions{Extensions: &twice}); !errors.Is(err, ErrDuplicateExtension) {
		t.Errorf("Commit() = %v, want ErrDuplicateExtension", err)
	}
	if _, err := s.alice.Commit(CommitOptions{Leaf: LeafChange{Extensions: &twice}}); !errors.Is(err, ErrDuplicateExtension) {
		t.Errorf("Commit() with such a leaf = %v, want ErrDuplicateExtension", err)
	}
	if _, err := s.alice.ProposeUpdate(LeafChange{Extensions: &twice}, SendOptions{}); !errors.Is(err, ErrDuplicateExtension) {
		t.Errorf("ProposeUpdate() = %v, want ErrDuplicateExtension", err)
	}
	if !bytes.Equal(fingerprint(s.alice), before) {
		t.Error("what was refused changed the state")
	}
}

// An Update is of a member, RFC 9420, Sections 12.1.2 and 12.1.8. None by anybody
// else is kept when it arrives; were there one, it would not be committed.
func TestRefuseUpdateOfNoMember(t *testing.T) {
	s := newScene(t)
	update := forgeUpdate(t, s.carol, nil, nil)
	for _, from := range []mlswire.Sender{
		{Type: mlswire.SenderTypeExternal, Index: 3}, {Type: mlswire.SenderTypeNewMemberProposal, Index: 3},
	} {
		sent := sentProposal{Proposal: update, Sender: from}
		if _, err := s.bob.rules().plan([]sentProposal{sent}, 1, forOrdinary, false); !errors.Is(err, ErrExternalProposal) {
			t.Errorf("plan() with an Update from %v = %v, want ErrExternalProposal", from, err)
		}
		if err := s.bob.rules().proposal(sent, false); !errors.Is(err, ErrExternalProposal) {
			t.Errorf("proposal() with an Update from %v = %v, want ErrExternalProposal", from, err)
		}
	}
}

// What the decoder already refuses, the rules do too.
func TestRefuseWhatIsNotDecoded(t *testing.T) {
	s := newScene(t)
	r := s.bob.rules()
	for _, id := range []mlswire.PreSharedKeyID{
		{Type: 0}, {Type: 3}, {Type: mlswire.PSKTypeResumption}, {Type: mlswire.PSKTypeResumption, Usage: 4},
	} {
		id.PSKNonce = make([]byte, 32)
		if err := r.preSharedKey(&mlswire.PreSharedKey{PSK: id}, forOrdinary); !errors.Is(err, ErrPSKType) {
			t.Errorf("preSharedKey(type %d, usage %d) = %v, want ErrPSKType", id.Type, id.Usage, err)
		}
	}
	// Only members have the keys to encrypt, Section 6.3.
	c := &mlswire.FramedContent{ContentType: mlswire.ContentTypeProposal, Proposal: remove(3)}
	for _, from := range []mlswire.SenderType{
		mlswire.SenderTypeExternal, mlswire.SenderTypeNewMemberProposal, mlswire.SenderTypeNewMemberCommit,
	} {
		c.Sender.Type = from
		if _, err := r.sender(c, mlswire.WireFormatPrivateMessage); !errors.Is(err, ErrSenderContent) {
			t.Errorf("sender() of a PrivateMessage by %d = %v, want ErrSenderContent", from, err)
		}
	}
	c.Sender.Type = 9
	if _, err := r.sender(c, mlswire.WireFormatPublicMessage); !errors.Is(err, ErrSender) {
		t.Errorf("sender() of an unknown type = %v, want ErrSender", err)
	}
}

// A client keeps so many proposals and no more.
func TestRefuseTooManyProposals(t *testing.T) {
	s := newScene(t)
	message := must1(s.mallory.ProposeRemove(4, SendOptions{}))
	s.bob.proposals = make([]*proposal, maxProposals)
	for i := range s.bob.proposals {
		s.bob.proposals[i] = &proposal{sentProposal: sentProposal{Proposal: remove(3)}}
	}
	if _, err := s.bob.Process(message); !errors.Is(err, ErrTooManyProposals) {
		t.Errorf("Process() = %v, want ErrTooManyProposals", err)
	}
	if _, err := s.bob.ProposeRemove(4, SendOptions{}); !errors.Is(err, ErrTooManyProposals) {
		t.Errorf("ProposeRemove() = %v, want ErrTooManyProposals", err)
	}
	s.bob.proposals = nil
	s.turn(t, s.mallory)
}

// Each error that the rules name is what a test wants of something refused. One
// that no test wants is a rule that nobody knows to hold.
func TestEveryRuleIsTested(t *testing.T) {
	read := func(pattern string) string {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files %s: %v", pattern, err)
		}
		var all strings.Builder
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(source)
		}
		return all.String()
	}
	words := func(source string) map[string]bool {
		set := map[string]bool{}
		for _, w := range strings.FieldsFunc(source, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			set[w] = true
		}
		return set
	}
	tests, below := words(read("*_test.go")), words(read("internal/*/*_test.go"))
	declared := regexp.MustCompile(`(?m)^\t(Err\w+) += \w+\.(\w+)`).FindAllStringSubmatch(read("*rrors*.go"), -1)
	if len(declared) < 80 {
		t.Fatalf("found %d errors; were they moved?", len(declared))
	}
	for _, m := range declared {
		// An error of a package below may be tested there, under the name it has.
		if !tests[m[1]] && (m[2] == "New" || !below[m[2]]) {
			t.Errorf("no test wants %s", m[1])
		}
	}
}
