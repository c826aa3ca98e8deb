package directory

import (
	"context"
	"log/slog"
	"sync"

	"k8s.io/klog/v2"
)

var quieted sync.Once

// quietTessera sends what Tessera logs, which it does for the whole program, to
// the log of the first directory: warnings and errors, and the rest as debugging.
func quietTessera(l *slog.Logger) {
	quieted.Do(func() { klog.SetSlogLogger(slog.New(demote{l.Handler()})) })
}

// demote makes debugging of information.
type demote struct{ slog.Handler }

func (d demote) Enabled(ctx context.Context, level slog.Level) bool {
	return d.Handler.Enabled(ctx, demoted(level))
}

func (d demote) Handle(ctx context.Context, r slog.Record) error {
	r.Level = demoted(r.Level)
	return d.Handler.Handle(ctx, r)
}

func (d demote) WithAttrs(attrs []slog.Attr) slog.Handler { return demote{d.Handler.WithAttrs(attrs)} }

func (d demote) WithGroup(name string) slog.Handler { return demote{d.Handler.WithGroup(name)} }

func demoted(level slog.Level) slog.Level {
	if level < slog.LevelWarn {
		return min(level, slog.LevelDebug)
	}
	return level
}
