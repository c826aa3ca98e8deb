package tree_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// A world is a group's tree, the model beside it, and what some of the members
// know.
type world struct {
	suite    *suite.Suite
	tree     *tree.Tree
	model    *model
	privates map[tree.LeafIndex]*tree.Private
	lazy     bool // compare nothing for now
}

// failer is what testing.TB and rapid.T have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// newLeaf returns a leaf as a KeyPackage has it, not signed.
func newLeaf(s *suite.Suite) (*mlswire.LeafNode, suite.KeyPair) {
	pair := s.GenerateKeyPair()
	signatureKey := make([]byte, 32)
	rand.Read(signatureKey)
	return &mlswire.LeafNode{
		EncryptionKey: pair.Public,
		SignatureKey:  signatureKey,
		Credential:    mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: signatureKey[:8]},
		Capabilities:  mlswire.Capabilities{Versions: []mlswire.ProtocolVersion{mlswire.MLS10}, CipherSuites: []suite.ID{s.ID()}},
		Source:        mlswire.LeafNodeSourceKeyPackage,
		Lifetime:      mlswire.Lifetime{NotAfter: 1 << 40},
		Signature:     signatureKey,
	}, pair
}

func newLeaves(s *suite.Suite, n int) ([]*mlswire.LeafNode, []suite.KeyPair) {
	leaves, pairs := make([]*mlswire.LeafNode, n), make([]suite.KeyPair, n)
	for i := range leaves {
		leaves[i], pairs[i] = newLeaf(s)
	}
	return leaves, pairs
}

// newWorld returns a group of n members, of which the first added the others
// without a path.
func newWorld(t failer, s *suite.Suite, n int) *world {
	t.Helper()
	leaf, pair := newLeaf(s)
	w := &world{
		suite: s, tree: tree.New(s, leaf), model: newModel(s, leaf),
		privates: map[tree.LeafIndex]*tree.Private{0: tree.NewPrivate(0, pair)},
	}
	if n > 1 {
		w.commit(t, commit{adds: n - 1})
	}
	return w
}

// A commit says what one member commits to. A committer that is not a member
// joins by an external commit.
type commit struct {
	committer tree.LeafIndex
	updates   []tree.LeafIndex
	removes   []tree.LeafIndex
	adds      int
	path      bool
	reload    bool // first read the tree back from its wire form
}

// commit makes a commit and has all members process it whose keys are in
// w.privates.
func (w *world) commit(t failer, c commit) {
	t.Helper()
	changes := tree.Changes{Removes: c.removes}
	for _, i := range c.updates {
		leaf, pair := newLeaf(w.suite)
		leaf.Source = mlswire.LeafNodeSourceUpdate
		changes.Updates = append(changes.Updates, tree.Update{Leaf: i, Node: leaf})
		if p := w.privates[i]; p != nil {
			w.privates[i] = p.WithLeaf(pair)
		}
	}
	leaves, pairs := newLeaves(w.suite, c.adds)
	changes.Adds = leaves
	for _, i := range c.removes {
		delete(w.privates, i)
	}

	if c.reload {
		w.tree = w.loaded(t)
	}
	before, wire := w.tree.Hash(), mlswire.Marshal(w.tree.Nodes())
	next, added, err := w.tree.Apply(changes)
	if err != nil {
		t.Fatalf("Apply(%+v) = %v", c, err)
	}
	if !bytes.Equal(w.tree.Hash(), before) || !bytes.Equal(mlswire.Marshal(w.tree.Nodes()), wire) {
		t.Fatalf("Apply(%+v) changed the tree it was applied to", c)
	}
	if want := w.model.apply(changes); !slices.Equal(added, want) {
		t.Fatalf("Apply(%+v) adds %d, want %d", c, added, want)
	}
	w.tree = next
	w.compare(t)
	if c.path {
		w.commitPath(t, c, added, pairs)
		return
	}
	for i, p := range w.privates {
		if w.privates[i], err = p.Match(next); err != nil {
			t.Fatalf("Match for member %d = %v", i, err)
		}
	}
	for k, i := range added {
		if w.privates[i], err = next.JoinPrivate(i, pairs[k], c.committer, secret.Value{}); err != nil {
			t.Fatalf("JoinPrivate(%d) = %v", i, err)
		}
	}
}

// commitPath adds a path to a commit whose proposals have been applied.
func (w *world) commitPath(t failer, c commit, added []tree.LeafIndex, pairs []suite.KeyPair) {
	t.Helper()
	made, path := w.newPath(t, c.committer, added)
	after, err := w.tree.ApplyPath(c.committer, path)
	if err != nil {
		t.Fatalf("ApplyPath(%d) = %v", c.committer, err)
	}
	if w.tree.Leaf(c.committer) == nil {
		if want := w.model.vacant(); want != int(2*c.committer) {
			t.Fatalf("external commit at leaf %d, want %d", c.committer, want/2)
		}
	}
	if parentHash := w.model.merge(c.committer, path); !bytes.Equal(parentHash, path.LeafNode.ParentHash) {
		t.Fatalf("parent hash of the committer = %x, want %x", path.LeafNode.ParentHash, parentHash)
	}
	w.tree = after
	w.compare(t)
	if !bytes.Equal(made.Tree.Hash(), after.Hash()) {
		t.Fatalf("tree hash of the committer = %x, want %x", made.Tree.Hash(), after.Hash())
	}
	delete(w.privates, c.committer)
	for i, p := range w.privates {
		next, commitSecret, err := after.OpenPath(p, c.committer, path, w.context(), added)
		if err != nil {
			t.Fatalf("OpenPath(%d from %d) = %v", i, c.committer, err)
		}
		if !commitSecret.Equal(made.CommitSecret) {
			t.Fatalf("commit secrets of %d and %d differ", i, c.committer)
		}
		w.privates[i] = next
	}
	w.privates[c.committer] = made.Private
	for k, i := range added {
		pathSecret, ok := made.PathSecret(i)
		if !ok {
			t.Fatalf("PathSecret(%d) is missing", i)
		}
		if w.privates[i], err = after.JoinPrivate(i, pairs[k], c.committer, pathSecret); err != nil {
			t.Fatalf("JoinPrivate(%d) = %v", i, err)
		}
	}
	made.Erase()
}

// newPath makes a path of committer and encrypts it to all but added.
func (w *world) newPath(t failer, committer tree.LeafIndex, added []tree.LeafIndex) (*tree.Path, *mlswire.UpdatePath) {
	t.Helper()
	made, err := w.tree.NewPath(committer, func(encryptionKey, parentHash []byte) (*mlswire.LeafNode, error) {
		leaf := w.tree.Leaf(committer)
		if leaf == nil {
			leaf, _ = newLeaf(w.suite)
		}
		leaf = &mlswire.LeafNode{
			EncryptionKey: encryptionKey, SignatureKey: leaf.SignatureKey, Credential: leaf.Credential,
			Source: mlswire.LeafNodeSourceCommit, ParentHash: parentHash, Signature: leaf.SignatureKey,
		}
		return leaf, nil
	})
	if err != nil {
		t.Fatalf("NewPath(%d) = %v", committer, err)
	}
	path, err := made.Encrypt(made.Tree.Hash(), added)
	if err != nil {
		t.Fatalf("Encrypt = %v", err)
	}
	return made, path
}

// context stands for the provisional GroupContext, which fixes the tree hash.
func (w *world) context() []byte { return w.tree.Hash() }

// compare compares the tree with the model, and with the tree read back from
// its wire form.
func (w *world) compare(t failer) {
	t.Helper()
	if w.lazy {
		return
	}
	w.compareTree(t, w.tree)
	if w.model.members() == 0 {
		return // between the removal of the only member and its return
	}
	wire := mlswire.Marshal(w.tree.Nodes())
	if want := w.model.wire(); !bytes.Equal(wire, want) {
		t.Fatalf("tree = %x, want %x", wire, want)
	}
	again := w.loaded(t)
	w.compareTree(t, again)
	if err := again.CheckParentHashes(); err != nil {
		t.Fatalf("CheckParentHashes = %v", err)
	}
}

// loaded returns the tree as it comes back from its wire form.
func (w *world) loaded(t failer) *tree.Tree {
	t.Helper()
	nodes, err := mlswire.ParseRatchetTree(mlswire.Marshal(w.tree.Nodes()))
	if err != nil {
		t.Fatalf("ParseRatchetTree = %v", err)
	}
	again, err := tree.FromNodes(w.suite, nodes)
	if err != nil {
		t.Fatalf("FromNodes = %v", err)
	}
	return again
}

// compareTree compares what tr says with the model.
func (w *world) compareTree(t failer, tr *tree.Tree) {
	t.Helper()
	members := map[tree.LeafIndex]*mlswire.LeafNode{}
	for x, n := range w.model.nodes {
		if got, want := tr.NodeHash(tree.NodeIndex(x)), w.model.hash(x); !bytes.Equal(got, want) {
			t.Fatalf("hash of node %d = %x, want %x", x, got, want)
		}
		got, want := tr.Resolution(tree.NodeIndex(x)), w.model.resolution(x)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("resolution of node %d = %d, want %d", x, got, want)
		}
		parent := tr.Parent(tree.NodeIndex(x))
		if (parent == nil) != (n.parent == nil) || parent != nil && !bytes.Equal(parent.EncryptionKey, n.parent.EncryptionKey) {
			t.Fatalf("parent %d = %v, want %v", x, parent, n.parent)
		}
		if n.leaf != nil {
			members[tree.LeafIndex(x/2)] = n.leaf
		}
	}
	if tree.NodeCount(tr.Width()) != uint64(len(w.model.nodes)) || tr.MemberCount() != len(members) {
		t.Fatalf("tree of %d members and %d leaves, model of %d members and %d nodes",
			tr.MemberCount(), tr.Width(), len(members), len(w.model.nodes))
	}
	for i := range tree.LeafIndex(tr.Width()) {
		if leaf := tr.Leaf(i); (leaf == nil) != (members[i] == nil) || leaf != nil && !bytes.Equal(leaf.SignatureKey, members[i].SignatureKey) {
			t.Fatalf("leaf %d = %v, want %v", i, leaf, members[i])
		}
	}
	last := -1
	for i, leaf := range tr.Members() {
		if int(i) <= last || leaf == nil || leaf != tr.Leaf(i) {
			t.Fatalf("Members yields leaf %d as %v after %d", i, leaf, last)
		}
		last = int(i)
		delete(members, i)
		if at, ok := tr.FindLeaf(leaf.EncryptionKey); !ok || at != i || !tr.HasEncryptionKey(leaf.EncryptionKey) || !tr.HasSignatureKey(leaf.SignatureKey) {
			t.Fatalf("the keys of leaf %d are not found", i)
		}
	}
	if len(members) != 0 {
		t.Fatalf("Members leaves out %v", members)
	}
	if want := w.model.clone().vacant() / 2; int(tr.Vacant()) != want {
		t.Fatalf("Vacant = %d, want %d", tr.Vacant(), want)
	}
}

// checkPrivates checks that each member has the private keys of exactly the
// nodes above it at which it is not unmerged, RFC 9420, Section 4.2, and that a
// snapshot keeps them.
func (w *world) checkPrivates(t failer) {
	t.Helper()
	for i, p := range w.privates {
		var want tlsenc.Writer
		keys := w.keysOf(t, p)
		x := int(2 * i)
		for _, y := range append([]int{x}, w.model.directPath(x)...) {
			n := w.model.nodes[y]
			knows := !n.blank() && (n.parent == nil || !slices.Contains(n.parent.UnmergedLeaves, uint32(i)))
			private, has := keys[level(y)]
			if has != knows {
				t.Fatalf("member %d has the key of node %d: %v, want %v", i, y, has, knows)
			}
			if !has {
				continue
			}
			public, err := w.suite.PublicKey(private)
			if err != nil || !bytes.Equal(public, n.key()) {
				t.Fatalf("member %d has a wrong key of node %d: %v", i, y, err)
			}
		}
		p.Encode(&want)
		r := tlsenc.NewReader(want.Bytes())
		q, err := tree.DecodePrivate(&r, w.tree)
		if err != nil || r.Done() != nil {
			t.Fatalf("DecodePrivate = %v, %v", err, r.Done())
		}
		var got tlsenc.Writer
		q.Encode(&got)
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Fatalf("a snapshot of member %d is not kept", i)
		}
	}
}

// keysOf reads the private keys by level out of a snapshot.
func (w *world) keysOf(t failer, p *tree.Private) map[int]secret.Value {
	t.Helper()
	var b tlsenc.Writer
	p.Encode(&b)
	r := tlsenc.NewReader(b.Bytes())
	if self := r.Uint32(); self != uint32(p.Self()) {
		t.Fatalf("Self = %d, encoded as %d", p.Self(), self)
	}
	keys := map[int]secret.Value{}
	for count := r.Uint8(); count > 0; count-- {
		l := r.Uint8()
		keys[int(l)] = secret.New(r.Vector(1 << 10))
	}
	if err := r.Done(); err != nil {
		t.Fatalf("reading a snapshot: %v", err)
	}
	return keys
}

var _ failer = testing.TB(nil)
