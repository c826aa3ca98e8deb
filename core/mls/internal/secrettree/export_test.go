package secrettree

import "conclave/core/secret"

// Kept returns the keys of skipped generations as they are stored.
func (t *Tree) Kept(leaf uint32, kind Kind) []Key {
	return append([]Key(nil), t.ratchets(leaf)[kind].skipped...)
}

// RatchetSecret returns a ratchet's present secret, not a copy.
func (t *Tree) RatchetSecret(leaf uint32, kind Kind) secret.Value {
	return t.ratchets(leaf)[kind].secret
}
