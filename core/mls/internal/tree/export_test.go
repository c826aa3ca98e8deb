package tree

import "conclave/core/suite"

// NodesNotIn returns how many nodes t does not share with old.
func (t *Tree) NodesNotIn(old *Tree) int {
	known := map[*node]bool{}
	var walk func(n *node) int
	walk = func(n *node) int {
		if n == nil || known[n] {
			return 0
		}
		known[n] = true
		return 1 + walk(n.left) + walk(n.right)
	}
	walk(old.root)
	return walk(t.root)
}

// FullTree returns a tree of the greatest width that claims to be full. Nothing
// below its root is there.
func FullTree(s *suite.Suite) *Tree {
	return &Tree{suite: s, root: &node{level: MaxLevel, members: MaxLeaves, hash: make([]byte, s.HashSize())}}
}
