package dd

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var hd = []Resolution{{320, 180}, {640, 360}, {1280, 720}}

func structureOf(t testing.TB, mode string, sizes []Resolution) (Mode, *Structure) {
	t.Helper()
	m, err := ParseMode(mode)
	if err != nil {
		t.Fatalf("ParseMode(%q): %v", mode, err)
	}
	s, err := NewStructure(m, sizes)
	if err != nil {
		t.Fatalf("NewStructure(%q): %v", mode, err)
	}
	return m, s
}

func dtis(s string) (d [MaxTargets]DTI) {
	for i, c := range s {
		d[i] = DTI(strings.IndexRune("-DSR", c))
	}
	return d
}

// row is a line of the tables in Section A.10.2.
func row(spatial, temporal uint8, diffs, chains []uint8, indications string) Template {
	t := Template{Spatial: spatial, Temporal: temporal, DTIs: dtis(indications), FrameDiffCount: uint8(len(diffs))}
	copy(t.FrameDiffs[:], diffs)
	copy(t.ChainDiffs[:], chains)
	return t
}

// TestStructureTables checks the generator against the tables of Section
// A.10.2. The document lists decode targets from the highest layer down, we go
// up; the indications here are turned around.
func TestStructureTables(t *testing.T) {
	u := func(v ...uint8) []uint8 { return v }
	tests := map[string][]Template{
		"L1T3": { // A.10.2.1
			row(0, 0, nil, u(0), "SSS"),
			row(0, 0, u(4), u(4), "SSS"),
			row(0, 1, u(2), u(2), "-DS"),
			row(0, 2, u(1), u(1), "--D"),
			row(0, 2, u(1), u(3), "--D"),
		},
		"L3T3": { // A.10.2.2
			row(0, 0, nil, u(0, 0, 0), "SSSSSSSSS"),
			row(0, 0, u(12), u(12, 11, 10), "SSSRRRRRR"),
			row(0, 1, u(6), u(6, 5, 4), "-DS-RR-RR"),
			row(0, 2, u(3), u(3, 2, 1), "--D--R--R"),
			row(0, 2, u(3), u(9, 8, 7), "--D--R--R"),
			row(1, 0, u(1), u(1, 1, 1), "---SSSSSS"),
			row(1, 0, u(12, 1), u(1, 1, 1), "---SSSRRR"),
			row(1, 1, u(6, 1), u(7, 6, 5), "----DS-RR"),
			row(1, 2, u(3, 1), u(4, 3, 2), "-----D--R"),
			row(1, 2, u(3, 1), u(10, 9, 8), "-----D--R"),
			row(2, 0, u(1), u(2, 1, 1), "------SSS"),
			row(2, 0, u(12, 1), u(2, 1, 1), "------SSS"),
			row(2, 1, u(6, 1), u(8, 7, 6), "-------DS"),
			row(2, 2, u(3, 1), u(5, 4, 3), "--------D"),
			row(2, 2, u(3, 1), u(11, 10, 9), "--------D"),
		},
		"L3T3_KEY": { // no table in the document; by its rules of dependency
			row(0, 0, nil, u(0, 0, 0), "SSSSSSSSS"),
			row(0, 0, u(12), u(12, 11, 10), "SSS------"),
			row(0, 1, u(6), u(6, 5, 4), "-DS------"),
			row(0, 2, u(3), u(3, 2, 1), "--D------"),
			row(0, 2, u(3), u(9, 8, 7), "--D------"),
			row(1, 0, u(1), u(1, 1, 1), "---SSSSSS"),
			row(1, 0, u(12), u(1, 12, 11), "---SSS---"),
			row(1, 1, u(6), u(7, 6, 5), "----DS---"),
			row(1, 2, u(3), u(4, 3, 2), "-----D---"),
			row(1, 2, u(3), u(10, 9, 8), "-----D---"),
			row(2, 0, u(1), u(2, 1, 1), "------SSS"),
			row(2, 0, u(12), u(2, 1, 12), "------SSS"),
			row(2, 1, u(6), u(8, 7, 6), "-------DS"),
			row(2, 2, u(3), u(5, 4, 3), "--------D"),
			row(2, 2, u(3), u(11, 10, 9), "--------D"),
		},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			_, s := structureOf(t, name, nil)
			if diff := cmp.Diff(want, s.Templates[:s.TemplateCount]); diff != "" {
				t.Errorf("templates (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTargets(t *testing.T) {
	_, s := structureOf(t, "L3T3_KEY", hd)
	for i := range s.TargetCount {
		if want := (Layer{i / 3, i % 3}); s.Targets[i] != want {
			t.Errorf("Targets[%d] = %v, want %v", i, s.Targets[i], want)
		}
	}
	if got, want := s.TargetsWithin(Layer{1, 1}), uint32(0b000_011_011); got != want {
		t.Errorf("TargetsWithin(S1T1) = %09b, want %09b", got, want)
	}
	if got, want := s.AllTargets(), uint32(0b111_111_111); got != want {
		t.Errorf("AllTargets() = %09b, want %09b", got, want)
	}
}

// TestKeyPacketSize holds the size that a browser's L3T3_KEY key packets have:
// 90 bytes, and 92 while the encoder ramps up and names its active targets.
func TestKeyPacketSize(t *testing.T) {
	_, s := structureOf(t, "L3T3_KEY", hd)
	d := Descriptor{StartOfFrame: true, FrameNumber: 1, Attached: true, DTIs: s.Templates[0].DTIs}
	for _, tt := range []struct {
		active bool
		want   int
	}{{false, 90}, {true, 92}} {
		d.HasActive, d.Active = tt.active, 0b111
		b, err := Append(nil, &d, s)
		if err != nil || len(b) != tt.want {
			t.Errorf("Append(active %v) = %d bytes, %v, want %d", tt.active, len(b), err, tt.want)
		}
	}
}

// play writes pictures of a mode, some layers left out by drop, and calls check
// with every descriptor.
func play(t testing.TB, mode string, pictures int, drop func(picture int, spatial uint8) bool, check func(b []byte, want Descriptor)) {
	t.Helper()
	m, err := ParseMode(mode)
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWriter(m, hd[:min(m.Spatial, len(hd))][:m.Spatial*btoi(m.Spatial <= len(hd))], 65530)
	if err != nil {
		t.Fatal(err)
	}
	pattern := m.Pattern()
	for i := range pictures {
		key := i == 0 || i == pictures/2/len(pattern)*len(pattern)
		for spatial := range uint8(m.Spatial) {
			if spatial > 0 && drop(i, spatial) {
				break
			}
			if err := w.Begin(spatial, pattern[i%len(pattern)], key); err != nil {
				t.Fatal(err)
			}
			for packet := range 3 {
				b, err := w.Append(nil, packet == 0, packet == 2)
				if err != nil {
					t.Fatalf("Append: %v", err)
				}
				want := w.current
				want.StartOfFrame, want.EndOfFrame = packet == 0, packet == 2
				want.Attached = key && spatial == 0 && packet == 0
				check(b, want)
			}
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

var resolved = cmpopts.IgnoreFields(Descriptor{}, "Active", "activeAt", "bits")

func TestWriterRoundTrip(t *testing.T) {
	for _, mode := range []string{"L1T1", "L1T2", "L1T3", "L2T1", "L2T2_KEY", "L3T1_KEY", "L3T3", "L3T3_KEY", "L4T3", "L4T3_KEY"} {
		t.Run(mode, func(t *testing.T) {
			var current, next Structure
			sizes := map[int]int{}
			drop := func(picture int, spatial uint8) bool { return picture%7 == 3 || picture%11 == 5 && spatial == 2 }
			play(t, mode, 40, drop, func(b []byte, want Descriptor) {
				var got Descriptor
				if err := Parse(b, &current, &next, &got); err != nil {
					t.Fatalf("Parse(%x): %v", b, err)
				}
				if got.Attached {
					current = next
				}
				if diff := cmp.Diff(want, got, resolved, cmp.AllowUnexported(Descriptor{})); diff != "" {
					t.Fatalf("Parse(%x) (-want +got):\n%s", b, diff)
				}
				sizes[len(b)]++
			})
			if sizes[3] == 0 {
				t.Errorf("no descriptor of 3 bytes: %v", sizes)
			}
		})
	}
}

// TestWriterTemplatesSuffice: a regular stream needs no custom fields, as long
// as its differences fit into templates.
func TestWriterTemplatesSuffice(t *testing.T) {
	for _, mode := range []string{"L1T1", "L1T2", "L1T3", "L2T3", "L2T3_KEY", "L3T3", "L3T3_KEY"} {
		play(t, mode, 33, func(int, uint8) bool { return false }, func(b []byte, want Descriptor) {
			if len(b) != 3 && !want.Attached {
				t.Fatalf("%s: descriptor of %+v has %d bytes, want 3", mode, want, len(b))
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	_, s := structureOf(t, "L3T3_KEY", hd)
	d := Descriptor{StartOfFrame: true, FrameNumber: 1, Attached: true, DTIs: s.Templates[0].DTIs}
	key, err := Append(nil, &d, s)
	if err != nil {
		t.Fatal(err)
	}
	manyTemplates := append([]byte{0x80, 0, 1, 0x80, 0x00}, make([]byte, 60)...)
	manyDiffs := append([]byte{0x80, 0, 1, 0b10000_000, 0b000_00000, 0b11_00_1_000}, bytes.Repeat([]byte{0xff}, 60)...)
	tests := map[string]struct {
		in   []byte
		want error
	}{
		"empty":               {nil, ErrMalformed},
		"two bytes":           {[]byte{0xc0, 0}, ErrMalformed},
		"no structure":        {[]byte{0xc0, 0, 1}, ErrNoStructure},
		"too long":            {make([]byte, 256), ErrMalformed},
		"cut structure":       {key[:len(key)-1], ErrMalformed},
		"structure, flags":    {key[:4], ErrMalformed},
		"endless templates":   {manyTemplates, ErrMalformed},
		"endless differences": {manyDiffs, ErrMalformed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var next Structure
			if err := Parse(tt.in, nil, &next, &d); !errors.Is(err, tt.want) {
				t.Errorf("Parse(%x) = %v, want %v", tt.in, err, tt.want)
			}
		})
	}
	for n := range key { // every truncation
		var next Structure
		if err := Parse(key[:n], nil, &next, &d); err == nil {
			t.Errorf("Parse of the first %d of %d bytes succeeds", n, len(key))
		}
	}
	if err := Parse([]byte{0xc0 | 15, 0, 1}, s, nil, &d); !errors.Is(err, ErrNoStructure) {
		t.Errorf("Parse(template 15 of 15) = %v, want ErrNoStructure", err)
	}
	if err := Parse([]byte{0xc0, 0, 1, 0x17, 0xff, 0xff}, s, nil, &d); !errors.Is(err, ErrMalformed) {
		t.Errorf("Parse(custom differences cut off) = %v, want ErrMalformed", err)
	}
}

func TestAppendPatched(t *testing.T) {
	drop := func(picture int, _ uint8) bool { return picture%5 == 3 }
	for _, mode := range []string{"L3T3_KEY", "L3T3", "L1T3", "L4T3_KEY"} {
		t.Run(mode, func(t *testing.T) {
			var current, next Structure
			play(t, mode, 40, drop, func(b []byte, _ Descriptor) {
				var d, got Descriptor
				if err := Parse(b, &current, &next, &d); err != nil {
					t.Fatal(err)
				}
				if d.Attached {
					current = next
				}
				once, err := AppendPatched([]byte("before"), b, &d, d.FrameNumber+100, true, 0b101)
				if err != nil || string(once[:6]) != "before" {
					t.Fatalf("AppendPatched = %x, %v", once, err)
				}
				once = once[6:]
				if err := Parse(once, &current, &next, &got); err != nil {
					t.Fatalf("Parse(%x): %v", once, err)
				}
				want := d
				want.FrameNumber, want.HasActive, want.Active = d.FrameNumber+100, true, 0b101&current.AllTargets()
				if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Descriptor{}, "activeAt", "bits")); diff != "" {
					t.Fatalf("patched %x to %x (-want +got):\n%s", b, once, diff)
				}
				if d.Attached && next != current {
					t.Fatalf("the structure changed")
				}
				// Patching what has a mask changes only the mask.
				twice, err := AppendPatched(nil, once, &got, 7, true, 0b010)
				if err != nil || len(twice) != len(once) {
					t.Fatalf("patching again = %d bytes, %v, want %d", len(twice), err, len(once))
				}
				if err := Parse(twice, &current, &next, &got); err != nil || got.Active != 0b010&current.AllTargets() || got.FrameNumber != 7 {
					t.Fatalf("Parse(%x) = %+v, %v", twice, got, err)
				}
				plain, err := AppendPatched(nil, b, &d, 9, false, 0)
				if err != nil || !bytes.Equal(plain[3:], b[3:]) || plain[0] != b[0] || plain[1] != 0 || plain[2] != 9 {
					t.Fatalf("AppendPatched(%x, 9) = %x, %v", b, plain, err)
				}
			})
		})
	}
}

func TestAppendPatchedTooLong(t *testing.T) {
	// 255 bytes with no room left for a mask: custom frame differences of 12 bits.
	_, s := structureOf(t, "L3T3_KEY", hd)
	s.TemplateCount = 40
	for i := 15; i < 40; i++ {
		s.Templates[i] = s.Templates[14]
	}
	d := Descriptor{Attached: true, DTIs: s.Templates[0].DTIs, FrameDiffCount: MaxFrameDiffs}
	for i := range d.FrameDiffs {
		d.FrameDiffs[i] = 4096
	}
	b, err := Append(nil, &d, s)
	for err == nil { // grow to the limit
		s.Templates[s.TemplateCount] = s.Templates[14]
		s.TemplateCount++
		var longer []byte
		if longer, err = Append(nil, &d, s); err == nil {
			b = longer
		}
	}
	if !errors.Is(err, ErrTooLong) {
		t.Fatalf("Append = %v, want ErrTooLong", err)
	}
	for len(b) < MaxSize { // fill up with padding counted as custom bits
		b = append(b, 0)
	}
	var next Structure
	if err := Parse(b, nil, &next, &d); err != nil {
		t.Fatal(err)
	}
	d.bits = MaxSize * 8
	if got, err := AppendPatched(nil, b, &d, 1, true, 1); !errors.Is(err, ErrTooLong) || got != nil {
		t.Errorf("AppendPatched = %x, %v, want ErrTooLong", got, err)
	}
}

func TestAppendRefuses(t *testing.T) {
	_, good := structureOf(t, "L3T3_KEY", hd)
	tests := map[string]func(s *Structure, d *Descriptor){
		"unknown template":     func(_ *Structure, d *Descriptor) { d.TemplateID = 40 },
		"other layer":          func(_ *Structure, d *Descriptor) { d.Spatial = 1 },
		"difference zero":      func(_ *Structure, d *Descriptor) { d.FrameDiffCount = 1 },
		"difference too large": func(_ *Structure, d *Descriptor) { d.FrameDiffCount, d.FrameDiffs[0] = 1, 4097 },
		"unsorted":             func(s *Structure, _ *Descriptor) { s.Templates[3].Spatial = 2 },
		"template difference":  func(s *Structure, _ *Descriptor) { s.Templates[1].FrameDiffs[0] = 17 },
		"chain difference":     func(s *Structure, _ *Descriptor) { s.Templates[1].ChainDiffs[0] = 16 },
		"chain":                func(s *Structure, _ *Descriptor) { s.ProtectedBy[2] = 3 },
		"layer count":          func(s *Structure, _ *Descriptor) { s.SpatialCount = 2 },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			s := *good
			d := Descriptor{Attached: true, DTIs: s.Templates[0].DTIs}
			change(&s, &d)
			if got, err := Append(nil, &d, &s); !errors.Is(err, ErrMalformed) {
				t.Errorf("Append = %x, %v, want ErrMalformed", got, err)
			}
		})
	}
}

func TestWriterRefuses(t *testing.T) {
	m, _ := ParseMode("L2T2_KEY")
	w, err := NewWriter(m, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		spatial, temporal uint8
		key               bool
		want              error
	}{
		{0, 0, false, ErrMode},
		{1, 0, true, ErrMode},
		{0, 1, true, ErrMode},
		{0, 0, true, nil},
		{1, 0, true, nil},
		{2, 0, true, ErrMode},
		{0, 2, false, ErrMode},
		{0, 1, false, nil},
	} {
		if err := w.Begin(tt.spatial, tt.temporal, tt.key); !errors.Is(err, tt.want) {
			t.Errorf("Begin(%d, %d, %v) = %v, want %v", tt.spatial, tt.temporal, tt.key, err, tt.want)
		}
	}
	for _, name := range []string{"", "L3T3_key", "L5T1", "L1T4", "S3T3", "L1T3_KEY", strings.Repeat("L", 1000)} {
		if _, err := ParseMode(name); !errors.Is(err, ErrMode) {
			t.Errorf("ParseMode(%.10q) = %v, want ErrMode", name, err)
		}
	}
}

func TestNonSymmetric(t *testing.T) {
	// The table of Section A.8.2 for n = 5.
	for v, want := range []string{"00", "01", "10", "110", "111"} {
		w := bitWriter{b: make([]byte, 1)}
		w.ns(5, uint32(v))
		if got := fmt.Sprintf("%08b", w.b[0])[:w.at]; got != want {
			t.Errorf("ns(5) of %d = %s, want %s", v, got, want)
		}
	}
	for n := 1; n < 70; n++ {
		for v := range n {
			w := bitWriter{b: make([]byte, 2)}
			w.ns(n, uint32(v))
			r := bitReader{b: w.b}
			if got := r.ns(n); got != uint32(v) || r.at != w.at {
				t.Fatalf("ns(%d): wrote %d in %d bits, read %d in %d bits", n, v, w.at, got, r.at)
			}
		}
	}
}

func TestNoAllocations(t *testing.T) {
	_, s := structureOf(t, "L3T3_KEY", hd)
	d := Descriptor{StartOfFrame: true, FrameNumber: 1, Attached: true, DTIs: s.Templates[0].DTIs}
	key, err := Append(nil, &d, s)
	if err != nil {
		t.Fatal(err)
	}
	var next Structure
	buf := make([]byte, 0, MaxSize)
	got := testing.AllocsPerRun(100, func() {
		if Parse(key, s, &next, &d) != nil {
			t.Fatal("Parse fails")
		}
		if _, err := AppendPatched(buf, key, &d, 4, true, 1); err != nil {
			t.Fatal(err)
		}
	})
	if got != 0 {
		t.Errorf("parsing and patching allocate %v times, want 0", got)
	}
}
