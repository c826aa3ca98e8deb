// Package deliverykit runs the delivery service for tests. Only tests import it.
package deliverykit

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"

	"conclave/delivery"
	"conclave/store/sqlite"
)

// Start runs a Service on a fresh SQLite database until the end of t.
func Start(t testing.TB, limits delivery.Limits) *delivery.Service {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s, err := delivery.New(delivery.Config{Store: db.Delivery(), Bus: &wire{}, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		s.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// A wire is a bus that tells at once.
type wire struct {
	mu   sync.Mutex
	subs []func(delivery.Notice)
}

func (w *wire) Publish(n delivery.Notice) {
	w.mu.Lock()
	subs := w.subs
	w.mu.Unlock()
	for _, f := range subs {
		f(n)
	}
}

func (w *wire) Subscribe(f func(delivery.Notice)) (cancel func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.subs = append(w.subs, f)
	return func() {}
}
