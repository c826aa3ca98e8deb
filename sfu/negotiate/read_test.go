package negotiate

import (
	"errors"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"conclave/sfu/codec"
	"conclave/sfu/ice"
	"conclave/sfu/room"
)

// sample returns a description of a browser.
func sample(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// samples returns all of one kind, ".offer" or ".answer", by name.
func samples(t testing.TB, kind string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*"+kind))
	if err != nil || len(files) == 0 {
		t.Fatalf("no descriptions: %v", err)
	}
	all := make(map[string]string)
	for _, f := range files {
		all[strings.TrimSuffix(filepath.Base(f), kind)] = sample(t, filepath.Base(f))
	}
	return all
}

const fingerprint = "sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F"

var local = Local{
	Ufrag: "serverUfrag", Password: "serverPassword0123456789", Fingerprint: fingerprint,
	Candidates: ice.Candidates(
		[]netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:7000"), netip.MustParseAddrPort("[2001:db8::1]:7000")},
		[]netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:443")},
	),
	Session: 77, Version: 1,
}

// TestReadOffer reads what browsers offer.
func TestReadOffer(t *testing.T) {
	type section struct {
		Mid, First string
		Codecs     []uint8 // sorted
		RIDs       []string
		SSRCs      int
		IDs        []uint8 // mid, rid, repaired rid, transport, descriptor, level
	}
	for name, want := range map[string][]section{
		"chromium-vp9-svc": {
			{"0", "audio/opus", []uint8{111}, nil, 1, []uint8{4, 0, 0, 3, 0, 1}},
			{"1", "video/VP9", []uint8{45, 46, 96, 97, 98, 99}, nil, 2, []uint8{4, 10, 11, 3, 12, 0}},
		},
		"chromium-vp8-simulcast": {
			{"0", "video/VP8", []uint8{45, 46, 96, 97, 98, 99}, []string{"q", "h", "f"}, 0, []uint8{9, 10, 11, 4, 13, 0}},
		},
		"chromium-h264-simulcast": {
			{"0", "video/H264", []uint8{45, 46, 96, 97, 98, 99, 108, 109}, []string{"q", "h", "f"}, 0, []uint8{9, 10, 11, 4, 13, 0}},
		},
		"chromium-everything": {
			{"0", "audio/red", []uint8{63, 111}, nil, 1, []uint8{4, 0, 0, 3, 0, 1}},
			{"1", "video/VP8", []uint8{45, 46, 96, 97, 98, 99, 102, 103, 108, 109}, nil, 2, []uint8{4, 10, 11, 3, 0, 0}},
			{"2", "video/AV1", []uint8{45, 46}, nil, 2, []uint8{4, 10, 11, 3, 12, 0}},
			{"3", "audio/opus", []uint8{63, 111}, nil, 1, []uint8{4, 0, 0, 3, 0, 1}},
			{"4", "video/VP8", []uint8{45, 46, 96, 97, 98, 99, 102, 103, 108, 109}, nil, 0, []uint8{4, 10, 11, 3, 0, 0}},
			{"5", "video/VP8", []uint8{45, 46, 96, 97, 98, 99, 102, 103, 108, 109}, nil, 0, []uint8{4, 10, 11, 3, 0, 0}},
		},
		"firefox-single": {
			{"0", "audio/opus", []uint8{109}, nil, 1, []uint8{3, 0, 0, 7, 0, 1}},
			{"1", "video/VP9", []uint8{99, 100, 120, 121, 124, 125}, nil, 2, []uint8{3, 0, 0, 7, 0, 0}},
		},
		"firefox-simulcast": {
			{"0", "video/VP8", []uint8{99, 100, 120, 121, 124, 125}, []string{"q", "h", "f"}, 6, []uint8{3, 9, 10, 7, 8, 0}},
			{"1", "audio/opus", []uint8{109}, nil, 1, []uint8{3, 0, 0, 7, 0, 1}},
		},
		"pion-client": {
			{"0", "video/VP9", []uint8{98, 99}, nil, 2, []uint8{1, 0, 0, 4, 2, 0}},
			{"1", "audio/opus", []uint8{111}, nil, 1, []uint8{1, 0, 0, 4, 0, 3}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := ReadOffer(sample(t, name+".offer"))
			if err != nil {
				t.Fatal(err)
			}
			var got []section
			for _, s := range o.Sections {
				got = append(got, section{
					s.Mid, s.First, slices.Sorted(maps.Keys(s.Codecs)), s.RIDs, len(s.SSRCs),
					[]uint8{s.MidID, s.RidID, s.RepairedRidID, s.TransportID, s.DescriptorID, s.LevelID},
				})
				if wantAudio := strings.HasPrefix(s.First, "audio/"); s.Audio != wantAudio {
					t.Errorf("m-line %q: Audio = %v", s.Mid, s.Audio)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("sections (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(Remote{"docUfrag", "docPassword0123456789+/", []string{fingerprint}}, o.Remote); diff != "" {
				t.Errorf("remote (-want +got):\n%s", diff)
			}
			if o.Session == 0 {
				t.Error("no session")
			}
		})
	}
}

func TestReadOfferCodecsAndSources(t *testing.T) {
	o, err := ReadOffer(sample(t, "firefox-simulcast.offer"))
	if err != nil {
		t.Fatal(err)
	}
	s := o.Sections[0]
	wantCodecs := map[uint8]room.Payload{
		120: {MIME: "video/VP8", Codec: room.VP8, Video: codec.VP8}, 124: {MIME: "video/rtx", Repair: true, Repairs: 120},
		121: {MIME: "video/VP9", Codec: room.VP9, Video: codec.VP9}, 125: {MIME: "video/rtx", Repair: true, Repairs: 121},
		99: {MIME: "video/AV1", Codec: room.AV1, Video: codec.AV1}, 100: {MIME: "video/rtx", Repair: true, Repairs: 99},
	}
	if diff := cmp.Diff(wantCodecs, s.Codecs); diff != "" {
		t.Errorf("codecs (-want +got):\n%s", diff)
	}
	wantSources := map[uint32]uint32{
		4001562129: 4001562129, 714859856: 4001562129, 2849636270: 2849636270, 3707198470: 2849636270,
		623783327: 623783327, 1524775250: 623783327,
	}
	if diff := cmp.Diff(wantSources, s.SSRCs); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	if c := o.Sections[1].Codecs[109]; c != (room.Payload{MIME: "audio/opus", Codec: room.Opus}) {
		t.Errorf("sound = %+v", c)
	}
}

// offer is a small one that tests change.
const offer = `v=0
o=- 42 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=ice-ufrag:docUfrag
a=ice-pwd:docPassword0123456789+/
a=fingerprint:` + fingerprint + `
a=setup:actpass
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 192.0.2.77
a=candidate:1 1 udp 1 192.0.2.77 5000 typ host
a=mid:0
a=sendonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
m=video 9 UDP/TLS/RTP/SAVPF 98 99
c=IN IP4 192.0.2.77
a=mid:1
a=sendonly
a=rtcp-mux
a=rtpmap:98 VP9/90000
a=rtpmap:99 rtx/90000
a=fmtp:99 apt=98
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=ssrc-group:FID 21 22
a=ssrc:21 cname:x
a=ssrc:22 cname:x
`

// changed returns the small offer with one thing replaced.
func changed(t testing.TB, old, by string) string {
	t.Helper()
	text := strings.Replace(offer, old, by, 1)
	if text == offer && old != by {
		t.Fatalf("the offer has no %q", old)
	}
	return strings.ReplaceAll(text, "\n", "\r\n")
}

func TestReadOfferRefuses(t *testing.T) {
	for _, tt := range []struct{ name, old, by, want string }{
		{"nothing", offer, "", "0 m-lines"},
		{"too long", "s=-", "s=" + strings.Repeat("x", maxOffer), "bytes"},
		{"no line", "s=-", "s=-\nhello 192.0.2.77", "RFC 8866"},
		{"no m-line", offer[strings.Index(offer, "m=audio"):], "", "0 m-lines"},
		{"many m-lines", "m=audio", strings.Repeat("m=audio 0 UDP/TLS/RTP/SAVPF 0\nc=IN IP4 0.0.0.0\n", room.MaxSections) + "m=audio", "34 m-lines"},
		{"lite", "t=0 0\n", "t=0 0\na=ice-lite\n", "a=ice-lite"},
		{"no bundle", "a=group:BUNDLE 0 1\n", "", "a=group:BUNDLE"},
		{"two bundles", "a=group:BUNDLE 0 1\n", "a=group:BUNDLE 0\na=group:BUNDLE 1\n", "more than one a=group"},
		{"not all in the bundle", "BUNDLE 0 1", "BUNDLE 0", "m-line 1: no place in a=group:BUNDLE"},
		{"no ufrag", "a=ice-ufrag:docUfrag\n", "", "a=ice-ufrag"},
		{"short ufrag", "ufrag:docUfrag", "ufrag:doc", "a=ice-ufrag"},
		{"odd ufrag", "ufrag:docUfrag", "ufrag:doc:Ufrag", "a=ice-ufrag"},
		{"short password", "docPassword0123456789+/", "docPassword", "a=ice-pwd"},
		{"no fingerprint", "a=fingerprint:" + fingerprint + "\n", "", "a=fingerprint"},
		{"weak fingerprint", fingerprint, "sha-1 " + fingerprint[8:8+59], "a=fingerprint"},
		{"short fingerprint", fingerprint, fingerprint[:len(fingerprint)-3], "a=fingerprint"},
		{"no hex", "00:01:02", "00:0x:02", "a=fingerprint"},
		{"no colon", "00:01:02", "00:01-02", "a=fingerprint"},
		{"passive", "a=setup:actpass", "a=setup:passive", "a=setup"},
		{"no setup", "a=setup:actpass\n", "", "a=setup"},
		{"no mid", "a=mid:1\n", "", "m-line 1: no a=mid"},
		{"odd mid", "a=mid:1\n", "a=mid:1;x\n", "m-line 1: no a=mid"},
		{"mid twice", "a=mid:1\n", "a=mid:0\n", "m-line 1: no a=mid of its own"},
		{"RTCP elsewhere", "a=sendonly\na=rtcp-mux\n", "a=sendonly\n", "m-line 0: no a=rtcp-mux"},
		{"many codecs", "SAVPF 98 99", "SAVPF" + strings.Repeat(" 98", maxFormats+1), "m-line 1"},
		{"codec twice", "SAVPF 98 99", "SAVPF 98 98", "payload types"},
		{"codec out of range", "SAVPF 98 99", "SAVPF 98 299", "payload types"},
		{"extension twice", "a=ssrc-group", "a=extmap:4 urn:x\na=ssrc-group", "a=extmap"},
		{"many sources", "a=ssrc:21", "a=ssrc:1 x\na=ssrc:2 x\na=ssrc:3 x\na=ssrc:4 x\na=ssrc:5 x\na=ssrc:6 x\na=ssrc:7 x\na=ssrc:21", "sources"},
		{"source is no number", "a=ssrc:21", "a=ssrc:x21", "a=ssrc"},
		{"source of two m-lines", "a=rtpmap:111", "a=ssrc:21 cname:x\na=rtpmap:111", "m-line 1: no a=ssrc of its own"},
		{"repair of repair", "a=ssrc:21", "a=ssrc-group:FID 22 21\na=ssrc:21", "a=ssrc-group"},
		{"many encodings", "a=ssrc:21", strings.Repeat("a=rid:x send\n", maxRIDLines+1) + "a=ssrc:21", "a=rid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadOffer(changed(t, tt.old, tt.by))
			if !errors.Is(err, ErrDescription) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("ReadOffer() = %v, want ErrDescription about %q", err, tt.want)
			}
			for _, secret := range []string{"192.0.2", "docUfrag", "docPassword"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("error quotes %q: %v", secret, err)
				}
			}
		})
	}
	if _, err := ReadOffer(changed(t, "", "")); err != nil {
		t.Fatalf("the unchanged offer: %v", err)
	}
}

// TestReadOfferTakes reads offers that are odd but good.
func TestReadOfferTakes(t *testing.T) {
	for _, tt := range []struct {
		name, old, by string
		mids          string // of all sections
		codecs        int    // of the last
	}{
		{"as it is", "", "", "0 1", 2},
		{"DTLS client", "setup:actpass", "setup:active", "0 1", 2},
		{"transport in the m-line", "a=mid:0", "a=mid:0\na=ice-ufrag:own1\na=setup:active", "0 1", 2},
		{"taken back", "m=video 9", "m=video 0", "0", 1},
		{"bundle-only", "m=video 9 UDP/TLS/RTP/SAVPF 98 99", "m=video 0 UDP/TLS/RTP/SAVPF 98 99\na=bundle-only", "0 1", 2},
		{"data channel", "m=video 9 UDP/TLS/RTP/SAVPF 98 99", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "0", 1},
		{"without encryption", "m=video 9 UDP/TLS/RTP/SAVPF 98 99", "m=video 9 RTP/AVP 98 99", "0", 1},
		{"another codec", "VP9/90000", "H265/90000", "0 1", 0},
		{"repair of nothing", "apt=98", "apt=97", "0 1", 1},
		{"endless parameters", "a=fmtp:99", "a=fmtp:98 x=" + strings.Repeat("y", maxFmtp) + "\na=fmtp:99", "0 1", 0},
		{"extension 0", "extmap:4", "extmap:0", "0 1", 2},
		{"extension 4096", "extmap:4", "extmap:4096", "0 1", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, err := ReadOffer(changed(t, tt.old, tt.by))
			if err != nil {
				t.Fatal(err)
			}
			var mids []string
			for _, s := range o.Sections {
				mids = append(mids, s.Mid)
			}
			if got := strings.Join(mids, " "); got != tt.mids {
				t.Errorf("sections %q, want %q", got, tt.mids)
			}
			if last := o.Sections[len(o.Sections)-1]; len(last.Codecs) != tt.codecs {
				t.Errorf("codecs = %v, want %d", last.Codecs, tt.codecs)
			}
			if tt.name == "transport in the m-line" && o.Remote.Ufrag != "own1" {
				t.Errorf("ufrag %q, want that of the m-line", o.Remote.Ufrag)
			}
		})
	}
}

// TestReadOfferTransportOfFirstTaken reads the transport of the m-line that
// speaks for the bundle when its first one is refused.
func TestReadOfferTransportOfFirstTaken(t *testing.T) {
	text := changed(t, "a=mid:0", "a=mid:0\na=ice-ufrag:own0")
	text = strings.Replace(text, "a=mid:1", "a=mid:1\r\na=ice-ufrag:own1", 1)
	for _, tt := range []struct{ old, by, want string }{
		{"", "", "own0"},
		{"opus/48000/2", "G722/8000", "own1"},
		{"m=audio 9", "m=audio 0", "own1"},
		{"BUNDLE 0 1", "BUNDLE 1 0", "own1"},
	} {
		o, err := ReadOffer(strings.Replace(text, tt.old, tt.by, 1))
		if err != nil {
			t.Fatal(err)
		}
		if o.Remote.Ufrag != tt.want {
			t.Errorf("%q for %q: ufrag %q, want %q", tt.by, tt.old, o.Remote.Ufrag, tt.want)
		}
	}
	none := strings.NewReplacer("m=audio 9", "m=audio 0", "m=video 9", "m=video 0").Replace(text)
	if o, err := ReadOffer(none); err != nil || len(o.Sections) != 0 || o.Remote.Ufrag != "" {
		t.Errorf("everything taken back: %+v, %v", o, err)
	}
}

func TestFingerprintsInOneForm(t *testing.T) {
	text := changed(t, fingerprint, "SHA-256 "+strings.ToLower(fingerprint[8:])+"\na=fingerprint:md5 00:11")
	o, err := ReadOffer(text)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.Remote.Fingerprints, []string{fingerprint}) {
		t.Errorf("fingerprints = %q, want %q", o.Remote.Fingerprints, fingerprint)
	}
}
