// Package tree is the ratchet tree of MLS with TreeKEM, [RFC 9420], Sections 4
// and 7: who is in a group, and how its members agree on fresh secrets.
//
// Begin with [New] or [FromNodes], apply the proposals of a commit with
// [Tree.Apply] and its UpdatePath with [Tree.ApplyPath] and [Tree.OpenPath], or
// make one with [Tree.NewPath]. What a member knows and others do not is in a
// [Private].
//
// A [Tree] is immutable. Each operation returns another Tree that shares with
// the first what it did not change, so that an operation on one leaf makes as
// many new nodes and hashes as the tree is high, and a refused commit leaves
// nothing behind. Tree hashes are computed before a Tree is returned: Trees may
// be read concurrently.
//
// [RFC 9420]: https://www.rfc-editor.org/rfc/rfc9420.html
package tree

import (
	"iter"

	"conclave/core/mlswire"
	"conclave/core/suite"
)

// MaxLevel is the level of the root of the largest tree.
const MaxLevel = 20

// MaxLeaves is the number of leaves of the largest tree: a million. The
// ratchet_tree extension of such a group would be some 300 MB.
const MaxLeaves = 1 << MaxLevel

// A Tree is the public ratchet tree of a group in one epoch. It is immutable and
// safe for concurrent use. Nobody may change the nodes and hashes it returns.
type Tree struct {
	suite *suite.Suite
	root  *node
}

// New returns the tree of a group with one member, RFC 9420, Section 11.
func New(s *suite.Suite, leaf *mlswire.LeafNode) *Tree {
	n := new(node)
	n.setLeaf(leaf)
	n.hash = newHasher(s).leaf(nil, 0, leaf)
	return &Tree{suite: s, root: n}
}

// Suite returns the cipher suite of the group.
func (t *Tree) Suite() *suite.Suite { return t.suite }

// Width returns the number of leaves, blank ones too: a power of two.
func (t *Tree) Width() uint32 { return 1 << t.root.level }

// MemberCount returns the number of leaves that are not blank.
func (t *Tree) MemberCount() int { return int(t.root.members) }

// Hash returns the tree hash of the root, RFC 9420, Section 7.8.
func (t *Tree) Hash() []byte { return t.root.hash }

// Leaf returns the leaf node at i, or nil if it is blank or outside the tree.
func (t *Tree) Leaf(i LeafIndex) *mlswire.LeafNode {
	if uint32(i) >= t.Width() {
		return nil
	}
	leaf, _ := t.root.below(i)
	return leaf
}

// Parent returns the parent node at x, or nil if it is blank, a leaf or outside
// the tree.
func (t *Tree) Parent(x NodeIndex) *mlswire.ParentNode {
	if n := t.find(x); n != nil {
		return n.parent
	}
	return nil
}

// find returns the node at x, or nil if it is outside the tree or below a folded
// parent.
func (t *Tree) find(x NodeIndex) *node {
	level, i := x.Level(), x.firstLeaf()
	if level > t.root.level || uint32(i) >= t.Width() {
		return nil
	}
	n := t.root
	for n != nil && n.level > level {
		if i&n.half() == 0 {
			n = n.left
		} else {
			n = n.right
		}
	}
	return n
}

// inFold makes the node at x, which is below a folded parent, without its hash.
func (t *Tree) inFold(x NodeIndex) *node {
	n := &node{level: x.Level()}
	for i := range LeafIndex(1) << n.level {
		if leaf := t.Leaf(x.firstLeaf() + i); leaf != nil {
			n.setLeaf(leaf)
			n.offset = i
		}
	}
	return n
}

// NodeHash returns the tree hash of the node at x, or nil if it is outside the
// tree.
func (t *Tree) NodeHash(x NodeIndex) []byte {
	if n := t.find(x); n != nil {
		return n.hash
	}
	if uint64(x) >= NodeCount(t.Width()) {
		return nil
	}
	return newHasher(t.suite).node(t.inFold(x), x.firstLeaf())
}

// Resolution returns the resolution of the node at x, RFC 9420, Section 4.1.1.
func (t *Tree) Resolution(x NodeIndex) []NodeIndex {
	var all []NodeIndex
	n := t.find(x)
	if n == nil && uint64(x) < NodeCount(t.Width()) {
		n = t.inFold(x)
	}
	if n != nil {
		n.resolve(x.firstLeaf(), func(x NodeIndex, _ *node) bool {
			all = append(all, x)
			return true
		})
	}
	return all
}

// Members returns the leaves that are not blank, from left to right.
func (t *Tree) Members() iter.Seq2[LeafIndex, *mlswire.LeafNode] {
	return func(yield func(LeafIndex, *mlswire.LeafNode) bool) {
		t.root.eachLeaf(0, yield)
	}
}

func (n *node) eachLeaf(first LeafIndex, yield func(LeafIndex, *mlswire.LeafNode) bool) bool {
	switch {
	case n.members == 0:
		return true
	case n.leaf != nil:
		return yield(first+n.offset, n.leaf)
	}
	return n.left.eachLeaf(first, yield) && n.right.eachLeaf(first+n.half(), yield)
}

// Vacant returns the leftmost blank leaf, where the next member goes. It is
// outside the tree when the tree is full.
func (t *Tree) Vacant() LeafIndex { return t.root.vacant() }

func (n *node) vacant() LeafIndex {
	var first LeafIndex
	if n.members == 1<<n.level {
		return 1 << n.level
	}
	for n.left != nil {
		if uint32(n.half()) > n.left.members {
			n = n.left
		} else {
			first, n = first+n.half(), n.right
		}
	}
	if n.leaf != nil && n.offset == 0 {
		first++
	}
	return first
}
