package srtp

// Indices gives out the packet indices of one SSRC, each once: sealing two
// packets under one index gives away with AES-GCM the key that authenticates
// (RFC 7714, Section 13.2). The zero value has given none.
type Indices struct{ given window }

// Next returns the index of a packet with a sequence number: of those that the
// number may stand for the one that is closest to the highest so far, as
// receivers estimate it. It reports false if that was given before, or is more
// than 1023 below the highest, where this is not known any more; the packet must
// not be sent then. It does not allocate.
func (x *Indices) Next(sequence uint16) (index uint64, ok bool) {
	index = x.given.estimate(sequence)
	if index > maxIndex || !x.given.fresh(index) {
		return 0, false
	}
	x.given.accept(index)
	return index, true
}

// Highest returns the highest index given, and false if none was.
func (x *Indices) Highest() (index uint64, ok bool) { return x.given.highest, x.given.begun }
