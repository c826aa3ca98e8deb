package rtc

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtp"
)

// marshal returns a packet as pion writes it.
func marshal(t testing.TB, p *rtp.Packet) []byte {
	t.Helper()
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func withExtensions(t testing.TB, profile uint16, elements map[uint8][]byte) *rtp.Packet {
	t.Helper()
	p := &rtp.Packet{
		Header:  rtp.Header{Version: 2, SequenceNumber: 7, Timestamp: 8, SSRC: 9, PayloadType: 10, Marker: true},
		Payload: []byte("payload"),
	}
	for id, b := range elements {
		if err := p.SetExtensionWithProfile(id, b, profile); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func TestParsePacket(t *testing.T) {
	elements := map[uint8][]byte{1: []byte("one"), 3: []byte("three"), 14: {0}}
	for _, profile := range []uint16{profileOneByte, profileTwoByte} {
		b := marshal(t, withExtensions(t, profile, elements))
		var p packet
		if !parsePacket(b, &p) {
			t.Fatalf("profile %#x: parsePacket() = false", profile)
		}
		if p.sequence != 7 || p.timestamp != 8 || p.ssrc != 9 || p.payloadType != 10 || !p.marker {
			t.Errorf("profile %#x: header = %+v", profile, p)
		}
		if got := string(p.payload.in(b)); got != "payload" {
			t.Errorf("profile %#x: payload = %q", profile, got)
		}
		for id, want := range elements {
			if got := p.extension(b, id).in(b); !bytes.Equal(got, want) {
				t.Errorf("profile %#x: extension %d = %q, want %q", profile, id, got, want)
			}
		}
		if !p.extension(b, 2).empty() || !p.extension(b, 0).empty() {
			t.Errorf("profile %#x: there are extensions that were not sent", profile)
		}
	}
}

func TestParsePacketPadding(t *testing.T) {
	p := &rtp.Packet{Header: rtp.Header{Version: 2, Padding: true, PaddingSize: 20}}
	b := marshal(t, p)
	var got packet
	if !parsePacket(b, &got) || !got.payload.empty() {
		t.Errorf("padding only: payload = %v", got.payload)
	}
	b[len(b)-1] = 200
	if parsePacket(b, &got) {
		t.Error("more padding than packet: parsePacket() = true")
	}
}

func TestParsePacketRefuses(t *testing.T) {
	good := marshal(t, withExtensions(t, profileOneByte, map[uint8][]byte{1: []byte("x")}))
	for n := range 19 { // up to the end of the extension
		var p packet
		if parsePacket(good[:n], &p) {
			t.Errorf("%d of %d bytes: parsePacket() = true", n, len(good))
		}
	}
	bad := bytes.Clone(good)
	bad[0] = 0x40
	var p packet
	if parsePacket(bad, &p) {
		t.Error("version 1: parsePacket() = true")
	}
}

// FuzzParsePacket compares with pion's parser: what both take is the same.
func FuzzParsePacket(f *testing.F) {
	f.Add(marshal(f, withExtensions(f, profileOneByte, map[uint8][]byte{1: []byte("one"), 3: []byte("three")})))
	f.Add(marshal(f, withExtensions(f, profileTwoByte, map[uint8][]byte{1: make([]byte, 90), 200: {}})))
	f.Add(marshal(f, &rtp.Packet{Header: rtp.Header{Version: 2, Padding: true, PaddingSize: 9, CSRC: []uint32{1, 2}}}))
	f.Add([]byte{0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xBE, 0xDE, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, b []byte) {
		var p packet
		if !parsePacket(b, &p) {
			return
		}
		payload := bytes.Clone(p.payload.in(b))
		var elements [256][]byte
		for id := range 256 {
			elements[id] = p.extension(b, uint8(id)).in(b)
		}
		var want rtp.Packet
		if want.Unmarshal(b) != nil {
			return
		}
		if p.sequence != want.SequenceNumber || p.timestamp != want.Timestamp || p.ssrc != want.SSRC ||
			p.payloadType != want.PayloadType || p.marker != want.Marker || !bytes.Equal(payload, want.Payload) {
			t.Errorf("parsePacket() = %+v, pion reads %+v", p, want)
		}
		if p.profile != profileOneByte && p.profile != profileTwoByte {
			return
		}
		for _, id := range want.GetExtensionIDs() {
			if id == 0 || (p.profile == profileOneByte && id == 15) {
				continue
			}
			if diff := cmp.Diff(want.GetExtension(id), elements[id]); diff != "" && len(want.GetExtension(id)) > 0 {
				t.Errorf("extension %d (-pion +got):\n%s", id, diff)
			}
		}
	})
}

func TestParsePacketAllocs(t *testing.T) {
	b := marshal(t, withExtensions(t, profileOneByte, map[uint8][]byte{1: []byte("one"), 3: []byte("three")}))
	if got := testing.AllocsPerRun(100, func() {
		var p packet
		if !parsePacket(b, &p) || p.extension(b, 3).empty() {
			t.Fatal("packet does not parse")
		}
	}); got != 0 {
		t.Errorf("parsing allocates %v times, want 0", got)
	}
}
