package tree

import (
	"slices"

	"conclave/core/mlswire"
	"conclave/core/suite"
)

// FromNodes returns the tree that a ratchet_tree extension describes, RFC 9420,
// Section 12.4.3.3. It checks everything about the tree's parents and the
// uniqueness of keys that Section 12.4.3.1 asks for, except the parent hashes:
// see [Tree.CheckParentHashes]. It does not validate leaf nodes otherwise.
//
// The error is ErrShape, ErrTooLarge, ErrUnmergedLeaves, ErrPublicKey,
// ErrDuplicateKey or ErrDuplicateSignatureKey. The work is linear in the number
// of nodes given, and so is the memory in the number of those not blank.
func FromNodes(s *suite.Suite, nodes mlswire.RatchetTree) (*Tree, error) {
	// The last node that is not blank is a leaf, as build does not take parents
	// with nothing on their right.
	last := len(nodes.Leaves) - 1
	if last < 0 || nodes.Leaves[last] == nil || len(nodes.Parents) != last {
		return nil, ErrShape
	}
	if last >= MaxLeaves {
		return nil, ErrTooLarge
	}
	level := commonLevel(0, LeafIndex(last))
	root, err := build(nodes, level, 0)
	if err != nil {
		return nil, err
	}
	if err := root.checkUnmerged(0, nil); err != nil {
		return nil, err
	}
	t := &Tree{suite: s, root: root}
	if err := t.checkKeys(); err != nil {
		return nil, err
	}
	root.rehash(newHasher(s), 0)
	return t, nil
}

// build returns the node at level above leaf first, without hashes, or nil when
// nothing below it holds a value.
func build(nodes mlswire.RatchetTree, level uint8, first LeafIndex) (*node, error) {
	if int(first) >= len(nodes.Leaves) {
		return nil, nil
	}
	if level == 0 {
		leaf := nodes.Leaves[first]
		if leaf == nil {
			return nil, nil
		}
		n := new(node)
		n.setLeaf(leaf)
		return n, nil
	}
	left, err := build(nodes, level-1, first)
	if err != nil {
		return nil, err
	}
	right, err := build(nodes, level-1, first+1<<(level-1))
	if err != nil {
		return nil, err
	}
	var parent *mlswire.ParentNode
	if x := int(first.ancestor(level)) / 2; x < len(nodes.Parents) {
		parent = nodes.Parents[x]
	}
	switch {
	case parent != nil && (left == nil || right == nil):
		// A parent gets a value only while there are members on both sides, and
		// loses it with each member that goes: Sections 4.1.2 and 12.1.3.
		return nil, ErrShape
	case left == nil && right == nil:
		return nil, nil
	case left == nil && right.leaf != nil:
		right.level, right.offset = level, right.offset+1<<(level-1)
		return right, nil
	case right == nil && left.leaf != nil:
		left.level = level
		return left, nil
	case left == nil:
		left = &node{level: level - 1}
	case right == nil:
		right = &node{level: level - 1}
	}
	n := &node{left: left, right: right, members: left.members + right.members, level: level}
	n.setParent(parent)
	return n, nil
}

// checkUnmerged checks the unmerged leaves at and below n: sorted, below their
// node, members, and listed by every node between that is not blank. above is
// the list of the nearest such node above. RFC 9420, Sections 7.1 and 12.4.3.1.
func (n *node) checkUnmerged(first LeafIndex, above []uint32) error {
	above = between(above, first, 1<<n.level)
	if n.left == nil {
		for _, u := range above {
			if leaf, _ := n.below(LeafIndex(u) - first); leaf == nil {
				return ErrUnmergedLeaves
			}
		}
		return nil
	}
	if n.parent != nil {
		own := n.parent.UnmergedLeaves
		for k, u := range own {
			if k > 0 && own[k-1] >= u {
				return ErrUnmergedLeaves
			}
		}
		if len(between(own, first, 1<<n.level)) != len(own) || !contains(own, above) {
			return ErrUnmergedLeaves
		}
		above = own
	}
	if err := n.left.checkUnmerged(first, above); err != nil {
		return err
	}
	return n.right.checkUnmerged(first+n.half(), above)
}

// contains reports whether each of part is in all; both are sorted.
func contains(all, part []uint32) bool {
	for _, u := range part {
		at, found := slices.BinarySearch(all, u)
		if !found {
			return false
		}
		all = all[at+1:]
	}
	return true
}

// Nodes returns the tree as the ratchet_tree extension carries it, without
// blanks at the end. It shares the nodes with the tree.
func (t *Tree) Nodes() mlswire.RatchetTree {
	width := t.Width()
	nodes := mlswire.RatchetTree{Leaves: make([]*mlswire.LeafNode, width), Parents: make([]*mlswire.ParentNode, width-1)}
	t.root.put(nodes, 0)
	// No parent to the right of the last member has a value, see build.
	last := len(nodes.Leaves)
	for last > 1 && nodes.Leaves[last-1] == nil {
		last--
	}
	return mlswire.RatchetTree{Leaves: nodes.Leaves[:last], Parents: nodes.Parents[:last-1]}
}

func (n *node) put(nodes mlswire.RatchetTree, first LeafIndex) {
	switch {
	case n.members == 0:
	case n.leaf != nil:
		nodes.Leaves[first+n.offset] = n.leaf
	default:
		nodes.Parents[first.ancestor(n.level)/2] = n.parent
		n.left.put(nodes, first)
		n.right.put(nodes, first+n.half())
	}
}
