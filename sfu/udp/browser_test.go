package udp

import (
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"conclave/sfu/rtp"
)

// A whole peer connection of pion's, as a browser has one, connects and sends
// both ways.
func TestPeerConnection(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	f := newFake()
	p := newPeer(t, tr, f)
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	var media webrtc.MediaEngine
	if err := media.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(&media)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pc.Close() }()
	codec := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}
	track, err := webrtc.NewTrackLocalStaticRTP(codec, "video", "stream")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTrack(track); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	pc.OnTrack(func(r *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		if p, _, err := r.ReadRTP(); err == nil {
			got <- string(p.Payload)
		}
	})
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	answer(t, tr, p, pc)
	happens(t, "Connected", f.connected)

	payload := []byte{0x90, 0x80, 1, 2, 3}
	eventually(t, "a packet arrives", func() bool {
		if _, err := track.Write(append([]byte{0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1}, payload...)); err != nil {
			t.Fatal(err)
		}
		return len(f.packets) > 0
	})
	var sequence uint64
	eventually(t, "a packet comes back", func() bool {
		sequence++
		var out rtp.Output
		out.Packets = append(out.Packets, rtp.Outbound{
			To:     p,
			Header: rtp.AppendHeader(nil, &rtp.Header{PayloadType: 96, Sequence: uint16(sequence), SSRC: 4242}, nil), Payload: payload,
			Index: sequence,
		})
		tr.Send(&out)
		return len(got) > 0
	})
	if err := pc.Close(); err != nil {
		t.Fatal(err)
	}
	happens(t, "Disconnected by close_notify", f.disconnected)
}

// answer does what signalling does.
func answer(t *testing.T, tr *Transport, p *Peer, pc *webrtc.PeerConnection) {
	t.Helper()
	var d sdp.SessionDescription
	if err := d.UnmarshalString(pc.LocalDescription().SDP); err != nil {
		t.Fatal(err)
	}
	attribute := func(name string) string {
		if v, ok := d.Attribute(name); ok {
			return v
		}
		v, _ := d.MediaDescriptions[0].Attribute(name)
		return v
	}
	if err := p.SetRemote(Remote{
		Ufrag: attribute("ice-ufrag"), Password: attribute("ice-pwd"), Fingerprints: []string{attribute("fingerprint")},
	}); err != nil {
		t.Fatal(err)
	}
	ufrag, password := p.Credentials()
	lines := []string{
		"v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=ice-lite", "a=group:BUNDLE 0",
		"a=fingerprint:" + tr.Fingerprint(),
		"m=video 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=mid:0", "a=sendrecv", "a=rtcp-mux",
		"a=rtpmap:96 VP8/90000", "a=ssrc:4242 cname:x", "a=setup:passive", "a=ice-ufrag:" + ufrag, "a=ice-pwd:" + password,
	}
	for _, c := range tr.Candidates() {
		lines = append(lines, "a=candidate:"+c.String())
	}
	lines = append(lines, "a=end-of-candidates", "")
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: strings.Join(lines, "\r\n")}); err != nil {
		t.Fatal(err)
	}
}
