package secrettree

import (
	"cmp"
	"math"
	"slices"

	"conclave/core/secret"
	"conclave/core/suite"
)

// exhausted is a generation that no message has, so that next never wraps.
const exhausted = math.MaxUint32

// A ratchet is one of a member's two hash ratchets, RFC 9420, Section 9.1.
type ratchet struct {
	next    uint32       // the generation of secret
	secret  secret.Value // ratchet_secret_[N]_[next]
	skipped []Key        // unused ones before next, ascending
}

// key derives the key and nonce of the next generation.
func (r *ratchet) key(s *suite.Suite) Key {
	return Key{
		Key:        s.DeriveTreeSecret(r.secret, "key", r.next, s.KeySize()),
		Nonce:      s.DeriveTreeSecret(r.secret, "nonce", r.next, s.NonceSize()),
		Generation: r.next,
	}
}

// step moves to the next generation and deletes the secret of this one. The
// caller makes sure that next is not exhausted.
func (r *ratchet) step(s *suite.Suite) {
	next := s.DeriveTreeSecret(r.secret, "secret", r.next, s.HashSize())
	r.secret.Erase()
	r.secret = next
	r.next++
}

// peek derives the key of a generation at or after next. r is the caller's
// copy, whose secret the tree goes on using.
func (r ratchet) peek(s *suite.Suite, generation uint32) Key {
	r.secret = secret.New(r.secret.Expose())
	for r.next < generation {
		r.step(s)
	}
	defer r.secret.Erase()
	return r.key(s)
}

// findSkipped returns the kept key of a generation and its place.
func (r *ratchet) findSkipped(generation uint32) (Key, int, bool) {
	i, ok := slices.BinarySearchFunc(r.skipped, generation, func(k Key, g uint32) int {
		return cmp.Compare(k.Generation, g)
	})
	if !ok {
		return Key{}, 0, false
	}
	return r.skipped[i], i, true
}

// forget deletes the i-th kept key.
func (r *ratchet) forget(i int) {
	r.skipped[i].Erase()
	r.skipped = slices.Delete(r.skipped, i, i+1)
}

// prune deletes the kept keys that are more than window before newest.
func (r *ratchet) prune(newest, window uint32) {
	keep := slices.IndexFunc(r.skipped, func(k Key) bool { return newest-k.Generation <= window })
	if keep < 0 {
		keep = len(r.skipped)
	}
	for _, k := range r.skipped[:keep] {
		k.Erase()
	}
	r.skipped = slices.Delete(r.skipped, 0, keep)
}

func (r *ratchet) erase() {
	r.secret.Erase()
	for _, k := range r.skipped {
		k.Erase()
	}
}
