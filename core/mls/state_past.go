package mls

import (
	"bytes"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/tlsenc"
)

// encode appends an ended epoch. Of its members it says those that are others in
// the tree now.
//
//	opaque context<V>           the encoded GroupContext
//	uint32 self
//	opaque sender_data[Nh]
//	opaque resumption[Nh]
//	secret tree
//	uint32 count
//	  uint32 leaf               ascending
//	  opaque signature_key<V>   empty if nobody was there
//	  Credential                unless nobody was there
func (p *pastEpoch) encode(w *tlsenc.Writer, now *tree.Tree) {
	w.Vector(p.encoded)
	w.Uint32(uint32(p.self))
	w.Fixed(p.secrets.SenderData.Expose())
	w.Fixed(p.secrets.Resumption.Expose())
	p.messages.Encode(w)
	changes := p.changes(now)
	w.Uint32(uint32(len(changes))) // at most tree.MaxLeaves
	for _, i := range changes {
		w.Uint32(uint32(i))
		s, ok := p.sender(i)
		if !ok {
			w.Vector(nil)
			continue
		}
		w.Vector(s.signatureKey)
		s.credential.Encode(w)
	}
}

// changes returns the leaves where somebody else is in a tree than was in the
// ended epoch, ascending.
func (p *pastEpoch) changes(now *tree.Tree) []LeafIndex {
	width := max(p.tree.Width(), now.Width())
	for i := range p.changed {
		width = max(width, uint32(i)+1)
	}
	var changes []LeafIndex
	for i := range LeafIndex(width) {
		leaf := now.Leaf(i)
		if _, ok := p.changed[i]; !ok && leaf == p.tree.Leaf(i) {
			continue
		}
		if s, ok := p.sender(i); !s.is(ok, leaf) {
			changes = append(changes, i)
		}
	}
	return changes
}

// is reports whether a leaf is of the same member as s, who was there if ok.
func (s *pastSender) is(ok bool, leaf *mlswire.LeafNode) bool {
	if leaf == nil || !ok {
		return leaf == nil && !ok
	}
	return bytes.Equal(s.signatureKey, leaf.SignatureKey) && sameCredential(&s.credential, &leaf.Credential)
}

// past reads what pastEpoch.encode wrote.
func (d *restorer) past(g *Group) (*pastEpoch, error) {
	p := &pastEpoch{encoded: d.bytes(), self: LeafIndex(d.Uint32()), tree: g.current.tree, secrets: noSecrets()}
	context, err := mlswire.ParseGroupContext(p.encoded)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(context.GroupID, g.current.context.GroupID) {
		return nil, ErrSnapshot
	}
	p.number = context.Epoch
	p.secrets.SenderData = secret.New(d.Fixed(d.suite.HashSize()))
	p.secrets.Resumption = secret.New(d.Fixed(d.suite.HashSize()))
	if p.messages, err = d.secretTree(); err != nil {
		return nil, err
	}
	return p, d.pastSenders(p)
}

// pastSenders reads the members of an ended epoch that are others now.
func (d *restorer) pastSenders(p *pastEpoch) error {
	count := int64(d.Uint32())
	if least := int64(5); count*least > int64(d.Len()) {
		return ErrSnapshot
	}
	p.changed = make(map[LeafIndex]pastSender, count)
	next := int64(0)
	for range count {
		i := d.Uint32()
		s := pastSender{signatureKey: d.bytes()}
		if int64(i) < next || i >= tree.MaxLeaves {
			return ErrSnapshot
		}
		next = int64(i) + 1
		if len(s.signatureKey) > 0 {
			var err error
			if s.credential, err = mlswire.DecodeCredential(&d.Reader); err != nil {
				return err
			}
		}
		if err := d.Err(); err != nil {
			return err
		}
		leaf := LeafIndex(i)
		if s.is(len(s.signatureKey) > 0, p.tree.Leaf(leaf)) {
			return ErrSnapshot
		}
		p.changed[leaf] = s
	}
	return d.Err()
}
