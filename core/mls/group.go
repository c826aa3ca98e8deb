package mls

import (
	"crypto/rand"
	"slices"

	"conclave/core/mls/internal/schedule"
	"conclave/core/mls/internal/secrettree"
	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// A LeafIndex is a member's place in the tree. It means one member only within
// an epoch, RFC 9420, Section 5.3.3.
type LeafIndex = tree.LeafIndex

// A Group is a group as one of its members knows it: the present epoch, what is
// kept of the last ones, and what waits to change it. It is not for concurrent
// use. Every method that returns an error has then changed nothing.
//
//	             Commit                MergeCommit
//	[epoch n] ------------> [pending] -------------> [epoch n+1]
//	    |  ^                  |   |                        ^
//	    |  |   DiscardCommit  |   |  Process, Merge        |
//	    |  '------------------'   '------------------------|
//	    |                    Process, Merge                |
//	    '--------------------------------------------------'
type Group struct {
	client  *Client
	current *epoch
	// messages are the message keys of the present epoch, RFC 9420, Section 9.
	messages *secrettree.Tree
	// past are the epochs that have ended, the oldest first.
	past []*pastEpoch
	// proposals are those of this epoch, in the order of their arrival.
	proposals []*proposal
	// pending is the own commit that waits to be merged or discarded.
	pending *StagedCommit
	// sealed is the epoch in which a commit without path was discarded that had
	// Welcomes. The same commit made again would encrypt its GroupInfo, which may be
	// another, with the same key and nonce (RFC 9420, Section 12.4.3.1): those that
	// follow have a path, whose secrets are new.
	sealed *epoch
	// removed says that a commit has removed this member. Then the epoch is
	// the last one that it was in, without secrets.
	removed bool
	// lease says how far the last snapshot allows to send.
	lease lease
	// origin is the group that this one follows while its first commit is made.
	origin *Group
}

// A lease is how far a group may send before it must be saved again: a restored
// group begins where the lease ends, so that no generation is used twice, RFC
// 9420, Section 6.3.1.
type lease struct {
	// taken says that a snapshot was taken once; without any there is nothing
	// to keep to.
	taken bool
	// The first generations that may not be used.
	handshake, application uint32
	// idle is the epoch that was restored, while nobody wants to send in it.
	// Snapshots then extend no lease, or else each restart would skip some
	// generations, and others would refuse the first that is used at last.
	idle *epoch
}

// CreateGroup begins a group with this client as its one member, RFC 9420,
// Section 11. An empty id makes a random one, which is best. Extensions go into
// the GroupContext; they may hold required_capabilities and external_senders.
//
// The error is one of the rules that the extensions or the client's leaf break.
func (c *Client) CreateGroup(id []byte, extensions mlswire.Extensions) (*Group, error) {
	if len(id) == 0 {
		id = make([]byte, c.suite.HashSize())
		_, _ = rand.Read(id) // never fails
	}
	leaf, keys, err := c.newLeaf()
	if err != nil {
		return nil, err
	}
	leaves := tree.New(c.suite, leaf)
	context := mlswire.GroupContext{
		Version: mlswire.MLS10, CipherSuite: c.suite.ID(), GroupID: slices.Clone(id),
		TreeHash: leaves.Hash(), Extensions: cloneExtensions(extensions),
	}
	e := &epoch{
		suite: c.suite, context: context, encoded: mlswire.Marshal(&context), tree: leaves,
		private: tree.NewPrivate(0, keys), signer: c.signer, secrets: schedule.Create(c.suite),
	}
	if err := c.checkCreate(e); err != nil {
		return nil, err
	}
	e.confirmationTag = e.secrets.ConfirmationTag(nil)
	e.interim = schedule.InterimTranscriptHash(c.suite, nil, e.confirmationTag)
	return c.newGroup(e), nil
}

// newGroup returns a group in its first epoch, as this client sees it.
func (c *Client) newGroup(e *epoch) *Group {
	return &Group{client: c, current: e, messages: c.secretTree(e)}
}

// GroupID returns the group's id.
func (g *Group) GroupID() []byte { return slices.Clone(g.current.context.GroupID) }

// Epoch returns the number of the present epoch.
func (g *Group) Epoch() uint64 { return g.current.context.Epoch }

// Suite returns the group's cipher suite.
func (g *Group) Suite() suite.ID { return g.current.suite.ID() }

// Self returns the member's own leaf index.
func (g *Group) Self() LeafIndex { return g.current.self() }

// Extensions returns the extensions of the GroupContext.
func (g *Group) Extensions() mlswire.Extensions { return cloneExtensions(g.current.context.Extensions) }

// IsRemoved reports whether a commit has removed this member. Then the group
// can be looked at, but neither sends nor receives.
func (g *Group) IsRemoved() bool { return g.removed }

// ReInit returns the ReInit with which the group has ended, RFC 9420, Section
// 11.2, or nil while it goes on.
func (g *Group) ReInit() *mlswire.ReInit { return cloneReInit(g.current.reInit) }

// A Member is a member of a group in one epoch. Its slices belong to the group and
// must not be changed.
type Member struct {
	Index        LeafIndex
	Credential   mlswire.Credential
	SignatureKey []byte
	Leaf         *mlswire.LeafNode // not to be changed
}

// Members returns the members in the order of their leaves.
func (g *Group) Members() []Member {
	return membersOf(g.current.tree)
}

func membersOf(t *tree.Tree) []Member {
	members := make([]Member, 0, t.MemberCount())
	for i, leaf := range t.Members() {
		members = append(members, newMember(i, leaf))
	}
	return members
}

// Member returns the member at a leaf, or false.
func (g *Group) Member(i LeafIndex) (Member, bool) {
	leaf := g.current.tree.Leaf(i)
	if leaf == nil {
		return Member{}, false
	}
	return newMember(i, leaf), true
}

func newMember(i LeafIndex, leaf *mlswire.LeafNode) Member {
	return Member{Index: i, Credential: leaf.Credential, SignatureKey: leaf.SignatureKey, Leaf: leaf}
}

// Export returns a secret of length bytes for the application that all members
// of the epoch, and nobody else, can derive, RFC 9420, Section 8.5. The label
// says what it is for.
func (g *Group) Export(label string, context []byte, length int) (secret.Value, error) {
	if err := g.alive(); err != nil {
		return secret.Value{}, err
	}
	v, err := g.current.secrets.Export(label, context, length)
	if err != nil {
		return secret.Value{}, doing("mls: exporting", err)
	}
	return v, nil
}

// EpochAuthenticator returns what members may compare to find out whether they
// are in the same epoch of the same group, RFC 9420, Section 8.7. It is nil after
// this client was removed.
func (g *Group) EpochAuthenticator() []byte {
	if g.removed {
		return nil
	}
	return slices.Clone(g.current.secrets.Authenticator.Expose())
}

// RatchetTree returns the public tree as a ratchet_tree extension holds it, RFC
// 9420, Section 12.4.3.3, for those who join without it.
func (g *Group) RatchetTree() []byte { return mlswire.Marshal(g.current.tree.Nodes()) }

// Erase overwrites the group's secrets. The group behaves as one that has
// removed this client.
func (g *Group) Erase() {
	if g.pending != nil {
		g.pending.discard()
	}
	for _, p := range g.past {
		p.erase()
	}
	g.pending, g.past = nil, nil
	g.dropProposals()
	g.current.secrets.Erase()
	g.current.private.Erase(nil)
	g.messages.Erase()
	g.removed = true
}

// alive returns ErrRemoved when this client is not in the group any more.
func (g *Group) alive() error {
	if g.removed {
		return ErrRemoved
	}
	return nil
}

// active returns an error when the group cannot send or be changed any more.
func (g *Group) active() error {
	if g.removed {
		return ErrRemoved
	}
	if g.current.reInit != nil {
		return ErrReInit
	}
	return nil
}

// rules are what messages of the present epoch are judged by.
func (g *Group) rules() *rules { return g.client.rules(&g.current.context, g.current.tree) }
