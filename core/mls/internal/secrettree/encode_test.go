package secrettree_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"conclave/core/mls/internal/secrettree"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// someTree has nodes in all three states and skipped keys.
func someTree(tb testing.TB) *secrettree.Tree {
	tb.Helper()
	tree := newTree(tb, 5)
	mustUse(tb, tree, 0, app, 4, 2)
	mustUse(tb, tree, 3, secrettree.Handshake, 0)
	return tree
}

func TestEncodeRoundTrip(t *testing.T) {
	for name, tree := range map[string]*secrettree.Tree{
		"new": newTree(t, 1000), "one leaf": newTree(t, 1), "used": someTree(t),
	} {
		t.Run(name, func(t *testing.T) {
			b := encode(tree)
			if !bytes.Equal(b, encode(tree)) {
				t.Fatal("Encode twice gives different bytes")
			}
			again, err := decode(t, b, secrettree.Limits{})
			if err != nil {
				t.Fatalf("Decode = %v", err)
			}
			if !bytes.Equal(encode(again), b) {
				t.Error("Decode and Encode give different bytes")
			}
			// The two go on alike and share nothing.
			for range 3 {
				one, err1 := tree.Next(0, app)
				two, err2 := again.Next(0, app)
				if err1 != nil || err2 != nil || !one.Key.Equal(two.Key) || one.Generation != two.Generation {
					t.Fatalf("Next = %d, %v and %d, %v after Decode", one.Generation, err1, two.Generation, err2)
				}
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	s := lookup(t, suite.Default)
	size := s.HashSize()
	ratchet := func(w *tlsenc.Writer, next uint32, generations ...uint32) {
		w.Uint32(next)
		w.Fixed(make([]byte, size))
		w.Uint32(uint32(len(generations)))
		for _, g := range generations {
			w.Uint32(g)
			w.Fixed(make([]byte, s.KeySize()+s.NonceSize()))
		}
	}
	leaf := func(next uint32, generations ...uint32) []byte {
		var w tlsenc.Writer
		w.Fixed([]byte{0, 2})
		ratchet(&w, next, generations...)
		ratchet(&w, 0)
		return w.Bytes()
	}
	secretNode := append([]byte{1}, make([]byte, size)...)
	tests := []struct {
		name  string
		input []byte
		want  error
	}{
		{"empty", nil, tlsenc.ErrShort},
		{"too high", append([]byte{32}, secretNode...), secrettree.ErrEncoding},
		{"unknown tag", append([]byte{3, 3}, make([]byte, size)...), secrettree.ErrEncoding},
		{"split leaf", append([]byte{0, 0}, append(secretNode, secretNode...)...), secrettree.ErrEncoding},
		{"ratchets above a leaf", append([]byte{1}, leaf(0)[1:]...), secrettree.ErrEncoding},
		{"short secret", append([]byte{0, 1}, make([]byte, size-1)...), tlsenc.ErrShort},
		{"one child", append([]byte{1, 0}, secretNode...), tlsenc.ErrShort},
		{"skipped key at next", leaf(5, 5), secrettree.ErrEncoding},
		{"skipped keys out of order", leaf(5, 3, 2), secrettree.ErrEncoding},
		{"skipped key twice", leaf(5, 3, 3), secrettree.ErrEncoding},
		{"trailing", append(leaf(5, 3, 4), 0), tlsenc.ErrTrailing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := decode(t, tt.input, secrettree.Limits{}); !errors.Is(err, tt.want) {
				t.Errorf("Decode = %v, want %v", err, tt.want)
			}
		})
	}
	if _, err := decode(t, leaf(5, 3, 4), secrettree.Limits{}); err != nil {
		t.Errorf("Decode of a good leaf = %v, want nil", err)
	}
}

// Every cut of an encoded tree is refused.
func TestDecodeRefusesCuts(t *testing.T) {
	b := encode(someTree(t))
	for n := range b {
		if _, err := decode(t, b[:n], secrettree.Limits{}); err == nil {
			t.Errorf("Decode accepts the first %d of %d bytes", n, len(b))
		}
	}
}

// A count that the input does not hold allocates nothing.
func TestDecodeCount(t *testing.T) {
	s := lookup(t, suite.Default)
	b := append([]byte{0, 2, 0xff, 0xff, 0xff, 0xff}, make([]byte, s.HashSize())...)
	b = binary.BigEndian.AppendUint32(b, 0xfffffff0)
	b = append(b, make([]byte, 4000)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := decode(t, b, secrettree.Limits{})
	runtime.ReadMemStats(&after)
	if !errors.Is(err, tlsenc.ErrShort) {
		t.Errorf("Decode = %v, want ErrShort", err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 64<<10 {
		t.Errorf("Decode allocates %d bytes for a count that is not there", used)
	}
}

// FuzzDecode checks that a tree that decodes is written back byte for byte and
// can be used.
func FuzzDecode(f *testing.F) {
	f.Add(encode(newTree(f, 1)))
	f.Add(encode(newTree(f, 1000)))
	f.Add(encode(someTree(f)))
	f.Add([]byte{31, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, input []byte) {
		tree, err := decode(t, input, secrettree.Limits{Forward: 4, Window: 4})
		if err != nil {
			return
		}
		if b := encode(tree); !bytes.Equal(b, input) {
			t.Fatalf("%x is written back as %x", input, b)
		}
		for _, leaf := range []uint32{0, 1, 1 << 30} {
			next := tree.Generation(leaf, app)
			for _, g := range []uint32{0, next - 1, next, next + 3, next + 5} {
				before := encode(tree)
				c, err := tree.Find(leaf, app, g)
				if !bytes.Equal(encode(tree), before) {
					t.Fatalf("Find(%d, %d) changes the tree", leaf, g)
				}
				if err != nil {
					continue
				}
				if err := tree.Use(c); err != nil {
					t.Fatalf("Use(%d, %d) = %v after Find", leaf, g, err)
				}
				if _, err := tree.Find(leaf, app, g); !errors.Is(err, secrettree.ErrGenerationUsed) {
					t.Fatalf("Find(%d, %d) = %v after Use, want ErrGenerationUsed", leaf, g, err)
				}
			}
		}
	})
}

func ExampleTree_Find() {
	s, err := suite.Lookup(suite.Default)
	if err != nil {
		fmt.Println(err)
		return
	}
	sender := secrettree.New(s, root(s), 3, secrettree.Limits{})
	receiver := secrettree.New(s, root(s), 3, secrettree.Limits{})
	key, _ := sender.Next(1, secrettree.Application)
	found, _ := receiver.Find(1, secrettree.Application, key.Generation)
	fmt.Println(found.Key.Key.Equal(key.Key), receiver.Use(found), receiver.Use(found))
	// Output: true <nil> secrettree: generation is used or too old
}
