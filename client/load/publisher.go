package load

import (
	"context"
	"errors"
)

var errTodo = errors.New("load: not written yet")

// A Publisher is a peer connection that sends. Make it with [NewPublisher],
// connect it with [Publisher.Offer] or [Publisher.Answer], then [Publisher.Play].
type Publisher struct{}

// NewPublisher returns a publisher with one m-line for each stream.
func NewPublisher(cfg PeerConfig, streams []Stream) (*Publisher, error) { return nil, errTodo }

// Offer offers all streams by exchange, takes the answer and waits until the
// connection stands.
func (p *Publisher) Offer(ctx context.Context, exchange Exchange) error { return errTodo }

// Mids returns the mids of the streams, in order, once there is an offer: an
// Exchange may call it.
func (p *Publisher) Mids() []string { return nil }

// Play sends until ctx ends, and returns nil then.
func (p *Publisher) Play(ctx context.Context) error { return errTodo }

// Sent returns the media packets sent so far, of all layers and encodings.
func (p *Publisher) Sent() uint64 { return 0 }

// Close ends the connection and waits for its goroutines.
func (p *Publisher) Close() error { return nil }
