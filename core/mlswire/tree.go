package mlswire

import "conclave/core/tlsenc"

// A ParentNode is an inner node of the ratchet tree, RFC 9420, Section 7.1.
type ParentNode struct {
	EncryptionKey  []byte
	ParentHash     []byte
	UnmergedLeaves []uint32
}

// A RatchetTree is the public tree as the ratchet_tree extension carries it,
// RFC 9420, Section 12.4.3.3: the nodes in the array order of Appendix C, in
// which leaf i is at position 2i and the parent Parents[i] at position 2i+1.
// A nil node is blank. The last node is not: as many Parents as Leaves say that
// it is a parent, one fewer that it is a leaf.
type RatchetTree struct {
	Leaves  []*LeafNode
	Parents []*ParentNode
}

// The node types of RFC 9420, Section 7.8.
const (
	nodeTypeLeaf   = 1
	nodeTypeParent = 2
)

// Len returns the number of nodes.
func (t RatchetTree) Len() int { return len(t.Leaves) + len(t.Parents) }

// Encode appends a parent node.
func (p *ParentNode) Encode(w *tlsenc.Writer) {
	w.Vector(p.EncryptionKey)
	w.Vector(p.ParentHash)
	w.Nested(func(w *tlsenc.Writer) {
		for _, leaf := range p.UnmergedLeaves {
			w.Uint32(leaf)
		}
	})
}

// decodeParentNode leaves the order of unmerged leaves to the tree, which
// knows which there can be.
func decodeParentNode(d *decoder) ParentNode {
	return ParentNode{
		EncryptionKey:  d.bytes(),
		ParentHash:     d.bytes(),
		UnmergedLeaves: list(d, 4, func(d *decoder) uint32 { return d.r.Uint32() }),
	}
}

// Encode appends a ratchet tree. It panics if leaves and parents do not
// alternate.
func (t RatchetTree) Encode(w *tlsenc.Writer) {
	if n := len(t.Leaves) - len(t.Parents); n != 0 && n != 1 {
		panic("mlswire: internal error: leaves and parents do not alternate")
	}
	w.Nested(func(w *tlsenc.Writer) {
		for i, leaf := range t.Leaves {
			encodeOptional(w, leaf != nil)
			if leaf != nil {
				w.Uint8(nodeTypeLeaf)
				leaf.Encode(w)
			}
			if i == len(t.Parents) {
				break
			}
			parent := t.Parents[i]
			encodeOptional(w, parent != nil)
			if parent != nil {
				w.Uint8(nodeTypeParent)
				parent.Encode(w)
			}
		}
	})
}

func decodeRatchetTree(d *decoder) RatchetTree {
	outer := d.open()
	n := countNodes(d)
	if n == 0 {
		d.fail(ErrTreeShape)
	}
	var t RatchetTree
	if d.spend(int64(n) * costPointer) {
		t.Leaves = make([]*LeafNode, 0, (n+1)/2)
		t.Parents = make([]*ParentNode, 0, n/2)
		for d.r.Len() > 0 {
			t.Leaves = append(t.Leaves, decodeOptionalNode(d, nodeTypeLeaf, costLeafNode, decodeLeafNode))
			if d.r.Len() > 0 {
				t.Parents = append(t.Parents, decodeOptionalNode(d, nodeTypeParent, costParentNode, decodeParentNode))
			}
		}
	}
	d.close(outer)
	return t
}

// countNodes counts the nodes of the open vector and checks their kinds and
// that the last is not blank.
func countNodes(d *decoder) int {
	start, n, last := d.r, 0, 0
	d.dry = true
	for ; d.r.Len() > 0; n++ {
		last = d.r.Len()
		if n%2 == 0 {
			decodeOptionalNode(d, nodeTypeLeaf, costLeafNode, decodeLeafNode)
		} else {
			decodeOptionalNode(d, nodeTypeParent, costParentNode, decodeParentNode)
		}
	}
	d.dry = false
	if d.result() != nil {
		return n
	}
	if last == 1 { // a blank node is its presence octet
		d.fail(ErrTreeShape)
		return n
	}
	d.r = start
	return n
}

// decodeOptionalNode reads optional<Node> where a node of type want belongs,
// RFC 9420, Section 12.4.3.3. A blank node is nil.
func decodeOptionalNode[T any](d *decoder, want uint8, cost int64, read func(*decoder) T) *T {
	if !d.present() {
		return nil
	}
	if d.r.Uint8() != want {
		d.failUnlessShort(ErrTreeShape)
	}
	value := read(d)
	if !d.spend(cost) {
		return nil
	}
	return kept(value)
}
