package tlsenc_test

import (
	"bytes"
	"errors"
	"testing"

	"conclave/core/tlsenc"
)

func TestIntegers(t *testing.T) {
	w := tlsenc.NewWriter(0)
	w.Uint8(0x01)
	w.Uint16(0x0203)
	w.Uint32(0x04050607)
	w.Uint64(0x08090a0b0c0d0e0f)
	w.Fixed([]byte{0x10, 0x11})
	want := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17}
	if !bytes.Equal(w.Bytes(), want) {
		t.Fatalf("Bytes = %x, want %x", w.Bytes(), want)
	}
	r := tlsenc.NewReader(want)
	if v := r.Uint8(); v != 0x01 {
		t.Errorf("Uint8 = %#x, want 0x01", v)
	}
	if v := r.Uint16(); v != 0x0203 {
		t.Errorf("Uint16 = %#x, want 0x0203", v)
	}
	if v := r.Uint32(); v != 0x04050607 {
		t.Errorf("Uint32 = %#x, want 0x04050607", v)
	}
	if v := r.Uint64(); v != 0x08090a0b0c0d0e0f {
		t.Errorf("Uint64 = %#x, want 0x08090a0b0c0d0e0f", v)
	}
	if r.Len() != 2 {
		t.Errorf("Len = %d, want 2", r.Len())
	}
	if v := r.Rest(); !bytes.Equal(v, want[15:]) {
		t.Errorf("Rest = %x, want %x", v, want[15:])
	}
	if err := r.Done(); err != nil {
		t.Errorf("Done = %v, want nil", err)
	}
}

func TestReset(t *testing.T) {
	w := tlsenc.NewWriter(0)
	w.Uint32(0x01020304)
	before := w.Bytes()
	w.Reset()
	w.Uint8(9)
	if got := w.Bytes(); !bytes.Equal(got, []byte{9}) || &got[0] != &before[0] {
		t.Errorf("Bytes after Reset = %x in another place: %v, want 09 in the same", got, &got[0] != &before[0])
	}
}

// The sizes around which a vector's length changes its form, RFC 9420, Section
// 2.1.2.
func TestVectorSizes(t *testing.T) {
	for _, size := range []int{0, 1, 63, 64, 65, 16383, 16384, 70000} {
		body := bytes.Repeat([]byte{0xab}, size)
		w := tlsenc.NewWriter(size + 4)
		w.Vector(body)
		header := 1
		switch {
		case size >= 16384:
			header = 4
		case size >= 64:
			header = 2
		}
		if got := len(w.Bytes()); got != header+size {
			t.Errorf("Vector of %d bytes takes %d, want %d", size, got, header+size)
		}
		r := tlsenc.NewReader(w.Bytes())
		if got := r.Vector(size); !bytes.Equal(got, body) {
			t.Errorf("Vector of %d bytes reads as %d bytes", size, len(got))
		}
		if err := r.Done(); err != nil {
			t.Errorf("reading a vector of %d bytes: Done = %v, want nil", size, err)
		}
	}
}

// What a secret Writer leaves behind when it grows is overwritten.
func TestSecretWriterErases(t *testing.T) {
	w := tlsenc.NewSecretWriter(4)
	var left [][]byte
	for range 100 {
		w.Uint8(0xaa)
		left = append(left, w.Bytes())
		w.Uint16(0xaaaa)
		left = append(left, w.Bytes())
		w.Uint32(0xaaaaaaaa)
		left = append(left, w.Bytes())
		w.Vector(bytes.Repeat([]byte{0xaa}, 10))
		left = append(left, w.Bytes())
	}
	if len(w.Bytes()) != 100*18 {
		t.Fatalf("%d bytes were written, want %d", len(w.Bytes()), 100*18)
	}
	moved := 0
	for _, b := range left {
		if &b[0] == &w.Bytes()[0] {
			continue
		}
		moved++
		if bytes.Contains(b, []byte{0xaa}) {
			t.Fatalf("what was left behind is %x", b)
		}
	}
	if moved == 0 {
		t.Error("the Writer did not grow; this test proves nothing")
	}
}

func TestReaderRefuses(t *testing.T) {
	tests := []struct {
		name  string
		input []byte
		read  func(r *tlsenc.Reader)
		want  error
	}{
		{"empty uint8", nil, func(r *tlsenc.Reader) { r.Uint8() }, tlsenc.ErrShort},
		{"short uint64", make([]byte, 7), func(r *tlsenc.Reader) { r.Uint64() }, tlsenc.ErrShort},
		{"short fixed", make([]byte, 3), func(r *tlsenc.Reader) { r.Fixed(4) }, tlsenc.ErrShort},
		{"negative fixed", make([]byte, 3), func(r *tlsenc.Reader) { r.Fixed(-1) }, tlsenc.ErrShort},
		{"no vector", nil, func(r *tlsenc.Reader) { r.Vector(9) }, tlsenc.ErrShort},
		{"short vector", []byte{3, 1, 2}, func(r *tlsenc.Reader) { r.Vector(9) }, tlsenc.ErrShort},
		{"half a length", []byte{0x40}, func(r *tlsenc.Reader) { r.Vector(99) }, tlsenc.ErrShort},
		{"half a long length", []byte{0x80, 0, 0x40}, func(r *tlsenc.Reader) { r.Vector(99) }, tlsenc.ErrShort},
		{"huge length, no bytes", []byte{0xbf, 0xff, 0xff, 0xff}, func(r *tlsenc.Reader) { r.Vector(tlsenc.MaxVector) }, tlsenc.ErrShort},
		{"prefix 3", []byte{0xc0, 0, 0, 0, 0, 0, 0, 0}, func(r *tlsenc.Reader) { r.Vector(99) }, tlsenc.ErrLength},
		{"63 in two bytes", append([]byte{0x40, 63}, make([]byte, 63)...), func(r *tlsenc.Reader) { r.Vector(99) }, tlsenc.ErrLength},
		{"64 in four bytes", append([]byte{0x80, 0, 0, 64}, make([]byte, 64)...), func(r *tlsenc.Reader) { r.Vector(99) }, tlsenc.ErrLength},
		{"over the limit", append([]byte{10}, make([]byte, 10)...), func(r *tlsenc.Reader) { r.Vector(9) }, tlsenc.ErrTooLong},
		{"negative limit", []byte{0}, func(r *tlsenc.Reader) { r.Vector(-1) }, tlsenc.ErrTooLong},
		{"trailing", []byte{1, 2}, func(r *tlsenc.Reader) { r.Uint8() }, tlsenc.ErrTrailing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := tlsenc.NewReader(tt.input)
			tt.read(&r)
			if err := r.Done(); !errors.Is(err, tt.want) {
				t.Errorf("Done = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestFirstErrorSticks(t *testing.T) {
	r := tlsenc.NewReader([]byte{0xc0, 1, 2, 3, 4, 5, 6, 7, 8})
	r.Vector(9)
	if v := r.Uint64(); v != 0 || r.Fixed(0) != nil || r.Rest() != nil || r.Vector(1) != nil {
		t.Errorf("reads after an error return something: %d", v)
	}
	if err := r.Err(); !errors.Is(err, tlsenc.ErrLength) {
		t.Errorf("Err = %v, want ErrLength", err)
	}
	if err := r.Done(); !errors.Is(err, tlsenc.ErrLength) {
		t.Errorf("Done = %v, want ErrLength", err)
	}
}

func TestReaderAliasesAndCannotGrowIntoTheRest(t *testing.T) {
	input := []byte{2, 'a', 'b', 'c'}
	r := tlsenc.NewReader(input)
	v := r.Vector(2)
	if &v[0] != &input[1] {
		t.Error("Vector copies its input")
	}
	if _ = append(v, 'x'); input[3] != 'c' {
		t.Error("appending to a vector overwrites what follows it")
	}
	allocs := testing.AllocsPerRun(100, func() {
		r := tlsenc.NewReader(input)
		r.Vector(2)
		r.Uint8()
		if r.Done() != nil {
			t.Fatal("Done fails")
		}
	})
	if allocs != 0 {
		t.Errorf("reading allocates %v times, want 0", allocs)
	}
}

// FuzzVector checks that a vector that parses is written back byte for byte.
func FuzzVector(f *testing.F) {
	for _, seed := range [][]byte{{0}, {1, 2}, {0x40, 0x40}, {0x80, 0, 0x40, 0}, {0xc0}, {0x40, 1, 1}} {
		f.Add(seed, 100)
	}
	f.Fuzz(func(t *testing.T, input []byte, most int) {
		r := tlsenc.NewReader(input)
		body := r.Vector(most)
		rest := r.Rest()
		if r.Err() != nil {
			if body != nil || rest != nil {
				t.Errorf("Vector returns bytes with error %v", r.Err())
			}
			return
		}
		if len(body) > most {
			t.Errorf("Vector(%d) returns %d bytes", most, len(body))
		}
		w := tlsenc.NewWriter(len(input))
		w.Vector(body)
		w.Fixed(rest)
		if !bytes.Equal(w.Bytes(), input) {
			t.Errorf("%x is written back as %x", input, w.Bytes())
		}
	})
}
