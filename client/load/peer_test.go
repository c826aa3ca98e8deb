package load

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testTimeout ends a test that waits for something that never comes.
const testTimeout = 60 * time.Second

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// inCall connects a publisher and a subscriber without a server between.
func inCall(t *testing.T, streams []Stream, link *Link) (*Publisher, *Subscriber) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	peer := PeerConfig{Local: loopback}
	p, err := NewPublisher(peer, streams)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSubscriber(SubscriberConfig{PeerConfig: peer, Link: link})
	if err != nil {
		t.Fatal(err)
	}
	played := make(chan error, 1)
	if err := p.Offer(ctx, s.Answer); err != nil {
		t.Fatal(err)
	}
	go func() { played <- p.Play(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-played; err != nil {
			t.Errorf("Play() = %v", err)
		}
		if err := p.Close(); err != nil {
			t.Errorf("closing the publisher: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("closing the subscriber: %v", err)
		}
	})
	return p, s
}

// await looks until ok.
func await(t *testing.T, what string, s *Subscriber, ok func(Count) bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(testTimeout); time.Now().Before(end); <-tick.C {
		if ok(s.Count()) {
			return
		}
	}
	t.Fatalf("waited in vain for %s: %+v", what, s.Count())
}

// TestPeerToPeer sends every codec without a server between.
func TestPeerToPeer(t *testing.T) {
	for _, c := range []Codec{VP9, AV1, VP8, H264, Opus} {
		t.Run(c.String(), func(t *testing.T) {
			p, s := inCall(t, []Stream{{Codec: c}}, nil)
			await(t, "packets", s, func(c Count) bool { return c.Packets > 30 })
			c := s.Count()
			if sent := p.Sent(); c.Lost != 0 || c.Duplicates != 0 || c.Packets > int64(sent) {
				t.Errorf("%d sent, received %+v", sent, c)
			}
			if p50 := c.Latency.Quantile(0.5); p50 <= 0 || p50 > testTimeout {
				t.Errorf("latency %v", p50)
			}
		})
	}
}

// TestLossIsRepaired loses packets on an emulated link: they are asked for, sent
// again, and counted once.
func TestLossIsRepaired(t *testing.T) {
	_, s := inCall(t, []Stream{{Codec: VP9}}, &Link{Loss: 0.1})
	// A machine that stands still for a moment loses packets too, and many at once.
	await(t, "repaired packets", s, func(c Count) bool { return c.Repaired > 20 && c.Lost <= c.Packets/10 })
	if c := s.Count(); c.Dropped == 0 || c.Repaired > c.Late {
		t.Errorf("%+v", c)
	}
}

// TestSlowLink sends 2.5 Mbit/s through 1 Mbit/s.
func TestSlowLink(t *testing.T) {
	_, s := inCall(t, []Stream{{Codec: VP9}}, &Link{Rate: 1_000_000, Queue: 100 * time.Millisecond})
	await(t, "drops", s, func(c Count) bool { return c.Dropped > 100 })
	if p99 := s.Count().Latency.Quantile(0.5); p99 < 50*time.Millisecond {
		t.Errorf("half of the packets took up to %v; the queue before the link holds 100 ms", p99)
	}
}

// TestOfferOfSubscriber lets the subscriber offer, as WHEP does. Nothing answers
// but what a server would.
func TestOfferOfSubscriber(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	s, err := NewSubscriber(SubscriberConfig{PeerConfig: PeerConfig{Local: loopback}, Video: 1, Audio: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	other, err := NewSubscriber(SubscriberConfig{PeerConfig: PeerConfig{Local: loopback}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.Offer(ctx, other.Answer); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.terms.payloads[payloadTypes[VP9]]; !p.known || !p.nack || !p.pli || p.clock != 90_000 || s.terms.transport == 0 {
		t.Errorf("negotiated %+v, transport-wide number %d", p, s.terms.transport)
	}
	if p := s.terms.payloads[payloadTypes[Opus]]; !p.audio || p.nack {
		t.Errorf("negotiated %+v for sound", p)
	}
}

// TestVanish ends a subscriber of whom the publisher hears nothing more, as it
// does of one that is closed.
func TestVanish(t *testing.T) {
	for _, c := range []struct {
		name  string
		end   func(*Subscriber) error
		known bool
	}{{"vanish", (*Subscriber).Vanish, false}, {"close", (*Subscriber).Close, true}} {
		t.Run(c.name, func(t *testing.T) {
			p, s := inCall(t, []Stream{{Codec: VP9}}, &Link{Delay: time.Millisecond})
			await(t, "packets", s, func(c Count) bool { return c.Packets > 10 })
			if err := c.end(s); err != nil {
				t.Fatal(err)
			}
			sent := p.Sent()
			await(t, "the publisher to go on or to know", s, func(Count) bool { return hasFailed(p) || p.Sent() > sent+100 })
			if got := hasFailed(p); got != c.known {
				t.Errorf("the publisher knows of the end: %v, want %v", got, c.known)
			}
		})
	}
}

func hasFailed(p *Publisher) bool {
	select {
	case <-p.Failed():
		return true
	default:
		return false
	}
}
