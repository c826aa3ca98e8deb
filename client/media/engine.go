package media

import (
	"fmt"
	"io"
	"net"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/logging"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"conclave/client/meeting"
	"conclave/sfu/dd"
)

// Payload types that this client offers; an answer takes over those of the offer.
const (
	payloadVP9    = 98
	payloadVP9RTX = 99
	payloadOpus   = 111
)

// newAPI returns a pion API for one peer connection with the codecs and header
// extensions that this client speaks: VP9 and Opus, dependency descriptor,
// audio level, transport-wide feedback. send says which direction it is for.
func newAPI(send bool, mux ice.UDPMux) (*webrtc.API, error) {
	engine := &webrtc.MediaEngine{}
	if err := registerCodecs(engine); err != nil {
		return nil, fmt.Errorf("registering codecs: %w", err)
	}
	registry := &interceptor.Registry{}
	if err := registerInterceptors(engine, registry, send); err != nil {
		return nil, fmt.Errorf("registering interceptors: %w", err)
	}
	settings := webrtc.SettingEngine{LoggerFactory: quietLogs()}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.DisableActiveTCP(true)
	// The server is ICE-lite and always the DTLS server. Without this the answer to
	// such an offer would say that we are.
	if err := settings.SetAnsweringDTLSRole(webrtc.DTLSRoleClient); err != nil {
		return nil, fmt.Errorf("choosing the DTLS role: %w", err)
	}
	if mux != nil {
		settings.SetICEUDPMux(mux)
		settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	}
	return webrtc.NewAPI(
		webrtc.WithMediaEngine(engine),
		webrtc.WithInterceptorRegistry(registry),
		webrtc.WithSettingEngine(settings),
	), nil
}

// quietLogs keeps pion's own log lines, which hold addresses, out of our log.
func quietLogs() logging.LoggerFactory {
	f := logging.NewDefaultLoggerFactory()
	f.Writer = io.Discard
	f.DefaultLogLevel = logging.LogLevelDisabled
	f.ScopeLevels = map[string]logging.LogLevel{}
	return f
}

func registerCodecs(engine *webrtc.MediaEngine) error {
	feedback := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}, {Type: "transport-cc"}}
	video := []webrtc.RTPCodecParameters{
		{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeVP9, ClockRate: 90000, SDPFmtpLine: "profile-id=0", RTCPFeedback: feedback,
			},
			PayloadType: payloadVP9,
		},
		{
			RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: fmt.Sprintf("apt=%d", payloadVP9)},
			PayloadType:        payloadVP9RTX,
		},
	}
	for _, c := range video {
		if err := engine.RegisterCodec(c, webrtc.RTPCodecTypeVideo); err != nil {
			return err
		}
	}
	return engine.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
			RTCPFeedback: []webrtc.RTCPFeedback{{Type: "transport-cc"}},
		},
		PayloadType: payloadOpus,
	}, webrtc.RTPCodecTypeAudio)
}

func registerInterceptors(engine *webrtc.MediaEngine, registry *interceptor.Registry, send bool) error {
	extensions := []struct {
		uri  string
		kind webrtc.RTPCodecType
	}{
		{sdp.SDESMidURI, webrtc.RTPCodecTypeVideo},
		{sdp.SDESMidURI, webrtc.RTPCodecTypeAudio},
		{dd.URI, webrtc.RTPCodecTypeVideo},
		{sdp.AudioLevelURI, webrtc.RTPCodecTypeAudio},
	}
	for _, e := range extensions {
		if err := engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: e.uri}, e.kind); err != nil {
			return err
		}
	}
	logs := quietLogs()
	err := webrtc.ConfigureNackWithOptions(engine, registry,
		[]nack.GeneratorOption{nack.WithGeneratorLoggerFactory(logs)}, nack.WithResponderLoggerFactory(logs))
	if err != nil {
		return err
	}
	err = webrtc.ConfigureRTCPReportsWithOptions(registry,
		[]report.ReceiverOption{report.WithReceiverLoggerFactory(logs)}, report.WithSenderLoggerFactory(logs))
	if err != nil {
		return err
	}
	if send {
		return webrtc.ConfigureTWCCHeaderExtensionSender(engine, registry)
	}
	return webrtc.ConfigureTWCCSenderWithOptions(engine, registry, twcc.WithLoggerFactory(logs))
}

// newMux returns a mux through which all of a peer connection's packets go over
// conn.
func newMux(conn net.PacketConn) ice.UDPMux {
	return ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: conn, Logger: quietLogs().NewLogger("ice")})
}

// configuration takes over the ICE servers that the meeting's server named.
func configuration(servers []meeting.IceServer) webrtc.Configuration {
	c := webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle}
	for _, s := range servers {
		c.ICEServers = append(c.ICEServers, webrtc.ICEServer{URLs: s.URLs, Username: s.Username, Credential: s.Credential})
	}
	return c
}
