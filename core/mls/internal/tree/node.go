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
	// left and right are nil in a leaf. They are also nil in a folded parent:
	// one that is blank with everything below it but at most one leaf, which is
	// then its leaf, at offset. So what a peer can make of blank nodes, a byte
	// each, takes no memory. An edit unfolds what it goes through.
	left, right *node
	leaf        *mlswire.LeafNode   // nil when blank or not a leaf
	parent      *mlswire.ParentNode // nil when blank or not a parent
	hash        []byte              // tree hash, RFC 9420, Section 7.8
	encryption  uint32              // tag of the encryption key, 0 when blank
	signature   uint32              // tag of the signature key of a leaf
	offset      LeafIndex           // of the leaf of a folded parent
	members     uint32              // leaves that are not blank, here and below
	level       uint8               // 0 is a leaf
}

// tag returns the first bytes of a key, to tell most keys apart without
// following a pointer.
func tag(key []byte) uint32 {
	var b [8]byte
	copy(b[:], key)
	// The first byte of some keys is always the same.
	return binary.LittleEndian.Uint32(b[:]) ^ binary.LittleEndian.Uint32(b[4:])
}

// setLeaf makes n a leaf, or a folded parent, that holds leaf or is blank.
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

// unfold gives a folded parent its children.
func (n *node) unfold() {
	n.left, n.right = &node{level: n.level - 1}, &node{level: n.level - 1}
	if n.leaf == nil {
		return
	}
	child := n.left
	if n.offset >= n.half() {
		child, n.offset = n.right, n.offset-n.half()
	}
	child.setLeaf(n.leaf)
	child.offset, n.offset = n.offset, 0
	n.leaf, n.encryption, n.signature = nil, 0, 0
}

// key returns the encryption key of n, which holds a leaf or parent.
func (n *node) key() []byte {
	if n.leaf != nil {
		return n.leaf.EncryptionKey
	}
	return n.parent.EncryptionKey
}

// below returns the leaf at offset i below n, which is nil when blank, and the
// leaf or folded parent that has it.
func (n *node) below(i LeafIndex) (*mlswire.LeafNode, *node) {
	for n.left != nil {
		if h := n.half(); i < h {
			n = n.left
		} else {
			n, i = n.right, i-h
		}
	}
	if n.offset != i {
		return nil, n
	}
	return n.leaf, n
}

// resolve calls yield with each node of the resolution of n until yield returns
// false, RFC 9420, Section 4.1.1. first is the leftmost leaf below n.
func (n *node) resolve(first LeafIndex, yield func(x NodeIndex, n *node) bool) bool {
	switch {
	case n.members == 0:
		return true
	case n.leaf != nil:
		return yield((first + n.offset).Node(), n)
	case n.parent == nil:
		return n.left.resolve(first, yield) && n.right.resolve(first+n.half(), yield)
	}
	if !yield(first.ancestor(n.level), n) {
		return false
	}
	for _, u := range n.parent.UnmergedLeaves {
		_, leaf := n.below(LeafIndex(u) - first)
		if !yield(LeafIndex(u).Node(), leaf) {
			return false
		}
	}
	return true
}

// each calls yield with every node at or below n that holds a leaf or parent
// until yield returns false.
func (n *node) each(yield func(n *node) bool) bool {
	if n.members == 0 {
		return true
	}
	if (n.leaf != nil || n.parent != nil) && !yield(n) {
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
