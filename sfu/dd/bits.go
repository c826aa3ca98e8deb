package dd

import "math/bits"

// A bitReader reads big-endian bit fields. After reading past the end, failed
// is set and every field reads as zero.
type bitReader struct {
	b      []byte
	at     int // next bit
	failed bool
}

// f reads n bits, at most 32: f(n) of Section A.8.2.
func (r *bitReader) f(n int) uint32 {
	if n > len(r.b)*8-r.at {
		r.failed = true
		return 0
	}
	var v uint32
	for n > 0 {
		free := 8 - r.at&7
		take := min(n, free)
		chunk := uint32(r.b[r.at>>3]) >> (free - take) & (1<<take - 1)
		v = v<<take | chunk
		r.at += take
		n -= take
	}
	return v
}

// flag reads one bit.
func (r *bitReader) flag() bool { return r.f(1) == 1 }

// ns reads a non-symmetric number below n, which is at least 1: ns(n) of
// Section A.8.2.
func (r *bitReader) ns(n int) uint32 {
	w := bits.Len(uint(n))
	m := uint32(1)<<w - uint32(n)
	v := r.f(w - 1)
	if v < m {
		return v
	}
	return v<<1 - m + r.f(1)
}

// A bitWriter writes big-endian bit fields into b. After writing past the end,
// failed is set.
type bitWriter struct {
	b      []byte // all zero beyond at
	at     int
	failed bool
}

// f writes the low n bits of v, at most 32.
func (w *bitWriter) f(n int, v uint32) {
	if n > len(w.b)*8-w.at {
		w.failed = true
		return
	}
	for n > 0 {
		free := 8 - w.at&7
		take := min(n, free)
		chunk := byte(v >> (n - take) & (1<<take - 1))
		w.b[w.at>>3] |= chunk << (free - take)
		w.at += take
		n -= take
	}
}

// flag writes one bit.
func (w *bitWriter) flag(v bool) {
	if v {
		w.f(1, 1)
	} else {
		w.f(1, 0)
	}
}

// ns writes v, a non-symmetric number below n: write_ns of Section A.8.2.
func (w *bitWriter) ns(n int, v uint32) {
	width := bits.Len(uint(n))
	m := uint32(1)<<width - uint32(n)
	if v < m {
		w.f(width-1, v)
	} else {
		w.f(width, v+m)
	}
}

// copyBits writes the bits [from, to) of src.
func (w *bitWriter) copyBits(src []byte, from, to int) {
	r := bitReader{b: src, at: from}
	for r.at < to && !w.failed {
		n := min(32, to-r.at)
		w.f(n, r.f(n))
	}
}

// size returns the number of bytes written, the last one padded with zeros.
func (w *bitWriter) size() int { return (w.at + 7) / 8 }
