package load

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// BenchmarkPeerToPeer reports the latency, in milliseconds, of packets that go
// through no server: what the publisher, the kernel and the receivers take by
// themselves, with one pair and with a hundred. Each publisher sends 26 pictures
// a second of ten packets at once, as in bench/fanout. One operation is a second.
func BenchmarkPeerToPeer(b *testing.B) {
	for _, pairs := range []int{1, 100} {
		b.Run(fmt.Sprintf("pairs=%d", pairs), func(b *testing.B) {
			var all []*Subscriber
			for range pairs {
				all = append(all, pair(b))
			}
			before := make([]Count, pairs)
			for i, s := range all {
				before[i] = s.Count()
			}
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for b.Loop() {
				<-tick.C
			}
			var sum Count
			for i, s := range all {
				sum = sum.Add(s.Count().Sub(before[i]))
			}
			b.ReportMetric(float64(sum.Latency.Quantile(0.5).Microseconds())/1e3, "p50-ms")
			b.ReportMetric(float64(sum.Latency.Quantile(0.99).Microseconds())/1e3, "p99-ms")
			b.ReportMetric(float64(sum.Packets)/float64(b.N), "packets/s")
		})
	}
}

// pair connects a publisher that plays and a subscriber, until b ends.
func pair(b *testing.B) *Subscriber {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	peer := PeerConfig{Local: loopback}
	p, err := NewPublisher(peer, []Stream{{Codec: VP8, Pattern: Burst10}})
	if err != nil {
		b.Fatal(err)
	}
	s, err := NewSubscriber(SubscriberConfig{PeerConfig: peer})
	if err != nil {
		b.Fatal(err)
	}
	if err := p.Offer(ctx, s.Answer); err != nil {
		b.Fatal(err)
	}
	played := make(chan error, 1)
	go func() { played <- p.Play(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-played; err != nil {
			b.Errorf("Play() = %v", err)
		}
		if err := p.Close(); err != nil {
			b.Errorf("closing the publisher: %v", err)
		}
		if err := s.Close(); err != nil {
			b.Errorf("closing the subscriber: %v", err)
		}
	})
	<-s.Receiving()
	return s
}
