package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"sync"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/logging"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"conclave/sfu/dd"
)

// ErrConnect means that a peer connection did not come to stand.
var ErrConnect = errors.New("load: media connection failed")

// An Exchange hands a server the local description, an offer, and returns the
// server's answer. It is how a peer that offers reaches any signalling.
type Exchange func(ctx context.Context, offer string) (answer string, err error)

// A PeerConfig is what publishers and subscribers have in common.
type PeerConfig struct {
	// Local is the address of this machine that candidates name; the zero Addr
	// means the first one that is not a loopback address. See [LocalFor].
	Local netip.Addr
	// IceServers are those the server named; usually none.
	IceServers []webrtc.ICEServer
}

// peerSettings returns what all peer connections have in common. Replay
// protection is off: duplicates are counted, not refused.
func peerSettings(n *network) (webrtc.SettingEngine, error) {
	s := webrtc.SettingEngine{LoggerFactory: quietLogs()}
	s.SetNet(n)
	s.SetIncludeLoopbackCandidate(true)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.DisableActiveTCP(true)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if n.local.Is6() {
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP6})
	}
	// Checks go on for some 15 s, as browsers' do, not for less than two.
	s.SetICEMaxBindingRequests(mostChecks)
	s.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM)
	s.DisableSRTPReplayProtection(true)
	s.DisableSRTCPReplayProtection(true)
	// As browsers do; pion would be the DTLS server of whoever is ICE-lite.
	if err := s.SetAnsweringDTLSRole(webrtc.DTLSRoleClient); err != nil {
		return s, fmt.Errorf("load: choosing the DTLS role: %w", err)
	}
	return s, nil
}

// quietLogs keeps pion's own log lines, which hold addresses, out of our log.
func quietLogs() logging.LoggerFactory {
	f := logging.NewDefaultLoggerFactory()
	f.Writer = io.Discard
	f.DefaultLogLevel = logging.LogLevelDisabled
	f.ScopeLevels = map[string]logging.LogLevel{}
	return f
}

// mostChecks is how often a pair of addresses is checked, 200 ms apart, before it
// is given up.
const mostChecks = 75

// Payload types, as Chromium numbers them. Those of repair are one more.
var payloadTypes = [...]webrtc.PayloadType{VP9: 98, AV1: 45, VP8: 96, H264: 102, Opus: 111}

var formats = [...]string{
	VP9: "profile-id=0", AV1: "level-idx=5;profile=0;tier=0", VP8: "",
	H264: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", Opus: "minptime=10;useinbandfec=1",
}

// newEngine returns a MediaEngine with the given codecs and header extensions.
func newEngine(codecs []Codec, extensions map[webrtc.RTPCodecType][]string) (*webrtc.MediaEngine, error) {
	engine := new(webrtc.MediaEngine)
	for _, c := range codecs {
		if err := registerCodec(engine, c); err != nil {
			return nil, fmt.Errorf("load: registering %v: %w", c, err)
		}
	}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		for _, uri := range extensions[kind] {
			if err := engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, kind); err != nil {
				return nil, fmt.Errorf("load: registering a header extension: %w", err)
			}
		}
	}
	return engine, nil
}

func registerCodec(engine *webrtc.MediaEngine, c Codec) error {
	capability := webrtc.RTPCodecCapability{
		MimeType: c.MIME(), ClockRate: clockOf(c), SDPFmtpLine: formats[c],
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "transport-cc"}},
	}
	pt := payloadTypes[c]
	if c == Opus {
		capability.Channels = 2
		return engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: capability, PayloadType: pt}, webrtc.RTPCodecTypeAudio)
	}
	capability.RTCPFeedback = append(capability.RTCPFeedback,
		webrtc.RTCPFeedback{Type: "ccm", Parameter: "fir"}, webrtc.RTCPFeedback{Type: "nack"}, webrtc.RTCPFeedback{Type: "nack", Parameter: "pli"})
	if err := engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: capability, PayloadType: pt}, webrtc.RTPCodecTypeVideo); err != nil {
		return err
	}
	return engine.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: pt + 1, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeRTX, ClockRate: clockOf(c), SDPFmtpLine: "apt=" + strconv.Itoa(int(pt)),
	}}, webrtc.RTPCodecTypeVideo)
}

// clockOf returns the RTP clock rate of a codec, in Hz.
func clockOf(c Codec) uint32 {
	if c == Opus {
		return 48_000
	}
	return 90_000
}

var publishExtensions = map[webrtc.RTPCodecType][]string{
	webrtc.RTPCodecTypeVideo: {sdp.SDESMidURI, sdp.SDESRTPStreamIDURI, sdp.SDESRepairRTPStreamIDURI, sdp.TransportCCURI, dd.URI},
	webrtc.RTPCodecTypeAudio: {sdp.SDESMidURI, sdp.TransportCCURI, sdp.AudioLevelURI},
}

var subscribeExtensions = map[webrtc.RTPCodecType][]string{
	webrtc.RTPCodecTypeVideo: {sdp.SDESMidURI, sdp.TransportCCURI, dd.URI},
	webrtc.RTPCodecTypeAudio: {sdp.SDESMidURI, sdp.TransportCCURI, sdp.AudioLevelURI},
}

// publisherInterceptors resend what was lost, report, and number packets for
// transport-wide feedback.
func publisherInterceptors(engine *webrtc.MediaEngine) (*interceptor.Registry, error) {
	registry := new(interceptor.Registry)
	resend, err := nack.NewResponderInterceptor(nack.WithResponderLoggerFactory(quietLogs()))
	if err != nil {
		return nil, err
	}
	reports, err := report.NewSenderInterceptor(report.WithSenderLoggerFactory(quietLogs()))
	if err != nil {
		return nil, err
	}
	registry.Add(resend)
	registry.Add(reports)
	return registry, webrtc.ConfigureTWCCHeaderExtensionSender(engine, registry)
}

// A connection follows the state of a peer connection.
type connection struct {
	connected, failed         chan struct{} // closed once
	onceConnected, onceFailed sync.Once
}

func newConnection(pc *webrtc.PeerConnection) *connection {
	c := &connection{connected: make(chan struct{}), failed: make(chan struct{})}
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			c.onceConnected.Do(func() { close(c.connected) })
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			c.fail()
		default: // on its way, or it may come back
		}
	})
	return c
}

func (c *connection) fail() { c.onceFailed.Do(func() { close(c.failed) }) }

// wait waits until the connection stands.
func (c *connection) wait(ctx context.Context) error {
	select {
	case <-c.connected:
		return nil
	case <-c.failed:
		return ErrConnect
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrConnect, context.Cause(ctx))
	}
}

// offer makes an offer, hands it over and takes the answer.
func offer(ctx context.Context, pc *webrtc.PeerConnection, exchange Exchange) error {
	d, err := pc.CreateOffer(nil)
	if err != nil {
		return fmt.Errorf("load: making an offer: %w", err)
	}
	text, err := setLocal(ctx, pc, d)
	if err != nil {
		return err
	}
	answer, err := exchange(ctx, text)
	if err != nil {
		return err
	}
	err = pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
	if err != nil {
		return fmt.Errorf("load: taking the server's answer: %w", err)
	}
	return nil
}

// answer takes an offer and returns the answer.
func answer(ctx context.Context, pc *webrtc.PeerConnection, text string) (string, error) {
	err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: text})
	if err != nil {
		return "", fmt.Errorf("load: taking the server's offer: %w", err)
	}
	d, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("load: answering the server's offer: %w", err)
	}
	return setLocal(ctx, pc, d)
}

// setLocal sets the local description and returns it with all candidates.
func setLocal(ctx context.Context, pc *webrtc.PeerConnection, d webrtc.SessionDescription) (string, error) {
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(d); err != nil {
		return "", fmt.Errorf("load: setting the local description: %w", err)
	}
	select {
	case <-gathered:
		return pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
