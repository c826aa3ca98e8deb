package keytrans_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"conclave/core/keytrans"
	"conclave/core/keytrans/keytranstest"
)

// TestLadder checks that a ladder ends between n and n+1, and that those of two
// versions meet: the greater one needs an entry that the smaller one shows
// missing.
func TestLadder(t *testing.T) {
	const most = 300
	missing := make([]map[uint32]bool, most)
	for n := range uint32(most) {
		missing[n] = map[uint32]bool{}
		var has, lacks bool
		for i, s := range keytrans.Ladder(n) {
			if s.Exists != (s.Version <= n) || (i > 0 && s.Version == 0) {
				t.Errorf("Ladder(%d) has %+v", n, s)
			}
			has, lacks = has || s.Version == n && s.Exists, lacks || s.Version == n+1
			missing[n][s.Version] = !s.Exists
		}
		if !has || !lacks {
			t.Errorf("Ladder(%d) does not look at it and the next", n)
		}
	}
	for m := range uint32(most) {
		for n := range m {
			if !slices.ContainsFunc(keytrans.Ladder(m), func(s keytrans.LadderStep) bool { return s.Exists && missing[n][s.Version] }) {
				t.Errorf("the ladders of %d and %d do not meet", n, m)
			}
		}
	}
	if n := len(keytrans.Ladder(keytrans.MaxVersion)); n > 64 {
		t.Errorf("the longest ladder has %d steps", n)
	}
	want := []keytrans.LadderStep{{1, true}, {3, true}, {7, true}, {15, false}, {11, false}, {9, false}, {8, false}}
	if got := keytrans.Ladder(7); !slices.Equal(got, want) {
		t.Errorf("Ladder(7) = %v, want %v", got, want)
	}
}

func TestDistinguished(t *testing.T) {
	for _, tt := range []struct {
		before, this uint64
		want         bool
	}{{0, 0, false}, {0, hour - 1, false}, {hour - 1, hour, true}, {hour, hour, false}, {hour, 5 * hour, true}} {
		if got := keytrans.Distinguished(tt.before, tt.this); got != tt.want {
			t.Errorf("Distinguished(%d, %d) = %v", tt.before, tt.this, got)
		}
	}
}

// label returns a label that begins with these bits, and varies by n.
func label(bits byte, n int) keytrans.Hash {
	h := keytrans.Hash(keytranstest.Seed(fmt.Sprint("label ", n)))
	h[0] = bits
	return h
}

// TestMapProof proves every label of maps of many sizes, alone and joined, and
// many labels that are not there.
func TestMapProof(t *testing.T) {
	for _, size := range []int{0, 1, 2, 3, 7, 40, 300} {
		m := &keytranstest.Model{TB: t, Entries: map[keytrans.Hash]keytrans.Hash{}}
		m.Fill(size)
		m.Publish()
		root := m.Epochs[0].MapRoot
		var labels []keytrans.Hash
		for l := range m.Entries {
			if len(labels) < 30 {
				labels = append(labels, l)
			}
		}
		for i := range 30 {
			labels = append(labels, label(byte(i*8), i))
		}
		var joined []keytrans.MapProof
		for i, l := range labels {
			p := m.Path(0, l)
			exists, commitment, err := p.Verify(root, l)
			want, in := m.Entries[l]
			if err != nil || exists != in || commitment != want {
				t.Fatalf("label %d of %d: %v, %v, %v", i, size, exists, commitment, err)
			}
			joined = append(joined, p)
			if len(p.Siblings) > 0 {
				p.Siblings[0][0]++
				if _, _, err := p.Verify(root, l); err == nil {
					t.Fatal("a path with another sibling is accepted")
				}
				p.Siblings[0][0]--
			}
		}
		b, err := keytrans.NewBatchProof(labels, joined)
		if err != nil {
			t.Fatal(err)
		}
		encoded := b.Encode()
		b, err = keytrans.ParseBatchProof(encoded)
		if err != nil || !bytes.Equal(b.Encode(), encoded) {
			t.Fatalf("a batch is read as something else: %v", err)
		}
		found, err := b.Verify(root, labels)
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range labels {
			want, in := m.Entries[l]
			if found[i].Exists != in || found[i].Commitment != want {
				t.Errorf("label %d of %d: %+v", i, size, found[i])
			}
		}
		if _, err := b.Verify(keytrans.Hash{}, labels); err == nil {
			t.Error("another root is accepted")
		}
		if _, err := b.Verify(root, labels[1:]); err == nil {
			t.Error("a label less is accepted")
		}
	}
}

// TestMapProofForms refuses paths that another form says as well, or that lie.
func TestMapProofForms(t *testing.T) {
	a, b, c := label(0x00, 1), label(0x40, 2), label(0x80, 3)
	leaf := func(l keytrans.Hash) keytrans.Hash { return keytrans.LeafHash(l, keytrans.Hash{}) }
	lowered := keytrans.NodeHash(leaf(a), keytrans.EmptyHash)
	for _, tt := range []struct {
		name  string
		root  keytrans.Hash
		proof keytrans.MapProof
		label keytrans.Hash
	}{
		{"a leaf below where it belongs", lowered, keytrans.MapProof{Leaf: true, Label: a, Siblings: []keytrans.Hash{keytrans.EmptyHash}}, a},
		{"nothing below where it belongs", keytrans.NodeHash(keytrans.EmptyHash, keytrans.EmptyHash), keytrans.MapProof{Siblings: []keytrans.Hash{keytrans.EmptyHash}}, a},
		{"a leaf that is elsewhere", keytrans.NodeHash(leaf(c), leaf(c)), keytrans.MapProof{Leaf: true, Label: c, Siblings: []keytrans.Hash{leaf(c)}}, a},
		{"257 siblings", leaf(a), keytrans.MapProof{Leaf: true, Label: a, Siblings: make([]keytrans.Hash, 257)}, a},
		{"another root", leaf(b), keytrans.MapProof{Leaf: true, Label: a}, a},
	} {
		if _, _, err := tt.proof.Verify(tt.root, tt.label); err == nil {
			t.Errorf("%s: accepted", tt.name)
		}
	}
	ok := keytrans.MapProof{Leaf: true, Label: b, Siblings: []keytrans.Hash{leaf(c)}}
	if exists, _, err := ok.Verify(keytrans.NodeHash(leaf(b), leaf(c)), a); exists || err != nil {
		t.Errorf("absence by another leaf: %v, %v", exists, err)
	}
	for _, tt := range []struct {
		name   string
		labels []keytrans.Hash
		proofs []keytrans.MapProof
	}{
		{"no label", nil, nil},
		{"a path less", []keytrans.Hash{a}, nil},
		{"a label twice", []keytrans.Hash{a, a}, []keytrans.MapProof{{Leaf: true, Label: a}, {Leaf: true, Label: a}}},
		{"ends that differ", []keytrans.Hash{a, b}, []keytrans.MapProof{{Leaf: true, Label: a}, {}}},
		{"depths that differ", []keytrans.Hash{a, b}, []keytrans.MapProof{{Leaf: true, Label: a}, {Siblings: []keytrans.Hash{leaf(c)}}}},
		{"a leaf below where it belongs", []keytrans.Hash{a}, []keytrans.MapProof{{Leaf: true, Label: a, Siblings: []keytrans.Hash{keytrans.EmptyHash}}}},
		{"nothing below where it belongs", []keytrans.Hash{c}, []keytrans.MapProof{{Siblings: []keytrans.Hash{keytrans.EmptyHash}}}},
		{"a leaf that is elsewhere", []keytrans.Hash{a}, []keytrans.MapProof{{Leaf: true, Label: c, Siblings: []keytrans.Hash{leaf(c)}}}},
		{"too deep", []keytrans.Hash{a}, []keytrans.MapProof{{Siblings: make([]keytrans.Hash, 256)}}},
		{"too many", make([]keytrans.Hash, 66), make([]keytrans.MapProof, 66)},
	} {
		if _, err := keytrans.NewBatchProof(tt.labels, tt.proofs); err == nil {
			t.Errorf("%s: joined", tt.name)
		}
	}
}

// TestBatchLies refuses batches that lead to the root and still lie.
func TestBatchLies(t *testing.T) {
	a, c := label(0x00, 1), label(0x80, 3)
	zero := keytrans.Hash{}
	root := keytrans.NodeHash(keytrans.LeafHash(a, zero), keytrans.LeafHash(c, zero))
	other := keytrans.LeafHash(c, zero)
	present := slices.Concat([]byte{34, 1, 1}, zero[:], []byte{1, 0x80}, other[:])
	absent := slices.Concat([]byte{0x40, 66, 2, 1}, a[:], zero[:], []byte{1, 0x80}, other[:])
	longer := slices.Concat([]byte{34, 1, 1}, zero[:], []byte{2, 0x80, 0}, other[:])
	more := slices.Concat([]byte{34, 1, 1}, zero[:], []byte{1, 0xc0}, other[:], other[:])
	for name, tt := range map[string]struct {
		encoded []byte
		want    bool
	}{
		"the honest one":                         {present, true},
		"a label's own leaf that says it is not": {absent, false},
		"a bitmap that is longer":                {longer, false},
		"a sibling that nothing asks for":        {more, false},
	} {
		b, err := keytrans.ParseBatchProof(tt.encoded)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := b.Verify(root, []keytrans.Hash{a}); (err == nil) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBatchForms changes each bit of a batch: none may say the same of the map.
func TestBatchForms(t *testing.T) {
	m := &keytranstest.Model{TB: t, Entries: map[keytrans.Hash]keytrans.Hash{}}
	m.Fill(40)
	m.Publish()
	var labels []keytrans.Hash
	for l := range m.Entries {
		labels = append(labels, l)
		if len(labels) == 3 {
			break
		}
	}
	for i := range 6 {
		labels = append(labels, label(byte(i*40), i))
	}
	encoded := m.Prove(0, labels).Encode()
	for i := range encoded {
		for bit := range 8 {
			other := slices.Clone(encoded)
			other[i] ^= 1 << bit
			b, err := keytrans.ParseBatchProof(other)
			if err != nil {
				if !errors.Is(err, keytrans.ErrFormat) {
					t.Fatalf("error %v is not ErrFormat", err)
				}
				continue
			}
			if _, err := b.Verify(m.Epochs[0].MapRoot, labels); err == nil {
				t.Fatalf("bit %d of byte %d changed: accepted", bit, i)
			}
		}
	}
	for _, other := range [][]byte{append(slices.Clone(encoded), 0), encoded[:len(encoded)-1], nil} {
		if _, err := keytrans.ParseBatchProof(other); !errors.Is(err, keytrans.ErrFormat) {
			t.Errorf("%d bytes of %d: %v", len(other), len(encoded), err)
		}
	}
}
