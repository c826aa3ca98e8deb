package history_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"conclave/client/history"
	"conclave/client/vault"
	"conclave/client/vault/native"
)

// BenchmarkAdd stores 10,000 messages of 200 bytes in batches of 200, as a device
// does that was offline; BenchmarkSearch looks for what is not there.
func BenchmarkAdd(b *testing.B) {
	for n := 0; b.Loop(); n++ {
		fill(b, open(b))
	}
}

func BenchmarkSearch(b *testing.B) {
	h := fill(b, open(b))
	for b.Loop() {
		if found, err := h.Search(b.Context(), history.ID{}, "needle", 50); err != nil || len(found) != 0 {
			b.Fatal(len(found), err)
		}
	}
}

func open(b *testing.B) vault.Database {
	s, err := native.Open(b.TempDir(), native.Options{
		Passphrase: func(bool) (string, error) { return "correct horse battery", nil }, PreferPassphrase: true, WorkFactor: 4,
	})
	if err != nil {
		b.Fatal(err)
	}
	d, err := s.OpenDatabase(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := d.Close(); err != nil {
			b.Error(err)
		}
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return d
}

func fill(b *testing.B, db vault.Database) *history.History {
	ctx, h, talk := b.Context(), history.New(db, history.ID{1}), history.ID{9}
	start := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	text := strings.Repeat("some words ", 18)
	for n := 0; n < 10000; n += 200 {
		batch := h.Begin()
		if n == 0 {
			if err := batch.SetConversation(ctx, history.Conversation{ID: talk}); err != nil {
				b.Fatal(err)
			}
		}
		for i := n; i < n+200; i++ {
			m := history.Message{
				Conversation: talk, Seq: uint64(i + 1), From: history.ID{2}, Device: history.ID{3}, Sent: start, Arrived: start,
				Kind: history.KindText, Text: fmt.Sprint(text, i),
			}
			binary.BigEndian.PutUint64(m.ID[:], uint64(i+1)*0x9e3779b97f4a7c15) // as scattered as ids are
			if err := batch.Add(ctx, m); err != nil {
				b.Fatal(err)
			}
		}
		if err := db.Apply(ctx, batch.Changes()); err != nil {
			b.Fatal(err)
		}
	}
	return h
}
