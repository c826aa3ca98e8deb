package dd

import (
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParse: no input panics; what parses can be written again and parses to
// the same, and so does a patched copy.
func FuzzParse(f *testing.F) {
	for _, mode := range []string{"L1T1", "L1T3", "L2T2_KEY", "L3T3", "L3T3_KEY"} {
		play(f, mode, 9, func(p int, _ uint8) bool { return p == 3 }, func(b []byte, _ Descriptor) { f.Add(b, uint32(5)) })
	}
	for _, s := range []string{browserVP9L3T3KeyRamp, browserVP9L3T3, browserVP8L1T3} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint32(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, active uint32) {
		m, _ := ParseMode("L3T3_KEY")
		known, err := NewStructure(m, nil)
		if err != nil {
			t.Fatal(err)
		}
		var d, again Descriptor
		var attached, attachedAgain Structure
		if Parse(b, known, &attached, &d) != nil {
			return
		}
		s := known
		if d.Attached {
			s = &attached
		}
		if written, err := Append(nil, &d, s); err == nil {
			if err := Parse(written, known, &attachedAgain, &again); err != nil {
				t.Fatalf("Parse(%x) of written %x: %v", b, written, err)
			}
			if diff := cmp.Diff(d, again, resolved); diff != "" || d.Active != again.Active {
				t.Fatalf("%x written as %x (-read +written):\n%s", b, written, diff)
			}
			if d.Attached && attached != attachedAgain {
				t.Fatalf("%x written as %x with another structure", b, written)
			}
		} else {
			// Only what our limits on templates forbid cannot be written.
			t.Fatalf("Append of %x: %v", b, err)
		}
		patched, err := AppendPatched(nil, b, &d, 0x1234, true, active)
		if err != nil {
			return // no room for the mask
		}
		if err := Parse(patched, known, &attachedAgain, &again); err != nil {
			t.Fatalf("Parse(%x) of %x patched to %x: %v", b, b, patched, err)
		}
		d.FrameNumber, d.HasActive, d.Active = 0x1234, true, active&s.AllTargets()
		if diff := cmp.Diff(d, again, resolved); diff != "" || d.Active != again.Active {
			t.Fatalf("%x patched to %x (-want +got):\n%s", b, patched, diff)
		}
	})
}
