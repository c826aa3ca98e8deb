package secrettree

import (
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// The states of a node in an encoded tree.
const (
	tagSplit    = 0
	tagSecret   = 1
	tagRatchets = 2
)

// Encode appends the tree, the same bytes for the same state:
//
//	tree    = uint8 height | node                 2^height leaves
//	node    = 0 | left node | right node
//	        | 1 | secret[Nh]
//	        | 2 | handshake ratchet | application ratchet    leaves only
//	ratchet = uint32 next | secret[Nh] | uint32 count | skipped[count]
//	skipped = uint32 generation | key[Nk] | nonce[Nn]
//
// It holds secrets: the caller erases what it writes to.
func (t *Tree) Encode(w *tlsenc.Writer) {
	height := uint8(0)
	for size := t.size; size > 1; size /= 2 {
		height++
	}
	w.Uint8(height)
	t.root.encode(w)
}

func (n *node) encode(w *tlsenc.Writer) {
	switch {
	case n.left != nil:
		w.Uint8(tagSplit)
		n.left.encode(w)
		n.right.encode(w)
	case n.ratchets != nil:
		w.Uint8(tagRatchets)
		n.ratchets[Handshake].encode(w)
		n.ratchets[Application].encode(w)
	default:
		w.Uint8(tagSecret)
		w.Fixed(n.secret.Expose())
	}
}

func (r *ratchet) encode(w *tlsenc.Writer) {
	w.Uint32(r.next)
	w.Fixed(r.secret.Expose())
	w.Uint32(uint32(len(r.skipped))) // at most Limits.Window
	for _, k := range r.skipped {
		w.Uint32(k.Generation)
		w.Fixed(k.Key.Expose())
		w.Fixed(k.Nonce.Expose())
	}
}

// Decode reads what Encode wrote, under the same suite. It copies what it
// keeps; the caller erases the input. Malformed input is ErrEncoding or an
// error of the Reader, and costs no more memory than its own size allows.
func Decode(s *suite.Suite, r *tlsenc.Reader, limits Limits) (*Tree, error) {
	height := r.Uint8()
	if height > 31 { // MaxLeaves is 2^31
		return nil, ErrEncoding
	}
	root, err := decodeNode(s, r, height)
	if err != nil {
		return nil, err
	}
	return &Tree{suite: s, limits: limits.withDefaults(), size: 1 << height, root: root}, nil
}

// decodeNode reads a subtree of a height, which bounds the recursion.
func decodeNode(s *suite.Suite, r *tlsenc.Reader, height uint8) (*node, error) {
	tag := r.Uint8()
	if err := r.Err(); err != nil {
		return nil, err
	}
	switch {
	case tag == tagSplit && height > 0:
		left, err := decodeNode(s, r, height-1)
		if err != nil {
			return nil, err
		}
		right, err := decodeNode(s, r, height-1)
		if err != nil {
			return nil, err
		}
		return &node{left: left, right: right}, nil
	case tag == tagSecret:
		n := &node{secret: secret.New(r.Fixed(s.HashSize()))}
		return n, r.Err()
	case tag == tagRatchets && height == 0:
		n := &node{ratchets: new([2]ratchet)}
		for kind := range n.ratchets {
			if err := n.ratchets[kind].decode(s, r); err != nil {
				return nil, err
			}
		}
		return n, nil
	default:
		return nil, ErrEncoding
	}
}

func (r *ratchet) decode(s *suite.Suite, in *tlsenc.Reader) error {
	r.next = in.Uint32()
	r.secret = secret.New(in.Fixed(s.HashSize()))
	count := in.Uint32()
	if err := in.Err(); err != nil {
		return err
	}
	if size := 4 + s.KeySize() + s.NonceSize(); int64(count)*int64(size) > int64(in.Len()) {
		return tlsenc.ErrShort
	}
	if count > 0 {
		r.skipped = make([]Key, count)
	}
	for i := range r.skipped {
		k := Key{Generation: in.Uint32()}
		if k.Generation >= r.next || (i > 0 && k.Generation <= r.skipped[i-1].Generation) {
			return ErrEncoding
		}
		k.Key = secret.New(in.Fixed(s.KeySize()))
		k.Nonce = secret.New(in.Fixed(s.NonceSize()))
		r.skipped[i] = k
	}
	return in.Err()
}
