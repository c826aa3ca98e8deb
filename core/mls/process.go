package mls

import (
	"bytes"

	"conclave/core/mls/internal/framing"
	"conclave/core/mlswire"
)

// A Received is what a message turned out to be: an [*Application], a
// [*Proposed] or a [*StagedCommit].
type Received interface{ received() }

// An Application is application data from a member.
type Application struct {
	Sender            LeafIndex // in that epoch
	Credential        mlswire.Credential
	Epoch             uint64
	Generation        uint32 // counts the sender's messages in the epoch
	Plaintext         []byte
	AuthenticatedData []byte
}

func (*Application) received() {}
func (*Proposed) received()    {}

// Process reads a message of the group. Application data is returned, a proposal
// kept until a commit takes it in, and a Commit validated completely and
// returned to be merged. A message that is refused changes nothing; and nor does
// a Commit until it is merged.
//
// A message of this client itself is [ErrOwnMessage]. That is no proof that it is
// one: other members can make a PrivateMessage that claims to be, and the keys to
// check it are gone. An own Commit has come back, and is then merged with
// [Group.MergeCommit], when the message has the same bytes as its [Commit].Message.
//
// Application data may come from as many epochs back as the configuration says.
// Other errors name the rule that the message breaks.
func (g *Group) Process(message []byte) (Received, error) {
	if err := g.alive(); err != nil {
		return nil, err
	}
	m, err := mlswire.ParseMessage(message)
	if err != nil {
		return nil, doing("mls: parsing a message", err)
	}
	switch {
	case m.PublicMessage != nil:
		return g.processPublic(m.PublicMessage)
	case m.PrivateMessage != nil:
		return g.processPrivate(m.PrivateMessage)
	}
	return nil, ErrNotGroupMessage
}

// processPublic reads a PublicMessage, RFC 9420, Section 6.2.
func (g *Group) processPublic(m *mlswire.PublicMessage) (Received, error) {
	e, c := g.current, &m.Content
	if err := g.addressed(c.GroupID, c.Epoch); err != nil {
		return nil, err
	}
	key, err := g.rules().sender(c, mlswire.WireFormatPublicMessage)
	if err != nil {
		return nil, err
	}
	signed, err := framing.OpenPublic(e.suite, e.secrets.Membership, m, e.encoded)
	if err != nil {
		return nil, doing("mls: opening a message", err)
	}
	if err := framing.Verify(e.suite, key, signed, e.encoded); err != nil {
		return nil, doing("mls: verifying a message", err)
	}
	if c.Sender == e.sender() {
		return nil, ErrOwnMessage
	}
	if c.ContentType == mlswire.ContentTypeCommit {
		return g.receiveCommit(signed, nil)
	}
	return g.receive(signed)
}

// addressed checks that a handshake message is for the group and its present
// epoch, RFC 9420, Sections 12.1 and 12.4.2.
func (g *Group) addressed(groupID []byte, number uint64) error {
	switch {
	case !bytes.Equal(groupID, g.current.context.GroupID):
		return ErrWrongGroup
	case number != g.current.context.Epoch:
		return ErrWrongEpoch
	}
	return g.active()
}

// processPrivate reads a PrivateMessage, RFC 9420, Section 6.3.
func (g *Group) processPrivate(m *mlswire.PrivateMessage) (Received, error) {
	err := g.addressed(m.GroupID, m.Epoch)
	if past := g.pastEpoch(m); past != nil {
		return past.open(g.current, m)
	}
	if err != nil {
		return nil, err
	}
	e := g.current
	opened, err := framing.OpenPrivate(e.suite, e.secrets.SenderData, g.messages, m, func(leaf uint32) error {
		switch {
		case leaf == uint32(e.self()):
			return ErrOwnMessage
		case e.tree.Leaf(LeafIndex(leaf)) == nil:
			return ErrSender
		}
		return nil
	})
	if err != nil {
		return nil, doing("mls: opening a message", err)
	}
	defer opened.Key.Erase()
	signed := opened.Content
	key, err := g.rules().sender(&signed.Content, mlswire.WireFormatPrivateMessage)
	if err != nil {
		return nil, err
	}
	if err := framing.Verify(e.suite, key, signed, e.encoded); err != nil {
		return nil, doing("mls: verifying a message", err)
	}
	var received Received
	switch signed.Content.ContentType {
	case mlswire.ContentTypeCommit:
		return g.receiveCommit(signed, &opened.Key.Generation)
	case mlswire.ContentTypeProposal:
		received, err = g.receive(signed)
	default:
		leaf := e.tree.Leaf(LeafIndex(signed.Content.Sender.Index))
		received = application(signed, leaf.Credential, opened.Key.Generation)
	}
	if err != nil {
		return nil, err
	}
	return received, g.messages.Use(opened.Key)
}

// pastEpoch returns the ended epoch that application data is from, or nil.
func (g *Group) pastEpoch(m *mlswire.PrivateMessage) *pastEpoch {
	if m.ContentType != mlswire.ContentTypeApplication || !bytes.Equal(m.GroupID, g.current.context.GroupID) {
		return nil
	}
	for _, p := range g.past {
		if p.number == m.Epoch {
			return p
		}
	}
	return nil
}

// open reads application data of an ended epoch.
func (p *pastEpoch) open(now *epoch, m *mlswire.PrivateMessage) (Received, error) {
	var from pastSender
	opened, err := framing.OpenPrivate(now.suite, p.secrets.SenderData, p.messages, m, func(leaf uint32) error {
		var ok bool
		if from, ok = p.sender(LeafIndex(leaf)); !ok {
			return ErrSender
		}
		if leaf == uint32(p.self) {
			return ErrOwnMessage
		}
		return nil
	})
	if err != nil {
		return nil, doing("mls: opening a message", err)
	}
	defer opened.Key.Erase()
	if err := framing.Verify(now.suite, from.signatureKey, opened.Content, p.encoded); err != nil {
		return nil, doing("mls: verifying a message", err)
	}
	return application(opened.Content, from.credential, opened.Key.Generation), p.messages.Use(opened.Key)
}

func application(a *mlswire.AuthenticatedContent, from mlswire.Credential, generation uint32) *Application {
	return &Application{
		Sender: LeafIndex(a.Content.Sender.Index), Credential: from,
		Epoch: a.Content.Epoch, Generation: generation,
		Plaintext: a.Content.ApplicationData, AuthenticatedData: a.Content.AuthenticatedData,
	}
}

// receive keeps a proposal, RFC 9420, Section 12.1.
func (g *Group) receive(a *mlswire.AuthenticatedContent) (Received, error) {
	if len(g.proposals) >= maxProposals {
		return nil, ErrTooManyProposals
	}
	ref := framing.Ref(g.current.suite, a)
	if g.find(ref) != nil {
		return nil, ErrDuplicateProposal
	}
	sent := sentProposal{Proposal: a.Content.Proposal, Sender: a.Content.Sender}
	if err := g.rules().proposal(sent, false); err != nil {
		return nil, err
	}
	sent.Checked = true
	p := &proposal{ref: ref, sentProposal: sent, authenticatedData: a.Content.AuthenticatedData}
	g.proposals = append(g.proposals, p)
	received := p.proposed()
	return &received, nil
}
