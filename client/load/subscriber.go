package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtp"
	"github.com/pion/transport/v5/packetio"
	"github.com/pion/webrtc/v4"
)

const defaultFeedback = 100 * time.Millisecond

// A SubscriberConfig says how a subscriber receives.
type SubscriberConfig struct {
	PeerConfig
	// Video and Audio are how many m-lines [Subscriber.Offer] asks for; one of
	// video if both are 0. [Subscriber.Answer] takes what the server offers.
	Video, Audio int
	// Link limits what arrives. Nil: nothing is limited.
	Link *Link
	// Feedback is the time between transport-wide feedback messages; 100 ms.
	Feedback time.Duration
}

// A Subscriber is a peer connection that receives and measures. It answers with
// transport-wide feedback, negative acknowledgements, receiver reports and key
// frame requests, as a browser does, as far as they were negotiated. Its methods
// may be called concurrently.
//
// Packets are counted by the goroutine that decrypts them and go no further:
// pion's tracks never see one.
type Subscriber struct {
	// Constant after NewSubscriber.
	cfg        SubscriberConfig
	network    *network
	pc         *webrtc.PeerConnection
	connection *connection
	receiving  chan struct{} // closed with the first media packet
	lost       chan struct{} // capacity 1: something is to be asked for again
	closing    chan struct{}
	feedback   sync.WaitGroup
	dropped    atomic.Int64

	negotiating sync.Mutex // held over an exchange of descriptions

	mu       sync.Mutex
	terms    terms // what was negotiated
	sources  map[uint32]*source
	header   rtp.Header // scratch
	arrivals *twcc.Recorder
	count    Count // but for Latency and Dropped
	latency  liveHistogram
	started  bool
	closed   bool
}

// NewSubscriber returns a subscriber, which receives nothing yet.
func NewSubscriber(cfg SubscriberConfig) (*Subscriber, error) {
	if cfg.Feedback == 0 {
		cfg.Feedback = defaultFeedback
	}
	s := &Subscriber{
		cfg: cfg, receiving: make(chan struct{}), lost: make(chan struct{}, 1), closing: make(chan struct{}),
		sources: make(map[uint32]*source), arrivals: twcc.NewRecorder(chance32()),
	}
	n, err := newNetwork(cfg.Local, cfg.Link, &s.dropped, uint64(chance32()))
	if err != nil {
		return nil, err
	}
	s.network = n
	n.arrived = s.arrived
	engine, err := newEngine([]Codec{VP9, AV1, VP8, H264, Opus}, subscribeExtensions)
	if err != nil {
		return nil, err
	}
	settings, err := peerSettings(n)
	if err != nil {
		return nil, err
	}
	settings.BufferFactory = s.buffer
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(new(interceptor.Registry)),
		webrtc.WithSettingEngine(settings))
	if s.pc, err = api.NewPeerConnection(webrtc.Configuration{
		BundlePolicy: webrtc.BundlePolicyMaxBundle, ICEServers: cfg.IceServers,
	}); err != nil {
		return nil, fmt.Errorf("load: receiving peer connection: %w", err)
	}
	s.connection = newConnection(s.pc)
	s.feedback.Go(s.giveFeedback)
	return s, nil
}

// buffer is what pion keeps the decrypted packets of one SSRC in.
func (s *Subscriber) buffer(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	if kind == packetio.RTCPBufferPacket {
		return &reports{sink: newSink(), subscriber: s}
	}
	return &media{sink: newSink(), source: s.source(ssrc)}
}

// Offer asks for media by an offer of its own and takes the answer (as WHEP
// does). It does not wait for the connection. The error wraps that of exchange.
func (s *Subscriber) Offer(ctx context.Context, exchange Exchange) error {
	s.negotiating.Lock()
	defer s.negotiating.Unlock()
	video := s.cfg.Video
	if video == 0 && s.cfg.Audio == 0 {
		video = 1
	}
	for i := range video + s.cfg.Audio {
		kind := webrtc.RTPCodecTypeVideo
		if i >= video {
			kind = webrtc.RTPCodecTypeAudio
		}
		if _, err := s.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			return fmt.Errorf("load: asking for media: %w", err)
		}
	}
	return offer(ctx, s.pc, func(ctx context.Context, text string) (string, error) {
		text, err := exchange(ctx, text)
		if err == nil {
			s.agree(text, text)
		}
		return text, err
	})
}

// Answer takes an offer of the server, the first or a later one, and returns
// the answer.
func (s *Subscriber) Answer(ctx context.Context, offer string) (string, error) {
	s.negotiating.Lock()
	defer s.negotiating.Unlock()
	text, err := answer(ctx, s.pc, offer)
	if err == nil {
		s.agree(offer, text)
	}
	return text, err
}

// agree takes what was negotiated: SSRCs from the server's description, the rest
// from the answer.
func (s *Subscriber) agree(remote, answer string) {
	t := readTerms(remote, answer)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.terms = t
}

// Receiving is closed with the first media packet.
func (s *Subscriber) Receiving() <-chan struct{} { return s.receiving }

// Failed is closed when the connection has failed or was closed.
func (s *Subscriber) Failed() <-chan struct{} { return s.connection.failed }

// Count returns what came so far.
func (s *Subscriber) Count() Count {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.count
	c.Latency = s.latency.snapshot()
	c.Dropped = s.dropped.Load()
	return c
}

// Vanish ends the connection without a word to the server, and waits for its
// goroutines.
func (s *Subscriber) Vanish() error {
	s.network.cut()
	return s.Close()
}

// Close ends the connection and waits for its goroutines.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		close(s.closing)
	}
	err := s.pc.Close()
	s.connection.fail()
	s.feedback.Wait()
	if errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}

// A sink is what pion takes for a buffer of packets. What is written to it is
// handled at once, and there is never anything to read.
type sink struct {
	closed chan struct{}
	once   *sync.Once
}

func newSink() sink { return sink{make(chan struct{}), new(sync.Once)} }

// Read blocks until Close.
func (s sink) Read([]byte) (int, error) {
	<-s.closed
	return 0, io.EOF
}

// Close ends Read.
func (s sink) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// media takes the RTP packets of one SSRC.
type media struct {
	sink
	source *source
}

// Write takes one RTP packet.
func (m *media) Write(b []byte) (int, error) {
	m.source.subscriber.receive(time.Now(), m.source, b)
	return len(b), nil
}

// reports takes RTCP packets.
type reports struct {
	sink
	subscriber *Subscriber
}

// Write takes one RTCP packet.
func (r *reports) Write(b []byte) (int, error) {
	r.subscriber.report(time.Now(), b)
	return len(b), nil
}
