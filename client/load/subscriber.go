package load

import (
	"context"
	"time"
)

// A SubscriberConfig says how a subscriber receives.
type SubscriberConfig struct {
	PeerConfig
	// Kinds are the m-lines that [Subscriber.Offer] asks for; one of video.
	Video, Audio int
	// Link limits what arrives. Nil: nothing is limited.
	Link *Link
	// Feedback is the time between transport-wide feedback messages; 100 ms.
	Feedback time.Duration
}

// A Subscriber is a peer connection that receives and measures. It answers with
// transport-wide feedback, negative acknowledgements, receiver reports and key
// frame requests, as a browser does, as far as they were negotiated.
type Subscriber struct{}

// NewSubscriber returns a subscriber, which receives nothing yet.
func NewSubscriber(cfg SubscriberConfig) (*Subscriber, error) { return nil, errTodo }

// Offer asks for media by an offer of its own and takes the answer (as WHEP
// does). It does not wait for the connection.
func (s *Subscriber) Offer(ctx context.Context, exchange Exchange) error { return errTodo }

// Answer takes an offer of the server, the first or a later one, and returns
// the answer.
func (s *Subscriber) Answer(ctx context.Context, offer string) (answer string, err error) {
	return "", errTodo
}

// Receiving is closed with the first media packet.
func (s *Subscriber) Receiving() <-chan struct{} { return nil }

// Failed is closed when the connection has failed or was closed.
func (s *Subscriber) Failed() <-chan struct{} { return nil }

// Count returns what came so far.
func (s *Subscriber) Count() Count { return Count{} }

// Close ends the connection and waits for its goroutines.
func (s *Subscriber) Close() error { return nil }
