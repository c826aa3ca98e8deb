package server

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"conclave/api"
	"conclave/sfu/dd"
)

// Layers of the synthetic camera.
var sizes = []dd.Resolution{{Width: 320, Height: 180}, {Width: 640, Height: 360}, {Width: 1280, Height: 720}}

// frameBytes is the size of one layer frame by spatial layer: at 30 pictures a
// second 96, 288 and 768 kbit/s.
var frameBytes = []int{400, 1200, 3200}

// A sender is the publishing side of a peer: a synthetic VP9 camera with three
// spatial and temporal layers, and a microphone.
type sender struct {
	peer       *peer
	pc         *webrtc.PeerConnection
	camera     *webrtc.TrackLocalStaticRTP
	microphone *webrtc.TrackLocalStaticRTP
	video      *webrtc.RTPSender
	audio      *webrtc.RTPSender

	mu   sync.Mutex
	keys int // key frames asked for
}

// testCodecs is what the peers of the tests speak: VP9 with repair, and Opus.
func testAPI(t *testing.T, settings webrtc.SettingEngine) *webrtc.API {
	t.Helper()
	m, reg := new(webrtc.MediaEngine), new(interceptor.Registry)
	for _, c := range []struct {
		p    webrtc.RTPCodecParameters
		kind webrtc.RTPCodecType
	}{
		{webrtc.RTPCodecParameters{PayloadType: 120, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeVP9, ClockRate: 90000, SDPFmtpLine: "profile-id=0",
		}}, webrtc.RTPCodecTypeVideo},
		{webrtc.RTPCodecParameters{PayloadType: 121, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=120",
		}}, webrtc.RTPCodecTypeVideo},
		{webrtc.RTPCodecParameters{PayloadType: 109, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
		}}, webrtc.RTPCodecTypeAudio},
	} {
		if err := m.RegisterCodec(c.p, c.kind); err != nil {
			t.Fatal(err)
		}
	}
	if err := webrtc.RegisterDefaultInterceptors(m, reg); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		uri  string
		kind webrtc.RTPCodecType
	}{{dd.URI, webrtc.RTPCodecTypeVideo}, {sdp.AudioLevelURI, webrtc.RTPCodecTypeAudio}} {
		if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: x.uri}, x.kind); err != nil {
			t.Fatal(err)
		}
	}
	settings.SetIncludeLoopbackCandidate(true)
	// As browsers: the server is ICE-lite, to which pion alone would say otherwise.
	if err := settings.SetAnsweringDTLSRole(webrtc.DTLSRoleClient); err != nil {
		t.Fatal(err)
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(reg), webrtc.WithSettingEngine(settings))
}

// publish offers a camera and a microphone.
func (p *peer) publish() *sender {
	p.t.Helper()
	s := &sender{peer: p}
	var err error
	if s.pc, err = testAPI(p.t, webrtc.SettingEngine{}).NewPeerConnection(p.configuration); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = s.pc.Close() })
	s.camera, s.video = s.add(webrtc.MimeTypeVP9, 90000)
	s.microphone, s.audio = s.add(webrtc.MimeTypeOpus, 48000)
	go s.readFeedback() // ends with the peer connection
	connected := make(chan struct{})
	var once sync.Once
	s.pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		if st == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(connected) })
		}
	})
	s.negotiate(true)
	select {
	case <-connected:
	case <-p.ctx.Done():
		p.t.Fatal("the sending peer connection did not connect")
	}
	return s
}

func (s *sender) add(mime string, clock uint32) (*webrtc.TrackLocalStaticRTP, *webrtc.RTPSender) {
	s.peer.t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime, ClockRate: clock}, mime, "s")
	if err != nil {
		s.peer.t.Fatal(err)
	}
	tr, err := s.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		s.peer.t.Fatal(err)
	}
	return track, tr.Sender()
}

// negotiate offers what the peer connection has and takes the answer.
func (s *sender) negotiate(active bool) { s.offer(active, nil) }

// restart offers new ICE credentials.
func (s *sender) restart() { s.offer(true, &webrtc.OfferOptions{ICERestart: true}) }

func (s *sender) offer(active bool, options *webrtc.OfferOptions) {
	t := s.peer.t
	t.Helper()
	offer, err := s.pc.CreateOffer(options)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(s.pc)
	if err := s.pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	publish := &api.Publish{Sdp: s.pc.LocalDescription().SDP}
	for _, tr := range s.pc.GetTransceivers() {
		kind := api.StreamKind_STREAM_KIND_CAMERA
		if tr.Kind() == webrtc.RTPCodecTypeAudio {
			kind = api.StreamKind_STREAM_KIND_MICROPHONE
		}
		publish.Streams = append(publish.Streams, &api.PublishedStream{Mid: tr.Mid(), Kind: kind, Active: active})
	}
	r := s.peer.ask(&api.ClientFrame{Body: &api.ClientFrame_Publish{Publish: publish}})
	if r.GetPublished() == nil {
		t.Fatalf("Publish: %v", r)
	}
	if err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: r.GetPublished().GetSdp()}); err != nil {
		t.Fatal(err)
	}
}

func (s *sender) readFeedback() {
	for {
		packets, _, err := s.video.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			if _, ok := p.(*rtcp.PictureLossIndication); ok {
				s.mu.Lock()
				s.keys++
				s.mu.Unlock()
			}
		}
	}
}

// wantsKey reports whether a key frame was asked for since the last call.
func (s *sender) wantsKey() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.keys > 0
	s.keys = 0
	return asked
}

func extensionID(params webrtc.RTPSendParameters, uri string) uint8 {
	for _, x := range params.HeaderExtensions {
		if x.URI == uri {
			return uint8(x.ID)
		}
	}
	return 0
}

// play sends pictures and sound in real time until stop is closed.
func (s *sender) play(stop <-chan struct{}) {
	mode, err := dd.ParseMode("L3T3_KEY")
	if err != nil {
		panic(err)
	}
	w, err := dd.NewWriter(mode, sizes, 1)
	if err != nil {
		panic(err)
	}
	c := &encoder{writer: w, id: extensionID(s.video.GetParameters(), dd.URI), pattern: mode.Pattern()}
	level := extensionID(s.audio.GetParameters(), sdp.AudioLevelURI)
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		for _, p := range c.picture(n == 0 || s.wantsKey()) {
			_ = s.camera.WriteRTP(p) // fails once the test closes the connection
		}
		_ = s.microphone.WriteRTP(soundPacket(n, level))
	}
}

func soundPacket(n int, level uint8) *rtp.Packet {
	p := &rtp.Packet{
		Header:  rtp.Header{Version: 2, SequenceNumber: uint16(n), Timestamp: uint32(n) * 1600},
		Payload: binary.BigEndian.AppendUint32([]byte("sound"), uint32(n)),
	}
	if level != 0 {
		_ = p.SetExtension(level, []byte{0x80 | 30}) // voice at -30 dBov
	}
	return p
}

// An encoder makes the packets of pictures, whose bytes say what they are.
type encoder struct {
	writer   *dd.Writer
	id       uint8
	pattern  []uint8
	n        int
	sinceKey int
	sequence uint16
}

const maxPayload = 1000

func (c *encoder) picture(key bool) []*rtp.Packet {
	temporal := c.pattern[c.sinceKey%len(c.pattern)]
	if key && temporal != 0 {
		c.sinceKey, temporal = 0, 0
	}
	var out []*rtp.Packet
	for spatial := range sizes {
		if err := c.writer.Begin(uint8(spatial), temporal, key); err != nil {
			panic(err)
		}
		count := (frameBytes[spatial] + maxPayload - 1) / maxPayload
		for i := range count {
			out = append(out, c.packet(uint8(spatial), temporal, key, i, count))
		}
	}
	out[len(out)-1].Marker = true
	c.n++
	c.sinceKey++
	return out
}

// packet writes a VP9 payload descriptor (RFC 9628, Section 4.2) in flexible
// mode, and after it what the frame is.
func (c *encoder) packet(spatial, temporal uint8, key bool, i, count int) *rtp.Packet {
	first, last := i == 0, i == count-1
	flags := byte(0x80 | 0x20 | 0x10)
	if !key {
		flags |= 0x40
	}
	if first {
		flags |= 0x08
	}
	if last {
		flags |= 0x04
	}
	structure := first && key && spatial == 0
	if structure {
		flags |= 0x02
	}
	layer := temporal<<5 | 0x10 | spatial<<1
	if key && spatial > 0 {
		layer |= 1
	}
	b := []byte{flags, 0x80 | byte(c.n>>8&0x7f), byte(c.n), layer}
	if !key {
		back := byte(1)
		if temporal == 0 {
			back = byte(len(c.pattern))
		}
		b = append(b, back<<1)
	}
	if structure {
		b = append(b, byte(len(sizes)-1)<<5|0x10)
		for _, s := range sizes {
			b = binary.BigEndian.AppendUint16(b, uint16(s.Width))
			b = binary.BigEndian.AppendUint16(b, uint16(s.Height))
		}
	}
	b = append(b, 'F', spatial, temporal)
	b = binary.BigEndian.AppendUint32(b, uint32(c.n))
	b = append(b, byte(i), byte(count))
	b = append(b, make([]byte, max(0, min(maxPayload, frameBytes[spatial])-len(b)))...)
	c.sequence++
	p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: c.sequence, Timestamp: uint32(c.n) * 3000}, Payload: b}
	if c.id != 0 {
		d, err := c.writer.Append(nil, first, last)
		if err != nil {
			panic(err)
		}
		profile := uint16(rtp.ExtensionProfileOneByte)
		if len(d) > 16 {
			profile = rtp.ExtensionProfileTwoByte
		}
		if err := p.SetExtensionWithProfile(c.id, d, profile); err != nil {
			panic(err)
		}
	}
	return p
}
