package srtp

// windowSize is how many packets below the highest one a late packet may be
// (RFC 3711, Section 3.3.2 asks for 64 at least). Video of 10 Mbit/s has about
// 1000 packets a second, and a retransmission may come late.
const windowSize = 1024

// A window is the replay list of one SSRC: the highest index seen, and which of
// the windowSize indices up to it were. The zero value has seen none.
type window struct {
	highest uint64
	seen    [windowSize / 64]uint64 // bit of an index: index % windowSize
	begun   bool
}

// fresh reports whether a packet of that index may still come.
func (w *window) fresh(index uint64) bool {
	switch {
	case !w.begun || index > w.highest:
		return true
	case w.highest-index >= windowSize:
		return false
	}
	return w.seen[index/64%uint64(len(w.seen))]&(1<<(index%64)) == 0
}

// accept notes an authentic packet that was fresh.
func (w *window) accept(index uint64) {
	if w.begun && index > w.highest {
		w.forget(index)
	}
	if !w.begun || index > w.highest {
		w.highest, w.begun = index, true
	}
	w.seen[index/64%uint64(len(w.seen))] |= 1 << (index % 64)
}

// forget clears the bits of the indices between the highest and a new highest.
func (w *window) forget(index uint64) {
	if index-w.highest >= windowSize {
		clear(w.seen[:])
		return
	}
	for i := w.highest + 1; i < index; i++ {
		w.seen[i/64%uint64(len(w.seen))] &^= 1 << (i % 64)
	}
	w.seen[index/64%uint64(len(w.seen))] &^= 1 << (index % 64)
}

// closedWindow returns a window in which only indices above highest are fresh.
func closedWindow(highest uint64) window {
	w := window{highest: highest, begun: true}
	for i := range w.seen {
		w.seen[i] = ^uint64(0)
	}
	return w
}

// estimate returns the index that a sequence number most likely stands for, the
// one closest to the highest so far (RFC 3711, Section 3.3.1 and appendix A).
// Before the first packet the rollover counter is 0.
func (w *window) estimate(sequence uint16) uint64 {
	const half = 1 << 15
	rollover, last := w.highest>>16, uint16(w.highest)
	switch {
	case !w.begun:
		rollover = 0
	case last < half && int(sequence)-int(last) > half && rollover > 0:
		rollover--
	case last >= half && int(last)-half > int(sequence):
		rollover++
	}
	return rollover<<16 | uint64(sequence)
}
