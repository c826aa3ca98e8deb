package load

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Run fills a meeting, measures, and empties it again. It returns what was
// measured up to then, if anything, together with the error that ended it, the
// context's included.
func Run(ctx context.Context, cfg Config) (Result, error) {
	cfg, err := cfg.validate()
	if err != nil {
		return Result{}, err
	}
	t, err := newTarget(cfg.Link, cfg.Roots)
	if err != nil {
		return Result{}, err
	}
	r := &run{cfg: cfg, target: t, metrics: cfg.Metrics, joining: make(chan struct{}, mostJoining)}
	if r.metrics == "" {
		r.metrics = t.base.JoinPath("metrics").String()
	}
	if r.peer.Local, err = LocalFor(ctx, t.base.Hostname()); err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	r.fail = cancel
	defer r.close()
	defer cancel(nil)
	return r.measure(ctx)
}

// A run is one measurement.
type run struct {
	// Constant after Run began.
	cfg     Config
	target  *target
	metrics string // address
	peer    PeerConfig
	fail    context.CancelCauseFunc
	joining chan struct{} // one token for each subscriber on its way in
	work    sync.WaitGroup

	publishers []*publishing // owned by measure

	mu          sync.Mutex
	subscribers map[int]*subscribing // by number
	next        int                  // number
	gone        Count                // of subscribers that left
	failed      int
}

func (r *run) measure(ctx context.Context) (Result, error) {
	if _, err := r.server(ctx); err != nil {
		return Result{}, err // better now than when all have joined
	}
	r.cfg.Progress(fmt.Sprintf("joining with %d publishers", r.cfg.Publishers))
	for i := range r.cfg.Publishers {
		if err := r.addPublisher(ctx, i); err != nil {
			return Result{}, cause(ctx, err)
		}
	}
	if !pause(ctx, r.cfg.Lead) {
		return Result{}, context.Cause(ctx)
	}
	before, err := r.server(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := r.fill(ctx); err != nil {
		return Result{}, cause(ctx, err)
	}
	if r.cfg.Churn > 0 {
		r.work.Go(func() { r.churn(ctx) })
	}
	r.cfg.Progress(fmt.Sprintf("all receive; warming up for %v", r.cfg.WarmUp))
	if !pause(ctx, r.cfg.WarmUp) {
		return Result{}, context.Cause(ctx)
	}
	return r.windows(ctx, before)
}

// windows measures one window after the other.
func (r *run) windows(ctx context.Context, before map[string]float64) (Result, error) {
	first, err := r.sample(ctx)
	if err != nil {
		return Result{}, err
	}
	var out []Window
	last := first
	for range r.cfg.Windows {
		if !pause(ctx, r.cfg.For/time.Duration(r.cfg.Windows)) {
			err = context.Cause(ctx)
			break
		}
		var now sample
		if now, err = r.sample(ctx); err != nil {
			break
		}
		out = append(out, windowBetween(last, now))
		r.cfg.OnWindow(out[len(out)-1])
		last = now
	}
	if len(out) == 0 {
		return Result{}, err
	}
	result := summary(r.cfg, out, last.count.Latency.combine(first.count.Latency, -1))
	r.mu.Lock()
	result.Failed = r.failed
	r.mu.Unlock()
	if before != nil && last.server != nil {
		rss := before[metricResident]
		each := (last.server[metricResident] - rss) / float64(r.cfg.Subscribers)
		result.ServerRSSBefore, result.ServerRSSPerSubscriber = &rss, &each
	}
	return result, err
}

// cause returns why ctx ended, if it did, or else err.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil {
		return c
	}
	return err
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// server reads the server's numbers. Without any, it returns nil, unless they
// were asked for.
func (r *run) server(ctx context.Context) (map[string]float64, error) {
	values, err := readMetrics(ctx, r.target.client, r.metrics)
	if err == nil || ctx.Err() != nil || r.cfg.Metrics != "" {
		return values, cause(ctx, err)
	}
	r.cfg.Log.InfoContext(ctx, "CPU and memory of the server are not measured", slog.Any("error", err))
	return nil, nil //nolint:nilnil // nothing to measure by is no error
}

// sample takes the state of everything.
func (r *run) sample(ctx context.Context) (sample, error) {
	server, err := r.server(ctx)
	if err != nil {
		return sample{}, err
	}
	s := sample{at: time.Now(), server: server}
	for _, p := range r.publishers {
		s.sent += p.publisher.Sent()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.subscribers = len(r.subscribers)
	s.count = r.gone
	for _, x := range r.subscribers {
		s.count = s.count.Add(x.subscriber.Count())
	}
	return s, nil
}
