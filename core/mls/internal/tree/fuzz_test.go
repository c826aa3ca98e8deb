package tree_test

import (
	"bytes"
	"slices"
	"testing"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
)

// modelOf returns the model of a tree that was parsed.
func modelOf(t *tree.Tree, nodes mlswire.RatchetTree) *model {
	m := &model{t.Suite(), make([]modelNode, tree.NodeCount(t.Width()))}
	for i, leaf := range nodes.Leaves {
		m.nodes[2*i].leaf = leaf
	}
	for i, parent := range nodes.Parents {
		m.nodes[2*i+1].parent = parent
	}
	return m
}

// FuzzFromNodes checks that a tree that is accepted is the one that was sent and
// is valid by the model, and that operations on it keep it so.
func FuzzFromNodes(f *testing.F) {
	s := suite1(f)
	for _, n := range []int{1, 2, 3, 5} {
		w := newWorld(f, s, n)
		f.Add(mlswire.Marshal(w.tree.Nodes()))
		w.commit(f, commit{committer: tree.LeafIndex(n - 1), path: true})
		f.Add(mlswire.Marshal(w.tree.Nodes()))
		w.commit(f, commit{adds: 2})
		f.Add(mlswire.Marshal(w.tree.Nodes()))
		w.commit(f, commit{committer: 0, removes: []tree.LeafIndex{tree.LeafIndex(n)}, path: true})
		f.Add(mlswire.Marshal(w.tree.Nodes()))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		nodes, err := mlswire.ParseRatchetTree(input)
		if err != nil {
			return
		}
		loaded, err := tree.FromNodes(s, nodes)
		if err != nil {
			return
		}
		if got := mlswire.Marshal(loaded.Nodes()); !bytes.Equal(got, input) {
			t.Fatalf("%x is written back as %x", input, got)
		}
		valid := loaded.CheckParentHashes() == nil
		if len(nodes.Leaves) > 40 {
			return // the model is slow
		}
		w := &world{suite: s, tree: loaded, model: modelOf(loaded, nodes)}
		w.compareTree(t, loaded)
		if w.model.valid() != valid {
			t.Fatalf("CheckParentHashes says %v, the model %v", valid, !valid)
		}
		leaf, _ := newLeaf(s)
		c := tree.Changes{Adds: []*mlswire.LeafNode{leaf}}
		for i := range loaded.Members() {
			if len(c.Removes) <= int(i)/2 {
				c.Removes = append(c.Removes, i)
			}
		}
		next, added, err := loaded.Apply(c)
		if err != nil {
			t.Fatalf("Apply = %v", err)
		}
		if want := w.model.apply(c); !slices.Equal(added, want) {
			t.Fatalf("Apply adds %d, want %d", added, want)
		}
		w.compareTree(t, next)
	})
}

// FuzzPath changes a path as a script of operations says, and checks that it is
// either opened to the right commit secret or refused without a trace.
func FuzzPath(f *testing.F) {
	for kind := range pathOperations {
		f.Add(uint8(1), []byte{uint8(kind), 0, 0})
		f.Add(uint8(4), []byte{uint8(kind), 2, 1, uint8(kind), 1, 0})
	}
	f.Add(uint8(7), []byte{})
	w := refuseWorld(f)
	wire := mlswire.Marshal(w.tree.Nodes())
	f.Fuzz(func(t *testing.T, sender uint8, script []byte) {
		from := tree.LeafIndex(sender % 8) // 7 joins from outside
		made, path := w.newPath(t, from, nil)
		path = copyPath(path)
		for len(script) >= 3 && len(path.Nodes) > 0 {
			pathOperations[int(script[0])%len(pathOperations)](w, path, int(script[1]), int(script[2]))
			script = script[3:]
		}
		after, err := w.tree.ApplyPath(from, path)
		if !bytes.Equal(mlswire.Marshal(w.tree.Nodes()), wire) {
			t.Fatal("ApplyPath changed the tree")
		}
		if err != nil {
			after = made.Tree // OpenPath must not rely on ApplyPath
		} else if err := after.CheckParentHashes(); err != nil {
			t.Fatalf("CheckParentHashes = %v", err)
		}
		for i, p := range w.privates {
			next, commitSecret, err := after.OpenPath(p, from, path, after.Hash(), nil)
			if err == nil && (next.Self() != i || !commitSecret.Equal(made.CommitSecret)) {
				t.Fatalf("OpenPath of member %d gives something else", i)
			}
		}
	})
}

// pathOperations are small changes to an UpdatePath that has nodes; a and b say
// where.
var pathOperations = []func(w *world, p *mlswire.UpdatePath, a, b int){
	func(_ *world, p *mlswire.UpdatePath, a, _ int) { // leave a node out
		a %= len(p.Nodes)
		p.Nodes = slices.Delete(p.Nodes, a, a+1)
	},
	func(_ *world, p *mlswire.UpdatePath, a, b int) { // put a node in again
		p.Nodes = slices.Insert(p.Nodes, a%len(p.Nodes), p.Nodes[b%len(p.Nodes)])
	},
	func(_ *world, p *mlswire.UpdatePath, a, b int) { // exchange nodes
		a, b = a%len(p.Nodes), b%len(p.Nodes)
		p.Nodes[a], p.Nodes[b] = p.Nodes[b], p.Nodes[a]
	},
	func(_ *world, p *mlswire.UpdatePath, a, b int) { // exchange keys
		a, b = a%len(p.Nodes), b%len(p.Nodes)
		p.Nodes[a].EncryptionKey, p.Nodes[b].EncryptionKey = p.Nodes[b].EncryptionKey, p.Nodes[a].EncryptionKey
	},
	func(_ *world, p *mlswire.UpdatePath, a, b int) { // change a key
		a %= len(p.Nodes)
		p.Nodes[a].EncryptionKey = flip(p.Nodes[a].EncryptionKey, b)
	},
	func(_ *world, p *mlswire.UpdatePath, a, b int) { // shorten a key
		a %= len(p.Nodes)
		p.Nodes[a].EncryptionKey = p.Nodes[a].EncryptionKey[:b%(1+len(p.Nodes[a].EncryptionKey))]
	},
	func(w *world, p *mlswire.UpdatePath, a, b int) { // take a key of the tree
		p.Nodes[a%len(p.Nodes)].EncryptionKey = w.tree.Leaf(tree.LeafIndex(b % 7)).EncryptionKey
	},
	func(_ *world, p *mlswire.UpdatePath, a, b int) { // change the leaf's key or parent hash
		if a%2 == 0 {
			p.LeafNode.EncryptionKey = flip(p.LeafNode.EncryptionKey, b)
		} else {
			p.LeafNode.ParentHash = flip(p.LeafNode.ParentHash, b)
		}
	},
	func(_ *world, p *mlswire.UpdatePath, a, b int) { // leave ciphertexts out
		c := &p.Nodes[a%len(p.Nodes)].EncryptedPathSecret
		*c = (*c)[:b%(1+len(*c))]
	},
	func(_ *world, p *mlswire.UpdatePath, a, b int) { // put ciphertexts of another node in
		c := &p.Nodes[a%len(p.Nodes)].EncryptedPathSecret
		*c = slices.Concat(*c, p.Nodes[b%len(p.Nodes)].EncryptedPathSecret)
	},
	func(_ *world, p *mlswire.UpdatePath, a, b int) { // exchange the ciphertexts of nodes
		x, y := &p.Nodes[a%len(p.Nodes)], &p.Nodes[b%len(p.Nodes)]
		x.EncryptedPathSecret, y.EncryptedPathSecret = y.EncryptedPathSecret, x.EncryptedPathSecret
	},
	func(_ *world, p *mlswire.UpdatePath, a, b int) { // change a ciphertext
		for k := range p.Nodes[a%len(p.Nodes)].EncryptedPathSecret {
			c := &p.Nodes[a%len(p.Nodes)].EncryptedPathSecret[k]
			if b%2 == 0 {
				c.KEMOutput = flip(c.KEMOutput, b)
			} else {
				c.Ciphertext = flip(c.Ciphertext, b)
			}
		}
	},
}

// flip returns b with one bit changed.
func flip(b []byte, at int) []byte {
	if len(b) == 0 {
		return []byte{1}
	}
	c := bytes.Clone(b)
	c[at%len(c)] ^= 1 << (at % 8)
	return c
}
