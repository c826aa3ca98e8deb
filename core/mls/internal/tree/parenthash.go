package tree

import (
	"bytes"
	"slices"

	"conclave/core/mlswire"
	"conclave/core/tlsenc"
)

// parentHash hashes a ParentHashInput, RFC 9420, Section 7.9.
func (h *hasher) parentHash(encryptionKey, parentHash, originalSiblingTreeHash []byte) []byte {
	w := tlsenc.NewWriter(12 + len(encryptionKey) + len(parentHash) + len(originalSiblingTreeHash))
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
	if n.parent != nil && n.linked(h, first, false) == n.linked(h, first, true) {
		return false
	}
	return n.left.checkParentHashes(h, first) && n.right.checkParentHashes(h, first+n.half())
}

// linked reports whether a node below the right, or else the left, child of n
// has a parent hash that is valid for n. The letters are those of the RFC.
func (n *node) linked(h *hasher, first LeafIndex, right bool) bool {
	c, cFirst, s, sFirst := n.left, first, n.right, first+n.half()
	if right {
		c, cFirst, s, sFirst = s, sFirst, c, cFirst
	}
	d := c.link(cFirst, between(n.parent.UnmergedLeaves, cFirst, 1<<c.level))
	if d == nil {
		return false
	}
	var claimed []byte
	switch {
	case d.parent != nil:
		claimed = d.parent.ParentHash
	case d.leaf.Source == mlswire.LeafNodeSourceCommit:
		claimed = d.leaf.ParentHash
	default:
		return false
	}
	sibling := h.without(s, sFirst, n.parent.UnmergedLeaves)
	return bytes.Equal(claimed, h.parentHash(n.parent.EncryptionKey, n.parent.ParentHash, sibling))
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
