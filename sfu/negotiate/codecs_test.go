package negotiate

import (
	"slices"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"

	"conclave/sfu/room"
)

// media returns an m-line with the lines.
func media(t *testing.T, kind, formats string, lines ...string) *sdp.MediaDescription {
	t.Helper()
	text := "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=" + kind + " 9 UDP/TLS/RTP/SAVPF " + formats + "\r\nc=IN IP4 0.0.0.0\r\n"
	for _, l := range lines {
		text += l + "\r\n"
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		t.Fatal(err)
	}
	return d.MediaDescriptions[0]
}

// TestVariants says which variants of a codec are forwarded.
func TestVariants(t *testing.T) {
	for _, tt := range []struct {
		name, fmtp string
		want       room.Codec
	}{
		{"VP8/90000", "", room.VP8},
		{"vp8/90000", "max-fs=12288;max-fr=60", room.VP8},
		{"VP8/8000", "", room.Unknown},
		{"VP9/90000", "", room.VP9},
		{"VP9/90000", "profile-id=0", room.VP9},
		{"VP9/90000", "profile-id=2", room.Unknown},
		{"VP9/90000", "max-fs=1;profile-id=1", room.Unknown},
		{"AV1/90000", "level-idx=5; profile=0; tier=0", room.AV1},
		{"AV1/90000", "", room.AV1},
		{"AV1/90000", "level-idx=5;profile=1;tier=0", room.Unknown},
		{"H264/90000", "packetization-mode=1;profile-level-id=42e01f", room.H264},
		{"H264/90000", "packetization-mode=1;profile-level-id=42C034", room.H264},
		{"H264/90000", "Packetization-Mode=1;profile-level-id=42001f", room.H264},
		{"H264/90000", "packetization-mode=1", room.H264},
		{"H264/90000", "profile-level-id=42e01f", room.Unknown},
		{"H264/90000", "packetization-mode=0;profile-level-id=42e01f", room.Unknown},
		{"H264/90000", "packetization-mode=1;profile-level-id=640c1f", room.Unknown},
		{"H264/90000", "packetization-mode=1;profile-level-id=42ef1f", room.Unknown},
		{"H264/90000", "packetization-mode=1;profile-level-id=42e0", room.Unknown},
		{"H265/90000", "", room.Unknown},
		{"rtx/90000", "apt=98", room.Unknown},
		{"opus/48000/2", "", room.Unknown}, // on an m-line for video
	} {
		lines := []string{"a=rtpmap:98 " + tt.name}
		if tt.fmtp != "" {
			lines = append(lines, "a=fmtp:98 "+tt.fmtp)
		}
		formats, err := readFormats(media(t, "video", "98", lines...), false)
		if err != nil {
			t.Fatal(err)
		}
		got := room.Unknown
		if len(formats) == 1 {
			got = formats[0].known.codec
		}
		if got != tt.want {
			t.Errorf("%s with %q = %v, want %v", tt.name, tt.fmtp, got, tt.want)
		}
	}
}

// TestMadeOfOthers says what is taken only with what it is made of.
func TestMadeOfOthers(t *testing.T) {
	for _, tt := range []struct {
		name, kind, formats string
		lines               []string
		want                []uint8
	}{
		{"RED of Opus", "audio", "63 111", []string{"a=rtpmap:63 red/48000/2", "a=fmtp:63 111/111", "a=rtpmap:111 opus/48000/2"}, []uint8{63, 111}},
		{"RED of others", "audio", "63 111 9", []string{"a=rtpmap:63 red/48000/2", "a=fmtp:63 111/9", "a=rtpmap:111 opus/48000/2"}, []uint8{111}},
		{"RED of RED", "audio", "63 111", []string{"a=rtpmap:63 red/48000/2", "a=fmtp:63 63/63", "a=rtpmap:111 opus/48000/2"}, []uint8{111}},
		{"RED of anything", "audio", "63 111", []string{"a=rtpmap:63 red/48000/2", "a=rtpmap:111 opus/48000/2"}, []uint8{111}},
		{"RED alone", "audio", "63", []string{"a=rtpmap:63 red/48000/2", "a=fmtp:63 111/111"}, nil},
		{"mono", "audio", "111", []string{"a=rtpmap:111 opus/48000"}, nil},
		{"repair before", "video", "97 96", []string{"a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96;rtx-time=3000", "a=rtpmap:96 VP8/90000"}, []uint8{97, 96}},
		{"repair twice", "video", "96 97 99", []string{"a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96", "a=rtpmap:99 rtx/90000", "a=fmtp:99 apt=96", "a=rtpmap:96 VP8/90000"}, []uint8{96, 97}},
		{"repair of repair", "video", "97 98", []string{"a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=98", "a=rtpmap:98 rtx/90000", "a=fmtp:98 apt=97"}, nil},
		{"repair at another rate", "video", "96 97", []string{"a=rtpmap:97 rtx/8000", "a=fmtp:97 apt=96", "a=rtpmap:96 VP8/90000"}, []uint8{96}},
	} {
		formats, err := readFormats(media(t, tt.kind, tt.formats, tt.lines...), tt.kind == "audio")
		if err != nil {
			t.Fatal(err)
		}
		var got []uint8
		for _, f := range formats {
			got = append(got, f.number)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestReadSimulcast says which encodings are taken, in which order, and how
// they are answered.
func TestReadSimulcast(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lines []string
		want  string // as answered
		ranks string
	}{
		{"three", []string{"a=rid:f send", "a=rid:q send", "a=rid:h send", "a=simulcast:send f;q;h"}, "f q h", "q h f"},
		{"other names", []string{"a=rid:2 send", "a=rid:1 send", "a=simulcast:send 2;1"}, "2 1", "2 1"},
		{"alternatives", []string{"a=rid:a send pt=99", "a=rid:b send", "a=rid:c send", "a=simulcast:send a,b;~c"}, "b c", "b c"},
		{"both ways", []string{"a=rid:a send", "a=rid:b recv", "a=simulcast:recv b send a"}, "a", "a"},
		{"four", []string{"a=rid:a send", "a=rid:b send", "a=rid:c send", "a=rid:d send", "a=simulcast:send a;b;c;d"}, "a b c", "a b c"},
		{"twice", []string{"a=rid:a send", "a=simulcast:send a;a"}, "a", "a"},
		{"restricted", []string{"a=rid:a send max-width=640;pt=96,99", "a=simulcast:send a"}, "a(max-width=640;pt=96)", "a"},
		{"not at the same time", []string{"a=rid:a send"}, "", ""},
		{"unknown", []string{"a=rid:a send", "a=simulcast:send b"}, "", ""},
		{"odd name", []string{"a=rid:a=b send", "a=rid:" + strings.Repeat("x", maxRID+1) + " send", "a=simulcast:send a=b;" + strings.Repeat("x", maxRID+1)}, "", ""},
		{"half a line", []string{"a=rid:a", "a=rid:b send", "a=simulcast:send"}, "", ""},
	} {
		m := media(t, "video", "96", append(tt.lines, "a=rtpmap:96 VP8/90000")...)
		formats, err := readFormats(m, false)
		if err != nil {
			t.Fatal(err)
		}
		rids, err := readSimulcast(m, formats)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range rids {
			s := r.id
			if r.restrictions != "" {
				s += "(" + r.restrictions + ")"
			}
			got = append(got, s)
		}
		if g := strings.Join(got, " "); g != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, g, tt.want)
		}
		if g := strings.Join(ranked(rids), " "); g != tt.ranks {
			t.Errorf("%s: lowest first %q, want %q", tt.name, g, tt.ranks)
		}
	}
}
