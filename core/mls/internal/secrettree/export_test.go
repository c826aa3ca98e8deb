package secrettree

// Kept returns the keys of skipped generations as they are stored.
func (t *Tree) Kept(leaf uint32, kind Kind) []Key {
	return append([]Key(nil), t.ratchets(leaf)[kind].skipped...)
}
