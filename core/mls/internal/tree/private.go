package tree

import (
	"bytes"

	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// A Private holds the private keys that one member knows: of its leaf and of
// nodes above it. It is immutable but for Erase and safe for concurrent use.
type Private struct {
	self LeafIndex
	keys []levelKey // from the leaf upwards
}

// A levelKey is the key pair of the node at a level above the member's leaf.
type levelKey struct {
	level   uint8
	public  []byte
	private secret.Value
}

// NewPrivate returns what the member at self knows who has the key pair of its
// leaf and no other.
func NewPrivate(self LeafIndex, leaf suite.KeyPair) *Private {
	return &Private{self: self, keys: []levelKey{{0, leaf.Public, leaf.Private}}}
}

// Self returns the member's leaf.
func (p *Private) Self() LeafIndex { return p.self }

// WithLeaf returns p with another key pair of the leaf, that of an Update.
func (p *Private) WithLeaf(leaf suite.KeyPair) *Private {
	keys := append([]levelKey{{0, leaf.Public, leaf.Private}}, p.keys[1:]...)
	return &Private{self: p.self, keys: keys}
}

// Match returns p without the keys of nodes that are blank in t or have another
// public key there. It returns ErrNotMember if that is so of the leaf itself:
// the member was removed, or p needs [Private.WithLeaf] first.
func (p *Private) Match(t *Tree) (*Private, error) {
	next := &Private{self: p.self}
	for _, k := range p.keys {
		if bytes.Equal(t.keyAt(p.self, k.level), k.public) {
			next.keys = append(next.keys, k)
		}
	}
	if len(next.keys) == 0 || next.keys[0].level != 0 {
		return nil, ErrNotMember
	}
	return next, nil
}

// keyAt returns the encryption key of the node at level above leaf i, nil if it
// is blank or outside the tree.
func (t *Tree) keyAt(i LeafIndex, level uint8) []byte {
	if level == 0 {
		if leaf := t.Leaf(i); leaf != nil {
			return leaf.EncryptionKey
		}
	} else if parent := t.Parent(i.ancestor(level)); parent != nil {
		return parent.EncryptionKey
	}
	return nil
}

// at returns the private key of node x, whose public key is public.
func (p *Private) at(x NodeIndex, public []byte) (secret.Value, bool) {
	level := x.Level()
	if p.self.ancestor(level) != x {
		return secret.Value{}, false
	}
	for _, k := range p.keys {
		if k.level == level && bytes.Equal(k.public, public) {
			return k.private, true
		}
	}
	return secret.Value{}, false
}

// above returns p with keys in place of all its own from level on.
func (p *Private) above(level uint8, keys []levelKey) *Private {
	next := &Private{self: p.self}
	for _, k := range p.keys {
		if k.level < level {
			next.keys = append(next.keys, k)
		}
	}
	next.keys = append(next.keys, keys...)
	return next
}

// Erase overwrites the private keys in p that keep, which may be nil, does not
// hold. No Private that shares them may be used afterwards.
func (p *Private) Erase(keep *Private) {
	for _, k := range p.keys {
		if keep != nil {
			if _, ok := keep.at(p.self.ancestor(k.level), k.public); ok && keep.self == p.self {
				continue
			}
		}
		k.private.Erase()
	}
}

// Encode appends p to w, to be kept with the tree; it holds secrets.
//
//	uint32 self
//	uint8  count
//	  uint8  level      ascending from 0
//	  opaque private<V>
func (p *Private) Encode(w *tlsenc.Writer) {
	w.Uint32(uint32(p.self))
	w.Uint8(uint8(len(p.keys)))
	for _, k := range p.keys {
		w.Uint8(k.level)
		w.Vector(k.private.Expose())
	}
}

// DecodePrivate reads what [Private.Encode] wrote, and copies it. t is the tree
// that the keys belong to; public keys are taken from there, and whether they
// fit is not checked: who can change what is stored has the keys. The error is
// ErrPrivate or one of package tlsenc.
func DecodePrivate(r *tlsenc.Reader, t *Tree) (*Private, error) {
	p := &Private{self: LeafIndex(r.Uint32())}
	for count := int(r.Uint8()); len(p.keys) < count; {
		level, private := r.Uint8(), r.Vector(maxPrivateKey)
		if err := r.Err(); err != nil {
			return nil, err
		}
		if len(p.keys) == 0 && level != 0 || len(p.keys) > 0 && level <= p.keys[len(p.keys)-1].level || level > MaxLevel {
			return nil, ErrPrivate
		}
		public := t.keyAt(p.self, level)
		if public == nil {
			return nil, ErrPrivate
		}
		p.keys = append(p.keys, levelKey{level, public, secret.New(private)})
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	if len(p.keys) == 0 {
		return nil, ErrPrivate
	}
	return p, nil
}

// maxPrivateKey bounds an encoded private key; those of the suites have at most
// 66 bytes.
const maxPrivateKey = 1 << 12
