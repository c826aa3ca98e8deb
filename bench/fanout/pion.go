package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"conclave/client/load"
)

const maxAnswer = 1 << 20 // bytes

// loopback is where the receivers of servers that accept it are.
var loopback = load.PeerConfig{Local: netip.AddrFrom4([4]byte{127, 0, 0, 1})}

// measurePion measures bin/pionfan.
func measurePion(ctx context.Context, o *options, w work, m *measurement) error {
	dir, err := os.MkdirTemp("", "fanout")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays behind does no harm
	p, err := start(ctx, dir, filepath.Join(o.bin, "pionfan"))
	if err != nil {
		return err
	}
	defer p.stop()
	base, err := p.line(ctx)
	if err != nil {
		return err
	}
	return drive(ctx, o, w, whip{base}, loopback, p, m)
}

// A whip is a server that takes an offer by HTTP and answers it.
type whip struct{ base string }

func (h whip) publish(ctx context.Context, p *load.Publisher) error {
	return p.Offer(ctx, h.exchange("/publish"))
}

func (h whip) subscribe(ctx context.Context, s *load.Subscriber) error {
	return s.Offer(ctx, h.exchange("/subscribe"))
}

func (h whip) exchange(path string) load.Exchange {
	return func(ctx context.Context, offer string) (string, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.base+path, strings.NewReader(offer))
		if err != nil {
			return "", err
		}
		request.Header.Set("Content-Type", "application/sdp")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return "", err
		}
		defer func() { _ = response.Body.Close() }() // it was read
		b, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		if err != nil {
			return "", err
		}
		if response.StatusCode != http.StatusCreated {
			return "", fmt.Errorf("%s: %s", response.Status, b)
		}
		return string(b), nil
	}
}
