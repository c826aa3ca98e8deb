package mls

import (
	"slices"
	"testing"

	"conclave/core/mlswire"
)

// path is a commit of Mallory's whose path is changed after its leaf was signed.
func path(edit func(*testing.T, *scene, *transition, *mlswire.UpdatePath)) func(*testing.T, *scene) []byte {
	return func(t *testing.T, s *scene) []byte {
		t.Helper()
		return forgery{path: func(tr *transition, p *mlswire.UpdatePath) { edit(t, s, tr, p) }}.commit(t, s.mallory)
	}
}

// towardsBob is the node of Mallory's path that Bob reads: their lowest common
// ancestor is the second above Mallory's leaf.
const towardsBob = 1

// The rules for the nodes of a path, RFC 9420, Sections 7.5, 7.6, 7.9 and 12.4.2.
func TestRefusePath(t *testing.T) { refuseAll(t, pathRefusals()) }

// The same with the keys of the default suite, which are of another size.
func TestRefusePostQuantumPath(t *testing.T) { refuseAll(t, pathRefusals(), postQuantum) }

func pathRefusals() []refusal {
	return []refusal{
		{"7.6 path without its last node", ErrPathLength, path(func(_ *testing.T, _ *scene, _ *transition, p *mlswire.UpdatePath) {
			p.Nodes = p.Nodes[:len(p.Nodes)-1]
		})},
		{"7.6 path without its first node", ErrPathLength, path(func(_ *testing.T, _ *scene, _ *transition, p *mlswire.UpdatePath) {
			p.Nodes = p.Nodes[1:]
		})},
		{"7.6 path without nodes", ErrPathLength, path(func(_ *testing.T, _ *scene, _ *transition, p *mlswire.UpdatePath) {
			p.Nodes = nil
		})},
		{"7.6 path with a node more", ErrPathLength, path(func(_ *testing.T, s *scene, _ *transition, p *mlswire.UpdatePath) {
			extra := p.Nodes[0]
			extra.EncryptionKey = s.mallory.current.suite.GenerateKeyPair().Public
			p.Nodes = append(slices.Clone(p.Nodes), extra)
		})},
		{"7.6 node without a ciphertext", ErrPathCiphertexts, path(func(_ *testing.T, _ *scene, _ *transition, p *mlswire.UpdatePath) {
			p.Nodes[towardsBob].EncryptedPathSecret = nil
		})},
		{"7.6 node with a ciphertext more", ErrPathCiphertexts, path(func(_ *testing.T, _ *scene, _ *transition, p *mlswire.UpdatePath) {
			n := &p.Nodes[towardsBob]
			n.EncryptedPathSecret = append(slices.Clone(n.EncryptedPathSecret), n.EncryptedPathSecret[0])
		})},
		{"7.6 node for others with a ciphertext less", ErrPathCiphertexts, path(func(_ *testing.T, _ *scene, _ *transition, p *mlswire.UpdatePath) {
			p.Nodes[2].EncryptedPathSecret = nil
		})},
		{"7.6 node for others with a ciphertext more", ErrPathCiphertexts, path(func(_ *testing.T, _ *scene, _ *transition, p *mlswire.UpdatePath) {
			n := &p.Nodes[0]
			n.EncryptedPathSecret = append(slices.Clone(n.EncryptedPathSecret), n.EncryptedPathSecret[0])
		})},
		{"7.5 ciphertext that cannot be decrypted", ErrPathSecret, path(func(_ *testing.T, _ *scene, _ *transition, p *mlswire.UpdatePath) {
			c := &p.Nodes[towardsBob].EncryptedPathSecret[0]
			c.Ciphertext = slices.Clone(c.Ciphertext)
			c.Ciphertext[0] ^= 1
		})},
		{"7.5 KEM output that is malformed", ErrPathSecret, path(func(_ *testing.T, _ *scene, _ *transition, p *mlswire.UpdatePath) {
			p.Nodes[towardsBob].EncryptedPathSecret[0].KEMOutput = nil
		})},
		{"7.5 secret of another key", ErrPathSecret, path(encryptToBob(make([]byte, 32)))},
		{"7.5 secret of another length", ErrPathSecret, path(encryptToBob(make([]byte, 31)))},
		{"7.5 empty secret", ErrPathSecret, path(encryptToBob(nil))},
		{"5.1.1 malformed key", ErrPathKey, path(func(_ *testing.T, _ *scene, _ *transition, p *mlswire.UpdatePath) {
			p.Nodes[0].EncryptionKey = p.Nodes[0].EncryptionKey[1:]
		})},
		{"5.1.1 no key", ErrPathKey, path(func(_ *testing.T, _ *scene, _ *transition, p *mlswire.UpdatePath) {
			p.Nodes[2].EncryptionKey = nil
		})},
		{"12.4.2 key of another node", ErrDuplicateEncryptionKey, path(func(_ *testing.T, s *scene, _ *transition, p *mlswire.UpdatePath) {
			p.Nodes[0].EncryptionKey = s.bob.current.tree.Parent(5).EncryptionKey
		})},
		{"12.4.2 key of a member", ErrDuplicateEncryptionKey, path(func(_ *testing.T, s *scene, _ *transition, p *mlswire.UpdatePath) {
			p.Nodes[2].EncryptionKey = s.carol.current.leaf().EncryptionKey
		})},
		{"12.4.2 key of the path before", ErrDuplicateEncryptionKey, path(func(_ *testing.T, s *scene, _ *transition, p *mlswire.UpdatePath) {
			p.Nodes[1].EncryptionKey = s.bob.current.tree.Parent(3).EncryptionKey
		})},
		{"12.4.2 one key twice in the path", ErrDuplicateEncryptionKey, path(func(_ *testing.T, _ *scene, _ *transition, p *mlswire.UpdatePath) {
			p.Nodes[1].EncryptionKey = p.Nodes[0].EncryptionKey
		})},
		{"12.4.2 key of the path's leaf", ErrDuplicateEncryptionKey, path(func(_ *testing.T, _ *scene, _ *transition, p *mlswire.UpdatePath) {
			p.Nodes[1].EncryptionKey = p.LeafNode.EncryptionKey
		})},
		{"7.9 key that the parent hash does not cover", ErrParentHash, path(func(_ *testing.T, s *scene, _ *transition, p *mlswire.UpdatePath) {
			p.Nodes[1].EncryptionKey = s.mallory.current.suite.GenerateKeyPair().Public
		})},
	}
}

// encryptToBob replaces the path secret that Bob reads by another one, correctly
// encrypted to the node that he has the key of.
func encryptToBob(pathSecret []byte) func(*testing.T, *scene, *transition, *mlswire.UpdatePath) {
	return func(t *testing.T, s *scene, tr *transition, p *mlswire.UpdatePath) {
		t.Helper()
		key := s.bob.current.tree.Parent(5).EncryptionKey // above Bob and Carol
		c, err := tr.from.suite.EncryptWithLabel(key, "UpdatePathNode", mlswire.Marshal(&tr.context), pathSecret)
		if err != nil {
			t.Fatal(err)
		}
		p.Nodes[towardsBob].EncryptedPathSecret[0] = c
	}
}
