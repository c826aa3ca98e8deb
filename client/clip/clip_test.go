package clip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustDemo(t testing.TB) *Clip {
	t.Helper()
	c, err := Demo()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDemo(t *testing.T) {
	c := mustDemo(t)
	if got, limit := len(demoFile), 1_600_000; got > limit {
		t.Errorf("demo.clip has %d bytes, want at most %d", got, limit)
	}
	if s, temporal := c.Video.Layers(); s != 3 || temporal != 3 {
		t.Errorf("Layers() = %d, %d, want 3, 3", s, temporal)
	}
	var pictures, keys int
	lastKey := uint32(0)
	for i := 0; i < len(c.Video.Frames); {
		p := c.Video.Picture(i)
		if len(p) != 3 {
			t.Errorf("picture at %d has %d layers, want 3", p[0].Time, len(p))
		}
		if p[0].Key {
			if gap := p[0].Time - lastKey; gap > 3*VideoClock {
				t.Errorf("no key picture for %d ticks before %d", gap, p[0].Time)
			}
			lastKey = p[0].Time
			keys++
		}
		if top := p[len(p)-1]; top.Width != 960 || top.Height != 540 {
			t.Errorf("top layer at %d is %dx%d, want 960x540", top.Time, top.Width, top.Height)
		}
		pictures++
		i += len(p)
	}
	if pictures < 158 || keys < 4 {
		t.Errorf("demo has %d pictures and %d keys, want at least 158 and 4", pictures, keys)
	}
	if got := len(c.Audio.Frames); got != 400 {
		t.Errorf("demo has %d audio frames, want 400", got)
	}
}

func TestMarshalRoundTrip(t *testing.T) {
	c := mustDemo(t)
	b := c.Marshal()
	if !bytes.Equal(b, demoFile) {
		t.Error("Marshal(Unmarshal(demo.clip)) differs from demo.clip")
	}
	again, err := Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, again, cmp.Comparer(bytes.Equal)); diff != "" {
		t.Errorf("Unmarshal(Marshal(c)) differs (-want +got):\n%s", diff)
	}
}

// small returns a clip of two pictures and one audio frame.
func small() *Clip {
	return &Clip{
		Length: 100 * time.Millisecond,
		Video: &Track{Codec: VP9, Mode: "L2T1", Clock: VideoClock, Frames: []Frame{
			{Key: true, Width: 16, Height: 16, Data: []byte{1}},
			{Spatial: 1, Width: 32, Height: 32, References: []uint16{1}, Data: []byte{2}},
			{Time: 4500, Width: 16, Height: 16, References: []uint16{2}, Data: []byte{3}},
			{Time: 4500, Spatial: 1, Width: 32, Height: 32, References: []uint16{1, 2}, Data: []byte{4}},
		}},
		Audio: &Track{Codec: Opus, Clock: AudioClock, Frames: []Frame{{Key: true, Level: 0x80 | 20, Data: []byte{5}}}},
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	reseal := func(b []byte) []byte {
		return binary.BigEndian.AppendUint32(slices.Clone(b[:len(b)-4]), crc32.ChecksumIEEE(b[:len(b)-4]))
	}
	change := func(f func(*Clip)) []byte {
		c := small()
		f(c)
		return c.Marshal()
	}
	good := small().Marshal()
	if _, err := Unmarshal(good); err != nil {
		t.Fatalf("Unmarshal(small) = %v", err)
	}
	tests := []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, ErrFormat},
		{"another file", []byte("\x1a\x45\xdf\xa3webm and more"), ErrFormat},
		{"magic only", []byte(magic), ErrDamaged},
		{"cut short", good[:len(good)-9], ErrDamaged},
		{"cut short, sum right", reseal(good[:len(good)-5]), ErrDamaged},
		{"bit changed", append(slices.Clone(good[:40]), append([]byte{good[40] ^ 1}, good[41:]...)...), ErrDamaged},
		{"bytes after the end", reseal(append(slices.Clone(good), 0)), ErrDamaged},
		{"no tracks", change(func(c *Clip) { c.Video, c.Audio = nil, nil }), ErrInvalid},
		{"no length", change(func(c *Clip) { c.Length = 0 }), ErrInvalid},
		{"empty track", change(func(c *Clip) { c.Audio.Frames = nil }), ErrInvalid},
		{"unknown codec", change(func(c *Clip) { c.Video.Codec = "video/MP2" }), ErrInvalid},
		{"wrong clock", change(func(c *Clip) { c.Video.Clock = 1 }), ErrInvalid},
		{"does not start with a key", change(func(c *Clip) { c.Video.Frames[0].Key = false }), ErrInvalid},
		{"late frame", change(func(c *Clip) { c.Video.Frames[3].Time = 9000 }), ErrInvalid},
		{"back in time", change(func(c *Clip) { c.Video.Frames[3].Time = 4499 }), ErrInvalid},
		{"layer twice", change(func(c *Clip) { c.Video.Frames[3].Spatial = 0 }), ErrInvalid},
		{"layer too high", change(func(c *Clip) { c.Video.Frames[3].Spatial = 4 }), ErrInvalid},
		{"reference before the start", change(func(c *Clip) { c.Video.Frames[3].References[0] = 4 }), ErrInvalid},
		{"reference to itself", change(func(c *Clip) { c.Video.Frames[3].References[0] = 0 }), ErrInvalid},
		{"key with reference", change(func(c *Clip) { c.Video.Frames[2].Key = true }), ErrInvalid},
		{"empty frame", change(func(c *Clip) { c.Video.Frames[2].Data = nil }), ErrInvalid},
		{"frame too large", change(func(c *Clip) { c.Video.Frames[2].Data = make([]byte, MaxFrameSize+1) }), ErrDamaged},
		{"too many references", change(func(c *Clip) { c.Video.Frames[2].References = make([]uint16, 9) }), ErrDamaged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Unmarshal(tt.data); !errors.Is(err, tt.want) {
				t.Errorf("Unmarshal = %v, want %v", err, tt.want)
			}
		})
	}
}

func FuzzUnmarshal(f *testing.F) {
	body := small().Marshal()
	f.Add(body[:len(body)-4])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, body []byte) {
		data := binary.BigEndian.AppendUint32(slices.Clone(body), crc32.ChecksumIEEE(body))
		c, err := Unmarshal(data)
		if err != nil {
			return
		}
		again, err := Unmarshal(c.Marshal())
		if err != nil {
			t.Fatalf("Unmarshal(Marshal(c)) = %v", err)
		}
		if diff := cmp.Diff(c, again, cmp.Comparer(bytes.Equal)); diff != "" {
			t.Errorf("Unmarshal(Marshal(c)) differs:\n%s", diff)
		}
		for _, track := range []*Track{c.Video, c.Audio} {
			if track != nil {
				NewPlayer(c, track, time.Time{}).JumpToKey()
			}
		}
	})
}

func TestPlayerLoops(t *testing.T) {
	c := mustDemo(t)
	start := time.Unix(1000, 0)
	p := NewPlayer(c, c.Video, start)
	var last uint64
	for i := range 400 {
		due := p.Due()
		pic := p.Next()
		if i > 0 && pic.Ticks <= last {
			t.Fatalf("picture %d at %d ticks follows %d", i, pic.Ticks, last)
		}
		last = pic.Ticks
		if want := start.Add(time.Duration(pic.Ticks) * time.Second / VideoClock); due.Sub(want).Abs() > time.Microsecond {
			t.Fatalf("picture %d due at %v, want %v", i, due, want)
		}
	}
	if rounds := last / (8 * VideoClock); rounds != 2 {
		t.Errorf("400 pictures ended in round %d, want 2", rounds)
	}
}

func TestPlayerJumpToKey(t *testing.T) {
	c := mustDemo(t)
	p := NewPlayer(c, c.Video, time.Time{})
	p.JumpToKey()
	if pic := p.Next(); pic.Index != 0 || pic.Ticks != 0 {
		t.Errorf("jump at a key picture moved to frame %d, tick %d", pic.Index, pic.Ticks)
	}
	var last uint64
	for i := range 300 {
		if i%37 == 5 {
			p.JumpToKey()
		}
		pic := p.Next()
		if i%37 == 5 && !pic.Frames[0].Key {
			t.Fatalf("picture %d after a jump is no key picture", i)
		}
		if step := pic.Ticks - last; step != 4500 {
			t.Fatalf("picture %d comes %d ticks after the last, want 4500", i, step)
		}
		last = pic.Ticks
	}
}

func TestPlayerSlip(t *testing.T) {
	c := mustDemo(t)
	start := time.Unix(1000, 0)
	p := NewPlayer(c, c.Video, start)
	p.Next()
	p.Slip(start) // it is not late
	if due := p.Due(); due != start.Add(50*time.Millisecond) {
		t.Errorf("Due() after a slip of nothing = %v, want 50 ms", due.Sub(start))
	}
	p.Slip(start.Add(3 * time.Second))
	if due := p.Due(); due != start.Add(3*time.Second) {
		t.Errorf("Due() after Slip(3 s) = %v", due.Sub(start))
	}
	if pic := p.Next(); pic.Index != 3 || pic.Ticks != 3*VideoClock {
		t.Errorf("after Slip(3 s): frame %d at %d ticks, want frame 3 at %d", pic.Index, pic.Ticks, 3*VideoClock)
	}
}
