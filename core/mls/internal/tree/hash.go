package tree

import (
	"bytes"
	"encoding/binary"
	"hash"
	"slices"

	"conclave/core/mlswire"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// The NodeType of RFC 9420, Section 7.8.
const (
	nodeTypeLeaf   = 1
	nodeTypeParent = 2
)

// blankInput is the size of the TreeHashInput of a blank parent: two bytes and
// two hashes of at most 64 bytes with a length of two bytes.
const blankInput = 2 + 2*(2+64)

// A hasher computes tree hashes, RFC 9420, Section 7.8. It is for one goroutine.
type hasher struct {
	h      hash.Hash
	w      tlsenc.Writer
	header []byte                          // the length of a hash as a vector has it
	blanks *[MaxLevel + 1][blankInput]byte // input of a blank parent at each level
}

func newHasher(s *suite.Suite) *hasher {
	h := &hasher{h: s.NewHash(), w: *tlsenc.NewWriter(512)}
	h.w.Vector(make([]byte, s.HashSize()))
	h.header = bytes.Clone(h.w.Bytes()[:len(h.w.Bytes())-s.HashSize()])
	return h
}

// sum appends the hash of in to dst.
func (h *hasher) sum(dst, in []byte) []byte {
	h.h.Reset()
	h.h.Write(in)
	return h.h.Sum(dst)
}

// node computes the hash of n from its value and its children's hashes.
func (h *hasher) node(n *node, first LeafIndex) []byte {
	switch {
	case n.level == 0:
		return h.leaf(first, n.leaf)
	case n.left == nil:
		return h.blank(nil, n.level, first)
	}
	return h.parent(n.parent, n.left.hash, n.right.hash)
}

// leaf hashes a LeafNodeHashInput; leaf is nil when blank.
func (h *hasher) leaf(i LeafIndex, leaf *mlswire.LeafNode) []byte {
	if leaf == nil {
		return h.blank(nil, 0, i)
	}
	w := &h.w
	w.Reset()
	w.Uint8(nodeTypeLeaf)
	w.Uint32(uint32(i))
	w.Uint8(1)
	leaf.Encode(w)
	return h.sum(nil, w.Bytes())
}

// parent hashes a ParentNodeHashInput; p is nil when blank.
func (h *hasher) parent(p *mlswire.ParentNode, left, right []byte) []byte {
	w := &h.w
	w.Reset()
	w.Uint8(nodeTypeParent)
	if p == nil {
		w.Uint8(0)
	} else {
		w.Uint8(1)
		p.Encode(w)
	}
	w.Vector(left)
	w.Vector(right)
	return h.sum(nil, w.Bytes())
}

// blank appends to dst the hash of a subtree of 2^level leaves in which
// everything is blank. Leaves hash their index, so it costs two hashes for each
// leaf; it allocates nothing that grows with the subtree.
func (h *hasher) blank(dst []byte, level uint8, first LeafIndex) []byte {
	if h.blanks == nil {
		h.blanks = new([MaxLevel + 1][blankInput]byte)
	}
	in := h.blanks[level][:0]
	if level == 0 {
		in = append(in, nodeTypeLeaf)
		in = binary.BigEndian.AppendUint32(in, uint32(first))
		return h.sum(dst, append(in, 0))
	}
	in = append(in, nodeTypeParent, 0)
	in = append(in, h.header...)
	in = h.blank(in, level-1, first)
	in = append(in, h.header...)
	in = h.blank(in, level-1, first+1<<(level-1))
	return h.sum(dst, in)
}

// without computes the hash that n would have if the leaves in gone were blank
// and in no list of unmerged leaves: the original sibling tree hash of RFC 9420,
// Section 7.9. gone is sorted; what it does not touch is not hashed again.
func (h *hasher) without(n *node, first LeafIndex, gone []uint32) []byte {
	gone = between(gone, first, 1<<n.level)
	if len(gone) == 0 || n.members == 0 {
		return n.hash
	}
	if n.level == 0 {
		return h.leaf(first, nil)
	}
	left := h.without(n.left, first, gone)
	right := h.without(n.right, first+n.half(), gone)
	p := n.parent
	if p != nil && len(p.UnmergedLeaves) > 0 {
		p = &mlswire.ParentNode{EncryptionKey: p.EncryptionKey, ParentHash: p.ParentHash}
		for _, u := range n.parent.UnmergedLeaves {
			if _, found := slices.BinarySearch(gone, u); !found {
				p.UnmergedLeaves = append(p.UnmergedLeaves, u)
			}
		}
	}
	return h.parent(p, left, right)
}
