package webm

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"conclave/client/clip"
)

func TestParseDemo(t *testing.T) {
	c := mustDemo(t)
	var s slots
	for i, f := range c.Video.Frames {
		h, err := s.parse(f.Data)
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		if want := (size{int(f.Width), int(f.Height)}); h.size != want {
			t.Fatalf("frame %d: size %v, want %v", i, h.size, want)
		}
		if h.key != f.Key || !h.show {
			t.Fatalf("frame %d: key %v, shown %v; want %v, true", i, h.key, h.show, f.Key)
		}
		s.store(h)
	}
}

// TestHide checks that a hidden frame says the same as before except that it is
// not shown, and that its compressed part is untouched.
func TestHide(t *testing.T) {
	c := mustDemo(t)
	var s slots
	for i, f := range c.Video.Frames {
		h, err := s.parse(f.Data)
		if err != nil {
			t.Fatal(err)
		}
		hidden := hide(f.Data, h)
		checkHidden(t, &s, f.Data, h, hidden)
		again, err := s.parse(hidden)
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		if !bytes.Equal(hide(hidden, again), hidden) {
			t.Fatalf("frame %d: hiding twice changes it", i)
		}
		s.store(h)
	}
}

func checkHidden(t *testing.T, s *slots, frame []byte, h vp9Header, hidden []byte) {
	t.Helper()
	got, err := s.parse(hidden)
	if err != nil {
		t.Fatalf("hidden frame: %v", err)
	}
	want := h
	want.show = false
	if !h.key && h.show {
		want.endBit++
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(vp9Header{}, size{})); diff != "" {
		t.Fatalf("header of the hidden frame (-want +got):\n%s", diff)
	}
	if !bytes.Equal(frame[(h.endBit+7)/8:], hidden[(got.endBit+7)/8:]) {
		t.Fatal("the compressed part changed")
	}
}

func TestParseRefuses(t *testing.T) {
	c := mustDemo(t)
	key := c.Video.Frames[0].Data
	var delta bitWriter // inter, shown, error resilient, refreshes nothing, as large as its first reference
	for _, v := range []byte("1000" + "0111" + "00000000" + "000000000000" + "1") {
		delta.bit(uint32(v - '0'))
	}
	delta.b = append(delta.b, make([]byte, 40)...)
	change := func(b []byte, i int, v byte) []byte {
		b = bytes.Clone(b)
		b[i] = v
		return b
	}
	tests := []struct {
		name  string
		frame []byte
	}{
		{"empty", nil},
		{"one byte", key[:1]},
		{"cut in the header", key[:8]},
		{"cut in the compressed header", key[:20]},
		{"no frame marker", change(key, 0, key[0]&0x3f)},
		{"profile 1", change(key, 0, key[0]|0x20)},
		{"profile 3", change(key, 0, key[0]|0x30)},
		{"wrong sync code", change(key, 1, key[1]^1)},
		{"delta without its references", delta.b},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s slots
			if _, err := s.parse(tt.frame); !errors.Is(err, ErrVP9) {
				t.Errorf("parse = %v, want ErrVP9", err)
			}
		})
	}
}

func TestSuperframeIndex(t *testing.T) {
	tests := []struct {
		name   string
		frames [][]byte
		index  []byte
	}{
		{"one frame", [][]byte{{1, 2}}, nil},
		{"one byte sizes", [][]byte{make([]byte, 3), make([]byte, 255)}, []byte{0xc1, 3, 255, 0xc1}},
		{"two byte sizes", [][]byte{make([]byte, 3), make([]byte, 256)}, []byte{0xc9, 3, 0, 0, 1, 0xc9}},
		{"three byte sizes", [][]byte{make([]byte, 1), make([]byte, 1), make([]byte, 1<<16)}, []byte{0xd2, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0xd2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := append(bytes.Join(tt.frames, nil), tt.index...)
			if got := superframe(tt.frames); !bytes.Equal(got, want) {
				t.Errorf("superframe ends in %x, want %x", got[len(got)-len(tt.index):], tt.index)
			}
		})
	}
}

func TestJoinRefuses(t *testing.T) {
	c := mustDemo(t)
	key := c.Video.Frames[0].Data
	var s slots
	h, err := s.parse(key)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		layers [][]byte
		want   error
	}{
		{"no layer", nil, ErrVP9},
		{"nine layers", [][]byte{key, key, key, key, key, key, key, key, key}, ErrVP9},
		{"rubbish", [][]byte{key, {1, 2, 3}}, ErrVP9},
		{"top layer hidden", [][]byte{hide(key, h)}, ErrNotDecodable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var j joiner
			if _, err := j.join(tt.layers); !errors.Is(err, tt.want) {
				t.Errorf("join = %v, want %v", err, tt.want)
			}
			if j.slots != (slots{}) {
				t.Error("a refused picture changed the state")
			}
		})
	}
}

func FuzzHide(f *testing.F) {
	c, err := clip.Demo()
	if err != nil {
		f.Fatal(err)
	}
	for _, frame := range c.Video.Frames[:9] {
		f.Add(frame.Data[:min(len(frame.Data), 300)])
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		var s slots
		for i := range s {
			s[i] = size{960, 540}
		}
		h, err := s.parse(frame)
		if err != nil || h.showExisting {
			return
		}
		checkHidden(t, &s, frame, h, hide(frame, h))
	})
}

func FuzzJoin(f *testing.F) {
	c, err := clip.Demo()
	if err != nil {
		f.Fatal(err)
	}
	p := c.Video.Picture(0)
	f.Add(p[0].Data, p[1].Data[:400])
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var j joiner
		if out, err := j.join([][]byte{a, b}); err == nil && len(out.data) == 0 {
			t.Error("a joined picture is empty")
		}
	})
}
