package tree

import (
	"bytes"
	"hash"
	"slices"

	"conclave/core/mlswire"
)

// parentHash hashes a ParentHashInput, RFC 9420, Section 7.9.
func (h *hasher) parentHash(p *mlswire.ParentNode, originalSiblingTreeHash []byte) []byte {
	return h.parentHashes(p, [2][]byte{originalSiblingTreeHash})[0]
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
	if n.left == nil {
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
// there can be one on each side.
func (n *node) links(h *hasher, first LeafIndex) int {
	middle, unmerged := first+n.half(), n.parent.UnmergedLeaves
	inLeft, left := n.left.link(first, between(unmerged, first, n.half())).claim()
	inRight, right := n.right.link(middle, between(unmerged, middle, n.half())).claim()
	// The hash that a node claims is over the sibling on the other side.
	var siblings [2][]byte
	if left {
		siblings[0] = h.without(n.right, middle, unmerged)
	}
	if right {
		siblings[1] = h.without(n.left, first, unmerged)
	}
	hashes := h.parentHashes(n.parent, siblings)
	count := 0
	if left && bytes.Equal(inLeft, hashes[0]) {
		count++
	}
	if right && bytes.Equal(inRight, hashes[1]) {
		count++
	}
	return count
}

// parentHashes returns the parent hashes of p with each of two siblings that is
// not nil. They begin alike, with the key of p, which is hashed once.
func (h *hasher) parentHashes(p *mlswire.ParentNode, siblings [2][]byte) (hashes [2][]byte) {
	h.w.Reset()
	h.w.Vector(p.EncryptionKey)
	h.w.Vector(p.ParentHash)
	h.h.Reset()
	h.h.Write(h.w.Bytes())
	for k, sibling := range siblings {
		if sibling == nil {
			continue
		}
		rest := h.h
		if k == 0 && siblings[1] != nil {
			rest = h.clone()
		}
		h.w.Reset()
		h.w.Vector(sibling)
		rest.Write(h.w.Bytes())
		hashes[k] = rest.Sum(nil)
	}
	return hashes
}

// clone returns a hash that goes on from where h.h is. The hashes of the standard
// library, which are those of the suites, can be cloned.
func (h *hasher) clone() hash.Hash {
	if cloner, ok := h.h.(hash.Cloner); ok {
		if c, err := cloner.Clone(); err == nil {
			return c
		}
	}
	panic("tree: internal error: a hash that cannot be cloned")
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
