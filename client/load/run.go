package load

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"conclave/api"
)

const (
	receiveTimeout = 30 * time.Second // from joining to the first packet
	mostJoining    = 32               // at a time
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

// publishing is a publisher in the meeting.
type publishing struct {
	member    *member
	publisher *Publisher
}

// subscribing is a subscriber in the meeting.
type subscribing struct {
	member     *member
	subscriber *Subscriber
	stop       context.CancelFunc
	answering  sync.WaitGroup
	ready      bool // it has received something; guarded by the mu of the run

	mu            sync.Mutex
	width, height uint32
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

// addPublisher lets one more publisher join and play.
func (r *run) addPublisher(ctx context.Context, i int) error {
	m, err := join(ctx, r.target, fmt.Sprintf("Publisher %d", i+1), r.cfg.Log, nil)
	if err != nil {
		return err
	}
	peer := r.peer
	peer.IceServers = m.servers
	p, err := NewPublisher(peer, r.cfg.streams())
	if err != nil {
		m.close()
		return err
	}
	r.publishers = append(r.publishers, &publishing{m, p})
	err = p.Offer(ctx, func(ctx context.Context, text string) (string, error) {
		var streams []*api.PublishedStream
		for i, mid := range p.Mids() {
			streams = append(streams, &api.PublishedStream{Mid: mid, Kind: r.kind(i), Active: true})
		}
		return m.publish(ctx, text, streams)
	})
	if err != nil {
		return err
	}
	r.work.Go(func() {
		if err := p.Play(ctx); err != nil {
			r.fail(err)
		}
	})
	r.work.Go(func() {
		select {
		case <-m.done:
			r.fail(ErrLost)
		case <-p.Failed():
			r.fail(ErrConnect)
		case <-ctx.Done():
		}
	})
	return nil
}

// kind is what the i-th stream of a publisher is.
func (r *run) kind(i int) api.StreamKind {
	if r.cfg.streams()[i].Codec == Opus {
		return api.StreamKind_STREAM_KIND_MICROPHONE
	}
	return api.StreamKind_STREAM_KIND_CAMERA
}

// fill lets all subscribers join, and waits until each receives.
func (r *run) fill(ctx context.Context) error {
	r.cfg.Progress(fmt.Sprintf("joining with %d subscribers", r.cfg.Subscribers))
	r.mu.Lock()
	r.subscribers = make(map[int]*subscribing)
	r.mu.Unlock()
	var joining sync.WaitGroup
	for range r.cfg.Subscribers {
		select {
		case r.joining <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		joining.Go(func() {
			defer func() { <-r.joining }()
			if err := r.addSubscriber(ctx); err != nil {
				r.fail(err)
			}
		})
		if !pause(ctx, r.cfg.JoinEvery) {
			break
		}
	}
	joining.Wait()
	return context.Cause(ctx)
}

// errSilent says that a subscriber got nothing.
var errSilent = errors.New("load: a subscriber joined, but no media came; check that the server's media port can be reached by UDP")

// addSubscriber lets one more subscriber join and waits until it receives.
func (r *run) addSubscriber(ctx context.Context) error {
	r.mu.Lock()
	n := r.next
	r.next++
	r.mu.Unlock()
	x := &subscribing{width: r.cfg.Width, height: r.cfg.Height}
	own, stop := context.WithCancel(context.WithoutCancel(ctx))
	x.stop = stop
	m, err := join(ctx, r.target, fmt.Sprintf("Subscriber %d", n+1), r.cfg.Log, func(m *member, s []*api.Stream) { x.show(own, m, s) })
	if err != nil {
		stop()
		return err
	}
	x.member = m
	cfg := SubscriberConfig{PeerConfig: r.peer}
	cfg.IceServers = m.servers
	if len(r.cfg.Links) > 0 {
		cfg.Link = &r.cfg.Links[n%len(r.cfg.Links)]
	}
	if x.subscriber, err = NewSubscriber(cfg); err != nil {
		stop()
		m.close()
		return err
	}
	x.answering.Go(func() { m.answerOffers(own, x.subscriber) })
	r.mu.Lock()
	r.subscribers[n] = x
	r.mu.Unlock()
	timeout := time.NewTimer(receiveTimeout)
	defer timeout.Stop()
	select {
	case <-x.subscriber.Receiving():
	case <-m.done:
		return ErrLost
	case <-x.subscriber.Failed():
		return ErrConnect
	case <-timeout.C:
		return errSilent
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	r.mu.Lock()
	x.ready = true
	r.mu.Unlock()
	r.work.Go(func() { r.watch(ctx, own, x) })
	return nil
}

// watch counts a subscriber that ends unasked.
func (r *run) watch(ctx, own context.Context, x *subscribing) {
	select {
	case <-ctx.Done():
		return
	case <-own.Done():
		return
	case <-x.member.done:
	case <-x.subscriber.Failed():
	}
	if own.Err() != nil || ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed++
}

// show asks for all video of others. It is called by the goroutine that reads
// from the server, and when a tile changes.
func (x *subscribing) show(ctx context.Context, m *member, streams []*api.Stream) {
	x.mu.Lock()
	width, height := x.width, x.height
	x.mu.Unlock()
	var items []*api.ViewItem
	for _, s := range streams {
		video := s.GetKind() == api.StreamKind_STREAM_KIND_CAMERA || s.GetKind() == api.StreamKind_STREAM_KIND_SCREEN
		if video && s.GetActive() && len(items) < mostStreams {
			items = append(items, &api.ViewItem{Stream: s.GetStream(), Width: width, Height: height, Priority: 2})
		}
	}
	_ = m.view(ctx, items) // fails only if the connection ended, which done tells
}

// resize shows all streams in another size.
func (x *subscribing) resize(ctx context.Context, width, height uint32) {
	x.mu.Lock()
	x.width, x.height = width, height
	x.mu.Unlock()
	x.member.mu.Lock()
	streams := x.member.streams
	x.member.mu.Unlock()
	x.show(ctx, x.member, streams)
}

// close ends a subscriber.
func (x *subscribing) close() {
	x.stop()
	x.answering.Wait()
	_ = x.subscriber.Close() // nothing more is expected of it
	x.member.close()
}

// churn lets subscribers leave and others come, and changes what others show.
func (r *run) churn(ctx context.Context) {
	tick := time.NewTicker(time.Duration(float64(time.Second) / r.cfg.Churn))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if x := r.take(); x != nil {
			r.work.Go(x.close)
		}
		r.work.Go(func() {
			if err := r.addSubscriber(ctx); err != nil && ctx.Err() == nil {
				r.fail(fmt.Errorf("load: a subscriber that came later: %w", err))
			}
		})
		if x := r.any(); x != nil {
			scale := uint32(1) << chance(4)
			x.resize(ctx, r.cfg.Width/scale, r.cfg.Height/scale)
		}
	}
}

// any returns one of the subscribers, or nil.
func (r *run) any() *subscribing {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.subscribers {
		return x
	}
	return nil
}

// take takes one of the subscribers out, if there are enough.
func (r *run) take() *subscribing {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.subscribers) < r.cfg.Subscribers {
		return nil
	}
	for n, x := range r.subscribers {
		if !x.ready {
			continue // it is still joining
		}
		delete(r.subscribers, n)
		// What it got is counted, but not what it gets while it leaves.
		r.gone = r.gone.Add(x.subscriber.Count())
		return x
	}
	return nil
}

// close empties the meeting.
func (r *run) close() {
	r.work.Wait()
	var leaving sync.WaitGroup
	r.mu.Lock()
	for _, x := range r.subscribers {
		leaving.Go(x.close)
	}
	r.mu.Unlock()
	for _, p := range r.publishers {
		leaving.Go(func() {
			_ = p.publisher.Close() // nothing more is expected of it
			p.member.close()
		})
	}
	leaving.Wait()
	r.target.client.CloseIdleConnections()
}
