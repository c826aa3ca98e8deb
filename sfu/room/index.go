package room

// indexWindow is how far behind the highest a number may be: as far as
// seqmap.Window remembers.
const indexWindow = 1024

// An index hands out the packet indexes of SRTP (RFC 3711, Section 3.3.1) of one
// SSRC, each once. Two packets under one index would give away the keys of AES-GCM
// (RFC 7714, Section 8.4), so this does not trust those who choose the numbers:
// a number that was used or is too far behind is refused.
type index struct {
	highest uint64
	begun   bool
	used    [indexWindow / 64]uint64 // of the numbers up to the highest, by their low bits
}

// begin makes n the last number before the first.
func (x *index) begin(n uint16) { *x = index{highest: uint64(n), begun: true} }

// following returns the number after the highest.
func (x *index) following() uint16 { return uint16(x.highest + 1) }

// next returns the index of a packet with a number near the highest, after it or
// before. It reports false for one that must not be sent.
func (x *index) next(n uint16) (uint64, bool) {
	if !x.begun {
		x.begin(n - 1)
		x.highest = uint64(n) - 1 // wraps for 0, and comes back with the next line
	}
	ahead := int64(int16(n - uint16(x.highest)))
	if ahead > 0 {
		x.advance(uint64(ahead))
		x.mark(x.highest)
		return x.highest, true
	}
	i := x.highest - uint64(-ahead)
	if -ahead >= indexWindow || i > x.highest || x.isUsed(i) {
		return 0, false
	}
	x.mark(i)
	return i, true
}

// advance makes the highest index higher. What lies between is not used.
func (x *index) advance(ahead uint64) {
	if ahead >= indexWindow {
		clear(x.used[:])
	} else {
		for i := x.highest + 1; i < x.highest+ahead; i++ {
			x.used[i%indexWindow/64] &^= 1 << (i % 64)
		}
	}
	x.highest += ahead
}

func (x *index) mark(i uint64)        { x.used[i%indexWindow/64] |= 1 << (i % 64) }
func (x *index) isUsed(i uint64) bool { return x.used[i%indexWindow/64]&(1<<(i%64)) != 0 }
