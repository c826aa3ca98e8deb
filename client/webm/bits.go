package webm

// A bitReader reads single bits, highest first, as the VP9 uncompressed header
// is written (VP9 bitstream specification, Section 4.9.1). Past the end it
// returns zeros and sets short.
type bitReader struct {
	b     []byte
	pos   int // bits
	short bool
}

func (r *bitReader) bit() uint32 {
	if r.pos >= 8*len(r.b) {
		r.short = true
		return 0
	}
	v := r.b[r.pos/8] >> (7 - r.pos%8) & 1
	r.pos++
	return uint32(v)
}

func (r *bitReader) flag() bool { return r.bit() == 1 }

func (r *bitReader) bits(n int) uint32 {
	var v uint32
	for range n {
		v = v<<1 | r.bit()
	}
	return v
}

// skip moves over n bits.
func (r *bitReader) skip(n int) {
	r.pos += n
	if r.pos > 8*len(r.b) {
		r.pos, r.short = 8*len(r.b), true
	}
}

// A bitWriter appends single bits, highest first.
type bitWriter struct {
	b   []byte
	pos int // bits
}

func (w *bitWriter) bit(v uint32) {
	if w.pos%8 == 0 {
		w.b = append(w.b, 0)
	}
	w.b[w.pos/8] |= byte(v&1) << (7 - w.pos%8)
	w.pos++
}

// copyBits appends the bits from..to of src.
func (w *bitWriter) copyBits(src []byte, from, to int) {
	r := bitReader{b: src, pos: from}
	for r.pos < to {
		w.bit(r.bit())
	}
}
