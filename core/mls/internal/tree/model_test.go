package tree_test

import (
	"bytes"
	"slices"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// A model is a ratchet tree as RFC 9420 tells it, in the array form of Appendix
// C. It keeps nothing but the nodes, computes everything anew each time, and
// shares no code with the package under test.
type model struct {
	suite *suite.Suite
	nodes []modelNode // 2^(d+1)-1
}

// A modelNode is blank with neither set.
type modelNode struct {
	leaf   *mlswire.LeafNode
	parent *mlswire.ParentNode
}

func newModel(s *suite.Suite, leaf *mlswire.LeafNode) *model {
	return &model{s, []modelNode{{leaf: leaf}}}
}

func (n modelNode) blank() bool { return n.leaf == nil && n.parent == nil }

func (n modelNode) key() []byte {
	if n.leaf != nil {
		return n.leaf.EncryptionKey
	}
	return n.parent.EncryptionKey
}

func (m *model) members() int {
	count := 0
	for _, n := range m.nodes {
		if n.leaf != nil {
			count++
		}
	}
	return count
}

// The arithmetic of Appendix C.

func level(x int) int {
	k := 0
	for x>>k&1 == 1 {
		k++
	}
	return k
}

func left(x int) int  { return x ^ 1<<(level(x)-1) }
func right(x int) int { return x ^ 3<<(level(x)-1) }

func (m *model) root() int { return (len(m.nodes) - 1) / 2 }

func (m *model) parent(x int) int {
	k := level(x)
	b := x >> (k + 1) & 1
	return (x | 1<<k) ^ b<<(k+1)
}

func (m *model) sibling(x int) int {
	if p := m.parent(x); x < p {
		return right(p)
	} else {
		return left(p)
	}
}

func (m *model) directPath(x int) []int {
	var path []int
	for x != m.root() {
		x = m.parent(x)
		path = append(path, x)
	}
	return path
}

// subtree returns x and all below it, from left to right.
func (m *model) subtree(x int) []int {
	if level(x) == 0 {
		return []int{x}
	}
	return slices.Concat(m.subtree(left(x)), []int{x}, m.subtree(right(x)))
}

// below reports whether x is y or below it.
func (m *model) below(x, y int) bool { return slices.Contains(m.subtree(y), x) }

// filteredPath is the filtered direct path of Section 4.1.2.
func (m *model) filteredPath(leaf int) []int {
	var path []int
	for x := leaf; x != m.root(); x = m.parent(x) {
		if len(m.resolution(m.sibling(x))) > 0 {
			path = append(path, m.parent(x))
		}
	}
	return path
}

// resolution is that of Section 4.1.1.
func (m *model) resolution(x int) []int {
	n := m.nodes[x]
	switch {
	case n.leaf != nil:
		return []int{x}
	case n.parent != nil:
		all := []int{x}
		for _, u := range n.parent.UnmergedLeaves {
			all = append(all, int(2*u))
		}
		return all
	case level(x) == 0:
		return nil
	}
	return append(m.resolution(left(x)), m.resolution(right(x))...)
}

// hash is the tree hash of Section 7.8.
func (m *model) hash(x int) []byte {
	var w tlsenc.Writer
	n := m.nodes[x]
	if level(x) == 0 {
		w.Uint8(1)
		w.Uint32(uint32(x / 2))
		if n.leaf == nil {
			w.Uint8(0)
		} else {
			w.Uint8(1)
			n.leaf.Encode(&w)
		}
		return m.suite.Hash(w.Bytes())
	}
	w.Uint8(2)
	if n.parent == nil {
		w.Uint8(0)
	} else {
		w.Uint8(1)
		n.parent.Encode(&w)
	}
	w.Vector(m.hash(left(x)))
	w.Vector(m.hash(right(x)))
	return m.suite.Hash(w.Bytes())
}

// wire returns the ratchet_tree extension of Section 12.4.3.3.
func (m *model) wire() []byte {
	last := len(m.nodes)
	for m.nodes[last-1].blank() {
		last--
	}
	var inner, w tlsenc.Writer
	for _, n := range m.nodes[:last] {
		switch {
		case n.leaf != nil:
			inner.Uint16(0x0101)
			n.leaf.Encode(&inner)
		case n.parent != nil:
			inner.Uint16(0x0102)
			n.parent.Encode(&inner)
		default:
			inner.Uint8(0)
		}
	}
	w.Vector(inner.Bytes())
	return w.Bytes()
}

// clone copies the tree, and its parents deeply.
func (m *model) clone() *model {
	c := &model{m.suite, slices.Clone(m.nodes)}
	for i, n := range c.nodes {
		if n.parent != nil {
			p := *n.parent
			p.UnmergedLeaves = slices.Clone(p.UnmergedLeaves)
			c.nodes[i].parent = &p
		}
	}
	return c
}

// apply applies proposals in the order of Section 12.3 and returns the leaves
// added.
func (m *model) apply(c tree.Changes) []tree.LeafIndex {
	for _, u := range c.Updates {
		m.replace(int(2*u.Leaf), u.Node)
	}
	for _, i := range c.Removes {
		m.replace(int(2*i), nil)
		m.truncate()
	}
	var added []tree.LeafIndex
	for _, leaf := range c.Adds {
		x := m.vacant()
		for _, p := range m.directPath(x) {
			if parent := m.nodes[p].parent; parent != nil {
				parent.UnmergedLeaves = append(parent.UnmergedLeaves, uint32(x/2))
				slices.Sort(parent.UnmergedLeaves)
			}
		}
		m.nodes[x].leaf = leaf
		added = append(added, tree.LeafIndex(x/2))
	}
	return added
}

// vacant is the leftmost blank leaf, for which it extends the tree if need be.
func (m *model) vacant() int {
	for x := 0; x < len(m.nodes); x += 2 {
		if m.nodes[x].leaf == nil {
			return x
		}
	}
	x := len(m.nodes) + 1
	m.nodes = append(m.nodes, make([]modelNode, len(m.nodes)+1)...)
	return x
}

func (m *model) replace(x int, leaf *mlswire.LeafNode) {
	m.nodes[x].leaf = leaf
	for _, p := range m.directPath(x) {
		m.nodes[p].parent = nil
	}
}

func (m *model) truncate() {
	for len(m.nodes) > 1 && !slices.ContainsFunc(m.nodes[len(m.nodes)/2+1:], func(n modelNode) bool { return !n.blank() }) {
		m.nodes = m.nodes[:(len(m.nodes)-1)/2]
	}
}

// merge puts an UpdatePath into the tree, Section 7.5, and returns the parent
// hash that its leaf should have.
func (m *model) merge(from tree.LeafIndex, path *mlswire.UpdatePath) (parentHash []byte) {
	leaf := int(2 * from)
	m.replace(leaf, nil)
	filtered := m.filteredPath(leaf)
	for k, x := range filtered {
		m.nodes[x].parent = &mlswire.ParentNode{EncryptionKey: path.Nodes[k].EncryptionKey}
	}
	for _, p := range slices.Backward(filtered) {
		m.nodes[p].parent.ParentHash = parentHash
		s := left(p)
		if m.below(leaf, s) {
			s = right(p)
		}
		parentHash = m.parentHash(p, s)
	}
	m.nodes[leaf].leaf = &path.LeafNode
	return parentHash
}

// parentHash is the parent hash of p with copath child s, Section 7.9.
func (m *model) parentHash(p, s int) []byte {
	parent := m.nodes[p].parent
	original := m.clone()
	for _, u := range parent.UnmergedLeaves {
		original.nodes[2*u].leaf = nil
		for _, n := range original.nodes {
			if n.parent != nil {
				n.parent.UnmergedLeaves = slices.DeleteFunc(n.parent.UnmergedLeaves, func(v uint32) bool { return u == v })
			}
		}
	}
	var w tlsenc.Writer
	w.Vector(parent.EncryptionKey)
	w.Vector(parent.ParentHash)
	w.Vector(original.hash(s))
	return m.suite.Hash(w.Bytes())
}

// valid reports whether the tree satisfies Section 12.4.3.1 as far as it concerns
// this package.
func (m *model) valid() bool {
	keys, signatureKeys := map[string]bool{}, map[string]bool{}
	for x, n := range m.nodes {
		if n.blank() {
			continue
		}
		if keys[string(n.key())] || m.suite.CheckPublicKey(n.key()) != nil {
			return false
		}
		keys[string(n.key())] = true
		if n.leaf != nil {
			if signatureKeys[string(n.leaf.SignatureKey)] {
				return false
			}
			signatureKeys[string(n.leaf.SignatureKey)] = true
		} else if !m.validUnmerged(x) {
			return false
		}
	}
	for x, n := range m.nodes { // parentHash needs valid unmerged leaves everywhere
		if n.parent != nil && !m.validLinks(x) {
			return false
		}
	}
	return true
}

func (m *model) validUnmerged(p int) bool {
	unmerged := m.nodes[p].parent.UnmergedLeaves
	for k, u := range unmerged {
		x := int(2 * u)
		if k > 0 && unmerged[k-1] >= u || x >= len(m.nodes) || m.nodes[x].leaf == nil || !m.below(x, p) {
			return false
		}
		for y := m.parent(x); y != p; y = m.parent(y) {
			if between := m.nodes[y].parent; between != nil && !slices.Contains(between.UnmergedLeaves, u) {
				return false
			}
		}
	}
	return true
}

// validLinks reports whether exactly one descendant of p has a parent hash that
// is valid for it, Section 7.9.2.
func (m *model) validLinks(p int) bool {
	links := 0
	for _, d := range m.subtree(p) {
		if d == p || m.nodes[d].blank() {
			continue
		}
		var claimed []byte
		if leaf := m.nodes[d].leaf; leaf == nil {
			claimed = m.nodes[d].parent.ParentHash
		} else if claimed = leaf.ParentHash; leaf.Source != mlswire.LeafNodeSourceCommit {
			continue
		}
		c, s := left(p), right(p)
		if !m.below(d, c) {
			c, s = s, c
		}
		var unmerged []int // of p, below c
		for _, u := range m.nodes[p].parent.UnmergedLeaves {
			if m.below(int(2*u), c) {
				unmerged = append(unmerged, int(2*u))
			}
		}
		resolution := m.resolution(c)
		at := slices.Index(resolution, d)
		if at < 0 {
			continue
		}
		rest := slices.Delete(resolution, at, at+1)
		slices.Sort(rest)
		if slices.Equal(rest, unmerged) && bytes.Equal(claimed, m.parentHash(p, s)) {
			links++
		}
	}
	return links == 1
}
