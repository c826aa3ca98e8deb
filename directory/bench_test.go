package directory_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"conclave/core/keytrans"
	"conclave/directory"
	"conclave/directory/prefixmap"
	"conclave/store/sqlite"
)

// sqliteStore opens a database in a folder.
func sqliteStore(b *testing.B, dir string) directory.Store {
	b.Helper()
	tables, err := sqlite.Open(b.Context(), filepath.Join(dir, "db"), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := tables.Close(); err != nil {
			b.Error(err)
		}
	})
	return tables.Directory()
}

// filled returns a store of users that nobody can look up: their labels are
// random, which saves the time to compute them. They come in epochs of an hour.
// The first epoch is one that a directory made.
func filled(b *testing.B, store directory.Store, users, epochs int) {
	b.Helper()
	ctx := context.Background()
	rows, err := store.Epochs(ctx, 0, 1)
	if err != nil || len(rows) != 1 {
		b.Fatal(err)
	}
	first, err := keytrans.ParseEpoch(rows[0].Leaf)
	if err != nil {
		b.Fatal(err)
	}
	m := prefixmap.New()
	for n := 1; n <= epochs; n++ {
		var entries []directory.Entry
		for i := users * (n - 1) / epochs; i < users*n/epochs; i++ {
			for ns := directory.NamespaceHandle; ns <= directory.NamespaceUser; ns++ {
				e := directory.Entry{Namespace: ns, Epoch: uint64(n), Value: make([]byte, 500)}
				e.Name = binary.BigEndian.AppendUint64(make([]byte, 8, 16), uint64(i))
				if ns == directory.NamespaceHandle {
					e.Skeleton, e.Value = string(e.Name), e.Value[:16]
				}
				_, _ = rand.Read(e.Label[:])
				_, _ = rand.Read(e.Commitment[:])
				entries = append(entries, e)
			}
		}
		slices.SortFunc(entries, func(a, b directory.Entry) int { return bytes.Compare(a.Label[:], b.Label[:]) })
		added := make([]prefixmap.Entry, len(entries))
		for i, e := range entries {
			added[i] = prefixmap.Entry{Label: e.Label, Commitment: e.Commitment, Epoch: uint32(n)}
		}
		if m, err = m.Insert(added); err != nil {
			b.Fatal(err)
		}
		epoch := keytrans.Epoch{
			Index: uint64(n), Time: first.Time + uint64(n)*3_600_000, MapSize: uint64(m.Len()), MapRoot: m.Root(),
		}
		if err := store.Commit(ctx, directory.StoredEpoch{Number: uint64(n), Leaf: epoch.Encode(), Distinguished: true}, entries); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRestart opens a directory of 100,000 users, half a year of hours old.
func BenchmarkRestart(b *testing.B) {
	dir := b.TempDir()
	store := sqliteStore(b, dir)
	start(b, store, dir).stop()
	filled(b, store, 100_000, 4000)
	start(b, store, dir).stop() // writes the log
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		began := time.Now()
		w := start(b, store, dir)
		b.ReportMetric(time.Since(began).Seconds(), "s/restart")
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapInuse-before.HeapInuse)/200_000, "B/entry")
		w.stop()
	}
}

// BenchmarkUpdate publishes one update of an idle directory, with one witness.
func BenchmarkUpdate(b *testing.B) {
	dir := b.TempDir()
	policy, _ := witnesses(b, logKey(b, dir), 1, func(h http.Handler) http.Handler { return h })
	w := start(b, sqliteStore(b, dir), dir, func(c *directory.Config) { c.Policy = policy })
	p := newPerson(b, "alice")
	w.put(b, p)
	var worst time.Duration
	for range b.N {
		b.StopTimer()
		idle := time.NewTimer(300 * time.Millisecond)
		<-idle.C
		p.next(b)
		b.StartTimer()
		began := time.Now()
		w.put(b, p)
		worst = max(worst, time.Since(began))
	}
	if w.Stats().Cosigned.Load() != 1 {
		b.Error("the witness did not cosign")
	}
	b.ReportMetric(float64(worst.Milliseconds()), "ms-worst")
}

// BenchmarkBurst has 10,000 people sign up at the same time.
func BenchmarkBurst(b *testing.B) {
	const burst = 10_000
	for range b.N {
		b.StopTimer()
		dir := b.TempDir()
		w := start(b, sqliteStore(b, dir), dir, func(c *directory.Config) { c.MinInterval = time.Second })
		everybody := make([]*person, burst)
		for i := range everybody {
			everybody[i] = newPerson(b, handleOf(i))
		}
		for _, what := range []string{"s/sign-ups", "s/updates"} {
			b.StartTimer()
			began, from := time.Now(), w.Stats().Epochs.Load()
			var wg sync.WaitGroup
			for _, p := range everybody {
				wg.Go(func() { w.put(b, p) })
			}
			wg.Wait()
			b.ReportMetric(time.Since(began).Seconds(), what)
			b.ReportMetric(float64(w.Stats().Epochs.Load()-from), "epochs-of-"+what[2:])
			b.StopTimer()
			for _, p := range everybody {
				p.next(b)
			}
		}
		w.stop()
	}
}

// BenchmarkLookup answers lookups by handle among 1000 users at version 7, of
// strangers and of clients that know the labels.
func BenchmarkLookup(b *testing.B) {
	dir := b.TempDir()
	w := start(b, sqliteStore(b, dir), dir)
	var wg sync.WaitGroup
	for i := range 1000 {
		p := newPerson(b, handleOf(i))
		wg.Go(func() {
			w.put(b, p)
			for range 7 {
				w.put(b, p.next(b))
			}
		})
	}
	wg.Wait()
	for name, cached := range map[string]bool{"stranger": false, "again": true} {
		b.Run(name, func(b *testing.B) {
			size := 0
			for i := range b.N {
				q := keytrans.LookupRequest{Kind: keytrans.ByHandle, Name: []byte(handleOf(i % 1000))}
				if cached {
					q.Cached = []uint32{1, 3, 7, 8, 9, 11, 15}
				}
				answer, err := w.Lookup(b.Context(), q.Encode())
				if err != nil {
					b.Fatal(err)
				}
				size = len(answer)
			}
			b.ReportMetric(float64(size), "B/answer")
		})
	}
}
