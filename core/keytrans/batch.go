package keytrans

import (
	"bytes"
	"fmt"
	"math/bits"
	"slices"

	"conclave/core/tlsenc"
)

// Limits of a batch.
const (
	maxTerminals = maxLadder + 1 // a ladder and a handle
	maxBitmap    = maxTerminals * maxDepth / 8
	// maxSiblings is far above what a map of 2^40 entries needs.
	maxSiblings = maxTerminals * 64
)

// How the path of a label ends.
const (
	endEmpty   = 0 // at an empty subtree: the label is not in the map
	endPresent = 1 // at the label's own leaf
	endOther   = 2 // at another leaf: the label is not in the map
)

// A BatchProof is the paths of several labels through one map, each hash that
// they need once. Labels and their order are known to both sides.
//
//	struct {
//	    uint8 kind;             /* 0 empty, 1 the label's leaf, 2 another leaf */
//	    uint8 depth;            /* levels above the end */
//	    select (kind) {
//	        case 1: opaque commitment[32];
//	        case 2: opaque label[32]; opaque commitment[32];
//	    };
//	} End;
//	struct {
//	    End ends<V>;            /* one for each label, in order, at most 65 */
//	    opaque bitmap<V>;       /* a bit for each sibling: it is not empty; unused bits 0 */
//	    Hash siblings[…];       /* as many as bits are set */
//	} BatchProof;
//
// The siblings are the subtrees beside the paths that hold none of the labels, in
// the order of a walk that goes left before right; the sibling of a node on a
// path is taken when the walk comes by its place.
type BatchProof struct {
	ends     []end
	bitmap   []byte
	siblings []Hash
}

type end struct {
	kind              uint8
	depth             uint8
	label, commitment Hash
}

// A Found says whether a label is in the map, and what the map holds there.
type Found struct {
	Exists     bool
	Commitment Hash
}

// NewBatchProof joins the paths of labels, which must all be of one map, and no
// two the same. At most 65. It is what a directory sends.
func NewBatchProof(labels []Hash, proofs []MapProof) (*BatchProof, error) {
	if len(labels) != len(proofs) || len(labels) > maxTerminals {
		return nil, fmt.Errorf("keytrans: %d labels and %d paths: join at most %d", len(labels), len(proofs), maxTerminals)
	}
	b := &BatchProof{ends: make([]end, len(proofs))}
	for i := range proofs {
		p := &proofs[i]
		if len(p.Siblings) >= maxDepth {
			return nil, errPath
		}
		e := end{depth: uint8(len(p.Siblings))}
		switch {
		case p.Leaf && p.Label == labels[i]:
			e.kind, e.commitment = endPresent, p.Commitment
		case p.Leaf:
			e.kind, e.label, e.commitment = endOther, p.Label, p.Commitment
		}
		b.ends[i] = e
	}
	count := 0
	w := walk{labels: labels, order: sortLabels(labels), ends: b.ends}
	w.sibling = func(i, depth int) (Hash, error) {
		h := proofs[i].Siblings[depth]
		if count%8 == 0 {
			b.bitmap = append(b.bitmap, 0)
		}
		if h != EmptyHash {
			b.bitmap[count/8] |= 0x80 >> (count % 8)
			b.siblings = append(b.siblings, h)
		}
		count++
		return h, nil
	}
	if _, err := w.root(); err != nil {
		return nil, fmt.Errorf("keytrans: the paths are not of one map: %w", err)
	}
	return b, nil
}

// Verify checks the paths of labels against a root and says for each whether it
// is in the map.
func (b *BatchProof) Verify(root Hash, labels []Hash) ([]Found, error) {
	if len(labels) != len(b.ends) {
		return nil, fmt.Errorf("%d paths for %d labels", len(b.ends), len(labels))
	}
	if len(labels) == 0 {
		return nil, errPath
	}
	bit, next := 0, 0
	w := walk{labels: labels, order: sortLabels(labels), ends: b.ends}
	w.sibling = func(int, int) (Hash, error) {
		if bit >= 8*len(b.bitmap) {
			return Hash{}, errPath
		}
		set := b.bitmap[bit/8]&(0x80>>(bit%8)) != 0
		bit++
		if !set {
			return EmptyHash, nil
		}
		next++
		return b.siblings[next-1], nil // as many as bits: parse checked it
	}
	got, err := w.root()
	if err != nil {
		return nil, err
	}
	if (bit+7)/8 != len(b.bitmap) || next != len(b.siblings) {
		return nil, errPath
	}
	if got != root {
		return nil, errRoot
	}
	out := make([]Found, len(b.ends))
	for i := range b.ends {
		if b.ends[i].kind == endPresent {
			out[i] = Found{Exists: true, Commitment: b.ends[i].commitment}
		}
	}
	return out, nil
}

// sortLabels returns the indices of labels in the order of a walk.
func sortLabels(labels []Hash) []int {
	order := make([]int, len(labels))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(labels[a][:], labels[b][:]) })
	return order
}

// A walk computes the root of a map from the ends of paths and the siblings
// beside them.
type walk struct {
	labels  []Hash
	order   []int
	ends    []end
	sibling func(i, depth int) (Hash, error) // beside the path of label i
}

func (w *walk) root() (Hash, error) {
	if len(w.order) == 0 {
		return Hash{}, errPath
	}
	root, _, err := w.subtree(w.order, 0)
	return root, err
}

// subtree returns the hash of the subtree at depth that the labels of order lie
// in, and whether their paths end at it.
func (w *walk) subtree(order []int, depth int) (hash Hash, ends bool, err error) {
	if int(w.ends[order[0]].depth) == depth {
		hash, err = w.end(order, depth)
		return hash, true, err
	}
	for _, i := range order {
		if int(w.ends[i].depth) <= depth {
			return Hash{}, false, errPath
		}
	}
	right := 0
	for right < len(order) && w.labels[order[right]].bit(depth) == 0 {
		right++
	}
	var child [2]Hash
	var last [2]bool
	for side, part := range [2][]int{order[:right], order[right:]} {
		if len(part) == 0 {
			child[side], err = w.sibling(order[0], depth)
		} else {
			child[side], last[side], err = w.subtree(part, depth+1)
		}
		if err != nil {
			return Hash{}, false, err
		}
	}
	if last[0] && child[1] == EmptyHash || last[1] && child[0] == EmptyHash {
		return Hash{}, false, errPath // what ends there would be one level up
	}
	return NodeHash(child[0], child[1]), false, nil
}

// end returns the hash of what the paths of all labels of order end at.
func (w *walk) end(order []int, depth int) (Hash, error) {
	hash := EmptyHash
	for k, i := range order {
		e := &w.ends[i]
		if int(e.depth) != depth {
			return Hash{}, errPath
		}
		this := EmptyHash
		switch e.kind {
		case endPresent:
			this = LeafHash(w.labels[i], e.commitment)
		case endOther:
			if n := commonBits(&e.label, &w.labels[i]); n < depth || n == maxDepth {
				return Hash{}, errElsewhere
			}
			this = LeafHash(e.label, e.commitment)
		}
		if k > 0 && (this != hash || w.labels[i] == w.labels[order[k-1]]) {
			return Hash{}, errPath
		}
		hash = this
	}
	return hash, nil
}

func (b *BatchProof) encode(w *tlsenc.Writer) {
	w.Nested(func(w *tlsenc.Writer) {
		for i := range b.ends {
			e := &b.ends[i]
			w.Uint8(e.kind)
			w.Uint8(e.depth)
			if e.kind == endOther {
				w.Fixed(e.label[:])
			}
			if e.kind != endEmpty {
				w.Fixed(e.commitment[:])
			}
		}
	})
	w.Vector(b.bitmap)
	for i := range b.siblings {
		w.Fixed(b.siblings[i][:])
	}
}

// Encode returns the bytes of the proof.
func (b *BatchProof) Encode() []byte {
	w := tlsenc.NewWriter(1 << 10)
	b.encode(w)
	return w.Bytes()
}

// ParseBatchProof reads a proof. Errors wrap ErrFormat.
func ParseBatchProof(b []byte) (*BatchProof, error) {
	r := tlsenc.NewReader(b)
	p, err := readBatch(&r)
	if err := done("map proof", &r, err); err != nil {
		return nil, err
	}
	return p, nil
}

func readBatch(r *tlsenc.Reader) (*BatchProof, error) {
	list := tlsenc.NewReader(r.Vector(maxTerminals * (2 + 2*HashSize)))
	p := &BatchProof{}
	for list.Len() > 0 {
		if len(p.ends) == maxTerminals {
			return nil, fmt.Errorf("more than %d paths", maxTerminals)
		}
		e := end{kind: list.Uint8(), depth: list.Uint8()}
		switch e.kind {
		case endEmpty:
		case endPresent:
			readHash(&list, &e.commitment)
		case endOther:
			readHash(&list, &e.label)
			readHash(&list, &e.commitment)
		default:
			return nil, fmt.Errorf("a path ends in %d", e.kind)
		}
		p.ends = append(p.ends, e)
	}
	if err := list.Done(); err != nil {
		return nil, err
	}
	p.bitmap = r.Vector(maxBitmap)
	count := 0
	for _, b := range p.bitmap {
		count += bits.OnesCount8(b)
	}
	if count > maxSiblings {
		return nil, fmt.Errorf("%d siblings", count)
	}
	p.siblings = cutHashes(r.Fixed(count * HashSize))
	if err := r.Err(); err != nil {
		return nil, err
	}
	if slices.Contains(p.siblings, EmptyHash) {
		return nil, errPath
	}
	return p, nil
}
