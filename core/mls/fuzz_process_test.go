package mls

import (
	"bytes"
	"testing"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// A stage says where a message of Mallory's is changed. What comes after is made
// of the changed value, with her keys: she signs, tags and encrypts it.
type stage int

const (
	rawBytes    stage = iota // bytes of the message
	outerFields              // fields of the message, without signing it anew
	authFields               // signature, confirmation tag
	contentData              // the content, which is then signed
	pathNodes                // the path of a commit
	leafFields               // the leaf of the path, which is then signed
	leafAfter                // the leaf of the path, after it was signed
	plaintext                // what a PrivateMessage encrypts
	stages
)

// A fuzzCase is a kind of message that Bob receives from Mallory, in a state in
// which he accepts the genuine one.
type fuzzCase struct {
	name    string
	genuine []byte
	// bob and mallory are their states.
	bob, mallory secret.Value
	// from and signer are of who sends it, if it is not Mallory as a member.
	from   *mlswire.Sender
	signer *suite.SigningKey
	// content is what is changed and sent anew; a commit is made by a forgery.
	content   *mlswire.FramedContent
	proposals []mlswire.ProposalOrRef // of a commit
	private   bool
}

// A fuzzScene is what inputs choose from.
type fuzzScene struct {
	cases      []fuzzCase
	clients    [2]*Client // Bob's and Mallory's
	proposals  []mlswire.Proposal
	values     [][]byte
	references []mlswire.ProposalOrRef
}

func newFuzzScene(t testing.TB) *fuzzScene {
	s := newScene(t)
	f := &fuzzScene{clients: [2]*Client{s.bob.client, s.mallory.client}}
	newcomer := newKeyPackage(t, s.newcomer(t))
	f.proposals = []mlswire.Proposal{
		newcomer.add(), remove(s.carol.Self()), remove(s.mallory.Self()), remove(s.bob.Self()), psk(nil),
		forgeUpdate(t, s.mallory, nil, nil), forgeUpdate(t, s.carol, nil, nil),
		&mlswire.GroupContextExtensions{Extensions: s.bob.current.context.Extensions},
		&mlswire.ReInit{GroupID: []byte("next"), Version: mlswire.MLS10, CipherSuite: quick},
		&mlswire.ExternalInit{KEMOutput: make([]byte, 32)},
	}
	f.values = [][]byte{
		s.bob.current.context.GroupID, s.bob.current.context.TreeHash, s.bob.leaf().EncryptionKey, s.carol.leaf().SignatureKey,
		s.mallory.leaf().Signature, s.mallory.signer().Public(), make([]byte, 32), s.watcher.signer.Public(),
	}
	f.addProposals(t, s)
	f.addCommits(t, s)
	f.addOutsiders(t, s)
	f.addLate(t, s)
	return f
}

func (g *Group) leaf() *mlswire.LeafNode   { return g.current.leaf() }
func (g *Group) signer() *suite.SigningKey { return g.current.signer }

// add adds a case with the states as they are now.
func (f *fuzzScene) add(s *scene, c fuzzCase) {
	c.bob, c.mallory = s.bob.encode(), s.mallory.encode()
	f.cases = append(f.cases, c)
}

// addProposals adds application data and proposals of Mallory.
func (f *fuzzScene) addProposals(t testing.TB, s *scene) {
	e := s.mallory.current
	data := e.content([]byte("beside"))
	data.ContentType, data.ApplicationData = mlswire.ContentTypeApplication, []byte("hello")
	f.add(s, fuzzCase{name: "application data", content: &data, private: true})
	for i, p := range []mlswire.Proposal{f.proposals[0], f.proposals[1], f.proposals[4], f.proposals[5], f.proposals[7], f.proposals[8]} {
		c := e.content(nil)
		c.ContentType, c.Proposal = mlswire.ContentTypeProposal, p
		f.add(s, fuzzCase{name: "proposal", content: &c, private: i%2 == 1})
	}
}

// addCommits adds commits of Mallory.
func (f *fuzzScene) addCommits(t testing.TB, s *scene) {
	f.add(s, fuzzCase{name: "commit"})
	f.add(s, fuzzCase{name: "private commit", private: true})
	f.add(s, fuzzCase{name: "commit of many", proposals: byValue(f.proposals[0], f.proposals[1], f.proposals[4], f.proposals[7])})
	f.add(s, fuzzCase{name: "commit of a ReInit", proposals: byValue(f.proposals[8])})
	f.references = append(f.references,
		s.byReference(t, must1(s.carol.ProposeUpdate(LeafChange{}, SendOptions{})), s.carol),
		s.byReference(t, must1(s.bob.ProposeUpdate(LeafChange{}, SendOptions{})), s.bob),
		s.byReference(t, must1(s.dave.ProposePSK([]byte("psk"), SendOptions{})), s.dave),
	)
	f.add(s, fuzzCase{name: "commit by reference", proposals: f.references})
	f.add(s, fuzzCase{name: "private commit by reference", proposals: append(byValue(f.proposals[1]), f.references[1:]...), private: true})
}

// addOutsiders adds proposals and commits of those outside.
func (f *fuzzScene) addOutsiders(t testing.TB, s *scene) {
	context := &s.bob.current.context
	content := mlswire.FramedContent{
		GroupID: context.GroupID, Epoch: context.Epoch, Sender: mlswire.Sender{Type: mlswire.SenderTypeExternal},
		ContentType: mlswire.ContentTypeProposal, Proposal: f.proposals[1],
	}
	f.add(s, fuzzCase{name: "external proposal", content: &content, from: &content.Sender, signer: s.watcher.signer})
	client := s.newcomer(t)
	own := content
	own.Sender, own.Proposal = mlswire.Sender{Type: mlswire.SenderTypeNewMemberProposal}, newKeyPackage(t, client).add()
	f.add(s, fuzzCase{name: "new member's proposal", content: &own, from: &own.Sender, signer: client.signer})

	_, commit := must2(client.JoinExternal(must1(s.alice.GroupInfo(true)), ExternalOptions{PSK: [][]byte{[]byte("psk")}}))
	m := must1(mlswire.ParseMessage(commit.Message))
	f.add(s, fuzzCase{
		name: "external commit", genuine: commit.Message, content: &m.PublicMessage.Content,
		from: &m.PublicMessage.Content.Sender, signer: client.signer,
	})
}

// addLate adds application data of an epoch that has ended.
func (f *fuzzScene) addLate(t testing.TB, s *scene) {
	e := s.mallory.current
	data := e.content([]byte("beside"))
	data.ContentType, data.ApplicationData = mlswire.ContentTypeApplication, []byte("late")
	mallory := s.mallory.encode()
	s.turn(t, s.alice)
	f.cases = append(f.cases, fuzzCase{
		name: "late application data", content: &data, private: true, bob: s.bob.encode(), mallory: mallory,
	})
}

// A fuzzed message and what its sender makes of it.
type fuzzed struct {
	message []byte
	next    *epoch // of a commit of Mallory
	// broken says that something is not what a signature, tag or ciphertext was
	// made for: it must be refused.
	broken bool
}

// make makes the message of a case, changed at a stage, or genuine without a
// mutator.
func (c *fuzzCase) make(t testing.TB, mallory *Group, at stage, m *mutator) fuzzed {
	t.Helper()
	is := func(s stage) bool { return m != nil && at == s }
	var out fuzzed
	switch {
	case m == nil && c.genuine != nil:
		out.message = c.genuine
	case c.content == nil:
		out = c.commit(t, mallory, at, m)
	case is(plaintext) && c.private && c.content.ContentType == mlswire.ContentTypeApplication:
		out.message = privateWith(t, mallory, func(d *senderData) { m.change(d) }, func(b []byte) []byte {
			b = m.bytes(b)
			return append(b, make([]byte, max(0, mallory.current.suite.HashSize()-len(b)))...) // privateWith takes a sample of so much
		})
	default:
		out = c.send(t, mallory, at, m)
	}
	honest := out.message
	switch {
	case is(rawBytes):
		for range 1 + m.index(4) {
			out.message = m.bytes(out.message)
		}
	case is(outerFields):
		if message, err := mlswire.ParseMessage(out.message); err == nil {
			if message.PublicMessage != nil {
				m.change(message.PublicMessage)
			} else {
				m.change(message.PrivateMessage)
			}
			out.message = message.Marshal()
		}
	}
	out.broken = out.broken || !bytes.Equal(out.message, honest)
	return out
}

// commit makes a commit of Mallory.
func (c *fuzzCase) commit(t testing.TB, mallory *Group, at stage, m *mutator) fuzzed {
	t.Helper()
	f := forgery{proposals: c.proposals, private: c.private}
	broken := false
	if m != nil {
		switch at {
		case authFields:
			f.auth = func(a *mlswire.FramedContentAuthData) { broken = m.auth(a, mlswire.ContentTypeCommit) }
		case contentData:
			f.content = func(content *mlswire.FramedContent) { *content = *m.content(t, content) }
		case pathNodes:
			f.path = func(_ *transition, p *mlswire.UpdatePath) { m.change(&p.Nodes) }
		case leafFields, leafAfter:
			hook := func(l *mlswire.LeafNode) {
				before := mlswire.Marshal(l)
				own := must1(mlswire.ParseLeafNode(before))
				m.change(own)
				*l = *own
				broken = at == leafAfter && !bytes.Equal(mlswire.Marshal(l), before)
			}
			if at == leafFields {
				f.leaf = hook
			} else {
				f.signedLeaf = hook
			}
		case plaintext: // here: the proposals, before anything is computed
			f.proposals = m.commit(t, &mlswire.Commit{Proposals: f.proposals}).Proposals
			f.noPath = m.next()%2 == 1
		default: // make changes the message
		}
	}
	made := f.make(t, mallory)
	return fuzzed{made.message, made.next, broken}
}

// auth changes signature or confirmation tag and reports whether it did. Only a
// commit has the tag.
func (m *mutator) auth(a *mlswire.FramedContentAuthData, t mlswire.ContentType) bool {
	before := *a
	m.change(a)
	return !bytes.Equal(a.Signature, before.Signature) ||
		t == mlswire.ContentTypeCommit && !bytes.Equal(a.ConfirmationTag, before.ConfirmationTag)
}

// send makes a message of a content.
func (c *fuzzCase) send(t testing.TB, mallory *Group, at stage, m *mutator) fuzzed {
	t.Helper()
	content := *c.content
	if m != nil && (at == contentData || at == plaintext) {
		content = *m.content(t, &content)
	}
	// A PrivateMessage says who sent it only by the key.
	f := forgery{private: c.private && content.Sender == mallory.current.sender(), contentSigner: c.signer}
	signed := f.sign(t, mallory.current, content)
	if c.genuine != nil {
		signed.Auth.ConfirmationTag = must1(mlswire.ParseMessage(c.genuine)).PublicMessage.Auth.ConfirmationTag
	}
	broken := m != nil && at == authFields && m.auth(&signed.Auth, content.ContentType)
	return fuzzed{message: f.protect(t, mallory, signed), broken: broken}
}

// content returns a changed copy of a content.
func (m *mutator) content(t testing.TB, c *mlswire.FramedContent) *mlswire.FramedContent {
	t.Helper()
	a := mlswire.AuthenticatedContent{WireFormat: 1, Content: *c}
	own := must1(mlswire.ParseAuthenticatedContent(mlswire.Marshal(&a))).Content
	for range 1 + m.index(3) {
		m.change(&own)
	}
	return &own
}

// commit returns a changed copy of a commit.
func (m *mutator) commit(t testing.TB, c *mlswire.Commit) *mlswire.Commit {
	t.Helper()
	own := must1(mlswire.ParseCommit(mlswire.Marshal(c)))
	for range 1 + m.index(3) {
		m.change(own)
	}
	return own
}

// FuzzProcess has Bob process a message that Mallory, a member with all keys, has
// changed in any of its parts and signed, tagged and encrypted anew. He must not
// panic. What he refuses changes nothing; a commit changes nothing before it is
// merged, and then leads where its sender is; and the genuine message is accepted
// in its place.
func FuzzProcess(f *testing.F) {
	scene := newFuzzScene(f)
	for i := range scene.cases {
		for s := range stages {
			for op := range byte(3) {
				f.Add(uint8(i), uint8(s), []byte{37 * op, op, 3 * op, op, 1})
			}
		}
	}
	// Every field of a proposal and of a commit once.
	for field := range byte(40) {
		f.Add(uint8(1), uint8(outerFields), []byte{field, 0})
		f.Add(uint8(7), uint8(outerFields), []byte{field, 0})
		f.Add(uint8(7), uint8(leafFields), []byte{field, 0})
	}
	f.Fuzz(func(t *testing.T, which, at uint8, ops []byte) {
		c := &scene.cases[int(which)%len(scene.cases)]
		bob, mallory := must1(scene.clients[0].Restore(c.bob)), must1(scene.clients[1].Restore(c.mallory))
		genuine := c.make(t, mallory, 0, nil)
		m := &mutator{ops: ops, pool: scene.values, proposals: scene.proposals}
		changed := c.make(skipping{t}, mallory, stage(at%uint8(stages)), m)

		before := bob.encode()
		received, err := bob.Process(changed.message)
		if err != nil || isStaged(received) {
			if !bob.encode().Equal(before) {
				t.Fatalf("%s: Process = %T, %v changes the state", c.name, received, err)
			}
			accepts(t, c, bob, genuine.message)
		}
		if err == nil && changed.broken {
			t.Fatalf("%s: a message that its sender did not make is accepted: %T", c.name, received)
		}
		if err == nil {
			holds(t, c, bob, received, changed)
		}
	})
}

// skipping skips the test where a message cannot be made: package framing refuses
// to encrypt some contents.
type skipping struct{ testing.TB }

func (s skipping) Fatal(args ...any) { s.Skip(args...) }

func isStaged(r Received) bool {
	_, ok := r.(*StagedCommit)
	return ok
}

// accepts checks that the genuine message is accepted, and does not merge it. It
// goes to a copy of the group.
func accepts(t *testing.T, c *fuzzCase, g *Group, message []byte) {
	t.Helper()
	again := must1(g.client.Restore(g.encode()))
	if _, err := again.Process(message); err != nil {
		t.Fatalf("%s: the genuine message is refused afterwards: %v", c.name, err)
	}
}

// holds checks the group after what was accepted: that it can be saved, and after
// a commit that it has a valid tree and is where the committer is.
func holds(t *testing.T, c *fuzzCase, g *Group, received Received, from fuzzed) {
	t.Helper()
	if s, ok := received.(*StagedCommit); ok {
		if err := g.Merge(s); err != nil {
			t.Fatalf("%s: Merge = %v", c.name, err)
		}
		switch {
		case g.removed:
		case from.next != nil && !bytes.Equal(g.EpochAuthenticator(), from.next.secrets.Authenticator.Expose()):
			t.Fatalf("%s: the commit leads elsewhere than its sender is", c.name)
		}
		checkTree(t, c, g)
	}
	state := g.encode()
	if again, err := g.client.Restore(state); err != nil || !again.encode().Equal(state) {
		t.Fatalf("%s: the group cannot be saved afterwards: %v", c.name, err)
	}
}

func checkTree(t *testing.T, c *fuzzCase, g *Group) {
	t.Helper()
	nodes, err := mlswire.ParseRatchetTree(g.RatchetTree())
	if err != nil {
		t.Fatalf("%s: ParseRatchetTree = %v", c.name, err)
	}
	again, err := tree.FromNodes(g.current.suite, nodes)
	if err != nil {
		t.Fatalf("%s: FromNodes = %v", c.name, err)
	}
	if err := again.CheckParentHashes(); err != nil {
		t.Fatalf("%s: CheckParentHashes = %v", c.name, err)
	}
	if !bytes.Equal(again.Hash(), g.current.context.TreeHash) {
		t.Fatalf("%s: the context has another tree hash than the tree", c.name)
	}
}
