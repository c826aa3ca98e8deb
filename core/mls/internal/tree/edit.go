package tree

import (
	"slices"

	"conclave/core/mlswire"
	"conclave/core/suite"
)

// An Update replaces the leaf of a member, RFC 9420, Section 12.1.2.
type Update struct {
	Leaf LeafIndex
	Node *mlswire.LeafNode
}

// Changes are the proposals of a commit that change the tree. The order in which
// they are applied is the order of the fields, RFC 9420, Section 12.3.
type Changes struct {
	Updates []Update
	Removes []LeafIndex
	Adds    []*mlswire.LeafNode
}

// Apply returns the tree after the changes, and the leaves where the added
// members are. Each node that changes is made and hashed once, however many
// changes touch it. It does not look into leaf nodes: see [Tree.CheckUnique].
//
// The error is ErrNotMember for an update or removal of a blank leaf,
// ErrChangedTwice for two of one leaf, and ErrTooLarge. Removing all members
// without adding one gives a tree of one blank leaf, for an external commit
// by which the only member of a group replaces itself (RFC 9420, Section 12.4.3.2).
func (t *Tree) Apply(c Changes) (*Tree, []LeafIndex, error) {
	e := edit{root: t.root}
	for _, u := range c.Updates {
		if err := e.replace(u.Leaf, u.Node); err != nil {
			return nil, nil, err
		}
	}
	for _, i := range c.Removes {
		if err := e.replace(i, nil); err != nil {
			return nil, nil, err
		}
	}
	// Blank roots may stay for now: where the added leaves go and how wide the
	// tree is in the end does not depend on when it is truncated.
	added := make([]LeafIndex, 0, len(c.Adds))
	for _, leaf := range c.Adds {
		i, err := e.add(leaf)
		if err != nil {
			return nil, nil, err
		}
		added = append(added, i)
	}
	e.truncate()
	return e.finish(t.suite), added, nil
}

// Add returns the tree with another member and where it is, RFC 9420, Section
// 12.1.1. The error is ErrTooLarge.
func (t *Tree) Add(leaf *mlswire.LeafNode) (*Tree, LeafIndex, error) {
	next, added, err := t.Apply(Changes{Adds: []*mlswire.LeafNode{leaf}})
	if err != nil {
		return nil, 0, err
	}
	return next, added[0], nil
}

// Update returns the tree with the leaf of a member replaced and the nodes above
// it blank, RFC 9420, Section 12.1.2. The error is ErrNotMember.
func (t *Tree) Update(i LeafIndex, leaf *mlswire.LeafNode) (*Tree, error) {
	next, _, err := t.Apply(Changes{Updates: []Update{{i, leaf}}})
	return next, err
}

// Remove returns the tree without a member and with the nodes above it blank,
// RFC 9420, Section 12.1.3. The error is ErrNotMember.
func (t *Tree) Remove(i LeafIndex) (*Tree, error) {
	next, _, err := t.Apply(Changes{Removes: []LeafIndex{i}})
	return next, err
}

// An edit makes one Tree out of another. It may change the nodes that have no
// hash yet, which nobody else has seen, and copies the others.
type edit struct{ root *node }

// descend takes the nodes from the root to leaf i into the edit, calls change
// with each parent on the way, and returns the leaf.
func (e *edit) descend(i LeafIndex, change func(n *node)) *node {
	for at := &e.root; ; {
		n := *at
		if n.hash != nil {
			c := *n
			c.hash = nil
			if p := n.parent; p != nil {
				c.parent = &mlswire.ParentNode{
					EncryptionKey: p.EncryptionKey, ParentHash: p.ParentHash,
					UnmergedLeaves: slices.Clone(p.UnmergedLeaves),
				}
			}
			n, *at = &c, &c
		}
		if n.level == 0 {
			return n
		}
		if n.left == nil {
			n.unfold()
		}
		change(n)
		if i&n.half() == 0 {
			at = &n.left
		} else {
			at = &n.right
		}
	}
}

// replace puts another leaf, or nil, in the place of a member and blanks the
// nodes above it.
func (e *edit) replace(i LeafIndex, leaf *mlswire.LeafNode) error {
	if uint32(i) >= 1<<e.root.level {
		return ErrNotMember
	}
	switch old, n := e.root.below(i); {
	case n.level == 0 && n.hash == nil:
		return ErrChangedTwice
	case old == nil:
		return ErrNotMember
	}
	e.descend(i, func(n *node) {
		n.setParent(nil)
		if leaf == nil {
			n.members--
		}
	}).setLeaf(leaf)
	return nil
}

// add puts a member at the leftmost blank leaf and into the unmerged leaves of
// the nodes above it.
func (e *edit) add(leaf *mlswire.LeafNode) (LeafIndex, error) {
	i := e.root.vacant()
	if err := e.reach(i); err != nil {
		return 0, err
	}
	e.descend(i, func(n *node) {
		n.members++
		if n.parent != nil {
			u := n.parent.UnmergedLeaves
			at, _ := slices.BinarySearch(u, uint32(i))
			n.parent.UnmergedLeaves = slices.Insert(u, at, uint32(i))
		}
	}).setLeaf(leaf)
	return i, nil
}

// reach extends the tree to the right until it has leaf i, RFC 9420, Section 7.7.
func (e *edit) reach(i LeafIndex) error {
	for uint32(i) >= 1<<e.root.level {
		if e.root.level == MaxLevel {
			return ErrTooLarge
		}
		level := e.root.level
		e.root = &node{left: e.root, right: &node{level: level}, members: e.root.members, level: level + 1}
	}
	return nil
}

// truncate removes the right half of the tree while it has no member, RFC 9420,
// Section 7.7.
func (e *edit) truncate() {
	if e.root.members == 0 {
		e.root = &node{}
	}
	for e.root.left != nil && e.root.right.members == 0 {
		e.root = e.root.left
	}
	if level := commonLevel(0, e.root.offset); e.root.left == nil && e.root.level > level {
		c := *e.root
		c.level, c.hash = level, nil
		e.root = &c
	}
}

// finish hashes what the edit made and returns the tree.
func (e *edit) finish(s *suite.Suite) *Tree {
	e.root.rehash(newHasher(s), 0)
	return &Tree{suite: s, root: e.root}
}

// rehash computes the hashes that are missing at and below n.
func (n *node) rehash(h *hasher, first LeafIndex) {
	if n.hash != nil {
		return
	}
	if n.left != nil {
		n.left.rehash(h, first)
		n.right.rehash(h, first+n.half())
	}
	n.hash = h.node(n, first)
}
