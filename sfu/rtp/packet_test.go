package rtp

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	pion "github.com/pion/rtp"
)

// marshal returns a packet as pion writes it.
func marshal(t testing.TB, p *pion.Packet) []byte {
	t.Helper()
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func withExtensions(t testing.TB, profile uint16, elements map[uint8][]byte) *pion.Packet {
	t.Helper()
	p := &pion.Packet{
		Header:  pion.Header{Version: 2, SequenceNumber: 7, Timestamp: 8, SSRC: 9, PayloadType: 10, Marker: true},
		Payload: []byte("payload"),
	}
	for id, b := range elements {
		if err := p.SetExtensionWithProfile(id, b, profile); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func TestParse(t *testing.T) {
	elements := map[uint8][]byte{1: []byte("one"), 3: []byte("three"), 14: {0}}
	for _, profile := range []uint16{profileOneByte, profileTwoByte} {
		b := marshal(t, withExtensions(t, profile, elements))
		var p Packet
		if !Parse(b, &p) {
			t.Fatalf("profile %#x: Parse() = false", profile)
		}
		if p.Sequence != 7 || p.Timestamp != 8 || p.SSRC != 9 || p.PayloadType != 10 || !p.Marker {
			t.Errorf("profile %#x: header = %+v", profile, p)
		}
		if got := string(p.Payload.In(b)); got != "payload" {
			t.Errorf("profile %#x: payload = %q", profile, got)
		}
		for id, want := range elements {
			if got := p.Extension(b, id).In(b); !bytes.Equal(got, want) {
				t.Errorf("profile %#x: extension %d = %q, want %q", profile, id, got, want)
			}
		}
		if !p.Extension(b, 2).Empty() || !p.Extension(b, 0).Empty() {
			t.Errorf("profile %#x: there are extensions that were not sent", profile)
		}
	}
}

func TestParsePadding(t *testing.T) {
	p := &pion.Packet{Header: pion.Header{Version: 2, Padding: true, PaddingSize: 20}}
	b := marshal(t, p)
	var got Packet
	if !Parse(b, &got) || !got.Payload.Empty() {
		t.Errorf("padding only: payload = %v", got.Payload)
	}
	b[len(b)-1] = 200
	if Parse(b, &got) {
		t.Error("more padding than packet: Parse() = true")
	}
}

func TestParseRefuses(t *testing.T) {
	good := marshal(t, withExtensions(t, profileOneByte, map[uint8][]byte{1: []byte("x")}))
	for n := range 19 { // up to the end of the extension
		var p Packet
		if Parse(good[:n], &p) {
			t.Errorf("%d of %d bytes: Parse() = true", n, len(good))
		}
	}
	bad := bytes.Clone(good)
	bad[0] = 0x40
	var p Packet
	if Parse(bad, &p) {
		t.Error("version 1: Parse() = true")
	}
}

// FuzzParse compares with pion's parser: what both take is the same.
func FuzzParse(f *testing.F) {
	f.Add(marshal(f, withExtensions(f, profileOneByte, map[uint8][]byte{1: []byte("one"), 3: []byte("three")})))
	f.Add(marshal(f, withExtensions(f, profileTwoByte, map[uint8][]byte{1: make([]byte, 90), 200: {}})))
	f.Add(marshal(f, &pion.Packet{Header: pion.Header{Version: 2, Padding: true, PaddingSize: 9, CSRC: []uint32{1, 2}}}))
	f.Add([]byte{0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xBE, 0xDE, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Packet
		if !Parse(b, &p) {
			return
		}
		payload := bytes.Clone(p.Payload.In(b))
		var elements [256][]byte
		for id := range 256 {
			elements[id] = p.Extension(b, uint8(id)).In(b)
		}
		var want pion.Packet
		if want.Unmarshal(b) != nil {
			return
		}
		if p.Sequence != want.SequenceNumber || p.Timestamp != want.Timestamp || p.SSRC != want.SSRC ||
			p.PayloadType != want.PayloadType || p.Marker != want.Marker || !bytes.Equal(payload, want.Payload) {
			t.Errorf("Parse() = %+v, pion reads %+v", p, want)
		}
		if p.Profile != profileOneByte && p.Profile != profileTwoByte {
			return
		}
		for _, id := range want.GetExtensionIDs() {
			if id == 0 || (p.Profile == profileOneByte && id == 15) {
				continue
			}
			if diff := cmp.Diff(want.GetExtension(id), elements[id]); diff != "" && len(want.GetExtension(id)) > 0 {
				t.Errorf("extension %d (-pion +got):\n%s", id, diff)
			}
		}
	})
}

func TestParseAllocs(t *testing.T) {
	b := marshal(t, withExtensions(t, profileOneByte, map[uint8][]byte{1: []byte("one"), 3: []byte("three")}))
	if got := testing.AllocsPerRun(100, func() {
		var p Packet
		if !Parse(b, &p) || p.Extension(b, 3).Empty() {
			t.Fatal("packet does not parse")
		}
	}); got != 0 {
		t.Errorf("parsing allocates %v times, want 0", got)
	}
}
