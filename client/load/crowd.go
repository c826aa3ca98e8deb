package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"conclave/api"
)

const (
	receiveTimeout = 30 * time.Second // from joining to the first packet
	mostJoining    = 32               // at a time
)

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

// ErrSilent means that a subscriber's media connection stands, but the server
// sends it nothing.
var ErrSilent = errors.New("load: a subscriber is connected, but the server sends it no media")

// silence returns why a subscriber got nothing.
func (x *subscribing) silence() error {
	select {
	case <-x.subscriber.connection.connected:
		return ErrSilent
	default:
	}
	x.member.mu.Lock()
	defer x.member.mu.Unlock()
	return fmt.Errorf("%w: %d offers were answered, %v", ErrConnect, x.member.answered, x.subscriber.pc.ICEConnectionState())
}

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
		return x.silence()
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

// vanish ends a subscriber without a word to the server.
func (x *subscribing) vanish() {
	x.stop()
	x.answering.Wait()
	_ = x.subscriber.Vanish() // nothing more is expected of it
	x.member.drop()
}

// churn lets subscribers leave and others come, and changes what others show.
// Every other one leaves without a word.
func (r *run) churn(ctx context.Context) {
	tick := time.NewTicker(time.Duration(float64(time.Second) / r.cfg.Churn))
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if x := r.take(); x != nil {
			leave := x.close
			if n%2 == 1 {
				leave = x.vanish
			}
			r.work.Go(leave)
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
