// Package tlsenc reads and writes the TLS presentation language
// ([RFC 8446, Section 3]) with the variable-length vectors of
// [RFC 9420, Section 2.1.2].
//
// Read with [NewReader] and end with [Reader.Done]; write with [Writer]. A
// Reader never allocates and never looks past its input: lengths are checked
// against the bytes present. What it returns aliases the input, and the caller
// clones what it keeps.
//
// The methods are not inlined: in WebAssembly each copy would be a hundred bytes
// or more, and there would be hundreds.
//
// [RFC 8446, Section 3]: https://www.rfc-editor.org/rfc/rfc8446.html#section-3
// [RFC 9420, Section 2.1.2]: https://www.rfc-editor.org/rfc/rfc9420.html#section-2.1.2
package tlsenc

import "errors"

// MaxVector is the largest length of a vector: 2^30-1, RFC 9420, Section 2.1.2.
const MaxVector = 1<<30 - 1

var (
	// ErrShort says that the input ends before the structure does.
	ErrShort = errors.New("tlsenc: input is too short")
	// ErrTrailing says that bytes follow the structure.
	ErrTrailing = errors.New("tlsenc: bytes after the end")
	// ErrLength says that a vector's length is not encoded in the one valid way.
	ErrLength = errors.New("tlsenc: invalid vector length")
	// ErrTooLong says that a vector is longer than its field allows.
	ErrTooLong = errors.New("tlsenc: vector is too long")
)

// A Reader takes values from the front of a byte slice. The first error sticks:
// every later read returns a zero value, and Err and Done return that error, so
// a caller may check once at the end.
type Reader struct {
	rest []byte
	err  error
}

// NewReader returns a Reader of b, which the caller must not change while
// anything the Reader returned is in use.
func NewReader(b []byte) Reader { return Reader{rest: b} }

// Err returns the first error: ErrShort, ErrLength or ErrTooLong.
//
//go:noinline
func (r *Reader) Err() error { return r.err }

// Done returns the first error, or ErrTrailing if input is left over.
//
//go:noinline
func (r *Reader) Done() error {
	if r.err == nil && len(r.rest) != 0 {
		r.fail(ErrTrailing)
	}
	return r.err
}

// Len returns the number of bytes not yet read.
//
//go:noinline
func (r *Reader) Len() int { return len(r.rest) }

// Rest takes all bytes not yet read.
//
//go:noinline
func (r *Reader) Rest() []byte { return r.Fixed(len(r.rest)) }

// Fixed takes n bytes: opaque[n]. After an error it returns nil.
//
//go:noinline
func (r *Reader) Fixed(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.rest) {
		r.fail(ErrShort)
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// Uint8 takes a uint8.
//
//go:noinline
func (r *Reader) Uint8() uint8 { return uint8(r.integer(1)) }

// Uint16 takes a uint16.
//
//go:noinline
func (r *Reader) Uint16() uint16 { return uint16(r.integer(2)) }

// Uint32 takes a uint32.
//
//go:noinline
func (r *Reader) Uint32() uint32 { return uint32(r.integer(4)) }

// Uint64 takes a uint64.
//
//go:noinline
func (r *Reader) Uint64() uint64 { return r.integer(8) }

// Vector takes opaque<V> of at most most bytes. A length that is longer than
// that is ErrTooLong; one that is not in its shortest form is ErrLength, as
// RFC 9420, Section 2.1.2 requires.
//
//go:noinline
func (r *Reader) Vector(most int) []byte {
	first := r.Uint8()
	if r.err != nil {
		return nil
	}
	// The two highest bits give the size of the length: 1, 2 or 4 bytes.
	n := uint32(first & 0x3f)
	var least uint32
	switch first >> 6 {
	case 0:
	case 1:
		n = n<<8 | uint32(r.integer(1))
		least = 1 << 6
	case 2:
		n = n<<24 | uint32(r.integer(3))
		least = 1 << 14
	default:
		r.fail(ErrLength)
	}
	if r.err == nil && n < least {
		r.fail(ErrLength)
	}
	if r.err == nil && int64(n) > int64(most) {
		r.fail(ErrTooLong)
	}
	return r.Fixed(int(n))
}

//go:noinline
func (r *Reader) integer(size int) uint64 {
	var v uint64
	for _, b := range r.Fixed(size) {
		v = v<<8 | uint64(b)
	}
	return v
}

//go:noinline
func (r *Reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.rest = nil
}

// leastRoom is what a Writer begins with, in bytes: most structures fit.
const leastRoom = 64

// A Writer appends values to a byte slice. The zero Writer is ready.
type Writer struct {
	b      []byte
	secret bool
}

// NewWriter returns a Writer with room for size bytes.
func NewWriter(size int) *Writer { return &Writer{b: make([]byte, 0, size)} }

// NewSecretWriter returns a Writer with room for size bytes that overwrites the
// memory it leaves when it needs more.
func NewSecretWriter(size int) *Writer { return &Writer{b: make([]byte, 0, size), secret: true} }

// Bytes returns what was written. It is valid until the next write.
//
//go:noinline
func (w *Writer) Bytes() []byte { return w.b }

// Reset forgets what was written and keeps its room for what follows.
//
//go:noinline
func (w *Writer) Reset() { w.b = w.b[:0] }

// room makes room for n bytes: twice the room there was, where append would give
// a quarter more and copy a long structure five times over, and without leaving a
// secret behind.
//
//go:noinline
func (w *Writer) room(n int) {
	if cap(w.b)-len(w.b) >= n {
		return
	}
	b := make([]byte, len(w.b), max(2*cap(w.b)+n, leastRoom))
	copy(b, w.b)
	if w.secret {
		clear(w.b)
	}
	w.b = b
}

// Uint8 appends a uint8.
//
//go:noinline
func (w *Writer) Uint8(v uint8) {
	w.room(1)
	w.b = append(w.b, v)
}

// Uint16 appends a uint16.
//
//go:noinline
func (w *Writer) Uint16(v uint16) {
	w.room(2)
	w.b = append(w.b, byte(v>>8), byte(v))
}

// Uint32 appends a uint32.
//
//go:noinline
func (w *Writer) Uint32(v uint32) {
	w.room(4)
	w.b = append(w.b, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}

// Uint64 appends a uint64.
//
//go:noinline
func (w *Writer) Uint64(v uint64) {
	w.Uint32(uint32(v >> 32))
	w.Uint32(uint32(v))
}

// Fixed appends v as it is: opaque[len(v)].
//
//go:noinline
func (w *Writer) Fixed(v []byte) {
	w.room(len(v))
	w.b = append(w.b, v...)
}

// Vector appends v as opaque<V>. It panics if v is longer than MaxVector: the
// caller bounds what it writes.
//
//go:noinline
func (w *Writer) Vector(v []byte) {
	header, size := vectorHeader(len(v))
	w.Fixed(header[:size])
	w.Fixed(v)
}

// Nested appends what write appends as the inside of a vector. It panics like
// Vector.
//
//go:noinline
func (w *Writer) Nested(write func(w *Writer)) {
	start := len(w.b)
	w.Uint8(0) // most are short
	write(w)
	body := start + 1
	n := len(w.b) - body
	header, size := vectorHeader(n)
	w.Fixed(header[1:size])
	copy(w.b[start+size:], w.b[body:body+n])
	copy(w.b[start:], header[:size])
}

// vectorHeader returns the length of a vector as it is encoded: the first size
// bytes of header.
func vectorHeader(n int) (header [4]byte, size int) {
	switch {
	case n < 1<<6:
		return [4]byte{byte(n)}, 1
	case n < 1<<14:
		return [4]byte{1<<6 | byte(n>>8), byte(n)}, 2
	case n <= MaxVector:
		return [4]byte{2<<6 | byte(n>>24), byte(n >> 16), byte(n >> 8), byte(n)}, 4
	default:
		panic("tlsenc: internal error: vector is too long")
	}
}
