package tree

import "errors"

var (
	// ErrShape says that the array of a ratchet tree is not one: empty, a node of
	// the wrong kind at a position, a blank node at the end, or a parent node
	// above no member. RFC 9420, Section 12.4.3.3.
	ErrShape = errors.New("tree: not the shape of a ratchet tree")
	// ErrTooLarge says that a tree has or would need more than MaxLeaves leaves.
	ErrTooLarge = errors.New("tree: too many leaves")
	// ErrUnmergedLeaves says that a parent node's unmerged leaves are not sorted,
	// not members below the node, or missing from a node in between. RFC 9420,
	// Sections 7.1 and 12.4.3.1.
	ErrUnmergedLeaves = errors.New("tree: invalid unmerged leaves")
	// ErrPublicKey says that an encryption key is not one of the cipher suite.
	ErrPublicKey = errors.New("tree: malformed encryption key")
	// ErrDuplicateKey says that two nodes have, or would have, the same
	// encryption key. RFC 9420, Sections 7.3, 12.4.2 and 12.4.3.1.
	ErrDuplicateKey = errors.New("tree: encryption key is not unique")
	// ErrDuplicateSignatureKey says that two leaves have the same signature key.
	// RFC 9420, Section 7.3.
	ErrDuplicateSignatureKey = errors.New("tree: signature key is not unique")
	// ErrParentHash says that a parent hash is not the right one, or that a
	// parent node does not have exactly one valid link below it. RFC 9420,
	// Section 7.9.2.
	ErrParentHash = errors.New("tree: invalid parent hash")
	// ErrNotMember says that a leaf is blank or outside the tree.
	ErrNotMember = errors.New("tree: leaf is not a member")
	// ErrChangedTwice says that two changes apply to one leaf. RFC 9420, Section 12.2.
	ErrChangedTwice = errors.New("tree: leaf is changed twice")
	// ErrPathLength says that an UpdatePath does not have one node for each of
	// the filtered direct path. RFC 9420, Section 7.6.
	ErrPathLength = errors.New("tree: update path has the wrong length")
	// ErrPathLeaf says that the leaf of an UpdatePath does not come from a
	// commit. RFC 9420, Section 7.3.
	ErrPathLeaf = errors.New("tree: leaf of an update path is not from a commit")
	// ErrPathCiphertexts says that a node of an UpdatePath does not have one
	// ciphertext for each node of the resolution. RFC 9420, Section 7.6.
	ErrPathCiphertexts = errors.New("tree: update path has the wrong number of ciphertexts")
	// ErrPathSecret says that a path secret cannot be decrypted, has the wrong
	// length, or does not lead to the public keys of the tree. RFC 9420,
	// Sections 7.5 and 12.4.3.1.
	ErrPathSecret = errors.New("tree: wrong path secret")
	// ErrNoPrivateKey says that this member holds no key that an UpdatePath was
	// encrypted to.
	ErrNoPrivateKey = errors.New("tree: no private key for the update path")
	// ErrPrivate says that stored private keys are malformed or belong to
	// another tree.
	ErrPrivate = errors.New("tree: malformed private keys")
)
