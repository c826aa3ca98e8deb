package mls

import (
	"bytes"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// The kinds of a waiting proposal.
const (
	proposalOther     = 0 // not an own Update
	proposalUpdate    = 1 // an own Update that keeps the signing key
	proposalNewSigner = 2 // an own Update with another signing key
)

// encodeSent appends a proposal with its sender.
//
//	opaque ref<V>
//	uint8 sender_type | uint32 sender_index
//	opaque proposal<V>
//	opaque authenticated_data<V>
func encodeSent(w *tlsenc.Writer, p *Proposed) {
	w.Vector(p.Ref)
	w.Uint8(uint8(p.Sender.Type))
	w.Uint32(p.Sender.Index)
	w.Nested(p.Proposal.Encode)
	w.Vector(p.AuthenticatedData)
}

// sent reads what encodeSent wrote.
func (d *restorer) sent() (Proposed, error) {
	p := Proposed{Ref: d.bytes()}
	p.Sender = mlswire.Sender{Type: mlswire.SenderType(d.Uint8()), Index: d.Uint32()}
	if p.Sender.Type < mlswire.SenderTypeMember || p.Sender.Type > mlswire.SenderTypeNewMemberCommit {
		return p, ErrSnapshot
	}
	var err error
	if p.Proposal, err = mlswire.ParseProposal(d.opaque()); err != nil {
		return p, err
	}
	p.AuthenticatedData = d.bytes()
	return p, d.Err()
}

// encode appends a proposal that waits. signer is the member's signing key in
// the epoch.
//
//	sent proposal
//	uint8 kind
//	opaque leaf_key<V>          of an own Update
//	opaque signing_key<V>       of one with another
func (p *proposal) encode(w *tlsenc.Writer, signer *suite.SigningKey) {
	sent := p.proposed()
	encodeSent(w, &sent)
	switch {
	case p.update == nil:
		w.Uint8(proposalOther)
	case bytes.Equal(p.update.signer.Public(), signer.Public()):
		w.Uint8(proposalUpdate)
		w.Vector(p.update.leafKey.Private.Expose())
	default:
		w.Uint8(proposalNewSigner)
		w.Vector(p.update.leafKey.Private.Expose())
		encodeSigningKey(w, p.update.signer)
	}
}

// proposal reads what proposal.encode wrote.
func (d *restorer) proposal(e *epoch) (*proposal, error) {
	sent, err := d.sent()
	if err != nil {
		return nil, err
	}
	p := &proposal{
		ref: sent.Ref, authenticatedData: sent.AuthenticatedData,
		sentProposal: sentProposal{Proposal: sent.Proposal, Sender: sent.Sender, Checked: true},
	}
	if p.Sender.Type == mlswire.SenderTypeMember && e.tree.Leaf(LeafIndex(p.Sender.Index)) == nil {
		return nil, ErrSnapshot
	}
	kind := d.Uint8()
	if kind == proposalOther {
		return p, d.Err()
	}
	update, ok := p.Proposal.(*mlswire.Update)
	if !ok || kind > proposalNewSigner || p.Sender != e.sender() {
		return nil, ErrSnapshot
	}
	p.update = &ownUpdate{
		leafKey: suite.KeyPair{Public: update.LeafNode.EncryptionKey, Private: secret.New(d.Vector(maxPrivateKey))},
		signer:  e.signer,
	}
	if kind == proposalNewSigner {
		if p.update.signer, err = d.signingKey(); err != nil {
			return nil, err
		}
	}
	same := bytes.Equal(p.update.signer.Public(), e.signer.Public())
	if same != (kind == proposalUpdate) || !bytes.Equal(p.update.signer.Public(), update.LeafNode.SignatureKey) {
		return nil, ErrSnapshot
	}
	return p, d.Err()
}

// encode appends an own commit that waits to be merged. Of its tree it says the
// nodes that are not those of the epoch before.
//
//	epoch                       public part
//	changed nodes
//	uint8 has_path
//	keys of the tree            with a path; without, those of before are left
//	own part of the epoch
//	secret tree
//	opaque added<V>             uint32 each
//	uint16 count | sent proposals
//	opaque authenticated_data<V>
func (s *StagedCommit) encode(w *tlsenc.Writer) {
	s.next.encode(w)
	encodeChanges(w, s.base.tree.Nodes(), s.next.tree.Nodes())
	if s.hasPath {
		w.Uint8(1)
		s.next.private.Encode(w)
	} else {
		w.Uint8(0)
	}
	s.next.encodeSecrets(w)
	s.messages.Encode(w)
	w.Nested(func(w *tlsenc.Writer) {
		for _, i := range s.added {
			w.Uint32(uint32(i))
		}
	})
	w.Uint32(uint32(len(s.proposals))) // a commit holds far fewer
	for i := range s.proposals {
		encodeSent(w, &s.proposals[i])
	}
	w.Vector(s.authenticatedData)
}

// pending reads what StagedCommit.encode wrote.
func (d *restorer) pending(g *Group) (*StagedCommit, error) {
	next, err := d.epoch()
	if err != nil {
		return nil, err
	}
	base := g.current
	if !bytes.Equal(next.context.GroupID, base.context.GroupID) || next.context.Epoch != base.context.Epoch+1 {
		return nil, ErrSnapshot
	}
	t, err := d.changedTree(base.tree)
	if err != nil {
		return nil, err
	}
	next.setTree(t)
	hasPath := d.Uint8()
	var private *tree.Private
	switch hasPath {
	case 0:
		if private, err = base.private.Match(t); err != nil {
			return nil, err
		}
	case 1:
	default:
		return nil, ErrSnapshot
	}
	if err := d.own(next, private); err != nil {
		return nil, err
	}
	if next.self() != base.self() {
		return nil, ErrSnapshot
	}
	s := &StagedCommit{
		base: base, next: next, sender: base.sender(), committer: base.self(),
		reInit: next.reInit, hasPath: hasPath == 1,
	}
	return s, d.staged(s)
}

// staged reads the rest of an own commit.
func (d *restorer) staged(s *StagedCommit) error {
	var err error
	if s.messages, err = d.secretTree(); err != nil {
		return err
	}
	if s.messages.Leaves() != s.next.tree.Width() {
		return ErrSnapshot
	}
	for added := tlsenc.NewReader(d.opaque()); added.Len() > 0; {
		i := LeafIndex(added.Uint32())
		if added.Err() != nil || s.next.tree.Leaf(i) == nil {
			return ErrSnapshot
		}
		s.added = append(s.added, i)
	}
	for range d.Uint32() {
		p, err := d.sent()
		if err != nil {
			return err
		}
		s.proposals = append(s.proposals, p)
	}
	s.authenticatedData = d.bytes()
	return d.Err()
}
