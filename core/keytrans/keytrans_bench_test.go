package keytrans_test

import (
	"fmt"
	"testing"

	"conclave/core/identity"
	"conclave/core/keytrans/keytranstest"
)

// benchWorld has kofi at a version among 100,000 entries, a record of 600 bytes
// and 2 witnesses.
func benchWorld(b *testing.B, version int) *world {
	b.Helper()
	w := newWorld(b, 0)
	w.Fill(100_000)
	for range version {
		w.p.Add(w.Model, w.p.Next(func(r *identity.Record) {
			r.Name = "Kofi Mensah"
			r.Devices[0].Name, r.Devices[1].Name = "phone", "laptop"
		}))
	}
	w.Later(second)
	return w
}

// BenchmarkLookup measures what a client does for one answer: at first contact
// by handle, by user with all labels known at a new checkpoint, and at a checkpoint that was seen before.
// The answer's size is a metric.
func BenchmarkLookup(b *testing.B) {
	for _, version := range []int{0, 7, 30} {
		w := benchWorld(b, version)
		q := w.request()
		answer := w.Lookup(q, w.p, w.p.Version()).Encode()
		b.Run(fmt.Sprintf("version=%d/first", version), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				v := w.Verifier() // has not seen the note
				b.StartTimer()
				if _, err := v.Lookup(w.st, q, answer, w.Now); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(answer)), "B/answer")
			b.ReportMetric(float64(len(w.p.Records[version])), "B/record")
		})
		r, err := w.v.Lookup(w.st, q, answer, w.Now)
		if err != nil {
			b.Fatal(err)
		}
		w.st.Apply(r)
		q = w.request()
		answer = w.Lookup(q, w.p, w.p.Version()).Encode()
		b.Run(fmt.Sprintf("version=%d/cached", version), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.v.Lookup(w.st, q, answer, w.Now); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(answer)), "B/answer")
		})
		b.Run(fmt.Sprintf("version=%d/cached-new-checkpoint", version), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				v := w.Verifier()
				b.StartTimer()
				if _, err := v.Lookup(w.st, q, answer, w.Now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMonitor measures one distinguished epoch of an owner at version 7.
func BenchmarkMonitor(b *testing.B) {
	w := benchWorld(b, 7)
	q := w.request()
	r, err := w.v.Lookup(w.st, q, w.Lookup(q, w.p, 7).Encode(), w.Now)
	if err != nil {
		b.Fatal(err)
	}
	w.st.Apply(r)
	w.Later(keytranstest.Hour)
	m := w.st.MonitorRequest(w.p.User, true, 1)
	answer := w.Monitor(m, func(int) uint32 { return 7 }).Encode()
	for b.Loop() {
		if _, err := w.v.Monitor(w.st, m, answer, w.Now); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(answer)), "B/answer")
}
