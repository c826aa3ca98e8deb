package mls

import (
	"bytes"
	"crypto/rand"
	"slices"

	"conclave/core/mls/internal/framing"
	"conclave/core/mlswire"
	"conclave/core/suite"
)

// maxProposals bounds how many proposals of one epoch are kept: enough to add
// the members of a large group one by one. Anyone in the group can send them.
const maxProposals = 4096

// A proposal is one that was received or sent in this epoch and that a commit
// may refer to.
type proposal struct {
	ref []byte // ProposalRef, RFC 9420, Section 5.2
	sentProposal
	authenticatedData []byte
	// update is set for an Update of this member.
	update *ownUpdate
}

// SendOptions are what may be different for one proposal.
type SendOptions struct {
	// Public signs the message without encrypting it, RFC 9420, Section 6.2.
	// Config.PublicHandshakes does so for all.
	Public bool
	// AuthenticatedData travels unencrypted with the message.
	AuthenticatedData []byte
}

// A LeafChange is what changes in a member's own leaf besides its encryption
// key, RFC 9420, Section 7.5. Fields left nil stay as they are.
type LeafChange struct {
	SigningKey   *suite.SigningKey
	Credential   *mlswire.Credential
	Capabilities *mlswire.Capabilities
	Extensions   *mlswire.Extensions
}

// ProposeAdd proposes to add the client of a KeyPackage, an MLSMessage, RFC
// 9420, Section 12.1.1. The message goes to the group; a Commit then takes the
// proposal in.
func (g *Group) ProposeAdd(keyPackage []byte, o SendOptions) ([]byte, error) {
	k, err := parseKeyPackage(keyPackage)
	if err != nil {
		return nil, err
	}
	return g.propose(&mlswire.Add{KeyPackage: *k}, nil, o)
}

// ProposeUpdate proposes a new leaf with a fresh encryption key for this member,
// RFC 9420, Section 12.1.2. Only another member can commit it. Store a
// [Group.Snapshot] before the message leaves: the new private key is nowhere else.
func (g *Group) ProposeUpdate(change LeafChange, o SendOptions) ([]byte, error) {
	if err := g.active(); err != nil {
		return nil, err
	}
	e := g.current
	keys := e.suite.GenerateKeyPair()
	own := &ownUpdate{leafKey: keys}
	leaf, signer := change.apply(e)
	own.signer, leaf.SignatureKey = signer, signer.Public()
	leaf.EncryptionKey, leaf.Source = keys.Public, mlswire.LeafNodeSourceUpdate
	if err := signLeaf(e.suite, signer, &leaf, e.context.GroupID, uint32(e.self())); err != nil {
		return nil, err
	}
	message, err := g.propose(&mlswire.Update{LeafNode: leaf}, own, o)
	if err != nil {
		own.leafKey.Private.Erase()
	}
	return message, err
}

// ProposeRemove proposes to remove a member, RFC 9420, Section 12.1.3. A member
// leaves by proposing its own removal; somebody else has to commit it.
func (g *Group) ProposeRemove(member LeafIndex, o SendOptions) ([]byte, error) {
	return g.propose(&mlswire.Remove{Removed: uint32(member)}, nil, o)
}

// ProposePSK proposes to mix in the external pre-shared key of an id, which all
// members must have in Config.PSK, RFC 9420, Section 12.1.4.
func (g *Group) ProposePSK(id []byte, o SendOptions) ([]byte, error) {
	return g.propose(&mlswire.PreSharedKey{PSK: g.current.externalPSK(id)}, nil, o)
}

// ProposeResumptionPSK proposes to mix in the resumption secret of an earlier
// epoch of this group, RFC 9420, Section 8.6: those who were not members then
// are left behind.
func (g *Group) ProposeResumptionPSK(epoch uint64, o SendOptions) ([]byte, error) {
	return g.propose(&mlswire.PreSharedKey{PSK: g.current.resumptionPSK(epoch)}, nil, o)
}

// ProposeExtensions proposes to replace all extensions of the GroupContext, RFC
// 9420, Section 12.1.7.
func (g *Group) ProposeExtensions(extensions mlswire.Extensions, o SendOptions) ([]byte, error) {
	return g.propose(&mlswire.GroupContextExtensions{Extensions: cloneExtensions(extensions)}, nil, o)
}

// ProposeReInit proposes to end the group and begin it anew with other
// parameters, RFC 9420, Section 12.1.5.
func (g *Group) ProposeReInit(r mlswire.ReInit, o SendOptions) ([]byte, error) {
	return g.propose(cloneReInit(&r), nil, o)
}

// A Proposed is a proposal that arrived. It waits for a Commit; an application
// that does not want it calls [Group.DropProposal].
type Proposed struct {
	Ref               []byte // names the proposal
	Sender            mlswire.Sender
	Proposal          mlswire.Proposal // not to be changed
	AuthenticatedData []byte
}

// Proposals returns the proposals of this epoch that wait to be committed, in
// the order of their arrival, own ones among them.
func (g *Group) Proposals() []Proposed {
	list := make([]Proposed, len(g.proposals))
	for i, p := range g.proposals {
		list[i] = p.proposed()
	}
	return list
}

// DropProposal forgets a proposal, for one that the application refuses or that
// could not be sent. A Commit of others that refers to it is then refused too. It
// reports whether there was one.
func (g *Group) DropProposal(ref []byte) bool {
	i := slices.IndexFunc(g.proposals, func(p *proposal) bool { return bytes.Equal(p.ref, ref) })
	if i < 0 {
		return false
	}
	g.proposals[i].erase()
	g.proposals = slices.Delete(slices.Clone(g.proposals), i, i+1)
	return true
}

// dropProposals forgets all proposals, when their epoch has ended.
func (g *Group) dropProposals() {
	for _, p := range g.proposals {
		p.erase()
	}
	g.proposals = nil
}

// propose sends a proposal and keeps it, as its receivers do.
func (g *Group) propose(p mlswire.Proposal, own *ownUpdate, o SendOptions) ([]byte, error) {
	if err := g.active(); err != nil {
		return nil, err
	}
	if len(g.proposals) >= maxProposals {
		return nil, ErrTooManyProposals
	}
	sent := sentProposal{Proposal: p, Sender: g.current.sender()}
	if err := g.rules().proposal(sent, sending(true)); err != nil {
		return nil, err
	}
	content := g.current.content(o.AuthenticatedData)
	content.ContentType, content.Proposal = mlswire.ContentTypeProposal, p
	signed, err := g.current.sign(content, g.handshakeFormat(o.Public))
	if err != nil {
		return nil, err
	}
	// Signatures may be deterministic: then a proposal that is made twice is one.
	ref := framing.Ref(g.current.suite, signed)
	if g.find(ref) != nil {
		return nil, ErrDuplicateProposal
	}
	message, err := g.protect(signed)
	if err != nil {
		return nil, err
	}
	sent.Checked = true
	g.proposals = append(g.proposals, &proposal{
		ref: ref, sentProposal: sent, authenticatedData: content.AuthenticatedData, update: own,
	})
	return message, nil
}

// find returns the proposal of a reference, or nil.
func (g *Group) find(ref []byte) *proposal {
	for _, p := range g.proposals {
		if bytes.Equal(p.ref, ref) {
			return p
		}
	}
	return nil
}

// finder returns find for a number of references, whose cost does not multiply
// with the number of proposals: a commit may name one many times.
func (g *Group) finder(references int) func(ref []byte) *proposal {
	const few = 16
	if references <= few {
		return g.find
	}
	index := make(map[string]*proposal, len(g.proposals))
	for _, p := range g.proposals {
		index[string(p.ref)] = p
	}
	return func(ref []byte) *proposal { return index[string(ref)] }
}

func (p *proposal) proposed() Proposed {
	return Proposed{slices.Clone(p.ref), p.Sender, p.Proposal, p.authenticatedData}
}

func (p *proposal) erase() {
	if p.update != nil {
		p.update.leafKey.Private.Erase()
	}
}

// externalPSK names an external PSK with a fresh nonce, RFC 9420, Section 8.4.
func (e *epoch) externalPSK(id []byte) mlswire.PreSharedKeyID {
	return mlswire.PreSharedKeyID{Type: mlswire.PSKTypeExternal, PSKID: slices.Clone(id), PSKNonce: e.pskNonce()}
}

// resumptionPSK names the PSK of an epoch of this group, RFC 9420, Section 8.6.
func (e *epoch) resumptionPSK(number uint64) mlswire.PreSharedKeyID {
	return mlswire.PreSharedKeyID{
		Type: mlswire.PSKTypeResumption, Usage: mlswire.ResumptionPSKUsageApplication,
		GroupID: e.context.GroupID, Epoch: number, PSKNonce: e.pskNonce(),
	}
}

// pskNonce is a fresh psk_nonce of KDF.Nh bytes, RFC 9420, Section 8.4.
func (e *epoch) pskNonce() []byte {
	nonce := make([]byte, e.suite.HashSize())
	_, _ = rand.Read(nonce) // never fails
	return nonce
}

// apply returns this member's leaf with the change, without keys and signature,
// and the key to sign it with.
func (c LeafChange) apply(e *epoch) (mlswire.LeafNode, *suite.SigningKey) {
	old, signer := e.leaf(), e.signer
	next := mlswire.LeafNode{Credential: old.Credential, Capabilities: old.Capabilities, Extensions: old.Extensions}
	if c.SigningKey != nil {
		signer = c.SigningKey
	}
	if c.Credential != nil {
		next.Credential = cloneCredential(c.Credential)
	}
	if c.Capabilities != nil {
		next.Capabilities = cloneCapabilities(c.Capabilities)
	}
	if c.Extensions != nil {
		next.Extensions = cloneExtensions(*c.Extensions)
	}
	return next, signer
}

// parseKeyPackage reads a KeyPackage that travels as an MLSMessage.
func parseKeyPackage(b []byte) (*mlswire.KeyPackage, error) {
	m, err := mlswire.ParseMessage(b)
	if err != nil {
		return nil, doing("mls: parsing a KeyPackage", err)
	}
	if m.KeyPackage == nil {
		return nil, ErrNotGroupMessage
	}
	// That the KeyPackage is of the message's version (RFC 9420, Section 10) the
	// rules check: both have to be of the group's.
	return m.KeyPackage, nil
}
