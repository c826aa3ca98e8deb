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

// maxHash is the size of the longest hash of a suite, SHA-512.
const maxHash = 64

// blankInput is the size of the TreeHashInput of a blank parent: two bytes and
// two hashes with a length of two bytes.
const blankInput = 2 + 2*(2+maxHash)

// A hasher computes tree hashes, RFC 9420, Section 7.8. It is for one goroutine.
type hasher struct {
	h       hash.Hash
	w       tlsenc.Writer
	header  []byte                          // the length of a hash as a vector has it
	blanks  *[MaxLevel + 1][blankInput]byte // input of a blank parent at each level
	scratch [2][maxHash]byte
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
		return h.leaf(nil, first, n.leaf)
	case n.left == nil && n.leaf == nil:
		return h.blank(nil, n.level, first)
	case n.left == nil:
		return h.folded(n, first)
	}
	return h.parent(nil, n.parent, n.left.hash, n.right.hash)
}

// leaf appends to dst the hash of a LeafNodeHashInput; leaf is nil when blank.
func (h *hasher) leaf(dst []byte, i LeafIndex, leaf *mlswire.LeafNode) []byte {
	if leaf == nil {
		return h.blank(dst, 0, i)
	}
	w := &h.w
	w.Reset()
	w.Uint8(nodeTypeLeaf)
	w.Uint32(uint32(i))
	w.Uint8(1)
	leaf.Encode(w)
	return h.sum(dst, w.Bytes())
}

// parent appends to dst the hash of a ParentNodeHashInput; p is nil when blank.
func (h *hasher) parent(dst []byte, p *mlswire.ParentNode, left, right []byte) []byte {
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
	return h.sum(dst, w.Bytes())
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

// folded hashes a folded parent with a leaf. It costs two hashes for each leaf,
// as blank does.
func (h *hasher) folded(n *node, first LeafIndex) []byte {
	i := first + n.offset
	sum := h.leaf(h.scratch[0][:0], i, n.leaf)
	for level := range n.level {
		half := LeafIndex(1) << level
		sibling := h.blank(h.scratch[1][:0], level, (i^half)&^(half-1))
		if i&half == 0 {
			sum = h.parent(sum[:0], nil, sum, sibling)
		} else {
			sum = h.parent(sum[:0], nil, sibling, sum)
		}
	}
	return bytes.Clone(sum)
}

// without computes the hash that n would have if the leaves in gone were blank
// and in no list of unmerged leaves: the original sibling tree hash of RFC 9420,
// Section 7.9. gone is sorted; what it does not touch is not hashed again.
func (h *hasher) without(n *node, first LeafIndex, gone []uint32) []byte {
	gone = between(gone, first, 1<<n.level)
	if len(gone) == 0 || n.members == 0 {
		return n.hash
	}
	if n.left == nil { // its one leaf is gone, as gone has members only
		return h.blank(nil, n.level, first)
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
	return h.parent(nil, p, left, right)
}
