package tree

import (
	"bytes"
	"slices"

	"conclave/core/mlswire"
)

// parentHash hashes a ParentHashInput, RFC 9420, Section 7.9.
func (h *hasher) parentHash(encryptionKey, parentHash, originalSiblingTreeHash []byte) []byte {
	w := &h.w
	w.Reset()
	w.Vector(encryptionKey)
	w.Vector(parentHash)
	w.Vector(originalSiblingTreeHash)
	return h.sum(nil, w.Bytes())
}

// CheckParentHashes checks that each parent that is not blank was set by a
// member below it: that exactly one node below has a valid parent hash for it,
// RFC 9420, Section 7.9.2. The error is ErrParentHash.
func (t *Tree) CheckParentHashes() error {
	if !t.root.checkParentHashes(newHasher(t.suite), 0) {
		return ErrParentHash
	}
	return nil
}

func (n *node) checkParentHashes(h *hasher, first LeafIndex) bool {
	if n.members == 0 || n.level == 0 {
		return true
	}
	// If every parent has a valid link from below, following the links down from
	// any parent ends in a leaf: it is parent-hash valid.
	if n.parent != nil && n.links(h, first) != 1 {
		return false
	}
	return n.left.checkParentHashes(h, first) && n.right.checkParentHashes(h, first+n.half())
}

// links returns how many nodes below n have a parent hash that is valid for n:
// there can be one on each side. The letters are those of the RFC.
func (n *node) links(h *hasher, first LeafIndex) int {
	p := n.parent
	count := 0
	for _, right := range []bool{false, true} {
		c, cFirst, s, sFirst := n.left, first, n.right, first+n.half()
		if right {
			c, cFirst, s, sFirst = s, sFirst, c, cFirst
		}
		claimed, ok := c.link(cFirst, between(p.UnmergedLeaves, cFirst, 1<<c.level)).claim()
		if ok && bytes.Equal(claimed, h.parentHash(p.EncryptionKey, p.ParentHash, h.without(s, sFirst, p.UnmergedLeaves))) {
			count++
		}
	}
	return count
}

// claim returns the parent hash that n holds, if it may.
func (n *node) claim() ([]byte, bool) {
	switch {
	case n == nil:
		return nil, false
	case n.parent != nil:
		return n.parent.ParentHash, true
	}
	return n.leaf.ParentHash, n.leaf.Source == mlswire.LeafNodeSourceCommit
}

// link returns the one node of the resolution of n that is not in unmerged, or
// nil unless the resolution is that node and exactly the leaves in unmerged.
func (n *node) link(first LeafIndex, unmerged []uint32) *node {
	var d *node
	count := 0
	n.resolve(first, func(x NodeIndex, r *node) bool {
		count++
		if x.IsLeaf() {
			if _, found := slices.BinarySearch(unmerged, uint32(x.Leaf())); found {
				return true
			}
		}
		if d != nil {
			d = nil
			return false
		}
		d = r
		return true
	})
	if d == nil || count != len(unmerged)+1 {
		return nil
	}
	return d
}
