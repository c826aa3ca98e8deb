// Package prefixmap is the map that the key directory commits to: a binary trie
// of labels that only grows, whose older states can still be proven.
//
// A [Map] is one state and never changes: [Map.Insert] makes the next one and
// shares with it what did not change. A state costs 68 bytes an entry and 64 a
// node, about 165 bytes an entry in all. Keeping a root for each hour would cost
// the path of every entry once more, so a [History] keeps of older states only the
// hashes of large subtrees; those of small ones are computed again from the
// entries, which know the epoch that added them.
//
// Hashes are those of core/keytrans.
package prefixmap

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"sync"

	"conclave/core/keytrans"
)

// ErrDuplicate says that a label is in the map already, or twice among those to
// insert.
var ErrDuplicate = errors.New("prefixmap: a label is there already")

// maxEntries is the most entries of a map: 2^31, which nothing in memory reaches.
const maxEntries = math.MaxInt32

// An Entry is what the map holds at a label, and the epoch that added it.
type Entry struct {
	Label, Commitment keytrans.Hash
	Epoch             uint32
}

// A Map is one state of the map. It is made by [New] and [Map.Insert], and may be
// read by many at the same time.
type Map struct {
	root   ref
	leaves slab
}

// New returns the empty map.
func New() *Map { return &Map{} }

// Len returns the number of entries.
func (m *Map) Len() int { return m.leaves.n }

// Root returns the hash that commits to the whole map.
func (m *Map) Root() keytrans.Hash { return m.hash(m.root) }

// A ref is a subtree: an inner node, or a leaf, or empty.
type ref struct {
	node *node
	// n is the number of leaves below node; without a node, the number of the leaf
	// in the slab plus one, or 0 for an empty subtree.
	n uint32
}

func (r ref) empty() bool { return r.node == nil && r.n == 0 }

// A node has at least two leaves below it. It is 64 bytes, which is a size that
// the allocator has. It never changes once it is reachable from a Map.
type node struct {
	hash           keytrans.Hash
	left, right    *node
	leftN, rightN  uint32 // as in ref
	oldest, newest uint32 // least and greatest epoch below
}

func (n *node) child(bit int) ref {
	if bit == 0 {
		return ref{n.left, n.leftN}
	}
	return ref{n.right, n.rightN}
}

// bit returns the bit of a label at a depth, the most significant first.
func bit(label *keytrans.Hash, depth int) int { return int(label[depth/8]>>(7-depth%8)) & 1 }

func (m *Map) hash(r ref) keytrans.Hash {
	switch {
	case r.node != nil:
		return r.node.hash
	case r.n != 0:
		l := m.leaves.at(r.n)
		return keytrans.LeafHash(l.Label, l.Commitment)
	default:
		return keytrans.EmptyHash
	}
}

// count returns the number of leaves below r.
func (r ref) count() uint32 {
	if r.node != nil {
		return r.n
	}
	return min(r.n, 1)
}

// epochs returns the least and the greatest epoch below r.
func (m *Map) epochs(r ref) (oldest, newest uint32) {
	switch {
	case r.node != nil:
		return r.node.oldest, r.node.newest
	case r.n != 0:
		e := m.leaves.at(r.n).Epoch
		return e, e
	default:
		return math.MaxUint32, 0
	}
}

// Insert returns the map with entries added; it reorders them. m stays as it is. Only one map may be made from the newest one at a time; making
// another from the same m makes the first one invalid, so that an epoch that could
// not be stored is made again. It fails with ErrDuplicate.
func (m *Map) Insert(entries []Entry) (*Map, error) {
	if len(entries) > maxEntries-m.Len() {
		return nil, errors.New("prefixmap: the map is full")
	}
	slices.SortFunc(entries, func(a, b Entry) int { return bytes.Compare(a.Label[:], b.Label[:]) })
	for i := range entries {
		if _, ok := m.Get(entries[i].Label); ok || i > 0 && entries[i].Label == entries[i-1].Label {
			return nil, ErrDuplicate
		}
	}
	next := &Map{root: m.root, leaves: m.leaves}
	first := next.leaves.add(entries)
	next.root = next.insert(m.root, entries, first, 0)
	return next, nil
}

// parallel is the number of entries from which an Insert uses two processors.
const parallel = 2048

// insert returns the subtree old at depth with entries added; entry i is leaf
// first+i. Entries are sorted and are not in old.
func (m *Map) insert(old ref, entries []Entry, first uint32, depth int) ref {
	if len(entries) == 0 {
		return old
	}
	if len(entries) == 1 && old.empty() {
		return ref{n: first}
	}
	var kept [2]ref
	switch {
	case old.node != nil:
		kept = [2]ref{old.node.child(0), old.node.child(1)}
	case old.n != 0:
		kept[bit(&m.leaves.at(old.n).Label, depth)] = old
	}
	cut, _ := slices.BinarySearchFunc(entries, 1, func(e Entry, want int) int { return bit(&e.Label, depth) - want })
	left := func() { kept[0] = m.insert(kept[0], entries[:cut], first, depth+1) }
	right := func() { kept[1] = m.insert(kept[1], entries[cut:], first+uint32(cut), depth+1) }
	if len(entries) >= parallel {
		var wg sync.WaitGroup
		wg.Go(left)
		right()
		wg.Wait()
	} else {
		left()
		right()
	}
	return m.join(kept[0], kept[1])
}

// join returns the node above two subtrees.
func (m *Map) join(left, right ref) ref {
	n := &node{
		hash: keytrans.NodeHash(m.hash(left), m.hash(right)),
		left: left.node, leftN: left.n,
		right: right.node, rightN: right.n,
	}
	oldest, newest := m.epochs(left)
	o, k := m.epochs(right)
	n.oldest, n.newest = min(oldest, o), max(newest, k)
	return ref{n, left.count() + right.count()}
}

// Get returns what the map holds at a label.
func (m *Map) Get(label keytrans.Hash) (commitment keytrans.Hash, ok bool) {
	r := m.root
	for depth := 0; r.node != nil; depth++ {
		r = r.node.child(bit(&label, depth))
	}
	if r.n == 0 {
		return keytrans.Hash{}, false
	}
	l := m.leaves.at(r.n)
	if l.Label != label {
		return keytrans.Hash{}, false
	}
	return l.Commitment, true
}

// Prove returns the path of a label, which need not be in the map.
func (m *Map) Prove(label keytrans.Hash) keytrans.MapProof {
	var p keytrans.MapProof
	r := m.root
	for depth := 0; r.node != nil; depth++ {
		b := bit(&label, depth)
		p.Siblings = append(p.Siblings, m.hash(r.node.child(1-b)))
		r = r.node.child(b)
	}
	if r.n != 0 {
		l := m.leaves.at(r.n)
		p.Leaf, p.Label, p.Commitment = true, l.Label, l.Commitment
	}
	return p
}
