package tree_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/tlsenc"
)

// refuseWorld is a group of six in which members 0, 2 and 5 have committed, and
// 6 was added after that:
//
//	      7[6]
//	   3       _
//	 1   5   9   _
//	0 1 2 3 4 5 6 _
func refuseWorld(t failer) *world {
	t.Helper()
	w := newWorld(t, suite1(t), 6)
	for _, i := range []tree.LeafIndex{0, 2, 5} {
		w.commit(t, commit{committer: i, path: true})
	}
	w.commit(t, commit{adds: 1})
	return w
}

// copyNodes returns nodes that may be changed without changing the tree.
func copyNodes(t *tree.Tree) mlswire.RatchetTree {
	nodes := t.Nodes()
	for i, leaf := range nodes.Leaves {
		if leaf != nil {
			c := *leaf
			nodes.Leaves[i] = &c
		}
	}
	for i, parent := range nodes.Parents {
		if parent != nil {
			c := *parent
			c.UnmergedLeaves = slices.Clone(c.UnmergedLeaves)
			nodes.Parents[i] = &c
		}
	}
	return nodes
}

func TestFromNodesRefuses(t *testing.T) {
	w := refuseWorld(t)
	tests := []struct {
		name   string
		change func(n *mlswire.RatchetTree)
		want   error
	}{
		{"nothing", func(n *mlswire.RatchetTree) { *n = mlswire.RatchetTree{} }, tree.ErrShape},
		{"one blank leaf", func(n *mlswire.RatchetTree) { n.Leaves, n.Parents = n.Leaves[:1], nil; n.Leaves[0] = nil }, tree.ErrShape},
		{"blank at the end", func(n *mlswire.RatchetTree) { n.Leaves, n.Parents = append(n.Leaves, nil), append(n.Parents, nil) }, tree.ErrShape},
		{"last leaf blank", func(n *mlswire.RatchetTree) { n.Leaves[6] = nil }, tree.ErrShape},
		{"parent at the end", func(n *mlswire.RatchetTree) { n.Parents = append(n.Parents, n.Parents[0]) }, tree.ErrShape},
		{"parents missing", func(n *mlswire.RatchetTree) { n.Parents = n.Parents[:3] }, tree.ErrShape},
		{"too many leaves", func(n *mlswire.RatchetTree) {
			leaves := append(make([]*mlswire.LeafNode, tree.MaxLeaves), n.Leaves[0])
			*n = mlswire.RatchetTree{Leaves: leaves, Parents: make([]*mlswire.ParentNode, tree.MaxLeaves)}
		}, tree.ErrTooLarge},
		{"parent of a blank leaf", func(n *mlswire.RatchetTree) { n.Leaves[1] = nil }, tree.ErrShape},
		{"parent of nobody", func(n *mlswire.RatchetTree) { n.Leaves[4], n.Leaves[5] = nil, nil }, tree.ErrShape},
		{"unmerged leaf is blank", func(n *mlswire.RatchetTree) { n.Parents[3].UnmergedLeaves = []uint32{7} }, tree.ErrUnmergedLeaves},
		{"unmerged leaf outside the tree", func(n *mlswire.RatchetTree) { n.Parents[3].UnmergedLeaves = []uint32{8} }, tree.ErrUnmergedLeaves},
		{"huge unmerged leaf", func(n *mlswire.RatchetTree) { n.Parents[3].UnmergedLeaves = []uint32{1<<32 - 1} }, tree.ErrUnmergedLeaves},
		{"unmerged leaf on another side", func(n *mlswire.RatchetTree) { n.Parents[1].UnmergedLeaves = []uint32{4} }, tree.ErrUnmergedLeaves},
		{"unmerged leaf on the left", func(n *mlswire.RatchetTree) { n.Parents[4].UnmergedLeaves = []uint32{3} }, tree.ErrUnmergedLeaves},
		{"unmerged leaf twice", func(n *mlswire.RatchetTree) { n.Parents[3].UnmergedLeaves = []uint32{6, 6} }, tree.ErrUnmergedLeaves},
		{"unmerged leaves not sorted", func(n *mlswire.RatchetTree) {
			n.Parents[4].UnmergedLeaves = []uint32{4}
			n.Parents[3].UnmergedLeaves = []uint32{6, 4}
		}, tree.ErrUnmergedLeaves},
		{"unmerged leaf missing between", func(n *mlswire.RatchetTree) { n.Parents[3].UnmergedLeaves = []uint32{4, 6} }, tree.ErrUnmergedLeaves},
		{"empty leaf key", func(n *mlswire.RatchetTree) { n.Leaves[3].EncryptionKey = nil }, tree.ErrPublicKey},
		{"long leaf key", func(n *mlswire.RatchetTree) { n.Leaves[3].EncryptionKey = make([]byte, 33) }, tree.ErrPublicKey},
		{"short parent key", func(n *mlswire.RatchetTree) { n.Parents[1].EncryptionKey = make([]byte, 31) }, tree.ErrPublicKey},
		{"key of two leaves", func(n *mlswire.RatchetTree) { n.Leaves[3].EncryptionKey = n.Leaves[6].EncryptionKey }, tree.ErrDuplicateKey},
		{"key of two parents", func(n *mlswire.RatchetTree) { n.Parents[3].EncryptionKey = n.Parents[0].EncryptionKey }, tree.ErrDuplicateKey},
		{"key of leaf and parent", func(n *mlswire.RatchetTree) { n.Parents[3].EncryptionKey = n.Leaves[0].EncryptionKey }, tree.ErrDuplicateKey},
		{"signature key twice", func(n *mlswire.RatchetTree) { n.Leaves[3].SignatureKey = n.Leaves[6].SignatureKey }, tree.ErrDuplicateSignatureKey},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			nodes := copyNodes(w.tree)
			if got, err := tree.FromNodes(w.suite, nodes); err != nil || !bytes.Equal(got.Hash(), w.tree.Hash()) {
				t.Fatalf("FromNodes before the change = %v, %v", got, err)
			}
			tt.change(&nodes)
			if _, err := tree.FromNodes(w.suite, nodes); !errors.Is(err, tt.want) {
				t.Errorf("FromNodes = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestCheckParentHashesRefuses(t *testing.T) {
	w := refuseWorld(t)
	other, _ := newLeaf(w.suite)
	tests := []struct {
		name   string
		change func(n *mlswire.RatchetTree)
	}{
		{"root key", func(n *mlswire.RatchetTree) { n.Parents[3].EncryptionKey = other.EncryptionKey }},
		{"lower key", func(n *mlswire.RatchetTree) { n.Parents[4].EncryptionKey = other.EncryptionKey }},
		{"root has a parent hash", func(n *mlswire.RatchetTree) { n.Parents[3].ParentHash = n.Parents[4].ParentHash }},
		{"parent hash of a parent", func(n *mlswire.RatchetTree) { n.Parents[4].ParentHash = nil }},
		{"parent hash of a leaf", func(n *mlswire.RatchetTree) { n.Leaves[5].ParentHash = n.Parents[4].ParentHash }},
		{"leaf not from a commit", func(n *mlswire.RatchetTree) { n.Leaves[5].Source = mlswire.LeafNodeSourceUpdate }},
		{"sibling", func(n *mlswire.RatchetTree) { n.Leaves[4] = other }},
		{"unmerged leaf left out", func(n *mlswire.RatchetTree) { n.Parents[3].UnmergedLeaves = nil }},
		{"unmerged leaf made up", func(n *mlswire.RatchetTree) {
			n.Parents[3].UnmergedLeaves, n.Parents[4].UnmergedLeaves = []uint32{4, 6}, []uint32{4}
		}},
		{"added leaf", func(n *mlswire.RatchetTree) { n.Leaves, n.Parents = append(n.Leaves, other), append(n.Parents, nil) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			nodes := copyNodes(w.tree)
			tt.change(&nodes)
			changed, err := tree.FromNodes(w.suite, nodes)
			if err != nil {
				t.Fatalf("FromNodes = %v", err)
			}
			if err := changed.CheckParentHashes(); !errors.Is(err, tree.ErrParentHash) {
				t.Errorf("CheckParentHashes = %v, want ErrParentHash", err)
			}
		})
	}
}

func TestApplyRefuses(t *testing.T) {
	w := refuseWorld(t)
	leaf, _ := newLeaf(w.suite)
	tests := []struct {
		name    string
		changes tree.Changes
		want    error
	}{
		{"update of a blank leaf", tree.Changes{Updates: []tree.Update{{Leaf: 7, Node: leaf}}}, tree.ErrNotMember},
		{"update outside", tree.Changes{Updates: []tree.Update{{Leaf: 8, Node: leaf}}}, tree.ErrNotMember},
		{"two updates", tree.Changes{Updates: []tree.Update{{Leaf: 1, Node: leaf}, {Leaf: 1, Node: leaf}}}, tree.ErrChangedTwice},
		{"removal of a blank leaf", tree.Changes{Removes: []tree.LeafIndex{7}}, tree.ErrNotMember},
		{"removal outside", tree.Changes{Removes: []tree.LeafIndex{1<<32 - 1}}, tree.ErrNotMember},
		{"two removals", tree.Changes{Removes: []tree.LeafIndex{3, 3}}, tree.ErrChangedTwice},
		{"update and removal", tree.Changes{Updates: []tree.Update{{Leaf: 3, Node: leaf}}, Removes: []tree.LeafIndex{3}}, tree.ErrChangedTwice},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := w.tree.Hash()
			for _, tr := range []*tree.Tree{w.tree, w.loaded(t)} {
				if _, _, err := tr.Apply(tt.changes); !errors.Is(err, tt.want) {
					t.Errorf("Apply = %v, want %v", err, tt.want)
				}
			}
			if !bytes.Equal(w.tree.Hash(), before) {
				t.Error("a refused change changed the tree")
			}
			w.compare(t)
		})
	}
}

func TestFull(t *testing.T) {
	full := tree.FullTree(suite1(t))
	leaf, _ := newLeaf(full.Suite())
	if _, _, err := full.Add(leaf); !errors.Is(err, tree.ErrTooLarge) {
		t.Errorf("Add to a full tree = %v, want ErrTooLarge", err)
	}
	if _, err := full.NewPath(full.Vacant(), nil); !errors.Is(err, tree.ErrTooLarge) {
		t.Errorf("external NewPath in a full tree = %v, want ErrTooLarge", err)
	}
	if _, err := full.ApplyPath(full.Vacant(), &mlswire.UpdatePath{}); !errors.Is(err, tree.ErrTooLarge) {
		t.Errorf("external ApplyPath in a full tree = %v, want ErrTooLarge", err)
	}
}

// TestUnmergedLeavesStaySorted adds a leaf before one that is unmerged, which
// only a tree from elsewhere allows.
func TestUnmergedLeavesStaySorted(t *testing.T) {
	w := newWorld(t, suite1(t), 3)
	w.commit(t, commit{committer: 0, path: true})
	nodes := copyNodes(w.tree)
	nodes.Leaves[1], nodes.Parents[0] = nil, nil
	nodes.Parents[1].UnmergedLeaves = []uint32{2}
	loaded, err := tree.FromNodes(w.suite, nodes)
	if err != nil {
		t.Fatalf("FromNodes = %v", err)
	}
	leaves, _ := newLeaves(w.suite, 2)
	next, _, err := loaded.Apply(tree.Changes{Adds: leaves})
	if err != nil {
		t.Fatalf("Apply = %v", err)
	}
	if got := next.Parent(3).UnmergedLeaves; !slices.Equal(got, []uint32{1, 2, 3}) {
		t.Errorf("unmerged leaves = %d, want 1, 2, 3", got)
	}
}

func TestCheckUniqueRefuses(t *testing.T) {
	w := refuseWorld(t)
	if err := w.tree.CheckUnique([]tree.LeafIndex{0, 3, 6}); err != nil {
		t.Errorf("CheckUnique = %v, want nil", err)
	}
	many, all := newWorld(t, w.suite, 60), []tree.LeafIndex(nil)
	for i := range many.tree.Members() {
		all = append(all, i)
	}
	if err := many.tree.CheckUnique(all); err != nil {
		t.Errorf("CheckUnique of all = %v, want nil", err)
	}
	if err := w.tree.CheckUnique([]tree.LeafIndex{7}); !errors.Is(err, tree.ErrNotMember) {
		t.Errorf("CheckUnique of a blank leaf = %v, want ErrNotMember", err)
	}
	tests := []struct {
		name   string
		change func(leaf *mlswire.LeafNode)
		want   error
	}{
		{"key of a leaf", func(leaf *mlswire.LeafNode) { leaf.EncryptionKey = w.tree.Leaf(0).EncryptionKey }, tree.ErrDuplicateKey},
		{"key of a parent", func(leaf *mlswire.LeafNode) { leaf.EncryptionKey = w.tree.Parent(1).EncryptionKey }, tree.ErrDuplicateKey},
		{"signature key", func(leaf *mlswire.LeafNode) { leaf.SignatureKey = w.tree.Leaf(0).SignatureKey }, tree.ErrDuplicateSignatureKey},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leaf, _ := newLeaf(w.suite)
			tt.change(leaf)
			next, i, err := w.tree.Add(leaf)
			if err != nil {
				t.Fatalf("Add = %v", err)
			}
			for _, leaves := range [][]tree.LeafIndex{{i}, {i, 3}, {0, i}} {
				if err := next.CheckUnique(leaves); !errors.Is(err, tt.want) {
					t.Errorf("CheckUnique(%d) = %v, want %v", leaves, err, tt.want)
				}
			}
		})
	}
}

func TestDecodePrivateRefuses(t *testing.T) {
	w := refuseWorld(t)
	encode := func(self uint32, count uint8, levels ...uint8) []byte {
		var b tlsenc.Writer
		b.Uint32(self)
		b.Uint8(count)
		for _, level := range levels {
			b.Uint8(level)
			b.Vector(make([]byte, 32))
		}
		return b.Bytes()
	}
	tests := []struct {
		name  string
		input []byte
		want  error
	}{
		{"empty", nil, tlsenc.ErrShort},
		{"short", encode(0, 2, 0), tlsenc.ErrShort},
		{"no keys", encode(0, 0), tree.ErrPrivate},
		{"blank leaf", encode(7, 1, 0), tree.ErrPrivate},
		{"leaf outside", encode(1<<32-1, 1, 0), tree.ErrPrivate},
		{"no leaf key", encode(0, 1, 1), tree.ErrPrivate},
		{"blank parent", encode(6, 2, 0, 1), tree.ErrPrivate},
		{"level above the root", encode(0, 2, 0, 4), tree.ErrPrivate},
		{"huge level", encode(0, 2, 0, 255), tree.ErrPrivate},
		{"levels not ascending", encode(0, 3, 0, 2, 1), tree.ErrPrivate},
		{"level twice", encode(0, 3, 0, 1, 1), tree.ErrPrivate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := tlsenc.NewReader(tt.input)
			if _, err := tree.DecodePrivate(&r, w.tree); !errors.Is(err, tt.want) {
				t.Errorf("DecodePrivate = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestJoinPrivateRefuses(t *testing.T) {
	w := refuseWorld(t)
	leaf, pair := newLeaf(w.suite)
	next, self, err := w.tree.Add(leaf)
	if err != nil {
		t.Fatalf("Add = %v", err)
	}
	w.tree = next
	made, _ := w.newPath(t, 2, []tree.LeafIndex{self})
	pathSecret, _ := made.PathSecret(self)
	short := secret.New(pathSecret.Expose()[1:])
	other := secret.New(make([]byte, 32))
	_, stranger := newLeaf(w.suite)
	tests := []struct {
		name   string
		signer tree.LeafIndex
		secret secret.Value
		want   error
	}{
		{"right", 2, pathSecret, nil},
		{"another secret", 2, other, tree.ErrPathSecret},
		{"short secret", 2, short, tree.ErrPathSecret},
		{"no secret", 2, secret.Value{}, tree.ErrPathSecret},
		{"signer is the joiner", self, pathSecret, tree.ErrNotMember},
		{"signer outside", 8, pathSecret, tree.ErrNotMember},
		{"signer below a blank parent", 6, pathSecret, tree.ErrPathSecret},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := made.Tree.JoinPrivate(self, pair, tt.signer, tt.secret); !errors.Is(err, tt.want) {
				t.Errorf("JoinPrivate = %v, want %v", err, tt.want)
			}
		})
	}
	if _, err := made.Tree.JoinPrivate(self, stranger, 2, pathSecret); !errors.Is(err, tree.ErrNotMember) {
		t.Errorf("JoinPrivate with another leaf key = %v, want ErrNotMember", err)
	}
}
