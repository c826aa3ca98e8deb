package tree

import "math/bits"

// A LeafIndex is the position of a leaf among all leaves, from 0 on the left,
// RFC 9420, Section 4.1.1.
type LeafIndex uint32

// A NodeIndex is the position of a node in the array form of a tree, RFC 9420,
// Appendix C: leaf i is node 2i, and parents have the odd numbers between.
type NodeIndex uint32

// Node returns the node that leaf i is.
func (i LeafIndex) Node() NodeIndex { return NodeIndex(i) << 1 }

// ancestor returns the node at level above leaf i; level 0 is the leaf itself.
func (i LeafIndex) ancestor(level uint8) NodeIndex {
	return NodeIndex(i>>level)<<(level+1) | (1<<level - 1)
}

// commonLevel returns the level of the lowest common ancestor of i and j.
func commonLevel(i, j LeafIndex) uint8 { return uint8(bits.Len32(uint32(i ^ j))) }

// IsLeaf reports whether x is a leaf.
func (x NodeIndex) IsLeaf() bool { return x&1 == 0 }

// Leaf returns the leaf that x is; it is meaningless for a parent.
func (x NodeIndex) Leaf() LeafIndex { return LeafIndex(x >> 1) }

// Level returns the height of x above the leaves, which have level 0.
func (x NodeIndex) Level() uint8 { return uint8(bits.TrailingZeros32(^uint32(x))) }

// Left returns the left child of x; a leaf has none.
func (x NodeIndex) Left() (NodeIndex, bool) {
	if x.IsLeaf() {
		return 0, false
	}
	return x ^ 1<<(x.Level()-1), true
}

// Right returns the right child of x; a leaf has none.
func (x NodeIndex) Right() (NodeIndex, bool) {
	if x.IsLeaf() {
		return 0, false
	}
	return x ^ 3<<(x.Level()-1), true
}

// Parent returns the parent of x in a tree of width leaves, a power of two. The
// root and what is outside the tree have none.
func (x NodeIndex) Parent(width uint32) (NodeIndex, bool) {
	if x == Root(width) || uint64(x) >= NodeCount(width) {
		return 0, false
	}
	level := x.Level()
	return (x | 1<<level) &^ (1 << (level + 1)), true
}

// Sibling returns the other child of x's parent, and false where there is no
// parent.
func (x NodeIndex) Sibling(width uint32) (NodeIndex, bool) {
	p, ok := x.Parent(width)
	if !ok {
		return 0, false
	}
	if x < p {
		return p.Right()
	}
	return p.Left()
}

// firstLeaf returns the leftmost leaf below x.
func (x NodeIndex) firstLeaf() LeafIndex {
	return (x &^ (1<<x.Level() - 1)).Leaf()
}

// NodeCount returns the number of nodes of a tree of width leaves.
func NodeCount(width uint32) uint64 {
	if width == 0 {
		return 0
	}
	return 2*uint64(width) - 1
}

// Root returns the root of a tree of width leaves, a power of two.
func Root(width uint32) NodeIndex { return NodeIndex(width - 1) }
