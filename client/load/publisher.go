package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// A Publisher is a peer connection that sends. Make it with [NewPublisher],
// connect it with [Publisher.Offer], then [Publisher.Play].
// It sends lost packets again, sends reports, and sends a key frame when it is
// asked for one, at most every 300 ms, and every 4 s.
type Publisher struct {
	// Constant after NewPublisher.
	pc         *webrtc.PeerConnection
	connection *connection
	outs       []*out // one for each stream
	readers    sync.WaitGroup

	sent atomic.Uint64
}

// An out is one m-line.
type out struct {
	stream      Stream
	transceiver *webrtc.RTPTransceiver
	encodings   []*encoding // one, or those of simulcast, lowest resolution first
}

// An encoding is one SSRC.
type encoding struct {
	rid   string // "" without simulcast
	local *webrtc.TrackLocalStaticRTP
	asked atomic.Bool // for a key frame
}

// rids are the names of the encodings of simulcast, lowest resolution first.
var rids = []string{"q", "h", "f"}

// NewPublisher returns a publisher with one m-line for each stream. The error
// wraps ErrStream if one of them cannot be generated.
func NewPublisher(cfg PeerConfig, streams []Stream) (*Publisher, error) {
	p := new(Publisher)
	var codecs []Codec
	for _, s := range streams {
		s, err := s.validate()
		if err != nil {
			return nil, err
		}
		p.outs = append(p.outs, &out{stream: s})
		codecs = append(codecs, s.Codec)
	}
	api, err := publisherAPI(cfg, codecs)
	if err != nil {
		return nil, err
	}
	if p.pc, err = api.NewPeerConnection(webrtc.Configuration{
		BundlePolicy: webrtc.BundlePolicyMaxBundle, ICEServers: cfg.IceServers,
	}); err != nil {
		return nil, fmt.Errorf("load: sending peer connection: %w", err)
	}
	p.connection = newConnection(p.pc)
	for i, o := range p.outs {
		if err := p.addOut(o, i); err != nil {
			return nil, errors.Join(fmt.Errorf("load: adding a track: %w", err), p.Close())
		}
	}
	return p, nil
}

func publisherAPI(cfg PeerConfig, codecs []Codec) (*webrtc.API, error) {
	n, err := newNetwork(cfg.Local, nil, nil, 0)
	if err != nil {
		return nil, err
	}
	engine, err := newEngine(codecs, publishExtensions)
	if err != nil {
		return nil, err
	}
	registry, err := publisherInterceptors(engine)
	if err != nil {
		return nil, fmt.Errorf("load: registering interceptors: %w", err)
	}
	settings, err := peerSettings(n)
	if err != nil {
		return nil, err
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry),
		webrtc.WithSettingEngine(settings)), nil
}

// addOut adds the m-line of a stream.
func (p *Publisher) addOut(o *out, index int) error {
	capability := webrtc.RTPCodecCapability{MimeType: o.stream.Codec.MIME(), ClockRate: clockOf(o.stream.Codec)}
	if o.stream.Codec == Opus {
		capability.Channels = 2
	}
	for i := range o.stream.Layers.Encodings {
		e := new(encoding)
		var options []func(*webrtc.TrackLocalStaticRTP)
		if o.stream.Layers.Encodings > 1 {
			e.rid = rids[i]
			options = append(options, webrtc.WithRTPStreamID(e.rid))
		}
		var err error
		if e.local, err = webrtc.NewTrackLocalStaticRTP(capability, fmt.Sprintf("track%d", index), "load", options...); err != nil {
			return err
		}
		o.encodings = append(o.encodings, e)
	}
	var err error
	o.transceiver, err = p.pc.AddTransceiverFromTrack(o.encodings[0].local,
		webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return err
	}
	for _, e := range o.encodings[1:] {
		if err := o.transceiver.Sender().AddEncoding(e.local); err != nil {
			return err
		}
	}
	return nil
}

// Offer offers all streams by exchange, takes the answer and waits until the
// connection stands. The error wraps that of exchange, or ErrConnect.
func (p *Publisher) Offer(ctx context.Context, exchange Exchange) error {
	if err := offer(ctx, p.pc, exchange); err != nil {
		return err
	}
	for _, o := range p.outs {
		for _, e := range o.encodings {
			p.readers.Go(func() { e.readFeedback(o.transceiver.Sender()) }) // ends with the peer connection
		}
	}
	return p.connection.wait(ctx)
}

// Mids returns the mids of the streams, in their order, once there is an offer:
// an Exchange may call it.
func (p *Publisher) Mids() []string {
	mids := make([]string, 0, len(p.outs))
	for _, o := range p.outs {
		mids = append(mids, o.transceiver.Mid())
	}
	return mids
}

// readFeedback reads what the server says about an encoding. Interceptors take
// their part while it reads.
func (e *encoding) readFeedback(sender *webrtc.RTPSender) {
	read := sender.ReadRTCP
	if e.rid != "" {
		read = func() ([]rtcp.Packet, interceptor.Attributes, error) { return sender.ReadSimulcastRTCP(e.rid) }
	}
	for {
		packets, _, err := read()
		if err != nil {
			return
		}
		for _, r := range packets {
			switch r.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				e.asked.Store(true)
			}
		}
	}
}

// Sent returns the media packets sent so far, of all layers and encodings.
func (p *Publisher) Sent() uint64 { return p.sent.Load() }

// Failed is closed when the connection has failed or was closed.
func (p *Publisher) Failed() <-chan struct{} { return p.connection.failed }

// Close ends the connection and waits for its goroutines. Play must have
// returned.
func (p *Publisher) Close() error {
	err := p.pc.Close()
	p.connection.fail()
	p.readers.Wait()
	return err
}
