package server

import (
	"context"
	"log/slog"
)

// dropAddresses passes on only that net/http had something to say: its texts
// quote the addresses of clients, which are never logged.
type dropAddresses struct{ slog.Handler }

// Handle implements slog.Handler.
func (d dropAddresses) Handle(ctx context.Context, r slog.Record) error {
	r.Message = "http server refused a connection"
	return d.Handler.Handle(ctx, r)
}
