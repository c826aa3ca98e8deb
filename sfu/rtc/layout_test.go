package rtc

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pion/rtp"
)

const offer = `v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
m=audio 9 UDP/TLS/RTP/SAVPF 111 63
c=IN IP4 0.0.0.0
a=mid:0
a=extmap:14 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendonly
a=rtpmap:111 opus/48000/2
a=rtpmap:63 red/48000/2
a=ssrc:1001 cname:x
m=video 9 UDP/TLS/RTP/SAVPF 98 99
c=IN IP4 0.0.0.0
a=mid:1
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:10/sendrecv urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
a=extmap:12 https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension
a=sendonly
a=rtpmap:98 VP9/90000
a=rtpmap:99 rtx/90000
a=fmtp:99 apt=98
a=ssrc-group:FID 2001 2002
a=ssrc:2001 cname:x
a=ssrc:2002 cname:x
a=rid:f send
a=rid:q send
a=rid:h send
a=simulcast:send f;q;h
`

func lines(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func TestParseOffer(t *testing.T) {
	l, err := parseOffer(lines(offer))
	if err != nil {
		t.Fatal(err)
	}
	if l.session != 4611731400430051336 || len(l.sections) != 2 {
		t.Fatalf("session %d, %d sections", l.session, len(l.sections))
	}
	a, v := l.sections["0"], l.sections["1"]
	if !a.audio || a.levelID != 14 || a.first != "audio/opus" || a.codecs[63].id != codecRED {
		t.Errorf("audio = %+v", a)
	}
	if v.audio || v.midID != 4 || v.ridID != 10 || v.repairID != 11 || v.ddID != 12 || v.first != "video/VP9" {
		t.Errorf("video = %+v", v)
	}
	if c := v.codecs[99]; !c.repair || c.apt != 98 {
		t.Errorf("payload type 99 = %+v, want RTX of 98", c)
	}
	if !slices.Equal(v.rids, []string{"q", "h", "f"}) {
		t.Errorf("rids = %q, want q h f: lowest resolution first", v.rids)
	}
	if v.ssrcs[2002].primary != 2001 {
		t.Errorf("2002 repairs %d, want 2001", v.ssrcs[2002].primary)
	}
}

func TestFind(t *testing.T) {
	l, err := parseOffer(lines(offer))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		ssrc uint32
		ext  map[uint8][]byte
		mid  string
		rid  string
	}{
		{"by ssrc", 1001, nil, "0", ""},
		{"by mid and rid", 5, map[uint8][]byte{4: []byte("1"), 10: []byte("h")}, "1", "h"},
		{"repair", 6, map[uint8][]byte{4: []byte("1"), 11: []byte("h")}, "1", "h"},
		{"unknown", 7, nil, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := withExtensions(t, rtp.ExtensionProfileOneByte, tt.ext)
			in.SSRC = tt.ssrc
			b := marshal(t, in)
			var p packet
			if !parsePacket(b, &p) {
				t.Fatal("packet does not parse")
			}
			s, _, rid := l.find(b, &p)
			mid := ""
			if s != nil {
				mid = s.mid
			}
			if mid != tt.mid || rid != tt.rid {
				t.Errorf("find() = mid %q rid %q, want %q %q", mid, rid, tt.mid, tt.rid)
			}
		})
	}
}

// TestTapUnwrapsRepair gives the tap packets of a simulcast and their repair:
// the latter count as packets of the encoding that they repair.
func TestTapUnwrapsRepair(t *testing.T) {
	l, err := parseOffer(lines(offer))
	if err != nil {
		t.Fatal(err)
	}
	var got TapPacket
	tp := &tap{seat: 3, call: func(p TapPacket) { got = p }, names: make(map[uint32]tapName)}
	add := func(ssrc uint32, pt uint8, elements map[uint8][]byte, payload string) {
		in := withExtensions(t, rtp.ExtensionProfileOneByte, elements)
		in.SSRC, in.PayloadType, in.Payload = ssrc, pt, []byte(payload)
		tp.add(l, marshal(t, in))
	}
	mid := []byte("1")
	for i := range uint32(3) { // the order of a map is not told
		q, h := 10+i, 20+i
		add(q, 98, map[uint8][]byte{4: mid, 10: []byte("q")}, "frame")
		add(h, 99, map[uint8][]byte{4: mid, 11: []byte("q")}, "\x12\x34frame")
		if got.SSRC < 10 || got.SSRC > q || !got.Repair || got.Sequence != 0x1234 || string(got.Payload) != "frame" ||
			got.Codec != "video/VP9" || got.RID != "q" || got.Mid != "1" || got.Seat != 3 {
			t.Fatalf("repair of encoding q = %+v", got)
		}
	}
	add(2002, 99, nil, "\x00\x07frame")
	if got.SSRC != 2001 || got.Sequence != 7 {
		t.Errorf("repair by SSRC = %+v, want of 2001, number 7", got)
	}
	add(99, 98, nil, "frame")
	if got.Mid != "" || got.Sequence != 7 {
		t.Errorf("packet of nothing = %+v", got)
	}
	tp.add(l, []byte("x"))
	if string(got.Raw) != "x" || got.Payload != nil {
		t.Errorf("no packet = %+v", got)
	}
}

func TestParseOfferRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":       "",
		"no mid":        strings.Replace(offer, "a=mid:0\n", "", 1),
		"mid twice":     strings.Replace(offer, "a=mid:1\n", "a=mid:0\n", 1),
		"data channel":  offer + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\nc=IN IP4 0.0.0.0\na=mid:2\n",
		"many sections": offer + strings.Repeat("m=audio 9 UDP/TLS/RTP/SAVPF 111\nc=IN IP4 0.0.0.0\n", maxSections),
	} {
		if _, err := parseOffer(lines(text)); !errors.Is(err, errDescription) {
			t.Errorf("%s: parseOffer() = %v, want errDescription", name, err)
		}
	}
}

func FuzzParseOffer(f *testing.F) {
	f.Add(lines(offer), []byte{0x80, 98, 0, 1, 0, 0, 0, 0, 0, 0, 7, 0xd1, 1})
	f.Add("v=0\r\n", []byte{})
	f.Fuzz(func(t *testing.T, text string, b []byte) {
		l, err := parseOffer(text)
		if err != nil {
			return
		}
		for mid, s := range l.sections {
			if s.mid != mid || len(s.ssrcs) > maxSSRCs || len(s.rids) > maxRIDs {
				t.Errorf("section %q = %+v", mid, s)
			}
		}
		(&tap{call: func(TapPacket) {}, names: make(map[uint32]tapName)}).add(l, b)
	})
}
