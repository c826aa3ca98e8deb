package mls

import (
	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/tlsenc"
)

// encodeChanges appends how a tree differs from the one before it.
//
//	uint32 leaves               of the tree, up to the last that is not blank
//	opaque leaf changes<V>      uint32 index | opaque leaf_node<V>
//	opaque parent changes<V>    uint32 index | opaque parent_node<V>
//
// Indices ascend, and an empty node is one that has become blank. Trees share the
// nodes that are the same in both.
func encodeChanges(w *tlsenc.Writer, from, to mlswire.RatchetTree) {
	w.Uint32(uint32(len(to.Leaves))) // at most tree.MaxLeaves
	encodeChanged(w, from.Leaves, to.Leaves, (*mlswire.LeafNode).Encode)
	encodeChanged(w, from.Parents, to.Parents, (*mlswire.ParentNode).Encode)
}

func encodeChanged[T any](w *tlsenc.Writer, from, to []*T, encode func(*T, *tlsenc.Writer)) {
	w.Nested(func(w *tlsenc.Writer) {
		for i, n := range to {
			if n == at(from, i) {
				continue
			}
			w.Uint32(uint32(i)) // at most tree.MaxLeaves
			w.Nested(func(w *tlsenc.Writer) {
				if n != nil {
					encode(n, w)
				}
			})
		}
	})
}

// at returns a node, or nil where the tree ends before it.
func at[T any](nodes []*T, i int) *T {
	if i < len(nodes) {
		return nodes[i]
	}
	return nil
}

// changedTree reads what encodeChanges wrote and returns the tree that base has
// become.
func (d *restorer) changedTree(base *tree.Tree) (*tree.Tree, error) {
	from, count := base.Nodes(), int64(d.Uint32())
	// Members are added from the left, so that each leaf that is new is said.
	if count == 0 || count > tree.MaxLeaves || count > int64(len(from.Leaves)+d.Len()) {
		return nil, ErrSnapshot
	}
	leaves, err := changed(d, from.Leaves, int(count), mlswire.ParseLeafNode)
	if err != nil {
		return nil, err
	}
	parents, err := changed(d, from.Parents, int(count)-1, mlswire.ParseParentNode)
	if err != nil {
		return nil, err
	}
	return tree.FromNodes(d.suite, mlswire.RatchetTree{Leaves: leaves, Parents: parents})
}

func changed[T any](d *restorer, from []*T, count int, parse func([]byte) (*T, error)) ([]*T, error) {
	to := make([]*T, count)
	copy(to, from)
	next := int64(0)
	for r := tlsenc.NewReader(d.opaque()); r.Len() > 0; {
		i, b := int64(r.Uint32()), r.Vector(tlsenc.MaxVector)
		if r.Err() != nil || i < next || i >= int64(count) {
			return nil, ErrSnapshot
		}
		next = i + 1
		if len(b) == 0 {
			if to[i] == nil {
				return nil, ErrSnapshot
			}
			to[i] = nil
			continue
		}
		var err error
		if to[i], err = parse(b); err != nil {
			return nil, err
		}
	}
	return to, d.Err()
}
