// Package secrettree holds the keys that encrypt messages of one epoch, the
// secret tree of [RFC 9420, Section 9], and deletes each with its use.
//
// Make one with [New]. A sender takes its next key with [Tree.Next]. A receiver
// looks a key up with [Tree.Find], which changes nothing, and once the message
// has proved genuine consumes it with [Tree.Use]: a refused message leaves the
// tree, byte for byte, as it was. Node secrets are derived when first needed,
// so memory grows with the number of members that send, O(log n) each.
//
// [RFC 9420, Section 9]: https://www.rfc-editor.org/rfc/rfc9420.html#section-9
package secrettree

import (
	"errors"

	"conclave/core/secret"
	"conclave/core/suite"
)

// Errors of this package. None of them holds a secret.
var (
	// ErrNoLeaf says that the tree has no such leaf.
	ErrNoLeaf = errors.New("secrettree: no such leaf")
	// ErrGenerationUsed says that a key was used before, or is older than the
	// window of keys that are kept: a replay, or a message that comes too late.
	ErrGenerationUsed = errors.New("secrettree: generation is used or too old")
	// ErrTooFar says that a generation is further ahead than Limits.Forward.
	ErrTooFar = errors.New("secrettree: generation is too far ahead")
	// ErrExhausted says that a ratchet has come to its end, or would with this
	// generation: the last generation, 2^32-1, is never used.
	ErrExhausted = errors.New("secrettree: generations are exhausted")
	// ErrEncoding says that an encoded tree is malformed.
	ErrEncoding = errors.New("secrettree: malformed encoding")
)

// A Kind is one of the two ratchets of a member, RFC 9420, Section 9.
type Kind uint8

// The ratchets of a member.
const (
	Handshake   Kind = iota // proposals and commits
	Application             // application messages
)

// Limits bound what a message can make a tree do. A zero field means its
// default.
type Limits struct {
	// Forward is how many generations a message may skip. Each costs a few
	// hashes once, and the sender of a message chooses how many.
	Forward uint32
	// Window is how many generations before a ratchet's newest are kept, so
	// that messages may arrive out of order.
	Window uint32
}

// Defaults of Limits.
const (
	DefaultForward = 1024 // messages in a row of one sender that may be lost
	DefaultWindow  = 64   // keys and nonces, 44 bytes each with AES-256
)

func (l Limits) withDefaults() Limits {
	if l.Forward == 0 {
		l.Forward = DefaultForward
	}
	if l.Window == 0 {
		l.Window = DefaultWindow
	}
	return l
}

// MaxLeaves is the most leaves a tree has: those of a tree of 2^32-1 nodes.
const MaxLeaves = 1 << 31

// A Tree is the secret tree of one epoch. It belongs to one goroutine.
type Tree struct {
	suite  *suite.Suite
	limits Limits
	size   uint32 // leaves, a power of two
	root   *node
}

// A Key encrypts one message.
type Key struct {
	Key        secret.Value
	Nonce      secret.Value // before the reuse guard, RFC 9420, Section 6.3.1
	Generation uint32
}

// Erase overwrites key and nonce.
func (k Key) Erase() {
	k.Key.Erase()
	k.Nonce.Erase()
}

// clone returns a copy that shares no bytes with k.
func (k Key) clone() Key {
	return Key{secret.New(k.Key.Expose()), secret.New(k.Nonce.Expose()), k.Generation}
}

// A Candidate is the key that a received message claims to be encrypted with, a
// copy of its own: erasing it leaves the tree as it is.
type Candidate struct {
	Key
	leaf uint32
	kind Kind
}

// New returns the tree under encryptionSecret, which it takes over and erases
// when it is consumed. leaves is the number of leaves of the ratchet tree,
// counting blank ones; the tree is that of the next power of two. It panics if
// leaves is 0 or above MaxLeaves, which no ratchet tree has.
func New(s *suite.Suite, encryptionSecret secret.Value, leaves uint32, limits Limits) *Tree {
	if leaves == 0 || leaves > MaxLeaves {
		panic("secrettree: internal error: impossible number of leaves")
	}
	size := uint32(1)
	for size < leaves {
		size *= 2
	}
	return &Tree{suite: s, limits: limits.withDefaults(), size: size, root: &node{secret: encryptionSecret}}
}

// Next returns leaf's next key of a kind for sending and consumes it. The
// caller erases it after use. It fails with ErrNoLeaf or ErrExhausted.
func (t *Tree) Next(leaf uint32, kind Kind) (Key, error) {
	if leaf >= t.size {
		return Key{}, ErrNoLeaf
	}
	r := &t.split(leaf)[kind]
	if r.next == exhausted {
		return Key{}, ErrExhausted
	}
	key := r.key(t.suite)
	r.step(t.suite)
	return key, nil
}

// Generation returns the generation of the key that Next would return.
func (t *Tree) Generation(leaf uint32, kind Kind) uint32 {
	if leaf >= t.size {
		return 0
	}
	if r := t.ratchets(leaf); r != nil {
		return r[kind].next
	}
	return 0
}

// Skip moves a sender's own ratchet forward so that Next begins at generation
// or later, and forgets what lies before. It fails with ErrNoLeaf, ErrExhausted,
// or, past MaxSkip, ErrTooFar, and then changes nothing.
func (t *Tree) Skip(leaf uint32, kind Kind, generation uint32) error {
	if leaf >= t.size {
		return ErrNoLeaf
	}
	if generation == exhausted {
		return ErrExhausted
	}
	next := t.Generation(leaf, kind)
	if generation <= next {
		return nil
	}
	if generation-next > MaxSkip {
		return ErrTooFar
	}
	r := &t.split(leaf)[kind]
	for r.next < generation {
		r.step(t.suite)
	}
	return nil
}

// MaxSkip bounds the work of [Tree.Skip], which a damaged snapshot could ask for.
const MaxSkip = 1 << 16

// Find returns the key of leaf's generation for a received message, without
// changing the tree. It fails with ErrNoLeaf, ErrGenerationUsed, ErrTooFar or
// ErrExhausted, and costs at most Limits.Forward hashes.
func (t *Tree) Find(leaf uint32, kind Kind, generation uint32) (Candidate, error) {
	if leaf >= t.size {
		return Candidate{}, ErrNoLeaf
	}
	if generation == exhausted {
		return Candidate{}, ErrExhausted
	}
	found := Candidate{leaf: leaf, kind: kind}
	var start ratchet
	if r := t.ratchets(leaf); r != nil {
		start = r[kind]
	}
	if generation < start.next {
		key, _, ok := start.findSkipped(generation)
		if !ok {
			return Candidate{}, ErrGenerationUsed
		}
		found.Key = key.clone()
		return found, nil
	}
	if generation-start.next > t.limits.Forward {
		return Candidate{}, ErrTooFar
	}
	if start.secret.Len() == 0 {
		start.secret = t.peekRatchet(leaf, kind)
	}
	found.Key = start.peek(t.suite, generation)
	return found, nil
}

// Use consumes the key of a message that proved genuine: RFC 9420, Section 9.2.
// Keys of skipped generations within Limits.Window are kept, older ones
// deleted. It fails with ErrGenerationUsed if the key was consumed since Find.
func (t *Tree) Use(c Candidate) error {
	r := &t.split(c.leaf)[c.kind]
	defer c.Erase()
	if c.Generation < r.next {
		_, i, ok := r.findSkipped(c.Generation)
		if !ok {
			return ErrGenerationUsed
		}
		r.forget(i)
		return nil
	}
	for r.next < c.Generation {
		if c.Generation-r.next <= t.limits.Window {
			r.skipped = append(r.skipped, r.key(t.suite))
		}
		r.step(t.suite)
	}
	r.step(t.suite)
	r.prune(c.Generation, t.limits.Window)
	return nil
}

// Erase overwrites every secret. t is of no use after it.
func (t *Tree) Erase() { t.root.erase() }
