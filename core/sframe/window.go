package sframe

// WindowSize is how many counters back an [Opener] can still tell a late frame
// from a replayed one: over half a minute of audio, some seconds of layered
// video.
const WindowSize = 1024

// A window remembers which of the last WindowSize counters were accepted. The
// zero window accepts every counter. It is a ring of bits, after RFC 6479.
type window struct {
	used bool   // whether a counter was accepted yet
	top  uint64 // the highest accepted counter
	bits [WindowSize / 64]uint64
}

// isFresh reports whether counter may be accepted.
func (w *window) isFresh(counter uint64) bool {
	switch {
	case !w.used || counter > w.top:
		return true
	case w.top-counter >= WindowSize:
		return false
	default:
		return w.bits[counter/64%uint64(len(w.bits))]>>(counter%64)&1 == 0
	}
}

// accept marks counter, which must be fresh.
func (w *window) accept(counter uint64) {
	switch {
	case !w.used || counter > w.top && counter-w.top >= WindowSize:
		clear(w.bits[:])
	case counter > w.top:
		// The counters between are new in the ring: forget what their bits
		// said WindowSize counters ago. The loop is bounded by WindowSize.
		for c := w.top + 1; c != counter; c++ {
			w.bits[c/64%uint64(len(w.bits))] &^= 1 << (c % 64)
		}
	}
	if !w.used || counter > w.top {
		w.used, w.top = true, counter
	}
	w.bits[counter/64%uint64(len(w.bits))] |= 1 << (counter % 64)
}
