package dd

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// First packets of key pictures of Chromium 156.0.8078.79, recorded for this
// project on 2026-11-23 (sfu/layer/testdata/ORIGIN.md says how).
const (
	browserVP9L3T3Key = "80000780081485214eaaaaa8000600004000100002aa80a8000600004000100002a000a800060000400016d549241b55" +
		"24906d54923157e001974ca864330e222396eca8655304224390eca8775300ef008601df010d03bf021b"
	browserVP9L3T3KeyRamp = "800001c0081485214eaaaaa8000600004000100002aa80a8000600004000100002a000a800060000400016d549241b55" +
		"24906d54923157e001974ca864330e222396eca8655304224390eca8775300ef008601df010d03bf021b1f80"
	browserAV1L3T3Key = "80000980081485214eaaaaa8000600004000100002aa80a8000600004000100002a000a800060000400016d549241b55" +
		"24906d54923157e001974ca864330e222396eca8655304224390eca8775300ef008601df010d03bf021b"
	browserVP9L3T3 = "81003380081485214eafffaaaa863cf0430c10c302afc0aaa0063c00430010c002a000a80006000040001d954926e082" +
		"b04a0941b820ac1282503157f974000ca864330e222222eca8655304224230eca8775300ef008601df010d03bf021b"
	browserVP8L1T3 = "8000258002044eaaaf2860414d34538a09404077c04340"
)

// TestBrowserStructures: what a browser says is what our generator says, and is
// written back to the same bytes.
func TestBrowserStructures(t *testing.T) {
	tests := []struct {
		name, hex, mode string
		sizes           []Resolution
		active          uint32 // the mask in the packet, if any
		size            int
	}{
		{"VP9 L3T3_KEY", browserVP9L3T3Key, "L3T3_KEY", []Resolution{{240, 135}, {480, 270}, {960, 540}}, 0, 90},
		{"VP9 L3T3_KEY ramping up", browserVP9L3T3KeyRamp, "L3T3_KEY", []Resolution{{240, 135}, {480, 270}, {960, 540}}, 0b000_111_111, 92},
		{"AV1 L3T3_KEY", browserAV1L3T3Key, "L3T3_KEY", []Resolution{{240, 135}, {480, 270}, {960, 540}}, 0, 90},
		{"VP9 L3T3", browserVP9L3T3, "L3T3", []Resolution{{240, 135}, {480, 270}, {960, 540}}, 0, 95},
		{"VP8 L1T3", browserVP8L1T3, "", nil, 0, 23},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := hex.DecodeString(tt.hex)
			if err != nil {
				t.Fatal(err)
			}
			var s Structure
			var d Descriptor
			if err := Parse(b, nil, &s, &d); err != nil || len(b) != tt.size {
				t.Fatalf("Parse(%x) = %v, %d bytes, want %d", b, err, len(b), tt.size)
			}
			if !d.Attached || !d.StartOfFrame || d.FrameDiffCount != 0 || d.HasActive != (tt.active != 0) || d.HasActive && d.Active != tt.active {
				t.Errorf("descriptor %+v", d)
			}
			if again, err := Append(nil, &d, &s); err != nil || !bytes.Equal(again, b) {
				t.Errorf("written again: %x, %v, want %x", again, err, b)
			}
			if tt.mode == "" {
				return
			}
			_, want := structureOf(t, tt.mode, tt.sizes)
			sortTemplates(&s)
			sortTemplates(want)
			s.IDOffset = 0 // the browser's choice
			if diff := gocmp.Diff(want, &s); diff != "" {
				t.Errorf("%s (-ours +browser):\n%s", tt.mode, diff)
			}
		})
	}
}

// sortTemplates gives templates of a layer one order.
func sortTemplates(s *Structure) {
	slices.SortFunc(s.Templates[:s.TemplateCount], func(a, b Template) int {
		return cmp.Or(
			cmp.Compare(a.Spatial, b.Spatial), cmp.Compare(a.Temporal, b.Temporal),
			slices.Compare(a.FrameDiffs[:a.FrameDiffCount], b.FrameDiffs[:b.FrameDiffCount]),
			slices.Compare(a.ChainDiffs[:], b.ChainDiffs[:]),
		)
	})
}
