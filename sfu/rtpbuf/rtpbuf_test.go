package rtpbuf

import (
	"bytes"
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

func TestWindow(t *testing.T) {
	type step struct {
		seq   uint16
		want  uint64
		fresh bool
	}
	tests := map[string][]step{
		"in order over the wrap": {
			{65534, 1<<16 + 65534, true}, {65535, 1<<16 + 65535, true}, {0, 2 << 16, true}, {1, 2<<16 + 1, true},
		},
		"duplicates and late packets": {
			{10, 1<<16 + 10, true},
			{10, 1<<16 + 10, false},
			{13, 1<<16 + 13, true},
			{12, 1<<16 + 12, true},
			{12, 1<<16 + 12, false},
			{11, 1<<16 + 11, true},
			{13, 1<<16 + 13, false},
		},
		"late over the wrap": {
			{65530, 1<<16 + 65530, true},
			{2, 2<<16 + 2, true},
			{65535, 1<<16 + 65535, true},
			{65535, 1<<16 + 65535, false},
			{1, 2<<16 + 1, true},
		},
		"before the first": {
			{0, 1 << 16, true}, {65535, 1<<16 - 1, false}, {1, 1<<16 + 1, true},
		},
		"one stray packet": {
			{100, 1<<16 + 100, true},
			{30000, 1<<16 + 100, false},
			{101, 1<<16 + 101, true},
			{30001, 1<<16 + 101, false},
			{102, 1<<16 + 102, true},
		},
		"the sender begins again": {
			{100, 1<<16 + 100, true},
			{30000, 1<<16 + 100, false},
			{30001, 3<<16 + 30001, true},
			{30002, 3<<16 + 30002, true},
			{30000, 3<<16 + 30000, true},
		},
		"the sender begins again lower": {
			{40000, 1<<16 + 40000, true}, {65535, 1<<16 + 40000, false}, {0, 3 << 16, true}, {1, 3<<16 + 1, true},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			var w Window
			for i, s := range steps {
				if got, fresh := w.Accept(s.seq); got != s.want || fresh != s.fresh {
					t.Fatalf("step %d: Accept(%d) = %d, %v, want %d, %v", i, s.seq, got, fresh, s.want, s.fresh)
				}
			}
		})
	}
}

// TestWindowModel: with reordering, loss and duplicates inside maxJump, every
// packet is new once and gets its own number.
func TestWindowModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w Window
		sent := uint64(1<<16) + uint64(rapid.Uint16().Draw(t, "first"))
		first := sent
		seen := map[uint64]bool{}
		for range rapid.IntRange(1, 400).Draw(t, "packets") {
			sent += rapid.Uint64Range(0, maxJump/2).Draw(t, "step")
			late := rapid.Uint64Range(0, maxJump/2).Draw(t, "late")
			n := max(sent-late, first)
			if n < first || len(seen) == 0 {
				n = first
			}
			got, fresh := w.Accept(uint16(n))
			if got != n || fresh == seen[n] {
				t.Fatalf("Accept(%d) = %d, %v, want %d, %v", uint16(n), got, fresh, n, !seen[n])
			}
			seen[n] = true
			if w.Highest() < n {
				t.Fatalf("Highest() = %d after %d", w.Highest(), n)
			}
		}
	})
}

func FuzzWindow(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 0xff, 0xff, 0, 3})
	f.Fuzz(func(t *testing.T, in []byte) {
		var w Window
		seen := map[uint64]bool{}
		for ; len(in) >= 2; in = in[2:] {
			seq := binary.BigEndian.Uint16(in)
			n, fresh := w.Accept(seq)
			if fresh && (n < 1<<16 || uint16(n) != seq || seen[n]) {
				t.Fatalf("Accept(%d) = %d, new; seen before: %v", seq, n, seen[n])
			}
			if fresh {
				seen[n] = true
			}
		}
	})
}

func TestBuffer(t *testing.T) {
	b := New[int](20000)
	packet := func(n uint64, size int) []byte {
		p := make([]byte, size)
		binary.BigEndian.PutUint64(p, n)
		return p
	}
	for n := uint64(1 << 16); n < 1<<16+300; n++ {
		stored, meta := b.Put(n, packet(n, 900+int(n%7)*100))
		if !bytes.Equal(stored, packet(n, 900+int(n%7)*100)) {
			t.Fatalf("Put(%d) = %x", n, stored)
		}
		*meta = int(n)
		for back := uint64(0); back < 40 && n-back >= 1<<16; back++ {
			got, meta, ok := b.Packet(n - back)
			if back < 11 && !ok {
				t.Fatalf("after %d, packet %d is gone", n, n-back)
			}
			if ok && (binary.BigEndian.Uint64(got) != n-back || *meta != int(n-back) || len(got) != 900+int((n-back)%7)*100) {
				t.Fatalf("Packet(%d) = %x, %d", n-back, got[:8], *meta)
			}
			if back > 25 && ok {
				t.Fatalf("after %d, packet %d is still there", n, n-back)
			}
		}
	}
	if _, _, ok := b.Packet(1<<16 + 300); ok {
		t.Error("a packet that was never put is there")
	}
	if stored, _ := b.Put(1<<16, packet(0, 100)); stored != nil {
		t.Error("a packet older than its slot was stored")
	}
	for _, size := range []int{0, MaxPacket + 1} {
		if stored, meta := b.Put(1<<17, make([]byte, size)); stored != nil || meta != nil {
			t.Errorf("a packet of %d bytes was stored", size)
		}
	}
}

// TestBufferModel: what a Buffer returns is what was put, whatever the order.
func TestBufferModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := New[uint64](rapid.IntRange(0, 40000).Draw(t, "budget"))
		put := map[uint64][]byte{}
		for i := range rapid.IntRange(1, 100).Draw(t, "packets") {
			seq := 1<<16 + rapid.Uint64Range(uint64(i), uint64(i)+50).Draw(t, "seq")
			p := bytes.Repeat([]byte{byte(i)}, rapid.IntRange(1, MaxPacket).Draw(t, "size"))
			if put[seq] != nil {
				continue // the Window lets no number through twice
			}
			stored, meta := b.Put(seq, p)
			if stored == nil {
				continue
			}
			*meta, put[seq] = seq, p
			if got, _, ok := b.Packet(seq); !ok || !bytes.Equal(got, p) {
				t.Fatalf("the packet just put is not there")
			}
			for seq, want := range put {
				if got, meta, ok := b.Packet(seq); ok && (!bytes.Equal(got, want) || *meta != seq) {
					t.Fatalf("Packet(%d) = %d x %d, want %d x %d", seq, len(got), got[0], len(want), want[0])
				}
			}
		}
	})
}

func TestNoAllocations(t *testing.T) {
	var w Window
	b := New[[64]byte](1 << 20)
	p := make([]byte, 1200)
	seq := uint16(0)
	got := testing.AllocsPerRun(5000, func() {
		seq++
		n, fresh := w.Accept(seq)
		if stored, _ := b.Put(n, p); !fresh || stored == nil {
			t.Fatal("the packet was refused")
		}
		if _, _, ok := b.Packet(n); !ok {
			t.Fatal("the packet is gone")
		}
	})
	if got != 0 {
		t.Errorf("a packet allocates %v times, want 0", got)
	}
}
