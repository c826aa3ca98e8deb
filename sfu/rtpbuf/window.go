package rtpbuf

// circle is the number of RTP sequence numbers.
const circle = 1 << 16

// maxJump is how far a sequence number may be from the highest seen. Packets
// recovered by retransmission are some thousand behind at most; a number farther
// away is noise unless the next packet continues there (RFC 3550, Appendix A.1,
// with a wider limit because we recover losses).
const maxJump = 4096

// A Window extends the 16-bit sequence numbers of one incoming stream to 64 bits
// and detects duplicates. The zero value is ready to use. It belongs to one
// goroutine.
//
// It has one bit for each of the 65,536 sequence numbers. The half circle behind
// the highest number says what has been seen; the bits ahead are cleared as the
// highest number reaches them.
type Window struct {
	seen    [circle / 64]uint64
	highest uint64 // extended; 0 before the first packet
	suspect uint32 // number after a far jump plus 1, if that would confirm it; else 0
}

// Accept returns the extended number of seq, and whether the packet is new. A
// duplicate and the first packet after a far jump are not. Extended numbers
// start at 1<<16 at least, so looking back from them does not wrap, and they go
// up also when the sender begins again elsewhere.
func (w *Window) Accept(seq uint16) (extended uint64, fresh bool) {
	if w.highest == 0 {
		w.highest = circle + uint64(seq)
		w.mark(seq)
		return w.highest, true
	}
	ahead := int(int16(seq - uint16(w.highest)))
	if ahead > maxJump || ahead < -maxJump {
		return w.jump(seq)
	}
	w.suspect = 0
	if ahead <= 0 {
		extended = w.highest - uint64(-ahead)
		if extended < circle || w.isMarked(seq) {
			return extended, false
		}
		w.mark(seq)
		return extended, true
	}
	for s := uint16(w.highest) + 1; s != seq; s++ {
		w.seen[s/64] &^= 1 << (s % 64)
	}
	w.highest += uint64(ahead)
	w.mark(seq)
	return w.highest, true
}

// jump handles a packet far from the others: the sender has begun again if a
// second one follows it.
func (w *Window) jump(seq uint16) (extended uint64, fresh bool) {
	if w.suspect != uint32(seq)+1 {
		w.suspect = uint32(seq+1) + 1
		return w.highest, false
	}
	w.suspect = 0
	clear(w.seen[:])
	// At least one circle up, so that nothing near the old numbers meets it.
	w.highest = (w.highest/circle+2)*circle + uint64(seq)
	w.mark(seq)
	return w.highest, true
}

// Highest returns the highest extended number so far, or 0.
func (w *Window) Highest() uint64 { return w.highest }

func (w *Window) mark(seq uint16)          { w.seen[seq/64] |= 1 << (seq % 64) }
func (w *Window) isMarked(seq uint16) bool { return w.seen[seq/64]&(1<<(seq%64)) != 0 }
