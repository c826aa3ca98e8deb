package engine

import (
	"log/slog"
	"testing"

	"conclave/api"
)

// TestPanicWhileNegotiating has a room fail while it makes an offer, which a
// goroutine of its own does: the room ends, the process and the other room go on.
func TestPanicWhileNegotiating(t *testing.T) {
	e, err := New(Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan any, 1)
	ill := e.NewRoom(slog.New(slog.DiscardHandler), func(reason any) { failed <- reason })
	well := e.NewRoom(slog.New(slog.DiscardHandler), func(reason any) { t.Errorf("the other room failed: %v", reason) })
	drop := func(*api.ServerFrame) {}
	seat := ill.Attach(1, drop)

	ill.mu.Lock()
	ill.core = nil // as good as any bug
	ill.negotiateLocked(seat)
	ill.mu.Unlock()
	if reason := <-failed; reason == nil {
		t.Error("the room failed without a reason")
	}
	ill.Close()

	told := make(chan struct{}, 1)
	well.Attach(1, func(*api.ServerFrame) {
		select {
		case told <- struct{}{}:
		default:
		}
	}).Sync()
	<-told
	well.Close()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}
