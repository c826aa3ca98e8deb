package keytrans

import "errors"

// maxDepth is the number of bits of a label.
const maxDepth = 8 * HashSize

// Errors of a map proof that are not a server's lie by themselves; a Verifier
// wraps them in an [Error].
var (
	errRoot      = errors.New("the path does not lead to the root")
	errElsewhere = errors.New("the path ends at a leaf that cannot be there")
	errPath      = errors.New("the path is not in its one form")
)

// A MapProof is the path of one label through the map, as a directory finds it.
// On the wire there are only joined paths: [BatchProof].
type MapProof struct {
	// Leaf says that the path ends at a leaf; else it ends at an empty subtree.
	Leaf bool
	// Label and Commitment are of that leaf. The label may be another than the one
	// that was looked for: then that one is not in the map.
	Label, Commitment Hash
	// Siblings are the hashes beside the path, from the top down; EmptyHash stands
	// for an empty subtree. At most 256.
	Siblings []Hash
}

// Verify checks the path against a root and says whether label is in the map,
// and its commitment.
func (p *MapProof) Verify(root, label Hash) (exists bool, commitment Hash, err error) {
	depth := len(p.Siblings)
	if depth > maxDepth {
		return false, Hash{}, errPath
	}
	node := EmptyHash
	if p.Leaf {
		if commonBits(&p.Label, &label) < depth {
			return false, Hash{}, errElsewhere
		}
		node = LeafHash(p.Label, p.Commitment)
	}
	if depth > 0 && p.Siblings[depth-1] == EmptyHash {
		return false, Hash{}, errPath // the leaf or nothing would be one level up
	}
	for i := depth - 1; i >= 0; i-- {
		if label.bit(i) == 0 {
			node = NodeHash(node, p.Siblings[i])
		} else {
			node = NodeHash(p.Siblings[i], node)
		}
	}
	if node != root {
		return false, Hash{}, errRoot
	}
	if p.Leaf && p.Label == label {
		return true, p.Commitment, nil
	}
	return false, Hash{}, nil
}

// commonBits returns how many bits a and b have in common from the front.
func commonBits(a, b *Hash) int {
	for i := range a {
		if x := a[i] ^ b[i]; x != 0 {
			n := 8 * i
			for ; x&0x80 == 0; x <<= 1 {
				n++
			}
			return n
		}
	}
	return maxDepth
}
