package prefixmap_test

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"conclave/core/keytrans"
	"conclave/directory/prefixmap"
)

// naive computes a root by its definition.
func naive(entries []prefixmap.Entry, depth int) keytrans.Hash {
	switch len(entries) {
	case 0:
		return keytrans.EmptyHash
	case 1:
		return keytrans.LeafHash(entries[0].Label, entries[0].Commitment)
	}
	var side [2][]prefixmap.Entry
	for _, e := range entries {
		b := e.Label[depth/8] >> (7 - depth%8) & 1
		side[b] = append(side[b], e)
	}
	return keytrans.NodeHash(naive(side[0], depth+1), naive(side[1], depth+1))
}

func random(r *rand.Rand) (h keytrans.Hash) {
	for i := range h {
		h[i] = byte(r.Uint32())
	}
	return h
}

// some returns entries with labels that are not in known. Some share long prefixes
// with known ones.
func some(r *rand.Rand, n int, known []prefixmap.Entry) []prefixmap.Entry {
	out := make([]prefixmap.Entry, 0, n)
	for len(out) < n {
		e := prefixmap.Entry{Label: random(r), Commitment: random(r)}
		if len(known) > 0 && r.IntN(8) == 0 {
			e.Label = known[r.IntN(len(known))].Label
			e.Label[r.IntN(len(e.Label))] ^= 1 << r.IntN(8)
		}
		same := func(o prefixmap.Entry) bool { return o.Label == e.Label }
		if !slices.ContainsFunc(known, same) && !slices.ContainsFunc(out, same) {
			out = append(out, e)
		}
	}
	return out
}

// of returns copies of entries that an epoch adds.
func of(epoch uint32, entries []prefixmap.Entry) []prefixmap.Entry {
	out := slices.Clone(entries)
	for i := range out {
		out[i].Epoch = epoch
	}
	return out
}

// check proves a label and compares with the model.
func check(t *testing.T, p keytrans.MapProof, root keytrans.Hash, label keytrans.Hash, model []prefixmap.Entry) {
	t.Helper()
	exists, commitment, err := p.Verify(root, label)
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	i := slices.IndexFunc(model, func(e prefixmap.Entry) bool { return e.Label == label })
	if exists != (i >= 0) {
		t.Fatalf("exists = %v, want %v", exists, i >= 0)
	}
	if exists && commitment != model[i].Commitment {
		t.Fatal("the proof has another commitment")
	}
}

// TestModel lets a map grow at random and compares it, and every marked older
// state, with the definition.
func TestModel(t *testing.T) {
	for seed := range uint64(1) {
		r := rand.New(rand.NewPCG(seed, 1))
		m, h := prefixmap.New(), prefixmap.NewHistory()
		var model []prefixmap.Entry
		marks := map[uint32]int{} // epoch: entries then
		for epoch := range uint32(40) {
			add := some(r, r.IntN(60), model)
			before := m.Root()
			if _, err := m.Insert(of(epoch, some(r, 1+r.IntN(40), model))); err != nil { // given up
				t.Fatal(err)
			}
			next, err := m.Insert(of(epoch, add))
			if err != nil {
				t.Fatal(err)
			}
			if m.Root() != before {
				t.Fatalf("epoch %d: the map before was changed", epoch)
			}
			m, model = next, append(model, add...)
			if m.Root() != naive(model, 0) || m.Len() != len(model) {
				t.Fatalf("epoch %d: the root is not that of the definition", epoch)
			}
			if epoch == 0 || r.IntN(3) == 0 {
				h.Mark(epoch, m)
				marks[epoch] = len(model)
			}
		}
		if len(model) < 600 {
			t.Fatalf("only %d entries: nothing is large", len(model))
		}
		for epoch, n := range marks {
			root := naive(model[:n], 0)
			if h.Root(m, epoch) != root {
				t.Fatalf("epoch %d: another root than it had", epoch)
			}
			for range 6 {
				label := model[r.IntN(len(model))].Label
				check(t, h.Prove(m, epoch, label), root, label, model[:n])
				check(t, m.Prove(label), m.Root(), label, model)
				label = some(r, 1, model)[0].Label
				check(t, h.Prove(m, epoch, label), root, label, model[:n])
				check(t, m.Prove(label), m.Root(), label, model)
			}
		}
	}
}

// TestLarge has a map in which hashes are kept at several depths, and Inserts that
// use two processors.
func TestLarge(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	m, h := prefixmap.New(), prefixmap.NewHistory()
	var model []prefixmap.Entry
	marks := map[uint32]int{}
	for epoch, n := range []int{1, 300, 0, 2100, 2, 700, 1} {
		var add []prefixmap.Entry
		for range n {
			add = append(add, prefixmap.Entry{Label: random(r), Commitment: random(r)})
		}
		next, err := m.Insert(of(uint32(epoch), add))
		if err != nil {
			t.Fatal(err)
		}
		m, model = next, append(model, add...)
		h.Mark(uint32(epoch), m)
		marks[uint32(epoch)] = len(model)
	}
	for epoch, n := range marks {
		root := naive(model[:n], 0)
		if h.Root(m, epoch) != root {
			t.Fatalf("epoch %d: another root than it had", epoch)
		}
		for range 20 {
			label := model[r.IntN(len(model))].Label
			check(t, h.Prove(m, epoch, label), root, label, model[:n])
		}
	}
}

func TestDuplicate(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	first := some(r, 5, nil)
	m, err := prefixmap.New().Insert(of(0, first))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Insert([]prefixmap.Entry{{Label: first[3].Label}}); !errors.Is(err, prefixmap.ErrDuplicate) {
		t.Errorf("a label that is there: %v", err)
	}
	twice := some(r, 1, first)
	if _, err := m.Insert(append(twice, twice...)); !errors.Is(err, prefixmap.ErrDuplicate) {
		t.Errorf("a label twice: %v", err)
	}
	if m.Root() != naive(first, 0) {
		t.Error("a refused Insert changed the map")
	}
}

func TestEmpty(t *testing.T) {
	m, h := prefixmap.New(), prefixmap.NewHistory()
	h.Mark(0, m)
	if m.Root() != keytrans.EmptyHash || h.Root(m, 0) != keytrans.EmptyHash {
		t.Error("the empty map has another root")
	}
	check(t, h.Prove(m, 0, keytrans.Hash{1}), keytrans.EmptyHash, keytrans.Hash{1}, nil)
}

// TestPrefixes has labels that differ in the last bit, 256 levels down.
func TestPrefixes(t *testing.T) {
	a, b := prefixmap.Entry{Commitment: keytrans.Hash{1}, Epoch: 4}, prefixmap.Entry{Commitment: keytrans.Hash{2}, Epoch: 5}
	b.Label[31] = 1
	m, err := prefixmap.New().Insert([]prefixmap.Entry{a})
	if err != nil {
		t.Fatal(err)
	}
	h := prefixmap.NewHistory()
	h.Mark(4, m)
	if m, err = m.Insert([]prefixmap.Entry{b}); err != nil {
		t.Fatal(err)
	}
	h.Mark(5, m)
	both := []prefixmap.Entry{a, b}
	check(t, m.Prove(a.Label), naive(both, 0), a.Label, both)
	check(t, h.Prove(m, 5, b.Label), naive(both, 0), b.Label, both)
	check(t, h.Prove(m, 4, b.Label), naive(both[:1], 0), b.Label, both[:1])
}

// BenchmarkMemory reports what an entry costs: in a map, and after a year in which
// users come evenly and each hour stays provable.
func BenchmarkMemory(b *testing.B) {
	for name, epochs := range map[string]int{"at once": 1, "over a year": 365 * 24} {
		b.Run(name, func(b *testing.B) {
			const entries = 200_000
			for range b.N {
				r := rand.New(rand.NewPCG(1, 1))
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				m, h := prefixmap.New(), prefixmap.NewHistory()
				for epoch := range epochs {
					add := make([]prefixmap.Entry, entries*(epoch+1)/epochs-entries*epoch/epochs)
					for i := range add {
						add[i] = prefixmap.Entry{Label: random(r), Commitment: random(r)}
					}
					m, _ = m.Insert(of(uint32(epoch), add))
					h.Mark(uint32(epoch), m)
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapInuse-before.HeapInuse)/entries, "B/entry")
				runtime.KeepAlive(m)
				runtime.KeepAlive(h)
			}
		})
	}
}

func BenchmarkInsert(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	m := prefixmap.New()
	for _, c := range []struct {
		name string
		n    int
	}{{"200000 into none", 200_000}, {"100 into 200000", 100}, {"10000 into 200000", 10_000}} {
		b.Run(c.name, func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				add := make([]prefixmap.Entry, c.n)
				for i := range add {
					add[i] = prefixmap.Entry{Label: random(r), Commitment: random(r)}
				}
				b.StartTimer()
				next, err := m.Insert(add)
				if err != nil {
					b.Fatal(err)
				}
				if m.Len() == 0 && c.n == 200_000 {
					defer func() { m = next }()
				}
			}
		})
	}
}

func BenchmarkProve(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	h := prefixmap.NewHistory()
	m := prefixmap.New()
	for epoch := range uint32(100) {
		add := make([]prefixmap.Entry, 1000)
		for i := range add {
			add[i] = prefixmap.Entry{Label: random(r), Commitment: random(r)}
		}
		m, _ = m.Insert(of(epoch, add))
		h.Mark(epoch, m)
	}
	b.Run("latest", func(b *testing.B) {
		for range b.N {
			m.Prove(random(r))
		}
	})
	b.Run("older", func(b *testing.B) {
		for range b.N {
			h.Prove(m, r.Uint32N(100), random(r))
		}
	})
}
