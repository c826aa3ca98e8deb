package seqmap

import (
	"testing"

	"pgregory.net/rapid"
)

func TestMap(t *testing.T) {
	m := New(65534)
	outs := []uint16{
		m.Append(Origin{1, 70000}, Sent),
		m.Append(Origin{1, 70003}, Missing),
		m.Append(Origin{1, 70004}, SentMarker),
		m.Append(Origin{2, 9}, Sent), // another source
		m.Append(Origin{1, 70005}, Sent),
		m.Append(Origin{1, 60000}, Sent), // the source began again lower
	}
	for i, want := range []uint16{65534, 65535, 0, 1, 2, 3} {
		if outs[i] != want {
			t.Errorf("number %d is %d, want %d", i, outs[i], want)
		}
	}
	for _, tt := range []struct {
		out  uint16
		want Origin
		s    State
	}{
		{65534, Origin{1, 70000}, Sent},
		{65535, Origin{1, 70003}, Missing},
		{0, Origin{1, 70004}, SentMarker},
		{1, Origin{2, 9}, Sent},
		{2, Origin{1, 70005}, Sent},
		{3, Origin{1, 60000}, Sent},
	} {
		if o, s, ok := m.Lookup(tt.out); o != tt.want || s != tt.s || !ok {
			t.Errorf("Lookup(%d) = %v, %v, %v, want %v, %v", tt.out, o, s, ok, tt.want, tt.s)
		}
		if out, s, ok := m.Find(tt.want); out != tt.out || s != tt.s || !ok {
			t.Errorf("Find(%v) = %d, %v, %v, want %d, %v", tt.want, out, s, ok, tt.out, tt.s)
		}
	}
	for _, out := range []uint16{4, 5, 65533, 40000} {
		if o, _, ok := m.Lookup(out); ok {
			t.Errorf("Lookup(%d) = %v, want none", out, o)
		}
	}
	for _, o := range []Origin{{1, 70001}, {2, 10}, {3, 9}, {1, 70006}} {
		if out, _, ok := m.Find(o); ok {
			t.Errorf("Find(%v) = %d, want none", o, out)
		}
	}
	m.Set(65535, Filled)
	if _, s, _ := m.Lookup(65535); s != Filled {
		t.Errorf("after Set the state is %v, want Filled", s)
	}
	m.Set(77, Sent) // unknown: no effect
}

func TestEmptyMap(t *testing.T) {
	m := New(0)
	for _, out := range []uint16{0, 1, 65535} {
		if _, _, ok := m.Lookup(out); ok {
			t.Errorf("Lookup(%d) in an empty map succeeds", out)
		}
	}
	if _, _, ok := m.Find(Origin{}); ok {
		t.Error("Find in an empty map succeeds")
	}
}

// TestMapModel compares a Map with a plain list of what was appended.
func TestMapModel(t *testing.T) {
	type given struct {
		o   Origin
		out uint16
	}
	rapid.Check(t, func(t *rapid.T) {
		m := New(rapid.Uint16().Draw(t, "first"))
		var all []given
		current := map[Source]uint64{}
		source := Source(0)
		n := rapid.IntRange(1, 3*Window).Draw(t, "n")
		step := rapid.Uint64Range(1, 1<<20).Draw(t, "step")
		switchEvery := rapid.IntRange(1, 2*Window).Draw(t, "switch")
		for i := range n {
			if i%switchEvery == switchEvery-1 {
				source = Source(rapid.Uint32Range(0, 3).Draw(t, "source"))
			}
			current[source] += step
			o := Origin{source, current[source]}
			all = append(all, given{o, m.Append(o, Sent)})
		}
		for i, g := range all {
			if i > 0 && g.out != all[i-1].out+1 {
				t.Fatalf("number %d follows %d", g.out, all[i-1].out)
			}
			o, _, ok := m.Lookup(g.out)
			out, _, found := m.Find(g.o)
			if n-i > Window {
				if ok && o == g.o || found {
					t.Fatalf("packet %d of %d is still known", i, n)
				}
				continue
			}
			if ok && o != g.o {
				t.Fatalf("Lookup(%d) = %v, want %v", g.out, o, g.o)
			}
			if found && out != g.out {
				t.Fatalf("Find(%v) = %d, want %d", g.o, out, g.out)
			}
			if switchEvery >= Window/(maxRuns-2) && (!ok || !found) {
				t.Fatalf("packet %d of %d is forgotten", i, n)
			}
		}
	})
}

func TestNoAllocations(t *testing.T) {
	m := New(0)
	in := uint64(1 << 16)
	got := testing.AllocsPerRun(5000, func() {
		in += 3
		out := m.Append(Origin{1, in}, Sent)
		if _, _, ok := m.Lookup(out); !ok {
			t.Fatal("Lookup fails")
		}
		if _, _, ok := m.Find(Origin{1, in}); !ok {
			t.Fatal("Find fails")
		}
	})
	if got != 0 {
		t.Errorf("a packet allocates %v times, want 0", got)
	}
}
