package rtc

import (
	"strconv"
	"strings"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"conclave/sfu/dd"
)

const (
	videoClock = 90_000 // Hz
	audioClock = 48_000 // Hz
)

var videoFeedback = []webrtc.RTCPFeedback{
	{Type: "transport-cc"}, {Type: "ccm", Parameter: "fir"}, {Type: "nack"}, {Type: "nack", Parameter: "pli"},
}

// registerCodecs registers what can be forwarded, best first.
func registerCodecs(m *webrtc.MediaEngine) error {
	video := func(pt webrtc.PayloadType, mime, fmtp string) error {
		if err := m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: pt, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: mime, ClockRate: videoClock, SDPFmtpLine: fmtp, RTCPFeedback: videoFeedback,
		}}, webrtc.RTPCodecTypeVideo); err != nil {
			return err
		}
		return m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: pt + 1, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeRTX, ClockRate: videoClock, SDPFmtpLine: "apt=" + strconv.Itoa(int(pt)),
		}}, webrtc.RTPCodecTypeVideo)
	}
	audio := func(pt webrtc.PayloadType, mime, fmtp string) error {
		return m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: pt, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: mime, ClockRate: audioClock, Channels: 2, SDPFmtpLine: fmtp,
			RTCPFeedback: []webrtc.RTCPFeedback{{Type: "transport-cc"}},
		}}, webrtc.RTPCodecTypeAudio)
	}
	const h264 = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id="
	for _, register := range []func() error{
		func() error { return video(98, webrtc.MimeTypeVP9, "profile-id=0") },
		func() error { return video(45, webrtc.MimeTypeAV1, "level-idx=5;profile=0;tier=0") },
		func() error { return video(96, webrtc.MimeTypeVP8, "") },
		func() error { return video(102, webrtc.MimeTypeH264, h264+"42e01f") },
		func() error { return video(104, webrtc.MimeTypeH264, h264+"42001f") },
		func() error { return audio(111, webrtc.MimeTypeOpus, "minptime=10;useinbandfec=1") },
		func() error { return audio(63, mimeRED, "111/111") },
	} {
		if err := register(); err != nil {
			return err
		}
	}
	return nil
}

const mimeRED = "audio/red"

// Header extensions by direction, seen from the server.
var (
	receiveExtensions = map[webrtc.RTPCodecType][]string{
		webrtc.RTPCodecTypeVideo: {
			sdp.SDESMidURI, sdp.SDESRTPStreamIDURI, sdp.SDESRepairRTPStreamIDURI, sdp.TransportCCURI, dd.URI,
		},
		webrtc.RTPCodecTypeAudio: {sdp.SDESMidURI, sdp.TransportCCURI, sdp.AudioLevelURI},
	}
	sendExtensions = map[webrtc.RTPCodecType][]string{
		webrtc.RTPCodecTypeVideo: {sdp.SDESMidURI, sdp.TransportCCURI, dd.URI},
		webrtc.RTPCodecTypeAudio: {sdp.SDESMidURI, sdp.TransportCCURI, sdp.AudioLevelURI},
	}
)

func registerExtensions(m *webrtc.MediaEngine, uris map[webrtc.RTPCodecType][]string) error {
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		for _, uri := range uris[kind] {
			if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, kind); err != nil {
				return err
			}
		}
	}
	return nil
}

// receiveAPI makes the API for a peer connection that receives from a
// publisher: pion asks for lost packets, reports and gives bandwidth feedback.
func (e *Engine) receiveAPI(s webrtc.SettingEngine) (*webrtc.API, error) {
	m, reg := new(webrtc.MediaEngine), new(interceptor.Registry)
	if err := registerCodecs(m); err != nil {
		return nil, err
	}
	if err := registerExtensions(m, receiveExtensions); err != nil {
		return nil, err
	}
	reports, err := report.NewReceiverInterceptor(report.WithReceiverLoggerFactory(quietFactory{}))
	if err != nil {
		return nil, err
	}
	feedback, err := twcc.NewSenderInterceptor(twcc.WithLoggerFactory(quietFactory{}))
	if err != nil {
		return nil, err
	}
	nacks, err := nack.NewGeneratorInterceptor(nack.WithGeneratorLoggerFactory(quietFactory{}))
	if err != nil {
		return nil, err
	}
	reg.Add(nacks)
	reg.Add(reports)
	reg.Add(feedback)
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(reg), webrtc.WithSettingEngine(s)), nil
}

// sendAPI makes the API for a peer connection that sends to a receiver. It has
// no interceptors: reports, repair and congestion control are ours.
func (e *Engine) sendAPI(s webrtc.SettingEngine) (*webrtc.API, error) {
	m := new(webrtc.MediaEngine)
	if err := registerCodecs(m); err != nil {
		return nil, err
	}
	if err := registerExtensions(m, sendExtensions); err != nil {
		return nil, err
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(new(interceptor.Registry)),
		webrtc.WithSettingEngine(s)), nil
}

// A codecID is a codec that is forwarded, as an index.
type codecID uint8

const (
	codecUnknown codecID = iota
	codecVP8
	codecVP9
	codecAV1
	codecH264
	codecOpus
	codecRED
	codecCount
)

// codecOf returns the codec of a media type; SDP spells them in either case.
func codecOf(mime string) codecID {
	for id, name := range [codecCount]string{
		codecVP8: webrtc.MimeTypeVP8, codecVP9: webrtc.MimeTypeVP9, codecAV1: webrtc.MimeTypeAV1,
		codecH264: webrtc.MimeTypeH264, codecOpus: webrtc.MimeTypeOpus, codecRED: mimeRED,
	} {
		if name != "" && strings.EqualFold(name, mime) {
			return codecID(id)
		}
	}
	return codecUnknown
}
