package tree

import (
	"crypto/rand"
	"slices"

	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// pathLabel is the label under which path secrets are encrypted, RFC 9420,
// Section 7.6.
const pathLabel = "UpdatePathNode"

// A step is one node of a filtered direct path with its child on the copath,
// RFC 9420, Section 4.1.2.
type step struct {
	level  uint8 // of the node of the path
	copath *node
	first  LeafIndex // the leftmost leaf below copath
}

// filteredPath returns the filtered direct path of a leaf that is not folded,
// from below.
func (t *Tree) filteredPath(i LeafIndex) []step {
	steps := make([]step, 0, t.root.level)
	for n := t.root; n.left != nil; {
		half := n.half()
		first := i &^ (2*half - 1)
		next, copath := n.left, step{n.level, n.right, first + half}
		if i&half != 0 {
			next, copath = n.right, step{n.level, n.left, first}
		}
		// The resolution is empty where there is no member: a parent is blank
		// unless there are members on both of its sides.
		if copath.copath.members > 0 {
			steps = append(steps, copath)
		}
		n = next
	}
	slices.Reverse(steps)
	return steps
}

// seat returns the tree with a committer's leaf i unfolded, a member's or that
// of an external commit, which takes the leftmost blank leaf and may extend
// the tree, RFC 9420, Section 12.4.2.
func (t *Tree) seat(i LeafIndex) (*Tree, error) {
	if t.Leaf(i) == nil && i != t.Vacant() {
		return nil, ErrNotMember
	}
	if n := t.find(i.Node()); n != nil {
		return t, nil
	}
	e := edit{root: t.root}
	if err := e.reach(i); err != nil {
		return nil, err
	}
	e.descend(i, func(*node) {})
	return e.finish(t.suite), nil
}

// merge puts an UpdatePath from leaf i into the tree, RFC 9420, Section 7.5: the
// nodes above the leaf become blank but for those of steps, which get keys. The
// leaf is what makeLeaf makes of its parent hash.
func (t *Tree) merge(i LeafIndex, steps []step, keys [][]byte, makeLeaf func(parentHash []byte) (*mlswire.LeafNode, error)) (*Tree, error) {
	m := merger{hasher: newHasher(t.suite), i: i}
	// From the root down, RFC 9420, Section 7.9. The nodes have no unmerged
	// leaves now, so that the tree hash of a sibling is its original one.
	parentHash := []byte{}
	for k, s := range slices.Backward(steps) {
		parent := &mlswire.ParentNode{EncryptionKey: keys[k], ParentHash: parentHash}
		m.parents[s.level] = parent
		parentHash = m.parentHash(parent, s.copath.hash)
	}
	leaf, err := makeLeaf(parentHash)
	if err != nil {
		return nil, err
	}
	m.leaf = leaf
	return &Tree{suite: t.suite, root: m.rebuild(t.root, 0)}, nil
}

// A merger rebuilds the nodes from one leaf to the root.
type merger struct {
	*hasher
	i       LeafIndex
	leaf    *mlswire.LeafNode
	parents [MaxLevel + 1]*mlswire.ParentNode // by level
}

func (m *merger) rebuild(n *node, first LeafIndex) *node {
	c := &node{level: n.level}
	if n.level == 0 {
		c.setLeaf(m.leaf)
	} else {
		c.left, c.right = n.left, n.right
		if half := n.half(); m.i&half == 0 {
			c.left = m.rebuild(n.left, first)
		} else {
			c.right = m.rebuild(n.right, first+half)
		}
		c.members = c.left.members + c.right.members
		c.setParent(m.parents[n.level])
	}
	c.hash = m.node(c, first)
	return c
}

// A Path is an UpdatePath that this member made, with its secrets. It may be
// read concurrently, but not beside Erase.
type Path struct {
	// Tree is the tree after the path.
	Tree *Tree
	// Private is what the committer knows of Tree.
	Private *Private
	// CommitSecret goes into the key schedule, RFC 9420, Section 8.
	CommitSecret secret.Value

	from    LeafIndex
	steps   []step
	secrets []secret.Value // path secrets, one for each step
}

// NewPath makes new keys for the leaf from and the nodes above it, RFC 9420,
// Sections 7.4 and 7.5. t is the tree with the proposals applied; from is a
// member or, for an external commit, the blank leaf [Tree.Vacant], which must not
// have been added before.
//
// makeLeaf gets the encryption key and the parent hash of the new leaf and
// returns it signed; it has no parent when it is alone, and the parent hash is
// empty then. NewPath returns its errors as they are, and ErrNotMember and
// ErrTooLarge.
func (t *Tree) NewPath(from LeafIndex, makeLeaf func(encryptionKey, parentHash []byte) (*mlswire.LeafNode, error)) (*Path, error) {
	t, err := t.seat(from)
	if err != nil {
		return nil, err
	}
	p := &Path{from: from, steps: t.filteredPath(from)}
	leafKey := t.suite.GenerateKeyPair()
	p.Private = NewPrivate(from, leafKey)
	// RFC 9420, Section 7.4.
	first := make([]byte, t.suite.HashSize())
	rand.Read(first)
	next := secret.Own(first)
	keys := make([][]byte, len(p.steps))
	for k, s := range p.steps {
		pair := deriveNode(t.suite, next)
		keys[k] = pair.Public
		p.Private.keys = append(p.Private.keys, levelKey{s.level, pair.Public, pair.Private})
		p.secrets = append(p.secrets, next)
		next = t.suite.DeriveSecret(next, "path")
	}
	// One past the last path secret, RFC 9420, Section 12.4.1. Of a group of one
	// nobody else ever needs it.
	p.CommitSecret = next
	p.Tree, err = t.merge(from, p.steps, keys, func(parentHash []byte) (*mlswire.LeafNode, error) {
		return makeLeaf(leafKey.Public, parentHash)
	})
	if err != nil {
		p.Erase()
		p.Private.Erase(nil)
		next.Erase()
		return nil, err
	}
	return p, nil
}

// deriveNode derives the key pair of a node from its path secret, RFC 9420,
// Section 7.4.
func deriveNode(s *suite.Suite, pathSecret secret.Value) suite.KeyPair {
	nodeSecret := s.DeriveSecret(pathSecret, "node")
	defer nodeSecret.Erase()
	return s.DeriveKeyPair(nodeSecret)
}

// Encrypt returns the UpdatePath to send: the path secret of each node encrypted
// to the resolution of its child on the copath, without the leaves added in the
// same commit, RFC 9420, Sections 7.5 and 7.6. groupContext is the provisional
// GroupContext with the hash of p.Tree. It panics after [Path.Erase].
func (p *Path) Encrypt(groupContext []byte, added []LeafIndex) (*mlswire.UpdatePath, error) {
	if len(p.secrets) != len(p.steps) {
		panic("tree: internal error: encrypting a path that was erased")
	}
	skip := newLeafSet(added)
	s := p.Tree.suite
	up := &mlswire.UpdatePath{LeafNode: *p.Tree.Leaf(p.from), Nodes: make([]mlswire.UpdatePathNode, len(p.steps))}
	for k, st := range p.steps {
		to := mlswire.UpdatePathNode{EncryptionKey: p.Private.keys[k+1].public}
		var err error
		st.copath.resolve(st.first, func(x NodeIndex, n *node) bool {
			if skip.has(x) {
				return true
			}
			var c mlswire.HPKECiphertext
			c, err = s.EncryptWithLabel(n.key(), pathLabel, groupContext, p.secrets[k].Expose())
			to.EncryptedPathSecret = append(to.EncryptedPathSecret, c)
			return err == nil
		})
		if err != nil {
			return nil, err
		}
		up.Nodes[k] = to
	}
	return up, nil
}

// PathSecret returns the path secret of the lowest common ancestor of the
// committer and another member, which a Welcome carries, RFC 9420, Section
// 12.4.1. It reports false for the committer itself, for what is not a member,
// and after [Path.Erase].
func (p *Path) PathSecret(member LeafIndex) (secret.Value, bool) {
	if member == p.from || p.Tree.Leaf(member) == nil {
		return secret.Value{}, false
	}
	level := commonLevel(p.from, member)
	for k, s := range p.secrets {
		if p.steps[k].level == level {
			return s, true
		}
	}
	return secret.Value{}, false
}

// Erase overwrites the path secrets, RFC 9420, Section 7.5, once Encrypt and
// PathSecret are not needed any more. Private and CommitSecret stay.
func (p *Path) Erase() {
	for _, s := range p.secrets {
		s.Erase()
	}
	p.secrets = nil
}

// A leafSet is a sorted list of leaves.
type leafSet []LeafIndex

func newLeafSet(leaves []LeafIndex) leafSet {
	s := slices.Clone(leaves)
	slices.Sort(s)
	return s
}

// has reports whether x is a leaf of the set.
func (s leafSet) has(x NodeIndex) bool {
	if !x.IsLeaf() {
		return false
	}
	_, found := slices.BinarySearch(s, x.Leaf())
	return found
}
