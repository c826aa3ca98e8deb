package negotiate

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pion/interceptor"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"conclave/sfu/room"
)

// pionConnection returns a peer connection of pion/webrtc that knows the same
// codecs and header extensions. As server it is ICE-lite and passive, else a
// client, active.
func pionConnection(t *testing.T, server bool) *webrtc.PeerConnection {
	t.Helper()
	var s webrtc.SettingEngine
	s.SetLite(server)
	role := webrtc.DTLSRoleClient
	if server {
		role = webrtc.DTLSRoleServer
	}
	if err := s.SetAnsweringDTLSRole(role); err != nil {
		t.Fatal(err)
	}
	m := new(webrtc.MediaEngine)
	for i := range codecs {
		pionCodec(t, m, &codecs[i])
	}
	for _, uri := range append(slices.Clone(readVideo), readAudio...) {
		for kind, wanted := range map[webrtc.RTPCodecType][]string{webrtc.RTPCodecTypeVideo: readVideo, webrtc.RTPCodecTypeAudio: readAudio} {
			if !slices.Contains(wanted, uri) {
				continue
			}
			if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, kind); err != nil {
				t.Fatal(err)
			}
		}
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(s), webrtc.WithInterceptorRegistry(new(interceptor.Registry)))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pc.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return pc
}

func pionCodec(t *testing.T, m *webrtc.MediaEngine, k *known) {
	t.Helper()
	p := webrtc.RTPCodecParameters{PayloadType: webrtc.PayloadType(k.number), RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: kind(k.audio) + "/" + k.name, ClockRate: 90000, SDPFmtpLine: k.fmtp,
	}}
	of := webrtc.RTPCodecTypeVideo
	if k.audio {
		p.ClockRate, p.Channels, of = 48000, 2, webrtc.RTPCodecTypeAudio
	}
	for _, f := range k.feedback {
		typ, parameter, _ := strings.Cut(f, " ")
		p.RTCPFeedback = append(p.RTCPFeedback, webrtc.RTCPFeedback{Type: typ, Parameter: parameter})
	}
	if err := m.RegisterCodec(p, of); err != nil {
		t.Fatal(err)
	}
	if k.audio {
		return
	}
	repair := webrtc.RTPCodecParameters{PayloadType: p.PayloadType + 1, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=" + strconv.Itoa(int(k.number)),
	}}
	if err := m.RegisterCodec(repair, of); err != nil {
		t.Fatal(err)
	}
}

// statement is what an m-line says, without what may differ: the order of lines
// that stand for a set, addresses, and what is old.
type statement struct {
	formats    []string // in order, without RTX
	attributes []string // sorted
}

// statements returns what the m-lines of a description say, by mid.
func statements(t *testing.T, text string) map[string]statement {
	t.Helper()
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		t.Fatal(err)
	}
	all := make(map[string]statement)
	for _, m := range d.MediaDescriptions {
		mid, _ := m.Attribute("mid")
		var s statement
		repair := make(map[string]bool)
		for _, a := range m.Attributes {
			number, rest, _ := strings.Cut(a.Value, " ")
			if a.Key == "rtpmap" && strings.HasPrefix(rest, "rtx/") {
				repair[number] = true
			}
			switch a.Key {
			case "candidate", "end-of-candidates", "ice-ufrag", "ice-pwd", "extmap-allow-mixed":
			case "rtcp-rsize": // pion says it whether or not it was offered
			case "ssrc":
				if strings.Contains(rest, "label") { // older than a=msid
					continue
				}
				s.attributes = append(s.attributes, a.String())
			case "extmap": // pion does not say the direction
				s.attributes = append(s.attributes, strings.Replace(a.String(), "/recvonly", "", 1))
			default:
				s.attributes = append(s.attributes, strings.TrimSpace(a.String()))
			}
		}
		for _, f := range m.MediaName.Formats {
			if !repair[f] {
				s.formats = append(s.formats, f)
			}
		}
		slices.Sort(s.attributes)
		all[mid] = s
	}
	return all
}

// TestAnswerAsPion compares answers with those of pion/webrtc, which the first
// transport of this server was built on.
func TestAnswerAsPion(t *testing.T) {
	for name, text := range samples(t, ".offer") {
		t.Run(name, func(t *testing.T) {
			o, err := ReadOffer(text)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := o.Answer(local)
			if err != nil {
				t.Fatal(err)
			}
			pc := pionConnection(t, true)
			if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: text}); err != nil {
				t.Fatal(err)
			}
			theirs, err := pc.CreateAnswer(nil)
			if err != nil {
				t.Fatal(err)
			}
			got, want := statements(t, answer), statements(t, theirs.SDP)
			for _, l := range o.lines {
				switch g, w := got[l.mid], want[l.mid]; {
				case l.media == "application":
					// pion takes data channels, which this server has no use for.
				case !slices.Equal(g.formats, w.formats):
					t.Errorf("m-line %s: codecs %q, pion %q", l.mid, g.formats, w.formats)
				case l.sends && !slices.Equal(g.attributes, w.attributes):
					t.Errorf("m-line %s: %q\npion: %q", l.mid, g.attributes, w.attributes)
				case !l.sends && !slices.Contains(g.attributes, "inactive"):
					// pion offers to send where the client wants only to receive.
					t.Errorf("m-line %s: %q, want inactive", l.mid, g.attributes)
				}
			}
		})
	}
}

// TestPionTakesAnswer has pion/webrtc offer, again with a new m-line and after an
// ICE restart.
func TestPionTakesAnswer(t *testing.T) {
	pc := pionConnection(t, false)
	var session uint64
	for round := range 3 {
		kind := []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo}[round]
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
			t.Fatal(err)
		}
		d, err := pc.CreateOffer(&webrtc.OfferOptions{ICERestart: round == 2})
		if err != nil {
			t.Fatal(err)
		}
		if err := pc.SetLocalDescription(d); err != nil {
			t.Fatal(err)
		}
		o, err := ReadOffer(d.SDP)
		if err != nil {
			t.Fatal(err)
		}
		if len(o.Sections) != round+1 {
			t.Fatalf("%d sections in round %d", len(o.Sections), round)
		}
		if session != 0 && o.Session != session {
			t.Errorf("session %d, before %d", o.Session, session)
		}
		session = o.Session
		l := local
		l.Version += uint64(round)
		answer, err := o.Answer(l)
		if err != nil {
			t.Fatal(err)
		}
		if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
			t.Fatalf("pion does not take the answer: %v\n%s", err, answer)
		}
		for _, tr := range pc.GetTransceivers() {
			if tr.Direction() != webrtc.RTPTransceiverDirectionSendonly || tr.Mid() == "" {
				t.Errorf("transceiver %q is %s", tr.Mid(), tr.Direction())
			}
		}
	}
}

// TestPionAnswersOffer has pion/webrtc answer an offer, and another with more
// slots.
func TestPionAnswersOffer(t *testing.T) {
	pc := pionConnection(t, false)
	for round := range 2 {
		slots := []room.Slot{{Mid: "0", SSRC: 11, RepairSSRC: 12}, {Mid: "1", Audio: true, SSRC: 13}, {Mid: "2", SSRC: 14, RepairSSRC: 15}}[:2+round]
		l := local
		l.Version += uint64(round)
		if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: WriteOffer(l, slots)}); err != nil {
			t.Fatal(err)
		}
		d, err := pc.CreateAnswer(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := pc.SetLocalDescription(d); err != nil {
			t.Fatal(err)
		}
		a, err := ReadAnswer(d.SDP, slots)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range a.Bindings {
			if b != full(slots[i]) {
				t.Errorf("binding %d = %+v, want %+v", i, b, full(slots[i]))
			}
		}
	}
	var found []uint32
	for _, tr := range pc.GetTransceivers() {
		for _, track := range tr.Receiver().Tracks() {
			found = append(found, uint32(track.SSRC()))
		}
	}
	if !slices.Equal(found, []uint32{11, 13, 14}) {
		t.Errorf("tracks %v, want 11, 13 and 14", found)
	}
}

// full is the binding of a client that takes everything as it is offered.
func full(s room.Slot) room.Binding {
	b := room.Binding{Mid: s.Mid, TransportID: 2}
	if s.Audio {
		b.LevelID = 3
		b.PayloadTypes[room.Opus], b.PayloadTypes[room.RED] = 111, 63
		return b
	}
	b.DescriptorID = 4
	for c, n := range map[room.Codec]uint8{room.VP9: 98, room.AV1: 45, room.VP8: 96, room.H264: 102} {
		b.PayloadTypes[c], b.RepairTypes[c] = n, n+1
	}
	return b
}
