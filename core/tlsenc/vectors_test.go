package tlsenc_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"conclave/core/tlsenc"
	"conclave/internal/testkit"
)

// The official vectors of vector lengths, RFC 9420, Section 2.1.2: each header
// reads as its length, and that length is written as the header.
func TestVectorsDeserialization(t *testing.T) {
	d := json.NewDecoder(bytes.NewReader(testkit.Vectors(t, "mls/deserialization.json")))
	d.DisallowUnknownFields()
	var cases []struct {
		Header string `json:"vlbytes_header"`
		Length int    `json:"length"`
	}
	if err := d.Decode(&cases); err != nil {
		t.Fatalf("reading deserialization.json: %v", err)
	}
	if len(cases) == 0 {
		t.Fatal("deserialization.json holds no case")
	}
	for _, c := range cases {
		header, err := hex.DecodeString(c.Header)
		if err != nil {
			t.Fatalf("header %q: %v", c.Header, err)
		}
		if len(header)+c.Length > 64<<20 {
			// The largest would take a gigabyte: that they ask for bytes that
			// are not there shows that the header itself is accepted.
			r := tlsenc.NewReader(header)
			if r.Vector(c.Length); !errors.Is(r.Err(), tlsenc.ErrShort) {
				t.Errorf("header %x: Err = %v, want ErrShort", header, r.Err())
			}
			r = tlsenc.NewReader(header)
			if r.Vector(c.Length - 1); !errors.Is(r.Err(), tlsenc.ErrTooLong) {
				t.Errorf("header %x, limited to one byte less: Err = %v, want ErrTooLong", header, r.Err())
			}
			continue
		}
		body := bytes.Repeat([]byte{0xab}, c.Length)
		input := slices.Concat(header, body)
		r := tlsenc.NewReader(input)
		if got := r.Vector(c.Length); len(got) != c.Length || r.Done() != nil {
			t.Errorf("header %x reads as %d bytes, %v, want %d", header, len(got), r.Done(), c.Length)
		}
		w := tlsenc.NewWriter(len(input))
		w.Vector(body)
		if !bytes.Equal(w.Bytes(), input) {
			t.Errorf("a vector of %d bytes begins with %x, want %x", c.Length, w.Bytes()[:len(header)], header)
		}
		w = tlsenc.NewWriter(len(input))
		w.Nested(func(w *tlsenc.Writer) { w.Fixed(body) })
		if !bytes.Equal(w.Bytes(), input) {
			t.Errorf("a nested vector of %d bytes begins with %x, want %x", c.Length, w.Bytes()[:len(header)], header)
		}
	}
}
