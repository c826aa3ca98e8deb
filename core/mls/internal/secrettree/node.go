package secrettree

import (
	"conclave/core/secret"
	"conclave/core/suite"
)

// A node is a subtree of the secret tree in one of three states: not yet
// derived, with its secret; split, with both children, the secret being
// consumed; or a leaf whose secret has become its two ratchets.
type node struct {
	secret      secret.Value
	left, right *node
	ratchets    *[2]ratchet // by Kind
}

// branch reports whether leaf is in the right half of a subtree with size
// leaves, given that leaf counts from the subtree's first.
func branch(leaf, size uint32) (right bool) { return leaf >= size/2 }

// ratchets returns leaf's ratchets, or nil where they are not derived yet.
func (t *Tree) ratchets(leaf uint32) *[2]ratchet {
	n, _, _ := t.nearest(leaf)
	return n.ratchets
}

// nearest descends to the lowest node above leaf that exists. It returns the
// number of leaves under that node and leaf's place among them.
func (t *Tree) nearest(leaf uint32) (n *node, place, size uint32) {
	n, size = t.root, t.size
	for n.left != nil {
		if branch(leaf, size) {
			n, leaf = n.right, leaf-size/2
		} else {
			n = n.left
		}
		size /= 2
	}
	return n, leaf, size
}

// split returns leaf's ratchets, deriving them first if need be. The secrets on
// the way from the root are consumed by that and deleted; those of the siblings
// are kept. RFC 9420, Sections 9 and 9.2.
func (t *Tree) split(leaf uint32) *[2]ratchet {
	n, place, size := t.nearest(leaf)
	if n.ratchets != nil {
		return n.ratchets
	}
	for ; size > 1; size /= 2 {
		n.left = &node{secret: child(t.suite, n.secret, false)}
		n.right = &node{secret: child(t.suite, n.secret, true)}
		n.secret.Erase()
		n.secret = secret.Value{}
		if branch(place, size) {
			n, place = n.right, place-size/2
		} else {
			n = n.left
		}
	}
	n.ratchets = &[2]ratchet{
		Handshake:   {secret: ratchetRoot(t.suite, n.secret, Handshake)},
		Application: {secret: ratchetRoot(t.suite, n.secret, Application)},
	}
	n.secret.Erase()
	n.secret = secret.Value{}
	return n.ratchets
}

// peekRatchet derives the first secret of a ratchet that does not exist yet
// without changing the tree.
func (t *Tree) peekRatchet(leaf uint32, kind Kind) secret.Value {
	n, place, size := t.nearest(leaf)
	current := secret.New(n.secret.Expose())
	for ; size > 1; size /= 2 {
		right := branch(place, size)
		next := child(t.suite, current, right)
		current.Erase()
		current = next
		if right {
			place -= size / 2
		}
	}
	defer current.Erase()
	return ratchetRoot(t.suite, current, kind)
}

// child derives the secret of a child, RFC 9420, Section 9.
func child(s *suite.Suite, parent secret.Value, right bool) secret.Value {
	side := "left"
	if right {
		side = "right"
	}
	return s.ExpandWithLabel(parent, "tree", []byte(side), s.HashSize())
}

// ratchetRoot derives the first secret of a leaf's ratchet, RFC 9420, Section 9.
func ratchetRoot(s *suite.Suite, leaf secret.Value, kind Kind) secret.Value {
	label := "handshake"
	if kind == Application {
		label = "application"
	}
	return s.DeriveSecret(leaf, label)
}

// erase overwrites all secrets of a subtree. Its depth is that of the tree.
func (n *node) erase() {
	n.secret.Erase()
	if n.ratchets != nil {
		n.ratchets[Handshake].erase()
		n.ratchets[Application].erase()
	}
	if n.left != nil {
		n.left.erase()
		n.right.erase()
	}
}
