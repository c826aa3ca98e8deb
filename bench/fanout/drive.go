package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"conclave/client/load"
)

const (
	publisherLead  = 1500 * time.Millisecond // before the first receiver
	joinEvery      = 20 * time.Millisecond
	receiveTimeout = 30 * time.Second
)

// A meeting is where a server's publisher and receivers meet.
type meeting interface {
	publish(ctx context.Context, p *load.Publisher) error
	subscribe(ctx context.Context, s *load.Subscriber) error
}

// drive has one publisher and many receivers meet at a server of another kind, in
// the way that client/load does at Conclave, and measures.
func drive(ctx context.Context, o *options, w work, in meeting, peer load.PeerConfig, server *process, m *measurement) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var playing sync.WaitGroup
	defer playing.Wait()
	defer cancel(nil)
	publisher, err := load.NewPublisher(peer, []load.Stream{w.Stream})
	if err != nil {
		return err
	}
	defer func() {
		cancel(nil)
		playing.Wait()
		_ = publisher.Close() // nothing more is expected of it
	}()
	if err := in.publish(ctx, publisher); err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	playing.Go(func() {
		if err := publisher.Play(ctx); err != nil {
			cancel(err)
		}
	})
	if !pause(ctx, publisherLead) {
		return context.Cause(ctx)
	}
	before, err := server.usage()
	if err != nil {
		return err
	}
	all, err := subscribeAll(ctx, w, in, peer)
	defer closeAll(all)
	if err != nil {
		return err
	}
	if !pause(ctx, o.warmUp) {
		return context.Cause(ctx)
	}
	return measure(ctx, o, w, publisher, all, server, before, m)
}

// subscribeAll lets the receivers join and waits until each has a packet.
func subscribeAll(ctx context.Context, w work, in meeting, peer load.PeerConfig) ([]*load.Subscriber, error) {
	var all []*load.Subscriber
	for range w.Subscribers {
		s, err := load.NewSubscriber(load.SubscriberConfig{PeerConfig: peer})
		if err != nil {
			return all, err
		}
		all = append(all, s)
		if err := in.subscribe(ctx, s); err != nil {
			return all, fmt.Errorf("receiver %d: %w", len(all), err)
		}
		if !pause(ctx, joinEvery) {
			return all, context.Cause(ctx)
		}
	}
	timeout := time.NewTimer(receiveTimeout)
	defer timeout.Stop()
	for i, s := range all {
		select {
		case <-s.Receiving():
		case <-s.Failed():
			return all, fmt.Errorf("receiver %d: the connection failed", i+1)
		case <-timeout.C:
			return all, fmt.Errorf("receiver %d gets nothing", i+1)
		case <-ctx.Done():
			return all, context.Cause(ctx)
		}
	}
	return all, nil
}

func closeAll(all []*load.Subscriber) {
	var closing sync.WaitGroup
	for _, s := range all {
		closing.Go(func() { _ = s.Close() }) // nothing more is expected of it
	}
	closing.Wait()
}

// measure measures the windows.
func measure(ctx context.Context, o *options, w work, p *load.Publisher, all []*load.Subscriber, server *process, before usage, m *measurement) error {
	count := func() (c load.Count) {
		for _, s := range all {
			c = c.Add(s.Count())
		}
		return c
	}
	sent, got, began := p.Sent(), count(), time.Now()
	last, err := server.usage()
	if err != nil {
		return err
	}
	for range o.windows {
		if !pause(ctx, o.window) {
			return context.Cause(ctx)
		}
		sentNow, gotNow, ended := p.Sent(), count(), time.Now()
		now, err := server.usage()
		if err != nil {
			return err
		}
		c := gotNow.Sub(got)
		m.add(windowed{
			Seconds:   ended.Sub(began).Seconds(),
			Sent:      int64(sentNow-sent) * int64(w.Subscribers),
			Forwarded: c.Packets,
			Lost:      c.Lost,
			P50:       milliseconds(c.Latency.Quantile(0.5)),
			P99:       milliseconds(c.Latency.Quantile(0.99)),
			CPU:       now.since(last).Seconds(),
		})
		last, sent, got, began = now, sentNow, gotNow, ended
	}
	m.MemoryEach = float64(last.Resident-before.Resident) / float64(w.Subscribers)
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

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
