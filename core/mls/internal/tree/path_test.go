package tree_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

func suite1(t failer) *suite.Suite {
	t.Helper()
	s, err := suite.Lookup(1)
	if err != nil {
		t.Fatalf("Lookup(1) = %v", err)
	}
	return s
}

// copyPath returns a path that may be changed without changing p.
func copyPath(p *mlswire.UpdatePath) *mlswire.UpdatePath {
	c := *p
	c.Nodes = slices.Clone(p.Nodes)
	for i := range c.Nodes {
		c.Nodes[i].EncryptedPathSecret = slices.Clone(c.Nodes[i].EncryptedPathSecret)
	}
	return &c
}

func TestApplyPathRefuses(t *testing.T) {
	w := refuseWorld(t)
	_, good := w.newPath(t, 1, nil)
	tests := []struct {
		name   string
		from   tree.LeafIndex
		change func(p *mlswire.UpdatePath)
		want   error
	}{
		{"right", 1, func(*mlswire.UpdatePath) {}, nil},
		{"blank leaf that is not the next", 9, func(*mlswire.UpdatePath) {}, tree.ErrNotMember},
		{"far outside", 1<<32 - 1, func(*mlswire.UpdatePath) {}, tree.ErrNotMember},
		{"another member", 0, func(*mlswire.UpdatePath) {}, tree.ErrParentHash},
		{"another member's height", 6, func(*mlswire.UpdatePath) {}, tree.ErrPathLength},
		{"no nodes", 1, func(p *mlswire.UpdatePath) { p.Nodes = nil }, tree.ErrPathLength},
		{"a node short", 1, func(p *mlswire.UpdatePath) { p.Nodes = p.Nodes[:2] }, tree.ErrPathLength},
		{"a node long", 1, func(p *mlswire.UpdatePath) { p.Nodes = append(p.Nodes, p.Nodes[0]) }, tree.ErrPathLength},
		{"leaf of a KeyPackage", 1, func(p *mlswire.UpdatePath) { p.LeafNode.Source = mlswire.LeafNodeSourceKeyPackage }, tree.ErrPathLeaf},
		{"leaf of an Update", 1, func(p *mlswire.UpdatePath) { p.LeafNode.Source = mlswire.LeafNodeSourceUpdate }, tree.ErrPathLeaf},
		{"parent hash of the leaf", 1, func(p *mlswire.UpdatePath) { p.LeafNode.ParentHash = make([]byte, 32) }, tree.ErrParentHash},
		{"no parent hash", 1, func(p *mlswire.UpdatePath) { p.LeafNode.ParentHash = nil }, tree.ErrParentHash},
		{"key of a node", 1, func(p *mlswire.UpdatePath) { p.Nodes[2].EncryptionKey = w.suite.GenerateKeyPair().Public }, tree.ErrParentHash},
		{"malformed key", 1, func(p *mlswire.UpdatePath) { p.Nodes[1].EncryptionKey = nil }, tree.ErrPublicKey},
		{"malformed leaf key", 1, func(p *mlswire.UpdatePath) { p.LeafNode.EncryptionKey = make([]byte, 31) }, tree.ErrPublicKey},
		{"key twice", 1, func(p *mlswire.UpdatePath) { p.Nodes[1].EncryptionKey = p.Nodes[0].EncryptionKey }, tree.ErrDuplicateKey},
		{"leaf key in the path", 1, func(p *mlswire.UpdatePath) { p.LeafNode.EncryptionKey = p.Nodes[0].EncryptionKey }, tree.ErrDuplicateKey},
		{"leaf key as before", 1, func(p *mlswire.UpdatePath) { p.LeafNode.EncryptionKey = w.tree.Leaf(1).EncryptionKey }, tree.ErrDuplicateKey},
		{"leaf key of another", 1, func(p *mlswire.UpdatePath) { p.LeafNode.EncryptionKey = w.tree.Leaf(4).EncryptionKey }, tree.ErrDuplicateKey},
		{"node key as before", 1, func(p *mlswire.UpdatePath) { p.Nodes[2].EncryptionKey = w.tree.Parent(7).EncryptionKey }, tree.ErrDuplicateKey},
		{"node key of another", 1, func(p *mlswire.UpdatePath) { p.Nodes[0].EncryptionKey = w.tree.Parent(9).EncryptionKey }, tree.ErrDuplicateKey},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := copyPath(good)
			tt.change(path)
			before := w.tree.Hash()
			if _, err := w.tree.ApplyPath(tt.from, path); !errors.Is(err, tt.want) {
				t.Errorf("ApplyPath = %v, want %v", err, tt.want)
			}
			if !bytes.Equal(w.tree.Hash(), before) {
				t.Error("ApplyPath changed the tree")
			}
		})
	}
}

func TestOpenPathRefuses(t *testing.T) {
	w := refuseWorld(t)
	before := w.tree
	made, good := w.newPath(t, 1, nil)
	after, err := before.ApplyPath(1, good)
	if err != nil {
		t.Fatalf("ApplyPath = %v", err)
	}
	// A path whose ciphertexts hold another secret than its keys come from.
	_, other := w.newPath(t, 1, nil)
	context := made.Tree.Hash()
	tests := []struct {
		name   string
		member tree.LeafIndex
		change func(p *mlswire.UpdatePath)
		from   tree.LeafIndex
		added  []tree.LeafIndex
		want   error
	}{
		{"right", 4, func(*mlswire.UpdatePath) {}, 1, nil, nil},
		{"the sender's own", 1, func(*mlswire.UpdatePath) {}, 1, nil, tree.ErrNotMember}, // its leaf key has changed
		{"sender outside", 4, func(*mlswire.UpdatePath) {}, 99, nil, tree.ErrNotMember},
		{"a node short", 4, func(p *mlswire.UpdatePath) { p.Nodes = p.Nodes[:2] }, 1, nil, tree.ErrPathLength},
		{"a node long", 4, func(p *mlswire.UpdatePath) { p.Nodes = append(p.Nodes, p.Nodes[0]) }, 1, nil, tree.ErrPathLength},
		{"no ciphertext below", 4, func(p *mlswire.UpdatePath) { p.Nodes[0].EncryptedPathSecret = nil }, 1, nil, tree.ErrPathCiphertexts},
		{"a ciphertext short", 4, func(p *mlswire.UpdatePath) { p.Nodes[2].EncryptedPathSecret = p.Nodes[2].EncryptedPathSecret[:1] }, 1, nil, tree.ErrPathCiphertexts},
		{"a ciphertext long", 4, func(p *mlswire.UpdatePath) {
			c := p.Nodes[2].EncryptedPathSecret
			p.Nodes[2].EncryptedPathSecret = append(c, c[0])
		}, 1, nil, tree.ErrPathCiphertexts},
		{"a ciphertext long for others", 4, func(p *mlswire.UpdatePath) {
			c := p.Nodes[0].EncryptedPathSecret
			p.Nodes[0].EncryptedPathSecret = append(c, c[0])
		}, 1, nil, tree.ErrPathCiphertexts},
		{"members counted as added", 4, func(*mlswire.UpdatePath) {}, 1, []tree.LeafIndex{6}, tree.ErrPathCiphertexts},
		{"ciphertexts swapped", 4, func(p *mlswire.UpdatePath) { slices.Reverse(p.Nodes[2].EncryptedPathSecret) }, 1, nil, tree.ErrPathSecret},
		{"another secret", 4, func(p *mlswire.UpdatePath) { p.Nodes[2].EncryptedPathSecret = other.Nodes[2].EncryptedPathSecret }, 1, nil, tree.ErrPathSecret},
		{"lower secret", 0, func(p *mlswire.UpdatePath) { p.Nodes[0].EncryptedPathSecret = other.Nodes[0].EncryptedPathSecret }, 1, nil, tree.ErrPathSecret},
		{"empty ciphertext", 4, func(p *mlswire.UpdatePath) { p.Nodes[2].EncryptedPathSecret[0] = mlswire.HPKECiphertext{} }, 1, nil, tree.ErrPathSecret},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := copyPath(good)
			tt.change(path)
			p := w.privates[tt.member]
			kept := encodePrivate(p)
			next, commitSecret, err := after.OpenPath(p, tt.from, path, context, tt.added)
			if !errors.Is(err, tt.want) {
				t.Fatalf("OpenPath = %v, want %v", err, tt.want)
			}
			if err != nil && (next != nil || commitSecret.Len() != 0) {
				t.Error("OpenPath returns secrets with an error")
			}
			if err == nil && !commitSecret.Equal(made.CommitSecret) {
				t.Error("OpenPath returns another commit secret")
			}
			if !bytes.Equal(encodePrivate(p), kept) {
				t.Error("OpenPath changed the private keys")
			}
		})
	}
	t.Run("another context", func(t *testing.T) {
		if _, _, err := after.OpenPath(w.privates[4], 1, good, nil, nil); !errors.Is(err, tree.ErrPathSecret) {
			t.Errorf("OpenPath = %v, want ErrPathSecret", err)
		}
	})
}

func encodePrivate(p *tree.Private) []byte {
	var b tlsenc.Writer
	p.Encode(&b)
	return b.Bytes()
}

// TestPathSecretOfWrongLength has a committer encrypt a secret that is too long.
func TestPathSecretOfWrongLength(t *testing.T) {
	w := newWorld(t, suite1(t), 2)
	made, path := w.newPath(t, 0, nil)
	after, err := w.tree.ApplyPath(0, path)
	if err != nil {
		t.Fatalf("ApplyPath = %v", err)
	}
	for _, size := range []int{0, 31, 33, 4096} {
		c, err := w.suite.EncryptWithLabel(after.Leaf(1).EncryptionKey, "UpdatePathNode", made.Tree.Hash(), make([]byte, size))
		if err != nil {
			t.Fatalf("EncryptWithLabel = %v", err)
		}
		path.Nodes[0].EncryptedPathSecret = []mlswire.HPKECiphertext{c}
		if _, _, err := after.OpenPath(w.privates[1], 0, path, made.Tree.Hash(), nil); !errors.Is(err, tree.ErrPathSecret) {
			t.Errorf("OpenPath of a secret of %d bytes = %v, want ErrPathSecret", size, err)
		}
	}
}

// TestAlone covers paths of a committer that has nobody to send to.
func TestAlone(t *testing.T) {
	w := newWorld(t, suite1(t), 1)
	w.commit(t, commit{committer: 0, path: true})
	w.checkPrivates(t)
	_, path := w.newPath(t, 0, nil)
	if len(path.Nodes) != 0 || path.LeafNode.ParentHash == nil || len(path.LeafNode.ParentHash) != 0 {
		t.Errorf("path alone has %d nodes and parent hash %x, want none", len(path.Nodes), path.LeafNode.ParentHash)
	}
	// With the first members in the same commit, the path has nodes that are
	// encrypted to nobody: the Welcome brings their secrets.
	w.commit(t, commit{committer: 0, adds: 4, path: true})
	w.checkPrivates(t)
	w.commit(t, commit{committer: 3, removes: []tree.LeafIndex{0, 1, 2, 4}, path: true})
	w.checkPrivates(t)
	if w.tree.MemberCount() != 1 || w.tree.Width() != 4 {
		t.Errorf("tree of %d members and %d leaves, want 1 and 4", w.tree.MemberCount(), w.tree.Width())
	}
	w.commit(t, commit{committer: 0, path: true}) // external
	w.commit(t, commit{committer: 0, removes: []tree.LeafIndex{3}, path: true})
	w.checkPrivates(t)
	w.commit(t, commit{committer: 0, removes: []tree.LeafIndex{0}, path: true}) // resync
	w.checkPrivates(t)
	if w.tree.MemberCount() != 1 || w.tree.Width() != 1 {
		t.Errorf("tree of %d members and %d leaves, want 1 and 1", w.tree.MemberCount(), w.tree.Width())
	}
}

// TestTruncateLoadedTree removes members of trees whose blank parts were never
// unfolded.
func TestTruncateLoadedTree(t *testing.T) {
	for _, keep := range []tree.LeafIndex{0, 1, 2, 3} {
		w := newWorld(t, suite1(t), 9)
		c := commit{committer: keep, path: true}
		for i := range tree.LeafIndex(8) {
			if i != keep {
				c.removes = append(c.removes, i)
			}
		}
		w.commit(t, c)
		w.commit(t, commit{committer: keep, removes: []tree.LeafIndex{8}, path: true, reload: true})
		w.checkPrivates(t)
		if want := []uint32{1, 2, 4, 4}[keep]; w.tree.Width() != want {
			t.Errorf("Width with leaf %d = %d, want %d", keep, w.tree.Width(), want)
		}
	}
}

// TestNewPathFails checks that the error of the caller comes through.
func TestNewPathFails(t *testing.T) {
	w := newWorld(t, suite1(t), 3)
	want := errors.New("no signature")
	if _, err := w.tree.NewPath(1, func(_, _ []byte) (*mlswire.LeafNode, error) { return nil, want }); !errors.Is(err, want) {
		t.Errorf("NewPath = %v, want %v", err, want)
	}
	if _, err := w.tree.NewPath(9, nil); !errors.Is(err, tree.ErrNotMember) {
		t.Errorf("NewPath outside the tree = %v, want ErrNotMember", err)
	}
}

func TestPathSecretOf(t *testing.T) {
	w := refuseWorld(t)
	made, _ := w.newPath(t, 1, nil)
	for _, i := range []tree.LeafIndex{1, 7, 8, 1<<32 - 1} {
		if _, ok := made.PathSecret(i); ok {
			t.Errorf("PathSecret(%d) is there, want none", i)
		}
	}
	for i, x := range map[tree.LeafIndex]tree.NodeIndex{0: 1, 2: 3, 3: 3, 4: 7, 6: 7} {
		got, ok := made.PathSecret(i)
		if !ok || !bytes.Equal(nodeKeys(w.suite, got).Public, made.Tree.Parent(x).EncryptionKey) {
			t.Errorf("PathSecret(%d) is not that of node %d", i, x)
		}
	}
	one, _ := made.PathSecret(0)
	made.Erase()
	if !one.Equal(secret.New(make([]byte, 32))) {
		t.Error("Erase leaves a path secret")
	}
	if made.CommitSecret.Equal(secret.New(make([]byte, 32))) {
		t.Error("Erase takes the commit secret")
	}
	if _, ok := made.PathSecret(0); ok {
		t.Error("PathSecret gives what was erased")
	}
	defer func() {
		if recover() == nil {
			t.Error("Encrypt sends what was erased")
		}
	}()
	_, _ = made.Encrypt(nil, nil)
}

// TestErase checks that keys that are replaced are overwritten and others stay.
func TestErase(t *testing.T) {
	w := refuseWorld(t)
	old := w.privates[0]
	before := w.keysOf(t, old)
	w.commit(t, commit{committer: 4, path: true}) // replaces the root's key of member 0
	next := w.privates[0]
	kept := encodePrivate(next)
	old.Erase(next)
	zero := secret.New(make([]byte, 32))
	after := w.keysOf(t, old)
	if len(after) != 4 {
		t.Fatalf("member 0 had %d keys, want 4", len(after))
	}
	for l := range 3 {
		if !after[l].Equal(before[l]) {
			t.Errorf("Erase takes the key at level %d, which is still used", l)
		}
	}
	if !after[3].Equal(zero) {
		t.Error("Erase leaves the key that was replaced")
	}
	if !bytes.Equal(encodePrivate(next), kept) {
		t.Error("Erase changes the keys to keep")
	}
	next.Erase(nil)
	for l, key := range w.keysOf(t, next) {
		if !key.Equal(zero) {
			t.Errorf("Erase leaves the key at level %d", l)
		}
	}
}
