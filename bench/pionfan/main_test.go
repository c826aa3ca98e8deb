package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"conclave/client/load"
)

// TestFan has one publisher and three subscribers meet.
func TestFan(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	out, in := io.Pipe()
	running.Go(func() {
		if err := serve(ctx, "127.0.0.1:0", in); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	base, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	exchange := func(path string) load.Exchange {
		return func(_ context.Context, offer string) (string, error) {
			response, err := http.Post(strings.TrimSpace(base)+path, "application/sdp", strings.NewReader(offer))
			if err != nil {
				return "", err
			}
			defer response.Body.Close()
			b, err := io.ReadAll(response.Body)
			if response.StatusCode != http.StatusCreated {
				return "", fmt.Errorf("%s: %s", response.Status, b)
			}
			return string(b), err
		}
	}
	peer := load.PeerConfig{Local: netip.MustParseAddr("127.0.0.1")}
	p, err := load.NewPublisher(peer, []load.Stream{{Codec: load.VP8}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Offer(ctx, exchange("/publish")); err != nil {
		t.Fatal(err)
	}
	running.Go(func() {
		if err := p.Play(ctx); err != nil {
			t.Errorf("Play: %v", err)
		}
	})
	defer cancel() // before Close: Play must have returned
	for range 3 {
		s, err := load.NewSubscriber(load.SubscriberConfig{PeerConfig: peer})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Offer(ctx, exchange("/subscribe")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-s.Receiving():
		case <-s.Failed():
			t.Fatal("the connection failed")
		}
	}
}

func TestRunRefusesFlags(t *testing.T) {
	var said strings.Builder
	if code := run([]string{"-nonsense"}, io.Discard, &said); code != 2 || !strings.Contains(said.String(), "nonsense") {
		t.Errorf("run = %d, said %q", code, said.String())
	}
}
