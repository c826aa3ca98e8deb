package mls_test

import (
	"bytes"
	"slices"
	"testing"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
	"conclave/internal/testkit/mlskit"
)

type treeMathVector struct {
	Leaves  uint32            `json:"n_leaves"`
	Nodes   uint64            `json:"n_nodes"`
	Root    tree.NodeIndex    `json:"root"`
	Left    []*tree.NodeIndex `json:"left"`
	Right   []*tree.NodeIndex `json:"right"`
	Parent  []*tree.NodeIndex `json:"parent"`
	Sibling []*tree.NodeIndex `json:"sibling"`
}

func testTreeMath(t *testing.T, v treeMathVector) {
	if got := tree.NodeCount(v.Leaves); got != v.Nodes {
		t.Errorf("NodeCount = %d, want %d", got, v.Nodes)
	}
	if got := tree.Root(v.Leaves); got != v.Root {
		t.Errorf("Root = %d, want %d", got, v.Root)
	}
	for i := range v.Nodes {
		x := tree.NodeIndex(i)
		check := func(what string, want *tree.NodeIndex, got tree.NodeIndex, ok bool) {
			if ok != (want != nil) || ok && got != *want {
				t.Errorf("%s of %d = %d, %v, want %v", what, x, got, ok, want)
			}
		}
		got, ok := x.Left()
		check("left", v.Left[i], got, ok)
		got, ok = x.Right()
		check("right", v.Right[i], got, ok)
		got, ok = x.Parent(v.Leaves)
		check("parent", v.Parent[i], got, ok)
		got, ok = x.Sibling(v.Leaves)
		check("sibling", v.Sibling[i], got, ok)
	}
}

// readTree reads a ratchet tree that must be written back as it was.
func readTree(t *testing.T, s *suite.Suite, b []byte) *tree.Tree {
	t.Helper()
	nodes, err := mlswire.ParseRatchetTree(b)
	if err != nil {
		t.Fatalf("ParseRatchetTree = %v", err)
	}
	read, err := tree.FromNodes(s, nodes)
	if err != nil {
		t.Fatalf("FromNodes = %v", err)
	}
	equal(t, "tree", mlswire.Marshal(read.Nodes()), b)
	return read
}

type treeOperationVector struct {
	CipherSuite suite.ID       `json:"cipher_suite"`
	Before      hexBytes       `json:"tree_before"`
	Proposal    hexBytes       `json:"proposal"`
	Sender      tree.LeafIndex `json:"proposal_sender"`
	HashBefore  hexBytes       `json:"tree_hash_before"`
	After       hexBytes       `json:"tree_after"`
	HashAfter   hexBytes       `json:"tree_hash_after"`
}

func testTreeOperations(t *testing.T, v treeOperationVector) {
	before := readTree(t, vectorSuite(t, v.CipherSuite), v.Before)
	equal(t, "hash before", before.Hash(), v.HashBefore)
	p, err := mlswire.ParseProposal(v.Proposal)
	if err != nil {
		t.Fatalf("ParseProposal = %v", err)
	}
	var changes tree.Changes
	switch p := p.(type) {
	case *mlswire.Add:
		changes.Adds = []*mlswire.LeafNode{&p.KeyPackage.LeafNode}
	case *mlswire.Update:
		changes.Updates = []tree.Update{{Leaf: v.Sender, Node: &p.LeafNode}}
	case *mlswire.Remove:
		changes.Removes = []tree.LeafIndex{tree.LeafIndex(p.Removed)}
	default:
		t.Fatalf("unknown proposal %T", p)
	}
	after, _, err := before.Apply(changes)
	if err != nil {
		t.Fatalf("Apply = %v", err)
	}
	equal(t, "tree after", mlswire.Marshal(after.Nodes()), v.After)
	equal(t, "hash after", after.Hash(), v.HashAfter)
}

type treeValidationVector struct {
	CipherSuite suite.ID           `json:"cipher_suite"`
	Tree        hexBytes           `json:"tree"`
	GroupID     hexBytes           `json:"group_id"`
	TreeHashes  []hexBytes         `json:"tree_hashes"`
	Resolutions [][]tree.NodeIndex `json:"resolutions"`
}

func testTreeValidation(t *testing.T, v treeValidationVector) {
	s := vectorSuite(t, v.CipherSuite)
	read := readTree(t, s, v.Tree)
	if n := tree.NodeCount(read.Width()); n != uint64(len(v.TreeHashes)) || n != uint64(len(v.Resolutions)) {
		t.Fatalf("tree of %d nodes, vector of %d and %d", n, len(v.TreeHashes), len(v.Resolutions))
	}
	for i := range v.TreeHashes {
		equal(t, "tree hash", read.NodeHash(tree.NodeIndex(i)), v.TreeHashes[i])
		if got := read.Resolution(tree.NodeIndex(i)); !slices.Equal(got, v.Resolutions[i]) {
			t.Errorf("resolution of node %d = %d, want %d", i, got, v.Resolutions[i])
		}
	}
	if err := read.CheckParentHashes(); err != nil {
		t.Errorf("CheckParentHashes = %v", err)
	}
	for i, leaf := range read.Members() {
		if err := s.VerifyWithLabel(leaf.SignatureKey, "LeafNodeTBS", leaf.TBS(v.GroupID, uint32(i)), leaf.Signature); err != nil {
			t.Errorf("signature of leaf %d: %v", i, err)
		}
	}
}

type treeKEMVector struct {
	CipherSuite    suite.ID `json:"cipher_suite"`
	GroupID        hexBytes `json:"group_id"`
	Epoch          uint64   `json:"epoch"`
	TranscriptHash hexBytes `json:"confirmed_transcript_hash"`
	Tree           hexBytes `json:"ratchet_tree"`
	Leaves         []struct {
		Index         tree.LeafIndex `json:"index"`
		EncryptionKey hexBytes       `json:"encryption_priv"`
		SignatureKey  hexBytes       `json:"signature_priv"`
		PathSecrets   []struct {
			Node       tree.NodeIndex `json:"node"`
			PathSecret hexBytes       `json:"path_secret"`
		} `json:"path_secrets"`
	} `json:"leaves_private"`
	Paths []struct {
		Sender       tree.LeafIndex `json:"sender"`
		Path         hexBytes       `json:"update_path"`
		PathSecrets  []hexBytes     `json:"path_secrets"` // by leaf; package tree compares them
		CommitSecret hexBytes       `json:"commit_secret"`
		HashAfter    hexBytes       `json:"tree_hash_after"`
	} `json:"update_paths"`
}

func testTreeKEM(t *testing.T, v treeKEMVector) {
	s := vectorSuite(t, v.CipherSuite)
	before := readTree(t, s, v.Tree)
	privates := make(map[tree.LeafIndex]*tree.Private)
	signers := make(map[tree.LeafIndex]*suite.SigningKey)
	for k, leaf := range v.Leaves {
		privates[leaf.Index] = v.private(t, before, k)
		signer, err := s.NewSigningKey(secret.New(mlskit.Scalar(v.CipherSuite, leaf.SignatureKey)))
		if err != nil {
			t.Fatalf("NewSigningKey = %v", err)
		}
		signers[leaf.Index] = signer
	}
	for _, p := range v.Paths {
		commit, err := mlswire.ParseCommit(slices.Concat([]byte{0, 1}, p.Path))
		if err != nil {
			t.Fatalf("parsing an UpdatePath: %v", err)
		}
		after := v.process(t, before, privates, p.Sender, commit.Path, p.CommitSecret)
		equal(t, "tree hash after", after.Hash(), p.HashAfter)

		made, err := before.NewPath(p.Sender, func(encryptionKey, parentHash []byte) (*mlswire.LeafNode, error) {
			leaf := *before.Leaf(p.Sender)
			leaf.EncryptionKey, leaf.ParentHash, leaf.Source = encryptionKey, parentHash, mlswire.LeafNodeSourceCommit
			leaf.Signature, err = s.SignWithLabel(signers[p.Sender], "LeafNodeTBS", leaf.TBS(v.GroupID, uint32(p.Sender)))
			return &leaf, err
		})
		if err != nil {
			t.Fatalf("NewPath = %v", err)
		}
		path, err := made.Encrypt(v.context(made.Tree), nil)
		if err != nil {
			t.Fatalf("Encrypt = %v", err)
		}
		v.process(t, before, privates, p.Sender, path, made.CommitSecret.Expose())
	}
}

// process has all members but the sender take a path in.
func (v *treeKEMVector) process(t *testing.T, before *tree.Tree, privates map[tree.LeafIndex]*tree.Private, from tree.LeafIndex, path *mlswire.UpdatePath, commitSecret []byte) *tree.Tree {
	t.Helper()
	after, err := before.ApplyPath(from, path)
	if err != nil {
		t.Fatalf("ApplyPath = %v", err)
	}
	if err := after.CheckParentHashes(); err != nil {
		t.Errorf("CheckParentHashes = %v", err)
	}
	for i, p := range privates {
		if i == from {
			continue
		}
		_, got, err := after.OpenPath(p, from, path, v.context(after), nil)
		if err != nil {
			t.Fatalf("OpenPath of member %d = %v", i, err)
		}
		equal(t, "commit secret", got.Expose(), commitSecret)
	}
	return after
}

// private returns what a member of the vector knows, by way of a snapshot.
func (v *treeKEMVector) private(t *testing.T, in *tree.Tree, k int) *tree.Private {
	t.Helper()
	s, leaf := in.Suite(), v.Leaves[k]
	slices.SortFunc(leaf.PathSecrets, func(a, b struct {
		Node       tree.NodeIndex `json:"node"`
		PathSecret hexBytes       `json:"path_secret"`
	},
	) int {
		return int(a.Node.Level()) - int(b.Node.Level())
	})
	var w tlsenc.Writer
	w.Uint32(uint32(leaf.Index))
	w.Uint8(uint8(1 + len(leaf.PathSecrets)))
	w.Uint8(0)
	w.Vector(mlskit.Scalar(v.CipherSuite, leaf.EncryptionKey))
	for _, p := range leaf.PathSecrets {
		pair := s.DeriveKeyPair(s.DeriveSecret(secret.New(p.PathSecret), "node"))
		if parent := in.Parent(p.Node); parent == nil || !bytes.Equal(parent.EncryptionKey, pair.Public) {
			t.Fatalf("path secret of leaf %d does not lead to the key of node %d", leaf.Index, p.Node)
		}
		w.Uint8(p.Node.Level())
		w.Vector(pair.Private.Expose())
	}
	r := tlsenc.NewReader(w.Bytes())
	p, err := tree.DecodePrivate(&r, in)
	if err != nil || r.Done() != nil {
		t.Fatalf("DecodePrivate = %v, %v", err, r.Done())
	}
	return p
}

func (v *treeKEMVector) context(after *tree.Tree) []byte {
	return mlswire.Marshal(&mlswire.GroupContext{
		Version: mlswire.MLS10, CipherSuite: v.CipherSuite, GroupID: v.GroupID, Epoch: v.Epoch,
		TreeHash: after.Hash(), ConfirmedTranscriptHash: v.TranscriptHash,
	})
}
