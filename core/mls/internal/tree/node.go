package tree

import (
	"encoding/binary"
	"slices"

	"conclave/core/mlswire"
)

// A node is one node of a Tree with all that is below it. It does not know its
// position, which callers carry along as the leftmost leaf below it.
//
// A node with a hash is immutable and may be part of many Trees. A node without
// one belongs to the edit that made it.
type node struct {
	// left and right are nil in a leaf, and in a parent below which everything
	// is blank and which has not been unfolded.
	left, right *node
	leaf        *mlswire.LeafNode   // nil when blank or not a leaf
	parent      *mlswire.ParentNode // nil when blank or not a parent
	hash        []byte              // tree hash, RFC 9420, Section 7.8
	encryption  uint64              // tag of the encryption key, 0 when blank
	signature   uint64              // tag of the signature key of a leaf
	members     uint32              // leaves that are not blank, here and below
	level       uint8               // 0 is a leaf
}

// tag returns the first bytes of a key, to tell most keys apart without
// following a pointer.
func tag(key []byte) uint64 {
	var b [8]byte
	copy(b[:], key)
	return binary.LittleEndian.Uint64(b[:])
}

// setLeaf makes n a leaf that holds leaf, or a blank one.
func (n *node) setLeaf(leaf *mlswire.LeafNode) {
	n.leaf, n.encryption, n.signature, n.members = leaf, 0, 0, 0
	if leaf != nil {
		n.encryption, n.signature, n.members = tag(leaf.EncryptionKey), tag(leaf.SignatureKey), 1
	}
}

// setParent gives a parent its value, nil for blank.
func (n *node) setParent(p *mlswire.ParentNode) {
	n.parent, n.encryption = p, 0
	if p != nil {
		n.encryption = tag(p.EncryptionKey)
	}
}

// half returns the number of leaves below each child of n.
func (n *node) half() LeafIndex { return 1 << (n.level - 1) }

// blank reports whether n itself is blank.
func (n *node) blank() bool { return n.leaf == nil && n.parent == nil }

// key returns the encryption key of n, which is not blank.
func (n *node) key() []byte {
	if n.leaf != nil {
		return n.leaf.EncryptionKey
	}
	return n.parent.EncryptionKey
}

// below returns the leaf at offset i below n, or the node below which all is
// blank that it is in.
func (n *node) below(i LeafIndex) *node {
	for n.left != nil {
		if h := n.half(); i < h {
			n = n.left
		} else {
			n, i = n.right, i-h
		}
	}
	return n
}

// resolve calls yield with each node of the resolution of n until yield returns
// false, RFC 9420, Section 4.1.1. first is the leftmost leaf below n.
func (n *node) resolve(first LeafIndex, yield func(x NodeIndex, n *node) bool) bool {
	switch {
	case n.members == 0:
		return true
	case n.leaf != nil:
		return yield(first.Node(), n)
	case n.parent == nil:
		return n.left.resolve(first, yield) && n.right.resolve(first+n.half(), yield)
	}
	if !yield(first.ancestor(n.level), n) {
		return false
	}
	for _, u := range n.parent.UnmergedLeaves {
		if !yield(LeafIndex(u).Node(), n.below(LeafIndex(u)-first)) {
			return false
		}
	}
	return true
}

// each calls yield with every node at or below n that is not blank until yield
// returns false.
func (n *node) each(yield func(n *node) bool) bool {
	if n.members == 0 {
		return true
	}
	if !n.blank() && !yield(n) {
		return false
	}
	return n.left == nil || n.left.each(yield) && n.right.each(yield)
}

// between returns the part of sorted that lies in [first, first+width).
func between(sorted []uint32, first, width LeafIndex) []uint32 {
	lo, _ := slices.BinarySearch(sorted, uint32(first))
	hi, _ := slices.BinarySearch(sorted, uint32(first+width))
	return sorted[lo:hi]
}
