package rtp

import (
	"bytes"
	"fmt"
	"testing"

	pion "github.com/pion/rtp"
)

func TestAppendHeader(t *testing.T) {
	long, longest := make([]byte, 17), make([]byte, 255)
	long[16], longest[254] = 1, 2
	for _, tt := range []struct {
		name     string
		elements []Element
		profile  uint16
		size     int
	}{
		{"none", nil, 0, 12},
		{"one byte form", []Element{{1, []byte("a")}, {14, long[1:]}}, profileOneByte, 12 + 4 + 20},
		{"padded", []Element{{3, []byte("ab")}, {4, []byte("cde")}}, profileOneByte, 12 + 4 + 8},
		{"too long for one byte", []Element{{1, long}}, profileTwoByte, 12 + 4 + 20},
		{"empty element", []Element{{1, nil}, {2, []byte("b")}}, profileTwoByte, 12 + 4 + 8},
		{"reserved id", []Element{{15, []byte("a")}}, profileTwoByte, 12 + 4 + 4},
		{"high id and longest", []Element{{255, longest}}, profileTwoByte, 12 + 4 + 260},
		{"not negotiated", []Element{{0, []byte("a")}}, 0, 12},
		{"not negotiated and another", []Element{{0, long}, {5, []byte("a")}}, profileOneByte, 12 + 4 + 4},
		{"impossible", []Element{{1, make([]byte, 256)}}, 0, 12},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := Header{Marker: true, PayloadType: 96, Sequence: 0xABCD, Timestamp: 0x01020304, SSRC: 0xF0F1F2F3}
			b := AppendHeader([]byte("x"), &h, tt.elements)
			if b[0] != 'x' {
				t.Fatal("AppendHeader() overwrites what was there")
			}
			b = b[1:]
			if len(b) != tt.size || HeaderSize(tt.elements) != tt.size {
				t.Errorf("AppendHeader() = %d bytes, HeaderSize() = %d, want %d", len(b), HeaderSize(tt.elements), tt.size)
			}
			b = append(b, "payload"...)
			var p Packet
			if !Parse(b, &p) {
				t.Fatal("Parse(AppendHeader()) = false")
			}
			want := Packet{
				Marker: true, PayloadType: 96, Sequence: 0xABCD, Timestamp: 0x01020304, SSRC: 0xF0F1F2F3,
				Profile: tt.profile, Ext: p.Ext, Payload: Span{tt.size, tt.size + 7},
			}
			if p != want {
				t.Errorf("Parse(AppendHeader()) = %+v, want %+v", p, want)
			}
			for _, e := range tt.elements {
				if got := p.Extension(b, e.ID).In(b); e.writable() && !bytes.Equal(got, e.Data) {
					t.Errorf("element %d = %x, want %x", e.ID, got, e.Data)
				}
			}
			compareWithPion(t, b, tt.elements)
		})
	}
}

// compareWithPion checks that pion's parser finds the same elements.
func compareWithPion(t *testing.T, b []byte, elements []Element) {
	t.Helper()
	var p pion.Packet
	if err := p.Unmarshal(b); err != nil {
		t.Fatalf("pion cannot read %x: %v", b, err)
	}
	for _, e := range elements {
		if got := p.GetExtension(e.ID); e.writable() && !bytes.Equal(got, e.Data) {
			t.Errorf("pion reads element %d as %x, want %x", e.ID, got, e.Data)
		}
	}
}

// FuzzAppendHeader checks that what was written parses back.
func FuzzAppendHeader(f *testing.F) {
	f.Add(uint64(1), uint32(2), uint8(0), []byte{1, 3, 'a', 'b', 'c', 2, 0})
	f.Add(uint64(1<<63), uint32(9), uint8(3), []byte{14, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 200, 1, 9})
	f.Fuzz(func(t *testing.T, numbers uint64, ssrc uint32, flags uint8, list []byte) {
		var elements []Element
		seen := map[uint8]bool{0: true}
		for len(list) >= 2 && len(elements) < 64 {
			id, n := list[0], min(int(list[1]), len(list)-2)
			if !seen[id] {
				elements = append(elements, Element{id, list[2 : 2+n]})
			}
			seen[id] = true
			list = list[2+n:]
		}
		h := Header{
			Marker: flags&1 != 0, Padding: flags&2 != 0, PayloadType: uint8(numbers>>48) & 0x7F,
			Sequence: uint16(numbers >> 32), Timestamp: uint32(numbers), SSRC: ssrc,
		}
		b := AppendHeader(nil, &h, elements)
		if len(b) != HeaderSize(elements) {
			t.Fatalf("AppendHeader() = %d bytes, HeaderSize() = %d", len(b), HeaderSize(elements))
		}
		size := len(b)
		b = append(b, "payload\x03"...)
		var p Packet
		if !Parse(b, &p) {
			t.Fatalf("Parse(%x) = false", b)
		}
		end := len(b)
		if h.Padding {
			end -= 3
		}
		want := Packet{
			Marker: h.Marker, PayloadType: h.PayloadType, Sequence: h.Sequence, Timestamp: h.Timestamp,
			SSRC: h.SSRC, Profile: p.Profile, Ext: p.Ext, Payload: Span{size, end},
		}
		if p != want {
			t.Errorf("Parse(AppendHeader()) = %+v, want %+v", p, want)
		}
		for _, e := range elements {
			if got := p.Extension(b, e.ID).In(b); !bytes.Equal(got, e.Data) {
				t.Errorf("element %d = %x, want %x", e.ID, got, e.Data)
			}
		}
	})
}

func TestAppendHeaderAllocs(t *testing.T) {
	b := make([]byte, 0, 64)
	h := Header{Sequence: 1, SSRC: 2}
	descriptor := []byte{0x80, 0, 1}
	if got := testing.AllocsPerRun(100, func() {
		elements := [2]Element{{3, []byte{1, 2}}, {5, descriptor}}
		b = AppendHeader(b[:0], &h, elements[:])
	}); got != 0 {
		t.Errorf("writing a header allocates %v times, want 0", got)
	}
}

func TestIsRTCP(t *testing.T) {
	for kind := range 256 {
		b := []byte{0x80, byte(kind), 0, 0}
		if got, want := IsRTCP(b), kind >= 192 && kind <= 223; got != want {
			t.Errorf("IsRTCP(type %d) = %v, want %v", kind, got, want)
		}
	}
	if IsRTCP(nil) || IsRTCP([]byte{0x80}) {
		t.Error("IsRTCP() = true for less than two bytes")
	}
}

func TestOutputAlloc(t *testing.T) {
	var o Output
	var all [][]byte
	for round := range 2 {
		all = all[:0]
		for i := range 3000 {
			b := o.Alloc(i % 1500)
			if len(b) != i%1500 || cap(b) != len(b) {
				t.Fatalf("Alloc(%d) = %d bytes with room for %d", i%1500, len(b), cap(b))
			}
			for j := range b {
				b[j] = byte(i)
			}
			all = append(all, b)
		}
		for i, b := range all {
			if !bytes.Equal(b, bytes.Repeat([]byte{byte(i)}, len(b))) {
				t.Fatalf("round %d: allocation %d was overwritten by another", round, i)
			}
		}
		o.Packets = append(o.Packets, Outbound{Payload: all[1]})
		o.Reset()
		if len(o.Packets) != 0 || o.Packets[:1][0].Payload != nil {
			t.Fatal("Reset() keeps a packet")
		}
	}
	if got := testing.AllocsPerRun(10, func() {
		for range 100 {
			o.Alloc(1500)
		}
		o.Reset()
	}); got != 0 {
		t.Errorf("an Output in use allocates %v times a batch, want 0", got)
	}
}

func BenchmarkParse(b *testing.B) {
	for _, n := range []int{0, 2} {
		b.Run(fmt.Sprintf("elements=%d", n), func(b *testing.B) {
			elements := []Element{{3, []byte{1, 2}}, {5, make([]byte, 12)}}[:n]
			packet := append(AppendHeader(nil, &Header{SSRC: 1}, elements), make([]byte, 1000)...)
			b.ReportAllocs()
			for b.Loop() {
				var p Packet
				if !Parse(packet, &p) || p.Extension(packet, 5).Empty() != (n == 0) {
					b.Fatal("packet does not parse")
				}
			}
		})
	}
}
