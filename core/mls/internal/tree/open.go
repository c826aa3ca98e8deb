package tree

import (
	"bytes"
	"slices"

	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// ApplyPath returns the tree with an UpdatePath from leaf from merged into it,
// RFC 9420, Sections 7.5 and 12.4.2. t is the tree with the proposals applied.
// from is a member, whom the caller knows to be the sender, or, for an external
// commit, the blank leaf [Tree.Vacant], which must not have been added before.
//
// The error is ErrPathLength, ErrPathLeaf, ErrPublicKey, ErrDuplicateKey if a key
// of the path is anywhere in t or twice in the path, ErrParentHash, ErrNotMember
// or ErrTooLarge. The leaf node is not validated otherwise.
func (t *Tree) ApplyPath(from LeafIndex, path *mlswire.UpdatePath) (*Tree, error) {
	t, err := t.seat(from)
	if err != nil {
		return nil, err
	}
	steps := t.filteredPath(from)
	if len(steps) != len(path.Nodes) {
		return nil, ErrPathLength
	}
	if path.LeafNode.Source != mlswire.LeafNodeSourceCommit {
		return nil, ErrPathLeaf
	}
	keys := make([][]byte, len(steps))
	for k := range keys {
		keys[k] = path.Nodes[k].EncryptionKey
	}
	if err := t.checkNew(append(keys, path.LeafNode.EncryptionKey)); err != nil {
		return nil, err
	}
	return t.merge(from, steps, keys, func(parentHash []byte) (*mlswire.LeafNode, error) {
		if !bytes.Equal(parentHash, path.LeafNode.ParentHash) {
			return nil, ErrParentHash
		}
		leaf := path.LeafNode
		return &leaf, nil
	})
}

// checkNew checks that keys are well formed, distinct, and not in the tree, RFC
// 9420, Section 12.4.2.
func (t *Tree) checkNew(keys [][]byte) error {
	set := newKeySet(len(keys))
	for _, key := range keys {
		if t.suite.CheckPublicKey(key) != nil {
			return ErrPublicKey
		}
		if !set.add(key) {
			return ErrDuplicateKey
		}
	}
	isNew := t.root.each(func(n *node) bool {
		return !set.mayHave(n.encryption) || !set.has(n.key())
	})
	if !isNew {
		return ErrDuplicateKey
	}
	return nil
}

// OpenPath decrypts the path secret that an UpdatePath carries for p and derives
// the keys above from it, RFC 9420, Section 7.5. t is the tree after ApplyPath
// of the same path, and added are the leaves added in the same commit. It
// returns what the member knows of t, and the commit secret.
//
// The error is ErrPathLength, ErrPathCiphertexts, ErrNoPrivateKey, ErrPathSecret
// or ErrNotMember.
func (t *Tree) OpenPath(p *Private, from LeafIndex, path *mlswire.UpdatePath, groupContext []byte, added []LeafIndex) (*Private, secret.Value, error) {
	if t.Leaf(from) == nil {
		return nil, secret.Value{}, ErrNotMember
	}
	p, err := p.Match(t)
	if err != nil {
		return nil, secret.Value{}, err
	}
	steps := t.filteredPath(from)
	if len(steps) != len(path.Nodes) {
		return nil, secret.Value{}, ErrPathLength
	}
	level := commonLevel(p.self, from)
	skip := newLeafSet(added)
	var key secret.Value
	var sealed *mlswire.HPKECiphertext
	for k, s := range steps {
		ciphertexts := path.Nodes[k].EncryptedPathSecret
		var holder *Private
		if s.level == level {
			holder = p
		}
		private, at, ok := s.recipient(holder, skip, len(ciphertexts))
		if !ok {
			return nil, secret.Value{}, ErrPathCiphertexts
		}
		if at >= 0 {
			key, sealed = private, &ciphertexts[at]
		}
	}
	if sealed == nil {
		return nil, secret.Value{}, ErrNoPrivateKey
	}
	pathSecret, err := t.suite.DecryptWithLabel(key, pathLabel, groupContext, *sealed)
	if err != nil {
		return nil, secret.Value{}, ErrPathSecret
	}
	defer pathSecret.Erase()
	keys, commitSecret, err := t.climb(p.self, level, pathSecret)
	if err != nil {
		return nil, secret.Value{}, err
	}
	return p.above(level, keys), commitSecret, nil
}

// recipient goes through the resolution of the child on the copath, without the
// leaves in skip. It reports whether it has count nodes, and which of them p
// (if not nil) has the private key of, -1 for none.
func (s step) recipient(p *Private, skip leafSet, count int) (key secret.Value, at int, ok bool) {
	at = -1
	seen := 0
	s.copath.resolve(s.first, func(x NodeIndex, n *node) bool {
		if skip.has(x) {
			return true
		}
		if p != nil && at < 0 {
			if private, found := p.at(x, n.key()); found {
				key, at = private, seen
			}
		}
		seen++
		return seen <= count
	})
	return key, at, seen == count
}

// climb derives the keys of the nodes above self from level on, all of which
// were set by one UpdatePath, from the path secret of the lowest, and compares
// them with the tree, RFC 9420, Sections 7.5 and 12.4.3.1. It returns them and the
// secret after the last.
func (t *Tree) climb(self LeafIndex, level uint8, pathSecret secret.Value) ([]levelKey, secret.Value, error) {
	if pathSecret.Len() != t.suite.HashSize() {
		return nil, secret.Value{}, ErrPathSecret
	}
	if t.Parent(self.ancestor(level)) == nil {
		return nil, secret.Value{}, ErrPathSecret
	}
	var keys []levelKey
	next := secret.New(pathSecret.Expose())
	for l := level; l <= t.root.level; l++ {
		parent := t.Parent(self.ancestor(l))
		if parent == nil {
			continue // not on the filtered direct path
		}
		pair := deriveNode(t.suite, next)
		keys = append(keys, levelKey{l, parent.EncryptionKey, pair.Private})
		last := next
		next = t.suite.DeriveSecret(last, "path")
		last.Erase()
		if !bytes.Equal(pair.Public, parent.EncryptionKey) {
			next.Erase()
			for _, k := range keys {
				k.private.Erase()
			}
			return nil, secret.Value{}, ErrPathSecret
		}
	}
	return keys, next, nil
}

// JoinPrivate returns what a member knows that joins at leaf self by a Welcome,
// RFC 9420, Section 12.4.3.1. signer is the committer, and pathSecret is empty if
// the commit had no path. The error is ErrNotMember if the leaf does not have
// that key or signer is no other member, or ErrPathSecret, also if the path secret
// is missing where others will count on it.
func (t *Tree) JoinPrivate(self LeafIndex, leaf suite.KeyPair, signer LeafIndex, pathSecret secret.Value) (*Private, error) {
	p, err := NewPrivate(self, leaf).Match(t)
	if err != nil {
		return nil, err
	}
	if signer == self || t.Leaf(signer) == nil {
		return nil, ErrNotMember
	}
	if pathSecret.Len() != 0 {
		level := commonLevel(self, signer)
		keys, after, err := t.climb(self, level, pathSecret)
		if err != nil {
			return nil, err
		}
		after.Erase()
		p = p.above(level, keys)
	}
	if !t.holdsAll(p) {
		return nil, ErrPathSecret
	}
	return p, nil
}

// holdsAll reports whether p has the key of each parent above it, but for those
// that list it as unmerged (RFC 9420, Section 4.2). Others will encrypt to those
// keys: who joined without one could not follow.
func (t *Tree) holdsAll(p *Private) bool {
	for level := uint8(1); level <= t.root.level; level++ {
		x := p.self.ancestor(level)
		parent := t.Parent(x)
		if parent == nil {
			continue
		}
		if _, unmerged := slices.BinarySearch(parent.UnmergedLeaves, uint32(p.self)); unmerged {
			continue
		}
		if _, ok := p.at(x, parent.EncryptionKey); !ok {
			return false
		}
	}
	return true
}
