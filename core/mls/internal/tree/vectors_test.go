package tree_test

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
	"conclave/internal/testkit"
	"conclave/internal/testkit/mlskit"
)

type hexBytes = testkit.Hex

// vectorSuite returns the suite of a vector; in wasm it skips the slowest.
func vectorSuite(t *testing.T, id suite.ID) *suite.Suite {
	t.Helper()
	if id == 5 && runtime.GOARCH == "wasm" {
		t.Skip("SKIPPED: P-521 takes minutes in wasm; it runs natively")
	}
	return mlskit.Suite(t, id)
}

func mustLookup(t testing.TB, id suite.ID) *suite.Suite {
	t.Helper()
	s, err := suite.Lookup(id)
	if err != nil {
		t.Fatalf("Lookup(%d) = %v", id, err)
	}
	return s
}

func parseTree(t testing.TB, s *suite.Suite, b []byte) *tree.Tree {
	t.Helper()
	nodes, err := mlswire.ParseRatchetTree(b)
	if err != nil {
		t.Fatalf("ParseRatchetTree = %v", err)
	}
	tr, err := tree.FromNodes(s, nodes)
	if err != nil {
		t.Fatalf("FromNodes = %v", err)
	}
	if got := mlswire.Marshal(tr.Nodes()); !bytes.Equal(got, b) {
		t.Fatalf("Nodes is written as %x, want %x", got, b)
	}
	return tr
}

func TestTreeMathVectors(t *testing.T) {
	type vector struct {
		Leaves  uint32            `json:"n_leaves"`
		Nodes   uint64            `json:"n_nodes"`
		Root    tree.NodeIndex    `json:"root"`
		Left    []*tree.NodeIndex `json:"left"`
		Right   []*tree.NodeIndex `json:"right"`
		Parent  []*tree.NodeIndex `json:"parent"`
		Sibling []*tree.NodeIndex `json:"sibling"`
	}
	for _, v := range testkit.Cases[vector](t, testkit.Vectors(t, "mls/tree-math.json")) {
		t.Run(fmt.Sprint(v.Leaves), func(t *testing.T) {
			if got := tree.NodeCount(v.Leaves); got != v.Nodes {
				t.Errorf("NodeCount = %d, want %d", got, v.Nodes)
			}
			if got := tree.Root(v.Leaves); got != v.Root {
				t.Errorf("Root = %d, want %d", got, v.Root)
			}
			for i := range v.Nodes {
				x := tree.NodeIndex(i)
				check := func(what string, want *tree.NodeIndex) func(tree.NodeIndex, bool) {
					return func(got tree.NodeIndex, ok bool) {
						t.Helper()
						if ok != (want != nil) || ok && got != *want {
							t.Errorf("%s of %d = %d, %v, want %v", what, x, got, ok, want)
						}
					}
				}
				check("Left", v.Left[i])(x.Left())
				check("Right", v.Right[i])(x.Right())
				check("Parent", v.Parent[i])(x.Parent(v.Leaves))
				check("Sibling", v.Sibling[i])(x.Sibling(v.Leaves))
			}
		})
	}
}

func TestTreeOperationsVectors(t *testing.T) {
	type vector struct {
		Suite      suite.ID       `json:"cipher_suite"`
		Before     hexBytes       `json:"tree_before"`
		Proposal   hexBytes       `json:"proposal"`
		Sender     tree.LeafIndex `json:"proposal_sender"`
		HashBefore hexBytes       `json:"tree_hash_before"`
		After      hexBytes       `json:"tree_after"`
		HashAfter  hexBytes       `json:"tree_hash_after"`
	}
	for i, v := range testkit.Cases[vector](t, testkit.Vectors(t, "mls/tree-operations.json")) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			before := parseTree(t, vectorSuite(t, v.Suite), v.Before)
			if !bytes.Equal(before.Hash(), v.HashBefore) {
				t.Errorf("hash before = %x, want %x", before.Hash(), v.HashBefore)
			}
			proposal, err := mlswire.ParseProposal(v.Proposal)
			if err != nil {
				t.Fatalf("ParseProposal = %v", err)
			}
			var after *tree.Tree
			switch p := proposal.(type) {
			case *mlswire.Add:
				after, _, err = before.Add(&p.KeyPackage.LeafNode)
			case *mlswire.Update:
				after, err = before.Update(v.Sender, &p.LeafNode)
			case *mlswire.Remove:
				after, err = before.Remove(tree.LeafIndex(p.Removed))
			default:
				t.Fatalf("unknown proposal %T", p)
			}
			if err != nil {
				t.Fatalf("applying the proposal: %v", err)
			}
			if got := mlswire.Marshal(after.Nodes()); !bytes.Equal(got, v.After) {
				t.Errorf("tree after = %x, want %x", got, v.After)
			}
			if !bytes.Equal(after.Hash(), v.HashAfter) {
				t.Errorf("hash after = %x, want %x", after.Hash(), v.HashAfter)
			}
			if !bytes.Equal(before.Hash(), v.HashBefore) || !bytes.Equal(mlswire.Marshal(before.Nodes()), v.Before) {
				t.Error("the operation changed the tree before")
			}
		})
	}
}

func TestTreeValidationVectors(t *testing.T) {
	type vector struct {
		Suite       suite.ID           `json:"cipher_suite"`
		Tree        hexBytes           `json:"tree"`
		GroupID     hexBytes           `json:"group_id"`
		TreeHashes  []hexBytes         `json:"tree_hashes"`
		Resolutions [][]tree.NodeIndex `json:"resolutions"`
	}
	for i, v := range testkit.Cases[vector](t, testkit.Vectors(t, "mls/tree-validation.json")) {
		t.Run(fmt.Sprintf("%d/suite %d", i, v.Suite), func(t *testing.T) {
			s := vectorSuite(t, v.Suite)
			tr := parseTree(t, s, v.Tree)
			if n := tree.NodeCount(tr.Width()); uint64(len(v.TreeHashes)) != n || uint64(len(v.Resolutions)) != n {
				t.Fatalf("tree of %d nodes, vector of %d and %d", n, len(v.TreeHashes), len(v.Resolutions))
			}
			for i := range v.TreeHashes {
				x := tree.NodeIndex(i)
				if got := tr.NodeHash(x); !bytes.Equal(got, v.TreeHashes[i]) {
					t.Errorf("tree hash of node %d = %x, want %x", x, got, v.TreeHashes[i])
				}
				if got := tr.Resolution(x); !slices.Equal(got, v.Resolutions[i]) {
					t.Errorf("resolution of node %d = %d, want %d", x, got, v.Resolutions[i])
				}
			}
			if err := tr.CheckParentHashes(); err != nil {
				t.Errorf("CheckParentHashes = %v", err)
			}
			for i, leaf := range tr.Members() {
				tbs := leaf.TBS(v.GroupID, uint32(i))
				if err := s.VerifyWithLabel(leaf.SignatureKey, "LeafNodeTBS", tbs, leaf.Signature); err != nil {
					t.Errorf("signature of leaf %d: %v", i, err)
				}
			}
		})
	}
}

type treeKEMPathSecret struct {
	Node       tree.NodeIndex `json:"node"`
	PathSecret hexBytes       `json:"path_secret"`
}

type treeKEMVector struct {
	Suite          suite.ID `json:"cipher_suite"`
	GroupID        hexBytes `json:"group_id"`
	Epoch          uint64   `json:"epoch"`
	TranscriptHash hexBytes `json:"confirmed_transcript_hash"`
	Tree           hexBytes `json:"ratchet_tree"`
	Leaves         []struct {
		Index         tree.LeafIndex      `json:"index"`
		EncryptionKey hexBytes            `json:"encryption_priv"`
		SignatureKey  hexBytes            `json:"signature_priv"`
		PathSecrets   []treeKEMPathSecret `json:"path_secrets"`
	} `json:"leaves_private"`
	Paths []struct {
		Sender       tree.LeafIndex `json:"sender"`
		Path         hexBytes       `json:"update_path"`
		PathSecrets  []hexBytes     `json:"path_secrets"` // by leaf, nil where there is none
		CommitSecret hexBytes       `json:"commit_secret"`
		HashAfter    hexBytes       `json:"tree_hash_after"`
	} `json:"update_paths"`
}

func TestTreeKEMVectors(t *testing.T) {
	for i, v := range testkit.Cases[treeKEMVector](t, testkit.Vectors(t, "mls/treekem.json")) {
		t.Run(fmt.Sprintf("%d/suite %d", i, v.Suite), func(t *testing.T) {
			s := vectorSuite(t, v.Suite)
			if runtime.GOARCH == "wasm" && len(v.Leaves) > 10 {
				t.Skipf("%d leaves take minutes in wasm; they run natively", len(v.Leaves))
			}
			tr := parseTree(t, s, v.Tree)
			privates := map[tree.LeafIndex]*tree.Private{}
			signers := map[tree.LeafIndex]*suite.SigningKey{}
			for k, leaf := range v.Leaves {
				privates[leaf.Index] = v.private(t, tr, k)
				key, err := s.NewSigningKey(secret.New(leaf.SignatureKey))
				if err != nil {
					t.Fatalf("NewSigningKey = %v", err)
				}
				signers[leaf.Index] = key
			}
			if len(privates) != tr.MemberCount() {
				t.Fatalf("%d private states for %d members", len(privates), tr.MemberCount())
			}
			for k := range v.Paths {
				v.checkPath(t, tr, privates, k)
			}
			for _, u := range v.Paths {
				v.checkNewPath(t, tr, privates, signers[u.Sender], u.Sender)
			}
		})
	}
}

// private makes the private state of the k-th leaf of the vector out of the path
// secrets that it knows, in the form of a snapshot.
func (v treeKEMVector) private(t *testing.T, tr *tree.Tree, k int) *tree.Private {
	t.Helper()
	leaf := v.Leaves[k]
	var w tlsenc.Writer
	w.Uint32(uint32(leaf.Index))
	w.Uint8(uint8(1 + len(leaf.PathSecrets)))
	w.Uint8(0)
	w.Vector(leaf.EncryptionKey)
	secrets := slices.Clone(leaf.PathSecrets)
	slices.SortFunc(secrets, func(a, b treeKEMPathSecret) int { return int(a.Node.Level()) - int(b.Node.Level()) })
	for _, p := range secrets {
		pair := nodeKeys(tr.Suite(), secret.New(p.PathSecret))
		if parent := tr.Parent(p.Node); parent == nil || !bytes.Equal(parent.EncryptionKey, pair.Public) {
			t.Fatalf("path secret of leaf %d does not lead to the key of node %d", leaf.Index, p.Node)
		}
		w.Uint8(p.Node.Level())
		w.Vector(pair.Private.Expose())
	}
	r := tlsenc.NewReader(w.Bytes())
	p, err := tree.DecodePrivate(&r, tr)
	if err != nil || r.Done() != nil {
		t.Fatalf("DecodePrivate = %v, %v", err, r.Done())
	}
	return p
}

func nodeKeys(s *suite.Suite, pathSecret secret.Value) suite.KeyPair {
	return s.DeriveKeyPair(s.DeriveSecret(pathSecret, "node"))
}

func (v treeKEMVector) context(tr *tree.Tree) []byte {
	return mlswire.Marshal(&mlswire.GroupContext{
		Version: mlswire.MLS10, CipherSuite: v.Suite, GroupID: v.GroupID, Epoch: v.Epoch,
		TreeHash: tr.Hash(), ConfirmedTranscriptHash: v.TranscriptHash,
	})
}

// checkPath has every other member process the k-th path of the vector.
func (v treeKEMVector) checkPath(t *testing.T, tr *tree.Tree, privates map[tree.LeafIndex]*tree.Private, k int) {
	t.Helper()
	u := v.Paths[k]
	path := parsePath(t, u.Path)
	after, err := tr.ApplyPath(u.Sender, path)
	if err != nil {
		t.Fatalf("path %d: ApplyPath = %v", k, err)
	}
	if !bytes.Equal(after.Hash(), u.HashAfter) {
		t.Errorf("path %d: tree hash = %x, want %x", k, after.Hash(), u.HashAfter)
	}
	for i, p := range privates {
		if i == u.Sender {
			continue
		}
		next, commitSecret, err := after.OpenPath(p, u.Sender, path, v.context(after), nil)
		if err != nil {
			t.Errorf("path %d, member %d: OpenPath = %v", k, i, err)
			continue
		}
		if !bytes.Equal(commitSecret.Expose(), u.CommitSecret) {
			t.Errorf("path %d, member %d: wrong commit secret", k, i)
		}
		// The lowest new key is the one that comes from the path secret.
		var w tlsenc.Writer
		next.Encode(&w)
		want := nodeKeys(tr.Suite(), secret.New(u.PathSecrets[i])).Private.Expose()
		if !bytes.Contains(w.Bytes(), want) {
			t.Errorf("path %d, member %d: the key of the path secret is not there", k, i)
		}
	}
}

func parsePath(t *testing.T, b []byte) *mlswire.UpdatePath {
	t.Helper()
	// An UpdatePath does not arrive alone; as a Commit it is one without proposals.
	commit, err := mlswire.ParseCommit(slices.Concat([]byte{0, 1}, b))
	if err != nil {
		t.Fatalf("ParseCommit = %v", err)
	}
	if got := mlswire.Marshal(commit.Path); !bytes.Equal(got, b) {
		t.Fatalf("the path is written as %x, want %x", got, b)
	}
	return commit.Path
}

// checkNewPath makes another path and has every other member process it.
func (v treeKEMVector) checkNewPath(t *testing.T, tr *tree.Tree, privates map[tree.LeafIndex]*tree.Private, key *suite.SigningKey, sender tree.LeafIndex) {
	t.Helper()
	made, err := tr.NewPath(sender, func(encryptionKey, parentHash []byte) (*mlswire.LeafNode, error) {
		leaf := *tr.Leaf(sender)
		leaf.EncryptionKey, leaf.ParentHash, leaf.Source = encryptionKey, parentHash, mlswire.LeafNodeSourceCommit
		var err error
		leaf.Signature, err = tr.Suite().SignWithLabel(key, "LeafNodeTBS", leaf.TBS(v.GroupID, uint32(sender)))
		return &leaf, err
	})
	if err != nil {
		t.Fatalf("NewPath(%d) = %v", sender, err)
	}
	path, err := made.Encrypt(v.context(made.Tree), nil)
	if err != nil {
		t.Fatalf("Encrypt = %v", err)
	}
	after, err := tr.ApplyPath(sender, path)
	if err != nil {
		t.Fatalf("ApplyPath(%d) = %v", sender, err)
	}
	if !bytes.Equal(after.Hash(), made.Tree.Hash()) {
		t.Errorf("tree hashes of committer and receivers differ")
	}
	if err := after.CheckParentHashes(); err != nil {
		t.Errorf("CheckParentHashes = %v", err)
	}
	for i, p := range privates {
		if i == sender {
			continue
		}
		_, commitSecret, err := after.OpenPath(p, sender, path, v.context(after), nil)
		if err != nil {
			t.Errorf("member %d: OpenPath = %v", i, err)
		} else if !commitSecret.Equal(made.CommitSecret) {
			t.Errorf("member %d: wrong commit secret", i)
		}
	}
}
