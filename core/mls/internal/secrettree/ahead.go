package secrettree

import (
	"conclave/core/secret"
	"conclave/core/tlsenc"
)

// Leaves returns the number of leaves of the tree.
func (t *Tree) Leaves() uint32 { return t.size }

// EncodeAhead appends the tree as it would be after [Tree.Skip] of both ratchets
// of a sender's own leaf, and leaves t as it is: what is written cannot encrypt,
// nor decrypt, what the sender sends before these generations. It fails like
// Skip and has then written nothing.
func (t *Tree) EncodeAhead(w *tlsenc.Writer, leaf, handshake, application uint32) error {
	if leaf >= t.size {
		return ErrNoLeaf
	}
	ahead := &Tree{suite: t.suite, limits: t.limits, size: t.size, root: t.root.fork(leaf, t.size)}
	defer ahead.root.eraseFork(t.root, leaf, t.size)
	if err := ahead.Skip(leaf, Handshake, handshake); err != nil {
		return err
	}
	if err := ahead.Skip(leaf, Application, application); err != nil {
		return err
	}
	ahead.Encode(w)
	return nil
}

// fork copies the nodes on the way to a leaf, so that a change of its ratchets
// does not reach n. The rest is shared.
func (n *node) fork(leaf, size uint32) *node {
	c := &node{left: n.left, right: n.right}
	switch {
	case n.left == nil && n.ratchets == nil:
		c.secret = secret.New(n.secret.Expose())
	case n.left == nil:
		r := *n.ratchets
		for kind := range r {
			r[kind].secret = secret.New(r[kind].secret.Expose())
		}
		c.ratchets = &r
	case branch(leaf, size):
		c.right = n.right.fork(leaf-size/2, size/2)
	default:
		c.left = n.left.fork(leaf, size/2)
	}
	return c
}

// eraseFork overwrites what n, a fork, does not share with what it is a fork of.
func (n *node) eraseFork(of *node, leaf, size uint32) {
	switch {
	case of.left == nil && of.ratchets == nil:
		n.erase()
	case of.left == nil:
		for kind := range n.ratchets {
			n.ratchets[kind].secret.Erase()
		}
	case branch(leaf, size):
		n.right.eraseFork(of.right, leaf-size/2, size/2)
	default:
		n.left.eraseFork(of.left, leaf, size/2)
	}
}
