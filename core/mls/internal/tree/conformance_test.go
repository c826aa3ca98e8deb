package tree_test

import (
	"errors"
	"testing"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// TestJoinNeedsThePathSecret holds that who joins by a commit with a path must
// get the path secret: members that come to encrypt to the new parent keys count
// on it (RFC 9420, Sections 4.2 and 12.4.3.1).
func TestJoinNeedsThePathSecret(t *testing.T) {
	s, err := suite.Lookup(suite.MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	leaf := func(name byte, key []byte) *mlswire.LeafNode {
		return &mlswire.LeafNode{
			EncryptionKey: key, SignatureKey: []byte{name},
			Credential: mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: []byte{name}},
			Source:     mlswire.LeafNodeSourceKeyPackage,
		}
	}
	first, joiner := s.GenerateKeyPair(), s.GenerateKeyPair()
	before, self, err := tree.New(s, leaf('a', first.Public)).Add(leaf('b', joiner.Public))
	if err != nil {
		t.Fatal(err)
	}
	// Without a path, nobody has the key of a parent.
	if _, err := before.JoinPrivate(self, joiner, 0, secret.Value{}); err != nil {
		t.Errorf("JoinPrivate after a commit without path = %v", err)
	}
	path, err := before.NewPath(0, func(key, parentHash []byte) (*mlswire.LeafNode, error) {
		next := leaf('a', key)
		next.Source, next.ParentHash = mlswire.LeafNodeSourceCommit, parentHash
		return next, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	pathSecret, ok := path.PathSecret(self)
	if !ok {
		t.Fatal("no path secret for the new member")
	}
	if _, err := path.Tree.JoinPrivate(self, joiner, 0, pathSecret); err != nil {
		t.Errorf("JoinPrivate with the path secret = %v", err)
	}
	if _, err := path.Tree.JoinPrivate(self, joiner, 0, secret.Value{}); !errors.Is(err, tree.ErrPathSecret) {
		t.Errorf("JoinPrivate without the path secret = %v, want ErrPathSecret", err)
	}
}
