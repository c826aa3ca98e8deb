package wiretap

import "bytes"

// The constant bytes around a sealed frame: docs/protocol.md, Section 4.

// skip returns a function that takes n bytes away.
func skip(n int) func([]byte) []byte {
	return func(b []byte) []byte { return b[min(n, len(b)):] }
}

// unwrapOBU takes the OBU header away: one byte, one more with an extension
// (0x04), and a leb128 size if there is one (0x02).
func unwrapOBU(b []byte) []byte {
	if len(b) == 0 {
		return b
	}
	n := 1
	if b[0]&0x04 != 0 {
		n++
	}
	if b[0]&0x02 != 0 && n < len(b) {
		_, size := leb128(b[n:])
		n += size
	}
	return b[min(n, len(b)):]
}

// leb128 reads a length of at most four bytes; size is 0 if there is none.
func leb128(b []byte) (value, size int) {
	for i := range min(4, len(b)) {
		value |= int(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return value, i + 1
		}
	}
	return 0, 0
}

// unwrapNAL takes the last NAL unit without its three constant bytes, removes
// the escapes and the stop byte.
func unwrapNAL(b []byte) []byte {
	if i := bytes.LastIndex(b, []byte{0, 0, 1}); i >= 0 {
		b = b[i+3:]
	}
	b = b[min(3, len(b)):]
	out := make([]byte, 0, len(b))
	zeros := 0
	for _, c := range b {
		if zeros >= 2 && c == 3 {
			zeros = 0
			continue
		}
		out = append(out, c)
		if c == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out[:max(0, len(out)-1)]
}
