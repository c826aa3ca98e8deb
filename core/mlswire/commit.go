package mlswire

import "conclave/core/tlsenc"

// The values of ProposalOrRefType, RFC 9420, Section 12.4.
const (
	typeProposal  = 1
	typeReference = 2
)

// Encode appends a proposal or a reference to one.
func (p *ProposalOrRef) Encode(w *tlsenc.Writer) {
	if p.Proposal != nil {
		w.Uint8(typeProposal)
		p.Proposal.Encode(w)
		return
	}
	w.Uint8(typeReference)
	w.Vector(p.Reference)
}

func decodeProposalOrRef(d *decoder) ProposalOrRef {
	switch d.r.Uint8() {
	case typeProposal:
		return ProposalOrRef{Proposal: decodeProposal(d)}
	case typeReference:
		return ProposalOrRef{Reference: d.bytes()}
	default:
		d.failUnlessShort(ErrProposalOrRefType)
		return ProposalOrRef{}
	}
}

// Encode appends a commit.
func (c *Commit) Encode(w *tlsenc.Writer) {
	encodeList(w, c.Proposals)
	encodeOptional(w, c.Path != nil)
	if c.Path != nil {
		c.Path.Encode(w)
	}
}

func decodeCommit(d *decoder) Commit {
	c := Commit{Proposals: list(d, costProposalOrRef, decodeProposalOrRef)}
	if d.present() {
		if path := decodeUpdatePath(d); d.spend(costUpdatePath) {
			c.Path = kept(path)
		}
	}
	return c
}

// Encode appends an update path.
func (p *UpdatePath) Encode(w *tlsenc.Writer) {
	p.LeafNode.Encode(w)
	encodeList(w, p.Nodes)
}

func decodeUpdatePath(d *decoder) UpdatePath {
	return UpdatePath{
		LeafNode: decodeLeafNode(d),
		Nodes:    list(d, costUpdatePathNode, decodeUpdatePathNode),
	}
}

// Encode appends a node of an update path.
func (n *UpdatePathNode) Encode(w *tlsenc.Writer) {
	w.Vector(n.EncryptionKey)
	encodeList(w, n.EncryptedPathSecret)
}

func decodeUpdatePathNode(d *decoder) UpdatePathNode {
	return UpdatePathNode{
		EncryptionKey:       d.bytes(),
		EncryptedPathSecret: list(d, costHPKECiphertext, decodeHPKECiphertext),
	}
}

// Encode appends an HPKE ciphertext.
func (c *HPKECiphertext) Encode(w *tlsenc.Writer) {
	w.Vector(c.KEMOutput)
	w.Vector(c.Ciphertext)
}

func decodeHPKECiphertext(d *decoder) HPKECiphertext {
	return HPKECiphertext{KEMOutput: d.bytes(), Ciphertext: d.bytes()}
}
