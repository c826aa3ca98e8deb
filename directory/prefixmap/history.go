package prefixmap

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"

	"conclave/core/keytrans"
)

const (
	// large is the number of leaves above which the hashes of a subtree are kept for
	// each marked epoch. Below, they are computed again where they changed since: at
	// most 2*large hashes for a path.
	large = 512
	// deepest is the depth below which nothing is kept. The labels are outputs of a
	// random function: no subtree as large as that is that deep.
	deepest = 64
)

// A History proves marked older states of a map. It costs 40 bytes for each large
// subtree that changed between two marks. All methods may be called at the same
// time, but for Mark, which one goroutine calls.
type History struct {
	mu     sync.RWMutex
	marked *Map // the last one
	kept   map[place][]stamp
}

// A place is a node of the trie: the first depth bits of prefix.
type place struct {
	prefix uint64
	depth  uint8
}

// below returns the place of a child; deepest is the end.
func (p place) below(bit int) place {
	if p.depth >= deepest {
		return p
	}
	p.prefix |= uint64(bit) << (63 - p.depth)
	p.depth++
	return p
}

// at returns the place at a depth on the path of a label.
func at(label *keytrans.Hash, depth int) place {
	return place{binary.BigEndian.Uint64(label[:8]) &^ (math.MaxUint64 >> depth), uint8(depth)}
}

// A stamp is the hash of a place since a marked epoch.
type stamp struct {
	epoch uint32
	hash  keytrans.Hash
}

// NewHistory returns a History without marks.
func NewHistory() *History {
	return &History{marked: New(), kept: make(map[place][]stamp)}
}

// Mark keeps m, which is the state at an epoch, provable. Epochs and maps grow from
// call to call.
func (h *History) Mark(epoch uint32, m *Map) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mark(epoch, h.marked.root, m.root, place{})
	h.marked = m
}

// mark keeps what differs between before and now.
func (h *History) mark(epoch uint32, before, now ref, p place) {
	if now.node == nil || now.node == before.node || now.n <= large || p.depth >= deepest {
		return
	}
	h.kept[p] = append(h.kept[p], stamp{epoch, now.node.hash})
	for b := range 2 {
		var was ref
		if before.node != nil {
			was = before.node.child(b)
		}
		h.mark(epoch, was, now.node.child(b), p.below(b))
	}
}

// Root returns the root that m had at a marked epoch. m is any later state.
func (h *History) Root(m *Map, epoch uint32) keytrans.Hash {
	h.mu.RLock()
	defer h.mu.RUnlock()
	hash, _ := h.hash(m, m.root, epoch, place{})
	return hash
}

// Prove returns the path of a label through the state at a marked epoch. m is any
// later state, or the same one.
func (h *History) Prove(m *Map, epoch uint32, label keytrans.Hash) keytrans.MapProof {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var p keytrans.MapProof
	r := m.root
	for depth := 0; ; depth++ {
		// The path ends where at most one leaf was left at the time.
		if n, only := m.first(r, epoch); n < 2 {
			if n == 1 {
				p.Leaf, p.Label, p.Commitment = true, only.Label, only.Commitment
			}
			return p
		}
		b := bit(&label, depth)
		q := at(&label, min(depth, deepest))
		sibling, _ := h.hash(m, r.node.child(1-b), epoch, q.below(1-b))
		p.Siblings = append(p.Siblings, sibling)
		r = r.node.child(b)
	}
}

// first counts the leaves below r that were there at an epoch, up to 2, and returns
// one of them.
func (m *Map) first(r ref, epoch uint32) (n int, one *Entry) {
	if oldest, _ := m.epochs(r); r.empty() || oldest > epoch {
		return 0, nil
	}
	if r.node == nil {
		return 1, m.leaves.at(r.n)
	}
	for b := range 2 {
		k, l := m.first(r.node.child(b), epoch)
		if n += k; n > 1 {
			return 2, one
		}
		if k == 1 {
			one = l
		}
	}
	return n, one
}

// hash returns the hash that the subtree r at place p had at an epoch, and the
// number of leaves, up to 2.
func (h *History) hash(m *Map, r ref, epoch uint32, p place) (hash keytrans.Hash, n int) {
	oldest, newest := m.epochs(r)
	switch {
	case r.empty() || oldest > epoch:
		return keytrans.EmptyHash, 0
	case r.node == nil:
		return m.hash(r), 1
	case newest <= epoch:
		return r.node.hash, 2
	case r.n > large && p.depth < deepest:
		if s := h.last(p, epoch); s != nil {
			return s.hash, 2
		}
	}
	left, l := h.hash(m, r.node.child(0), epoch, p.below(0))
	right, k := h.hash(m, r.node.child(1), epoch, p.below(1))
	switch {
	case l+k > 1:
		return keytrans.NodeHash(left, right), 2
	case l == 1:
		return left, 1
	case k == 1:
		return right, 1
	default:
		return keytrans.EmptyHash, 0
	}
}

// last returns the last stamp of a place up to an epoch, or nil.
func (h *History) last(p place, epoch uint32) *stamp {
	list := h.kept[p]
	i, found := slices.BinarySearchFunc(list, epoch, func(s stamp, e uint32) int { return int(int64(s.epoch) - int64(e)) })
	if found {
		return &list[i]
	}
	if i == 0 {
		return nil
	}
	return &list[i-1]
}
