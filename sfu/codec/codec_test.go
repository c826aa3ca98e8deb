package codec

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var exported = cmpopts.IgnoreUnexported(Info{})

func TestParse(t *testing.T) {
	tests := []struct {
		name string
		c    Codec
		in   []byte
		want Info
	}{
		{
			"VP9 flexible, S0 of a key picture with a structure", VP9,
			[]byte{
				0b1011_1010, 0x92, 0x34, 0b000_0_000_0,
				0b010_1_1_000, 1, 64, 0, 180, 2, 128, 1, 104, 5, 0, 2, 208, 2, 0b000_0_01_00, 1, 0b010_1_10_00, 1, 2, 0xaa,
			},
			Info{
				HasLayers: true, HasFirst: true, First: true, HasLast: true, Key: true,
				HasPictureID: true, PictureID: 0x1234, PictureIDBits: 15,
				SpatialCount: 3, HasResolutions: true,
				Resolutions: [MaxSpatial]Resolution{{320, 180}, {640, 360}, {1280, 720}}, HeaderSize: 23,
			},
		},
		{
			"VP9 flexible, S2 of a key picture", VP9,
			[]byte{0b1011_1100, 0x92, 0x34, 0b000_0_010_1, 0xaa},
			Info{
				HasLayers: true, Spatial: 2, HasFirst: true, First: true, HasLast: true, Last: true, InterLayer: true,
				HasPictureID: true, PictureID: 0x1234, PictureIDBits: 15, HeaderSize: 4,
			},
		},
		{
			"VP9 flexible, delta with three references", VP9,
			[]byte{0b1111_0101, 0x05, 0b010_1_001_0, 0b0000001_1, 0b0000010_1, 0b0000011_0, 0xaa},
			Info{
				HasLayers: true, Spatial: 1, Temporal: 2, HasLast: true, Last: true, HasFirst: true, SwitchingPoint: true,
				InterPicture: true, HasPictureID: true, PictureID: 5, PictureIDBits: 7, HeaderSize: 6,
			},
		},
		{
			"VP9 non-flexible", VP9,
			[]byte{0b1110_1000, 0x05, 0b001_0_000_0, 77, 0xaa},
			Info{
				HasLayers: true, Temporal: 1, HasFirst: true, First: true, HasLast: true, InterPicture: true,
				HasPictureID: true, PictureID: 5, PictureIDBits: 7, HasTL0PICIDX: true, TL0PICIDX: 77, HeaderSize: 4,
			},
		},
		{
			"VP9 bare", VP9,
			[]byte{0b0000_1100, 0xaa},
			Info{HasFirst: true, First: true, HasLast: true, Last: true, Key: true, HeaderSize: 1},
		},
		{
			"VP8 stripped, key", VP8,
			[]byte{0x10, 0x00, 0x13},
			Info{HasFirst: true, First: true, Key: true, HeaderSize: 1},
		},
		{
			"VP8 stripped, delta", VP8,
			[]byte{0x10, 0x01, 0x13},
			Info{HasFirst: true, First: true, HeaderSize: 1},
		},
		{
			"VP8 stripped, second packet", VP8,
			[]byte{0x00, 0x00},
			Info{HasFirst: true, HeaderSize: 1},
		},
		{
			"VP8 second partition", VP8,
			[]byte{0x11, 0x00},
			Info{HasFirst: true, HeaderSize: 1},
		},
		{
			"VP8 full", VP8,
			[]byte{0x90, 0xf0, 0x92, 0x34, 77, 0b10_1_00011, 0x01},
			Info{
				HasFirst: true, First: true, HasLayers: true, Temporal: 2, SwitchingPoint: true,
				HasPictureID: true, PictureID: 0x1234, PictureIDBits: 15, HasTL0PICIDX: true, TL0PICIDX: 77, HeaderSize: 6,
			},
		},
		{
			"VP8 key index alone", VP8,
			[]byte{0x90, 0x10, 0b10_1_00011, 0x00},
			Info{HasFirst: true, First: true, Key: true, HeaderSize: 3},
		},
		{"AV1 key", AV1, []byte{0b0101_1000, 0x08, 0x13}, Info{HasFirst: true, First: true, Key: true, HeaderSize: 1}},
		{"AV1 delta", AV1, []byte{0b0001_0000, 0x30, 0x13}, Info{HasFirst: true, First: true, HeaderSize: 1}},
		{"AV1 continuation", AV1, []byte{0b1001_0000, 0x13}, Info{HasFirst: true, HeaderSize: 1}},
		{"H264 slice", H264, []byte{0x41, 0x9a, 0x80}, Info{}},
		{"H264 IDR", H264, []byte{0x65, 0x88}, Info{Key: true}},
		{"H264 SPS", H264, []byte{0x67, 0x42}, Info{Key: true}},
		{"H264 SPS and PPS together", H264, []byte{0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68}, Info{Key: true}},
		{"H264 SEI and slice together", H264, []byte{0x78, 0, 2, 0x06, 0x42, 0, 1, 0x41}, Info{}},
		{"H264 fragment of an IDR, first", H264, []byte{0x7c, 0x85, 0x88}, Info{Key: true}},
		{"H264 fragment of an IDR, later", H264, []byte{0x7c, 0x05, 0x88}, Info{Key: true}},
		{"H264 fragment of a slice", H264, []byte{0x5c, 0x81, 0x88}, Info{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got Info
			if err := Parse(tt.c, tt.in, &got); err != nil {
				t.Fatalf("Parse(%v, %x): %v", tt.c, tt.in, err)
			}
			if diff := cmp.Diff(tt.want, got, exported); diff != "" {
				t.Errorf("Parse(%v, %x) (-want +got):\n%s", tt.c, tt.in, diff)
			}
			// Cut inside the descriptor, or right behind it.
			for n := range max(int(got.HeaderSize)+1, 1) {
				if err := Parse(tt.c, tt.in[:n], &got); !errors.Is(err, ErrMalformed) {
					t.Errorf("Parse of %d bytes of %d = %v, want ErrMalformed", n, len(tt.in), err)
				}
			}
		})
	}
}

// TestLongStructure: a structure may be longer than 255 bytes.
func TestLongStructure(t *testing.T) {
	in := append([]byte{0b0000_1010, 0x08, 200}, bytes.Repeat([]byte{0x0c, 1, 2, 3}, 200)...)
	var info Info
	if err := Parse(VP9, in, &info); !errors.Is(err, ErrMalformed) {
		t.Errorf("Parse without a frame = %v, want ErrMalformed", err)
	}
	if err := Parse(VP9, append(in, 0xaa), &info); err != nil || int(info.HeaderSize) != len(in) {
		t.Errorf("Parse = %v, header of %d bytes, want %d", err, info.HeaderSize, len(in))
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct {
		name string
		c    Codec
		in   []byte
		want error
	}{
		{"VP9 flexible without picture id", VP9, []byte{0b0001_1000, 0xaa}, ErrMalformed},
		{"VP9 with four references", VP9, []byte{0b1111_0000, 5, 0, 1, 1, 1, 0, 0xaa}, ErrMalformed},
		{"VP9 structure cut off", VP9, []byte{0b0000_0010, 0xff, 1}, ErrMalformed},
		{"AV1 continued and new", AV1, []byte{0b1000_1000, 0xaa}, ErrMalformed},
		{"H264 NAL type 0", H264, []byte{0x60, 1}, ErrUnsupported},
		{"H264 STAP-B", H264, []byte{25, 1}, ErrUnsupported},
		{"H264 FU-B", H264, []byte{29, 1, 2}, ErrUnsupported},
		{"H264 empty aggregate", H264, []byte{24}, ErrMalformed},
		{"H264 empty unit", H264, []byte{24, 0, 0}, ErrMalformed},
		{"H264 unit cut off", H264, []byte{24, 0, 9, 1}, ErrMalformed},
		{"H264 size cut off", H264, []byte{24, 0, 1, 1, 0}, ErrMalformed},
		{"H264 fragment cut off", H264, []byte{28, 0x85}, ErrMalformed},
		{"unknown codec", Unknown, []byte{1, 2, 3}, ErrUnsupported},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got Info
			if err := Parse(tt.c, tt.in, &got); !errors.Is(err, tt.want) {
				t.Errorf("Parse(%v, %x) = %v, want %v", tt.c, tt.in, err, tt.want)
			}
		})
	}
}

func TestRewrite(t *testing.T) {
	tests := []struct {
		name     string
		c        Codec
		in, want []byte
	}{
		{
			"VP9 non-flexible, 15 bits", VP9,
			[]byte{0b1110_1000, 0x92, 0x34, 0, 77, 0xaa},
			[]byte{0b1110_1000, 0xff, 0xfe, 0, 9, 0xaa},
		},
		{"VP9 flexible, 7 bits", VP9, []byte{0b1011_1000, 0x12, 0, 0xaa}, []byte{0b1011_1000, 0x7e, 0, 0xaa}},
		{
			"VP8", VP8,
			[]byte{0x90, 0xe0, 0x92, 0x34, 77, 0, 0xaa},
			[]byte{0x90, 0xe0, 0xff, 0xfe, 9, 0, 0xaa},
		},
		{"VP8 stripped", VP8, []byte{0x10, 0xaa}, []byte{0x10, 0xaa}},
		{"AV1", AV1, []byte{0x10, 0xaa}, []byte{0x10, 0xaa}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var info Info
			if err := Parse(tt.c, tt.in, &info); err != nil {
				t.Fatal(err)
			}
			got := bytes.Clone(tt.in)
			Rewrite{}.Apply(got, &info)
			if !bytes.Equal(got, tt.in) {
				t.Errorf("the zero Rewrite makes %x of %x", got, tt.in)
			}
			r := Rewrite{Set: true, PictureID: 0xfffe, TL0PICIDX: 9}
			r.Apply(got[:1], &info) // not the payload that info is of: no effect, no panic
			r.Apply(got, &info)
			if !bytes.Equal(got, tt.want) {
				t.Errorf("Apply makes %x of %x, want %x", got, tt.in, tt.want)
			}
		})
	}
}

func TestFromMIME(t *testing.T) {
	for _, c := range []Codec{VP8, VP9, AV1, H264} {
		if got := FromMIME(c.String()); got != c {
			t.Errorf("FromMIME(%q) = %v", c.String(), got)
		}
	}
	if got := FromMIME("video/h264"); got != H264 {
		t.Errorf("FromMIME ignores no case: %v", got)
	}
	if got := FromMIME("audio/opus"); got != Unknown {
		t.Errorf("FromMIME(audio/opus) = %v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(uint8(VP9), []byte{0b1011_1010, 0x92, 0x34, 0, 0b010_1_1_000, 1, 64, 0, 180, 2, 128, 1, 104, 5, 0, 2, 208, 1, 4, 1, 0xaa})
	f.Add(uint8(VP9), []byte{0b1111_0101, 0x05, 0b010_1_001_0, 3, 5, 6, 0xaa})
	f.Add(uint8(VP9), []byte{0b1110_1000, 0x05, 0x20, 77, 0xaa})
	f.Add(uint8(VP8), []byte{0x90, 0xf0, 0x92, 0x34, 77, 0xa3, 0x01})
	f.Add(uint8(AV1), []byte{0x18, 8})
	f.Add(uint8(H264), []byte{0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68})
	f.Add(uint8(H264), []byte{0x7c, 0x85, 0x88})
	f.Fuzz(func(t *testing.T, c uint8, in []byte) {
		var info, again Info
		if Parse(Codec(c), in, &info) != nil {
			return
		}
		if int(info.HeaderSize) >= len(in) {
			t.Fatalf("Parse(%v, %x): a header of %d bytes", Codec(c), in, info.HeaderSize)
		}
		out := bytes.Clone(in)
		r := Rewrite{Set: true, PictureID: 0x2a5a, TL0PICIDX: 200}
		r.Apply(out, &info)
		if err := Parse(Codec(c), out, &again); err != nil {
			t.Fatalf("Parse(%x) of rewritten %x: %v", in, out, err)
		}
		if info.HasPictureID {
			info.PictureID = r.PictureID & (1<<info.PictureIDBits - 1)
		}
		if info.HasTL0PICIDX {
			info.TL0PICIDX = r.TL0PICIDX
		}
		if info != again {
			t.Fatalf("%x rewritten to %x reads %+v, want %+v", in, out, again, info)
		}
	})
}

func TestNoAllocations(t *testing.T) {
	in := []byte{0b1110_1000, 0x92, 0x34, 0, 77, 0xaa}
	var info Info
	got := testing.AllocsPerRun(1000, func() {
		if Parse(VP9, in, &info) != nil {
			t.Fatal("Parse fails")
		}
		Rewrite{Set: true, PictureID: 0x1234, TL0PICIDX: 77}.Apply(in, &info)
	})
	if got != 0 {
		t.Errorf("a packet allocates %v times, want 0", got)
	}
}
