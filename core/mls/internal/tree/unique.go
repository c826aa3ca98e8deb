package tree

import (
	"bytes"
	"hash/maphash"
)

// HasEncryptionKey reports whether a leaf or parent of the tree has the
// encryption key.
func (t *Tree) HasEncryptionKey(key []byte) bool {
	k := tag(key)
	return !t.root.each(func(n *node) bool {
		return n.encryption != k || !bytes.Equal(n.key(), key)
	})
}

// HasSignatureKey reports whether a leaf of the tree has the signature key.
func (t *Tree) HasSignatureKey(key []byte) bool {
	k := tag(key)
	return !t.root.each(func(n *node) bool {
		return n.leaf == nil || n.signature != k || !bytes.Equal(n.leaf.SignatureKey, key)
	})
}

// FindLeaf returns the leaf that has the encryption key.
func (t *Tree) FindLeaf(encryptionKey []byte) (LeafIndex, bool) {
	for i, leaf := range t.Members() {
		if bytes.Equal(leaf.EncryptionKey, encryptionKey) {
			return i, true
		}
	}
	return 0, false
}

// CheckUnique checks the keys of some leaves, those that a commit changed,
// against the whole tree: no other node has their encryption key and no other
// leaf their signature key. RFC 9420, Section 7.3. The error is ErrDuplicateKey
// or ErrDuplicateSignatureKey, or ErrNotMember for a blank leaf.
func (t *Tree) CheckUnique(leaves []LeafIndex) error {
	encryption, signature := newKeySet(len(leaves)), newKeySet(len(leaves))
	for _, i := range leaves {
		leaf := t.Leaf(i)
		if leaf == nil {
			return ErrNotMember
		}
		if !encryption.add(leaf.EncryptionKey) {
			return ErrDuplicateKey
		}
		if !signature.add(leaf.SignatureKey) {
			return ErrDuplicateSignatureKey
		}
	}
	// Each of these keys is seen once, in its own leaf, if it is unique.
	var encryptions, signatures int
	t.root.each(func(n *node) bool {
		if encryption.mayHave(n.encryption) && encryption.has(n.key()) {
			encryptions++
		}
		if n.leaf != nil && signature.mayHave(n.signature) && signature.has(n.leaf.SignatureKey) {
			signatures++
		}
		return true
	})
	switch {
	case encryptions != len(leaves):
		return ErrDuplicateKey
	case signatures != len(leaves):
		return ErrDuplicateSignatureKey
	}
	return nil
}

// checkKeys checks that the encryption keys of all nodes are well formed and
// unique, and that the signature keys of the leaves are unique.
func (t *Tree) checkKeys() error {
	present, members := 0, int(t.root.members)
	t.root.each(func(*node) bool { present++; return true })
	encryption, signature := newKeySet(present), newKeySet(members)
	var err error
	t.root.each(func(n *node) bool {
		switch {
		case t.suite.CheckPublicKey(n.key()) != nil:
			err = ErrPublicKey
		case !encryption.add(n.key()):
			err = ErrDuplicateKey
		case n.leaf != nil && !signature.add(n.leaf.SignatureKey):
			err = ErrDuplicateSignatureKey
		}
		return err == nil
	})
	return err
}

// A keySet is a set of keys, which a peer chooses: it hashes them with a secret
// seed, so that no choice makes it slow.
type keySet struct {
	seed   maphash.Seed
	keys   [][]byte
	slots  []int32 // index into keys plus one, 0 for none; at most half are used
	filter [16]uint64
}

// newKeySet returns a set for at most n keys.
func newKeySet(n int) *keySet {
	size := 2
	for size < 2*n {
		size *= 2
	}
	return &keySet{seed: maphash.MakeSeed(), keys: make([][]byte, 0, n), slots: make([]int32, size)}
}

// slot returns where key is or would be.
func (s *keySet) slot(key []byte) *int32 {
	mask := uint64(len(s.slots) - 1)
	for i := maphash.Bytes(s.seed, key) & mask; ; i = (i + 1) & mask {
		if k := s.slots[i]; k == 0 || bytes.Equal(s.keys[k-1], key) {
			return &s.slots[i]
		}
	}
}

// add puts a key in and reports whether it was not there.
func (s *keySet) add(key []byte) bool {
	slot := s.slot(key)
	if *slot != 0 {
		return false
	}
	s.keys = append(s.keys, key)
	*slot = int32(len(s.keys))
	word, bit := filterBit(tag(key))
	s.filter[word] |= bit
	return true
}

// has reports whether key is in the set.
func (s *keySet) has(key []byte) bool { return *s.slot(key) != 0 }

// mayHave reports whether a key with this tag may be in the set. It is cheap and
// says no for almost all keys while the set is small.
func (s *keySet) mayHave(tag uint32) bool {
	word, bit := filterBit(tag)
	return s.filter[word]&bit != 0
}

func filterBit(tag uint32) (word int, bit uint64) {
	h := tag * 0x9e3779b9 >> 22 // ten bits, the golden ratio as multiplier
	return int(h / 64), 1 << (h % 64)
}
