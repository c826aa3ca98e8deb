package layer

import (
	"errors"
	"testing"
	"time"

	"conclave/sfu/codec"
	"conclave/sfu/dd"
)

func TestReaderErrors(t *testing.T) {
	var p Packet
	h := Header{Sequence: 1 << 16}
	r := NewReader(codec.VP9, 1, 0)
	if err := r.Read(&p, h, nil, []byte{0x80}); !errors.Is(err, codec.ErrMalformed) {
		t.Errorf("Read of a short payload = %v, want codec.ErrMalformed", err)
	}
	if err := r.Read(&p, h, []byte{0, 0, 0}, []byte{0x0c, 1}); !errors.Is(err, dd.ErrNoStructure) {
		t.Errorf("Read without a structure = %v, want dd.ErrNoStructure", err)
	}
	if err := r.Read(&p, h, []byte{0, 0}, []byte{0x0c, 1}); !errors.Is(err, dd.ErrMalformed) {
		t.Errorf("Read of a short descriptor = %v, want dd.ErrMalformed", err)
	}
	if err := NewReader(codec.Unknown, 1, 0).Read(&p, h, nil, []byte{0x0c, 1}); !errors.Is(err, codec.ErrUnsupported) {
		t.Errorf("Read of an unknown codec = %v, want codec.ErrUnsupported", err)
	}
	if err := r.Read(&p, h, nil, nil); err != nil || p.Payload != nil {
		t.Errorf("Read of padding = %v", err)
	}
}

// TestReaderStructures: the newest structure counts, and one that stays the same
// is not copied again.
func TestReaderStructures(t *testing.T) {
	first := ladder(t, "L3T3_KEY", codec.VP9, true, 1)[0]
	other := ladder(t, "L2T2_KEY", codec.VP9, true, 1)[0]
	r := NewReader(codec.VP9, 1, 0)
	read := func(sequence uint64, w *wire) Packet {
		t.Helper()
		var p Packet
		if err := r.Read(&p, Header{Sequence: sequence}, w.descriptor, w.payload); err != nil {
			t.Fatal(err)
		}
		return p
	}
	a := read(1<<16+10, first)
	if b := read(1<<16+20, first); a.Structure != b.Structure {
		t.Error("the same structure was copied")
	}
	if got := testing.AllocsPerRun(100, func() {
		var p Packet
		if r.Read(&p, Header{Sequence: 1<<16 + 30}, first.descriptor, first.payload) != nil {
			t.Fatal("Read fails")
		}
	}); got != 0 {
		t.Errorf("reading a known structure allocates %v times, want 0", got)
	}
	late := read(1<<16+5, other)
	if late.Structure.SpatialCount != 2 || r.structure != a.Structure {
		t.Error("a late structure replaces the newer one")
	}
	if p := read(1<<16+40, other); p.Structure.SpatialCount != 2 || r.structure != p.Structure || a.Structure.SpatialCount != 3 {
		t.Error("a new structure is not taken, or changes those handed out")
	}
}

func TestReaderClock(t *testing.T) {
	r := NewReader(codec.AV1, 1, 0)
	var p Packet
	read := func(timestamp uint32) time.Time {
		t.Helper()
		if err := r.Read(&p, Header{Sequence: 1 << 16, Timestamp: timestamp}, nil, []byte{0x18, 8}); err != nil {
			t.Fatal(err)
		}
		return p.Captured
	}
	if got := read(7); !got.IsZero() {
		t.Errorf("Captured = %v before a report", got)
	}
	r.SenderReport(epoch, 5)
	if got, want := read(videoClock+5), epoch.Add(time.Second); !got.Equal(want) {
		t.Errorf("Captured = %v, want %v", got, want)
	}
	back := uint32(5)
	back -= videoClock / 2 // wraps
	if got, want := read(back), epoch.Add(-time.Second/2); !got.Equal(want) {
		t.Errorf("Captured = %v, want %v", got, want)
	}
}

func TestReaderResolution(t *testing.T) {
	r := NewReader(codec.VP9, 1, 0)
	if _, _, ok := r.Resolution(0); ok {
		t.Error("a resolution is known before any packet")
	}
	var p Packet
	payload := []byte{0b0000_1010, 0b001_1_0_000, 1, 64, 0, 180, 2, 128, 1, 104, 0xaa}
	if err := r.Read(&p, Header{Sequence: 1 << 16}, nil, payload); err != nil {
		t.Fatal(err)
	}
	if w, h, ok := r.Resolution(1); w != 640 || h != 360 || !ok {
		t.Errorf("Resolution(1) = %d, %d, %v by the VP9 structure", w, h, ok)
	}
	w, err := dd.NewWriter(dd.Mode{Spatial: 2, Temporal: 1}, []dd.Resolution{{Width: 480, Height: 270}, {Width: 960, Height: 540}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Begin(0, 0, true); err != nil {
		t.Fatal(err)
	}
	raw, err := w.Append(nil, true, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Read(&p, Header{Sequence: 1<<16 + 1}, raw, payload); err != nil {
		t.Fatal(err)
	}
	if w, h, ok := r.Resolution(1); w != 960 || h != 540 || !ok {
		t.Errorf("Resolution(1) = %d, %d, %v by the descriptor", w, h, ok)
	}
	for _, i := range []int{-1, 2, 8} {
		if _, _, ok := r.Resolution(i); ok {
			t.Errorf("Resolution(%d) is known", i)
		}
	}
}
