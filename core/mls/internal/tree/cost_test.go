package tree_test

import (
	"crypto/rand"
	"fmt"
	"runtime"
	"testing"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/suite"
)

// A message of 4 kB must not cost more than 64 kB, whatever shape of tree it has.
const (
	messageSize = 4 << 10
	mostMemory  = 64 << 10
)

// tinyLeaf returns the smallest leaf that FromNodes takes.
func tinyLeaf(s *suite.Suite) *mlswire.LeafNode {
	signatureKey := make([]byte, 8)
	rand.Read(signatureKey)
	return &mlswire.LeafNode{
		EncryptionKey: s.GenerateKeyPair().Public, SignatureKey: signatureKey,
		Credential: mlswire.Credential{Type: mlswire.CredentialTypeBasic}, Source: mlswire.LeafNodeSourceCommit,
	}
}

// sparse returns a tree of members as far apart as the size of a message allows.
func sparse(s *suite.Suite, members int) mlswire.RatchetTree {
	leaves := make([]*mlswire.LeafNode, members)
	for i := range leaves {
		leaves[i] = tinyLeaf(s)
	}
	for width := messageSize / 2; ; {
		t := mlswire.RatchetTree{Leaves: make([]*mlswire.LeafNode, width), Parents: make([]*mlswire.ParentNode, width-1)}
		for i, leaf := range leaves {
			t.Leaves[(i+1)*width/members-1] = leaf
		}
		over := len(mlswire.Marshal(t)) - messageSize
		if over <= 0 {
			return t
		}
		width -= (over + 1) / 2 // a blank leaf and parent take two bytes
	}
}

// crowded returns a tree with as many members, parents and unmerged leaves as
// the size of a message allows.
func crowded(s *suite.Suite) mlswire.RatchetTree {
	for width := uint32(32); ; width-- {
		var t mlswire.RatchetTree
		for i := range width {
			t.Leaves = append(t.Leaves, tinyLeaf(s))
			if i == width-1 {
				break
			}
			x := tree.NodeIndex(2*i + 1)
			parent := &mlswire.ParentNode{EncryptionKey: s.GenerateKeyPair().Public}
			first := uint32(x.Leaf()) &^ (1<<x.Level() - 1)
			for u := first + 1; u < min(first+1<<x.Level(), width); u += 2 {
				parent.UnmergedLeaves = append(parent.UnmergedLeaves, u)
			}
			t.Parents = append(t.Parents, parent)
		}
		if len(mlswire.Marshal(t)) <= messageSize {
			return t
		}
	}
}

func TestCostOfSmallMessages(t *testing.T) {
	s := mustLookup(t, 1)
	trees := map[string]mlswire.RatchetTree{"crowded": crowded(s)}
	for members := 1; members <= 70; members += 3 {
		trees[fmt.Sprintf("%d members", members)] = sparse(s, members)
	}
	for name, nodes := range trees {
		t.Run(name, func(t *testing.T) {
			wire := mlswire.Marshal(nodes)
			var loaded *tree.Tree
			got := allocated(func() {
				nodes, err := mlswire.ParseRatchetTree(wire)
				if err != nil {
					t.Fatalf("ParseRatchetTree = %v", err)
				}
				if loaded, err = tree.FromNodes(s, nodes); err != nil {
					t.Fatalf("FromNodes = %v", err)
				}
				_ = loaded.CheckParentHashes()
			})
			if len(wire) > messageSize || loaded.MemberCount() == 0 {
				t.Fatalf("%d members take %d bytes, want at most %d", loaded.MemberCount(), len(wire), messageSize)
			}
			if got > mostMemory {
				t.Errorf("%d bytes of tree allocate %d, want at most %d", len(wire), got, mostMemory)
			}
		})
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestSharing checks that an operation makes as many nodes as the tree is high
// and takes the others from the tree before.
func TestSharing(t *testing.T) {
	s := mustLookup(t, 1)
	leaves, _ := newLeaves(s, 1024)
	big, _, err := tree.New(s, leaves[0]).Apply(tree.Changes{Adds: leaves[1:]})
	if err != nil {
		t.Fatalf("Apply = %v", err)
	}
	const height = 11 // nodes from a leaf to the root
	made, err := big.NewPath(700, func(encryptionKey, parentHash []byte) (*mlswire.LeafNode, error) {
		leaf := *leaves[700]
		leaf.EncryptionKey, leaf.ParentHash, leaf.Source = encryptionKey, parentHash, mlswire.LeafNodeSourceCommit
		return &leaf, nil
	})
	if err != nil {
		t.Fatalf("NewPath = %v", err)
	}
	if got := made.Tree.NodesNotIn(big); got != height {
		t.Errorf("NewPath makes %d nodes, want %d", got, height)
	}
	path, err := made.Encrypt(nil, nil)
	if err != nil {
		t.Fatalf("Encrypt = %v", err)
	}
	after, err := big.ApplyPath(700, path)
	if err != nil {
		t.Fatalf("ApplyPath = %v", err)
	}
	if got := after.NodesNotIn(big); got != height {
		t.Errorf("ApplyPath makes %d nodes, want %d", got, height)
	}
	newcomers, _ := newLeaves(s, 2)
	for name, c := range map[string]tree.Changes{
		"update": {Updates: []tree.Update{{Leaf: 5, Node: newcomers[0]}}},
		"remove": {Removes: []tree.LeafIndex{1000}},
		"swap":   {Removes: []tree.LeafIndex{1000}, Adds: newcomers[:1]},
		"both":   {Updates: []tree.Update{{Leaf: 5, Node: newcomers[0]}}, Removes: []tree.LeafIndex{4}, Adds: newcomers[1:]},
	} {
		want := height
		if name == "both" {
			want++ // two leaves of one parent
		}
		var next *tree.Tree
		allocs := testing.AllocsPerRun(10, func() {
			if next, _, err = after.Apply(c); err != nil {
				t.Fatalf("%s: Apply = %v", name, err)
			}
		})
		if got := next.NodesNotIn(after); got != want {
			t.Errorf("%s makes %d nodes, want %d", name, got, want)
		}
		// A node, its hash, its parent and the list in it, and a few for the edit.
		if most := float64(4*want + 20); allocs > most {
			t.Errorf("%s allocates %v times, want at most %v", name, allocs, most)
		}
	}
}
