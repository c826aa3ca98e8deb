package negotiate

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"conclave/sfu/room"
)

// TestAnswer shows a whole answer: one m-line taken, a data channel refused.
func TestAnswer(t *testing.T) {
	text := changed(t, "m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel")
	text = strings.Replace(text, "a=ssrc-group", "a=extmap:5/sendonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\na=extmap-allow-mixed\r\na=rtcp-rsize\r\n"+
		"a=rtcp-fb:* nack pli\r\na=rtcp-fb:98 goog-remb\r\na=rid:a send pt=98,97\r\na=rid:b send\r\na=simulcast:send a;~b\r\na=ssrc-group", 1)
	o, err := ReadOffer(text)
	if err != nil {
		t.Fatal(err)
	}
	got, err := o.Answer(local)
	if err != nil {
		t.Fatal(err)
	}
	want := `v=0
o=- 77 1 IN IP4 0.0.0.0
s=-
t=0 0
a=ice-lite
a=fingerprint:` + fingerprint + `
a=group:BUNDLE 1
m=application 0 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=mid:0
a=inactive
m=video 9 UDP/TLS/RTP/SAVPF 98 99
c=IN IP4 0.0.0.0
a=setup:passive
a=mid:1
a=ice-ufrag:serverUfrag
a=ice-pwd:serverPassword0123456789
a=rtcp-mux
a=rtcp-rsize
a=extmap-allow-mixed
a=rtpmap:98 VP9/90000
a=rtcp-fb:98 nack pli
a=rtpmap:99 rtx/90000
a=fmtp:99 apt=98
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:5/recvonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=recvonly
a=rid:a recv pt=98
a=rid:b recv
a=simulcast:recv a;b
a=candidate:1 1 udp 2130706431 192.0.2.1 7000 typ host
a=candidate:2 1 udp 2130706175 2001:db8::1 7000 typ host
a=candidate:3 1 tcp 1520435199 192.0.2.1 443 typ host tcptype passive
a=end-of-candidates
`
	if diff := cmp.Diff(want, strings.ReplaceAll(got, "\r\n", "\n")); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// TestWriteOffer shows what is the same in all offers and what is not: an m-line
// that is added changes nothing of those before.
func TestWriteOffer(t *testing.T) {
	slots := []room.Slot{{Mid: "0", Audio: true, SSRC: 13}, {Mid: "1", SSRC: 14, RepairSSRC: 15}}
	next := local
	next.Version++
	before, after := WriteOffer(local, slots[:1]), WriteOffer(next, slots)
	for _, text := range []*string{&before, &after} {
		*text = strings.ReplaceAll(*text, "\r\n", "\n")
	}
	wantHead := "v=0\no=- 77 1 IN IP4 0.0.0.0\ns=-\nt=0 0\na=ice-lite\na=fingerprint:" + fingerprint + "\na=extmap-allow-mixed\na=group:BUNDLE 0\n"
	if !strings.HasPrefix(before, wantHead) {
		t.Errorf("offer = %s\nwant it to begin with %s", before, wantHead)
	}
	head := strings.NewReplacer("o=- 77 1 ", "o=- 77 2 ", "a=group:BUNDLE 0\n", "a=group:BUNDLE 0 1\n").Replace(before)
	video, ok := strings.CutPrefix(after, head)
	if !ok {
		t.Fatalf("the second offer is\n%s\nwant it to begin with\n%s", after, head)
	}
	for _, want := range []string{
		"m=video 9 UDP/TLS/RTP/SAVPF 98 99 45 46 96 97 102 103 104 105\n", "a=setup:actpass\n", "a=mid:1\n", "a=rtcp-mux\n", "a=rtcp-rsize\n",
		"a=sendonly\n", "a=msid:slot-video1 video1\n", "a=ssrc-group:FID 14 15\n", "a=ssrc:14 cname:slot-video1\n", "a=ssrc:15 cname:slot-video1\n",
		"a=fmtp:105 apt=104\n", "a=rtcp-fb:98 nack pli\n", "a=rtcp-fb:98 transport-cc\n",
	} {
		if !strings.Contains(video, want) {
			t.Errorf("the m-line for video lacks %q:\n%s", want, video)
		}
	}
	if strings.Contains(video, "a=candidate") {
		t.Error("candidates stand in more than the first m-line")
	}
}

// threeSlots are those that the answers in testdata are to.
var threeSlots = []room.Slot{{Mid: "0", SSRC: 11, RepairSSRC: 12}, {Mid: "1", SSRC: 13, RepairSSRC: 14}, {Mid: "2", Audio: true, SSRC: 15}}

// TestReadAnswer reads the answers of browsers.
func TestReadAnswer(t *testing.T) {
	pick := func(s room.Slot, descriptor bool, codecs ...room.Codec) room.Binding {
		all := full(s)
		b := all
		b.PayloadTypes, b.RepairTypes = [room.CodecCount]uint8{}, [room.CodecCount]uint8{}
		for _, c := range codecs {
			b.PayloadTypes[c], b.RepairTypes[c] = all.PayloadTypes[c], all.RepairTypes[c]
		}
		if !descriptor {
			b.DescriptorID = 0
		}
		return b
	}
	for name, want := range map[string][]room.Binding{
		"chromium-slots": {full(threeSlots[0]), full(threeSlots[1]), full(threeSlots[2])},
		"firefox-slots": {
			pick(threeSlots[0], false, room.VP9, room.AV1, room.VP8), pick(threeSlots[1], false, room.VP9, room.AV1, room.VP8),
			pick(threeSlots[2], false, room.Opus),
		},
		"pion-slots": {pick(threeSlots[0], true, room.VP9), pick(threeSlots[1], true, room.VP9), pick(threeSlots[2], false, room.Opus)},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := ReadAnswer(sample(t, name+".answer"), threeSlots)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, a.Bindings); diff != "" {
				t.Errorf("bindings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(Remote{"docUfrag", "docPassword0123456789+/", []string{fingerprint}}, a.Remote); diff != "" {
				t.Errorf("remote (-want +got):\n%s", diff)
			}
		})
	}
}

// answered returns Chromium's answer with one thing replaced in one m-line, or in
// what precedes them if it is -1.
func answered(t *testing.T, line int, old, by string) string {
	t.Helper()
	parts := strings.Split(strings.ReplaceAll(sample(t, "chromium-slots.answer"), "\r\n", "\n"), "m=")
	part := strings.Replace(parts[line+1], old, by, 1)
	if part == parts[line+1] && old != by {
		t.Fatalf("m-line %d has no %q", line, old)
	}
	parts[line+1] = part
	return strings.Join(parts, "m=")
}

func TestReadAnswerRefuses(t *testing.T) {
	for _, tt := range []struct {
		name    string
		line    int
		old, by string
		want    string
	}{
		{"server", 0, "a=setup:active", "a=setup:passive", "a=setup"},
		{"undecided", 0, "a=setup:active", "a=setup:actpass", "a=setup"},
		{"other mid", 1, "a=mid:1", "a=mid:9", "m-line 1: no a=mid"},
		{"other kind", 1, "video 9", "audio 9", "m-line 1: no media"},
		{"RTCP elsewhere", 1, "a=rtcp-mux\n", "", "m-line 1: no a=rtcp-mux"},
		{"not in the bundle", -1, "BUNDLE 0 1 2", "BUNDLE 0 1", "a=group:BUNDLE"},
		{"unknown in the bundle", -1, "BUNDLE 0 1 2", "BUNDLE 0 1 2 3", "a=group:BUNDLE"},
		{"no bundle", -1, "a=group:BUNDLE 0 1 2\n", "", "a=group:BUNDLE"},
		{"no password", 0, "a=ice-pwd:docPassword0123456789+/\n", "", "a=ice-pwd"},
		{"client sends", 2, "a=recvonly", "a=sendrecv", "m-line 2: no a=recvonly"},
		{"extension twice", 0, "a=extmap:1 ", "a=extmap:2 ", "a=extmap"},
		{"too long", -1, "s=-", "s=" + strings.Repeat("x", maxAnswer+3*maxAnswered), "bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadAnswer(answered(t, tt.line, tt.old, tt.by), threeSlots)
			if !errors.Is(err, ErrDescription) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ReadAnswer() = %v, want ErrDescription about %q", err, tt.want)
			}
		})
	}
	if _, err := ReadAnswer(answered(t, 0, "", ""), threeSlots[:2]); !errors.Is(err, ErrDescription) {
		t.Errorf("answer to another offer: %v, want ErrDescription", err)
	}
}

// TestReadAnswerTakes reads answers that take less than was offered.
func TestReadAnswerTakes(t *testing.T) {
	nothing := room.Binding{Mid: "1"}
	other := full(threeSlots[1])
	other.PayloadTypes[room.VP9], other.RepairTypes[room.VP9] = 120, 0
	for _, tt := range []struct {
		name  string
		pairs []string // old and new, in the m-line
		group string
		want  room.Binding
	}{
		{"refused", []string{"video 9", "video 0"}, "BUNDLE 0 2", nothing},
		{"inactive", []string{"a=recvonly", "a=inactive"}, "BUNDLE 0 1 2", nothing},
		{"other number", []string{"SAVPF 98", "SAVPF 120", "rtpmap:98", "rtpmap:120"}, "BUNDLE 0 1 2", other},
	} {
		t.Run(tt.name, func(t *testing.T) {
			parts := strings.Split(answered(t, -1, "BUNDLE 0 1 2", tt.group), "m=")
			parts[2] = strings.NewReplacer(tt.pairs...).Replace(parts[2])
			text := strings.Join(parts, "m=")
			a, err := ReadAnswer(text, threeSlots)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]room.Binding{full(threeSlots[0]), tt.want, full(threeSlots[2])}, a.Bindings); diff != "" {
				t.Errorf("bindings (-want +got):\n%s", diff)
			}
		})
	}
	none := strings.NewReplacer("m=video 9", "m=video 0", "m=audio 9", "m=audio 0", "BUNDLE 0 1 2", "BUNDLE").Replace(answered(t, 0, "", ""))
	if a, err := ReadAnswer(none, threeSlots); err != nil || a.Remote.Ufrag != "" || a.Bindings[2] != (room.Binding{Mid: "2"}) {
		t.Errorf("everything refused: %+v, %v", a, err)
	}
}
