package server

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"conclave/api"
)

// rids are the encodings of a simulcast, lowest resolution first.
var rids = []string{"q", "h", "f"}

// A simulcaster publishes a camera in three encodings of one layer each.
type simulcaster struct {
	peer   *peer
	pc     *webrtc.PeerConnection
	tracks []*webrtc.TrackLocalStaticRTP
	sender *webrtc.RTPSender
	mid    string

	mu   sync.Mutex
	keys map[uint32]bool // SSRCs that a key frame was asked for
}

func (p *peer) publishSimulcast() *simulcaster {
	p.t.Helper()
	s := &simulcaster{peer: p, keys: make(map[uint32]bool)}
	var err error
	if s.pc, err = testAPI(p.t, webrtc.SettingEngine{}).NewPeerConnection(webrtc.Configuration{}); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = s.pc.Close() })
	for _, rid := range rids {
		t, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP9, ClockRate: 90000}, "v", "s",
			webrtc.WithRTPStreamID(rid))
		if err != nil {
			p.t.Fatal(err)
		}
		s.tracks = append(s.tracks, t)
	}
	tr, err := s.pc.AddTransceiverFromTrack(s.tracks[0], webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		p.t.Fatal(err)
	}
	s.sender = tr.Sender()
	for _, t := range s.tracks[1:] {
		if err := s.sender.AddEncoding(t); err != nil {
			p.t.Fatal(err)
		}
	}
	connected := make(chan struct{})
	var once sync.Once
	s.pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		if st == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(connected) })
		}
	})
	(&sender{peer: p, pc: s.pc}).negotiate(true)
	s.mid = tr.Mid()
	for _, rid := range rids {
		go s.readFeedback(rid) // ends with the peer connection
	}
	select {
	case <-connected:
	case <-p.ctx.Done():
		p.t.Fatal("the sending peer connection did not connect")
	}
	return s
}

func (s *simulcaster) readFeedback(rid string) {
	for {
		packets, _, err := s.sender.ReadSimulcastRTCP(rid)
		if err != nil {
			return
		}
		for _, p := range packets {
			if pli, ok := p.(*rtcp.PictureLossIndication); ok {
				s.mu.Lock()
				s.keys[pli.MediaSSRC] = true
				s.mu.Unlock()
			}
		}
	}
}

func (s *simulcaster) wantsKey(ssrc uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.keys[ssrc]
	delete(s.keys, ssrc)
	return asked
}

// play sends all encodings in real time until stop is closed.
func (s *simulcaster) play(stop <-chan struct{}) {
	params := s.sender.GetParameters()
	midID, ridID := extensionID(params, sdp.SDESMidURI), extensionID(params, sdp.SDESRTPStreamIDURI)
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	sequence := make([]uint16, len(rids))
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		for i, t := range s.tracks {
			key := n == 0 || s.wantsKey(uint32(params.Encodings[i].SSRC))
			sequence[i]++
			p := simulcastPacket(n, i, key)
			p.SequenceNumber = sequence[i]
			_ = p.SetExtension(midID, []byte(s.mid))
			_ = p.SetExtension(ridID, []byte(rids[i]))
			_ = t.WriteRTP(p) // fails once the test closes the connection
		}
	}
}

// simulcastPacket is a picture of one packet, whose clock begins elsewhere in
// each encoding.
func simulcastPacket(n, encoding int, key bool) *rtp.Packet {
	flags := byte(0x80 | 0x10 | 0x08 | 0x04) // picture id, flexible, first and last
	if !key {
		flags |= 0x40
	} else {
		flags |= 0x02
	}
	b := []byte{flags, 0x80 | byte(n>>8&0x7f), byte(n)}
	if key {
		b = append(b, 0x10) // one layer, with its size
		b = binary.BigEndian.AppendUint16(b, uint16(sizes[encoding].Width))
		b = binary.BigEndian.AppendUint16(b, uint16(sizes[encoding].Height))
	} else {
		b = append(b, 1<<1)
	}
	b = append(b, 'F', byte(encoding), 0)
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	b = append(b, 0, 1)
	b = append(b, make([]byte, 100<<encoding)...)
	return &rtp.Packet{
		Header:  rtp.Header{Version: 2, Marker: true, Timestamp: uint32(n)*3000 + uint32(encoding)*1e9},
		Payload: b,
	}
}

// TestSimulcast shows a camera of three encodings in tiles of several sizes: the
// receiver gets one encoding at a time, with numbers that go on.
func TestSimulcast(t *testing.T) {
	s := start(t, Config{})
	meeting := newMeeting()
	a, p := newPeer(t, s).join(meeting), newPeer(t, s).join(meeting)
	view := p.subscribe()
	pub := a.publishSimulcast()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		pub.play(stop)
	}()
	t.Cleanup(func() {
		close(stop)
		<-done
	})
	stream := streamOf(t, p, camera, a.joined.GetSeat())
	for _, step := range []struct {
		name string
		tile *api.ViewItem
		want int
	}{
		{"large", tile(stream, 1280, 720), 2},
		{"thumbnail", tile(stream, 160, 90), 0},
		{"medium", tile(stream, 640, 360), 1},
	} {
		p.view(step.tile)
		mid := midOf(p, stream)
		view.wait(step.name, func() bool {
			in := view.received[mid]
			return in != nil && all(in.tops(10), 10, step.want)
		})
	}
	view.mu.Lock()
	defer view.mu.Unlock()
	for mid, in := range view.received {
		if len(in.bad) > 0 {
			t.Errorf("mid %s: %v", mid, in.bad)
		}
		checkNumbers(t, mid, in)
	}
}
