package layer

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"conclave/sfu/codec"
)

const interval = 33 * time.Millisecond

func single(c codec.Codec) Stream {
	return Stream{Codec: c, Sources: [MaxEncodings]Source{1}, Count: 1}
}

// TestLayers plays an undisturbed stream through a list of targets and counts
// what comes out.
func TestLayers(t *testing.T) {
	type step struct {
		target  Layer
		key     bool // the publisher makes a key picture first
		current Layer
		frames  map[Layer]int // of 8 pictures
		needs   bool
	}
	all := map[Layer]int{
		{0, 0}: 2, {0, 1}: 2, {0, 2}: 4, {1, 0}: 2, {1, 1}: 2, {1, 2}: 4, {2, 0}: 2, {2, 1}: 2, {2, 2}: 4,
	}
	steps := []step{
		{Layer{2, 2}, true, Layer{2, 2}, all, false},
		{Layer{1, 2}, false, Layer{1, 2}, map[Layer]int{{0, 0}: 2, {0, 1}: 2, {0, 2}: 4, {1, 0}: 2, {1, 1}: 2, {1, 2}: 4}, false},
		{Layer{0, 2}, false, Layer{0, 2}, map[Layer]int{{0, 0}: 2, {0, 1}: 2, {0, 2}: 4}, false},
		{Layer{0, 0}, false, Layer{0, 0}, map[Layer]int{{0, 0}: 2}, false},
		{Layer{2, 2}, false, Layer{0, 2}, map[Layer]int{{0, 0}: 2, {0, 1}: 2, {0, 2}: 4}, true},
		{Layer{2, 2}, true, Layer{2, 2}, all, false},
		{Layer{1, 1}, false, Layer{1, 1}, map[Layer]int{{0, 0}: 2, {0, 1}: 2, {1, 0}: 2, {1, 1}: 2}, false},
		{Layer{2, 0}, false, Layer{1, 0}, map[Layer]int{{0, 0}: 2, {1, 0}: 2}, true},
		{Layer{2, 0}, true, Layer{2, 0}, map[Layer]int{{0, 0}: 2, {1, 0}: 2, {2, 0}: 2}, false},
		{Top, false, Layer{2, 2}, all, false},
		{None, false, None, nil, false},
		{Layer{0, 1}, false, None, nil, true},
		{Layer{0, 1}, true, Layer{0, 1}, map[Layer]int{{0, 0}: 2, {0, 1}: 2}, false},
	}
	for _, c := range []codec.Codec{codec.VP9, codec.AV1} {
		for _, mode := range []string{"L3T3", "L3T3_KEY"} {
			for _, descriptor := range []bool{true, false} {
				if c == codec.AV1 && !descriptor {
					continue // nothing tells the layers
				}
				t.Run(fmt.Sprintf("%v %s descriptor %v", c, mode, descriptor), func(t *testing.T) {
					pub := newPublisher(t, 1, mode, c, descriptor)
					s := newServer(t, Config{Descriptor: descriptor, Sequence: 65000}, single(c))
					number := 0
					for i, st := range steps {
						s.selector.SetTarget(st.target)
						before := len(s.outs)
						for n := range 8 {
							now := epoch.Add(time.Duration(number) * interval)
							for _, w := range pub.picture(t, number, now, n == 0 && st.key) {
								s.receive(now, w)
							}
							number++
						}
						if got := s.selector.Current(); got != st.current {
							t.Errorf("step %d: Current() = %v, want %v", i, got, st.current)
						}
						if _, needs := s.selector.NeedsKeyFrame(); needs != st.needs {
							t.Errorf("step %d: NeedsKeyFrame() = %v, want %v", i, needs, st.needs)
						}
						step := server{outs: s.outs[before:]}
						for l, want := range st.frames {
							if got := step.frames()[l]; got != want {
								t.Errorf("step %d: %d frames of %v, want %d", i, got, l, want)
							}
						}
						if len(st.frames) != len(step.frames()) {
							t.Errorf("step %d: frames %v, want %v", i, step.frames(), st.frames)
						}
					}
					s.verify(check{complete: true, descriptor: descriptor})
					for i := 1; i < len(s.outs); i++ {
						if s.outs[i].Sequence != s.outs[i-1].Sequence+1 {
							t.Fatalf("%s has number %d after %d", describe(s.outs[i]), s.outs[i].Sequence, s.outs[i-1].Sequence)
						}
					}
				})
			}
		}
	}
}

// TestForwardModel plays random streams over random paths to receivers with
// random targets, and verifies what comes out.
func TestForwardModel(t *testing.T) {
	type kind struct {
		mode       string
		codec      codec.Codec
		descriptor bool // the publisher sends it
	}
	kinds := []kind{
		{"L3T3_KEY", codec.VP9, true},
		{"L3T3", codec.VP9, true},
		{"L3T3_KEY", codec.VP9, false},
		{"L3T3", codec.VP9, false},
		{"L2T2_KEY", codec.AV1, true},
		{"L3T3_KEY", codec.AV1, true},
		{"L1T3", codec.VP8, true},
		{"L1T3", codec.VP9, false},
		{"L1T1", codec.VP8, false},
		{"L1T1", codec.AV1, false},
		{"L1T1", codec.H264, false},
		{"L1T3", codec.H264, true},
	}
	rapid.Check(t, func(rt *rapid.T) {
		k := rapid.SampledFrom(kinds).Draw(rt, "kind")
		// 0: in order, 1: reordered, 2: lost and recovered, 3: lost
		trouble := rapid.IntRange(0, 3).Draw(rt, "trouble")
		seed := rapid.Uint64().Draw(rt, "seed")
		r := rand.New(rand.NewPCG(seed, 1))
		pub := newPublisher(rt, 1, k.mode, k.codec, k.descriptor)
		receiverDD := k.descriptor && rapid.Bool().Draw(rt, "receiver descriptor")
		sparse := rapid.Bool().Draw(rt, "sparse")
		pub.packets = func(*frame) int { return 1 + r.IntN(4) }
		pub.padding = func() bool { return r.IntN(20) == 0 }
		dropTop := rapid.Bool().Draw(rt, "drop top layers")
		dropMiddle := trouble == 0 && rapid.Bool().Draw(rt, "drop middle layers")
		dropped := -1
		pub.drop = func(picture int, spatial uint8) bool {
			switch {
			case spatial == 0 || pub.phase == 1: // key pictures are whole
				return false
			case dropTop && picture == dropped || dropTop && r.IntN(15) == 0:
				dropped = picture // and all above
				return true
			}
			return dropMiddle && spatial == 1 && r.IntN(10) == 0
		}
		if k.mode == "L3T3" {
			// Without the layer below in the picture a frame depends on older ones only;
			// leave that to modes where layers are independent.
			dropMiddle = false
		}
		h := path{rand: r}
		if trouble >= 1 {
			h.jitter, h.duplicate = 25*time.Millisecond, 0.05
		}
		if trouble >= 2 {
			h.loss, h.recovery = 0.03, 1
		}
		if trouble == 3 {
			h.recovery = 0.5
		}
		var all []*wire
		for n := range 120 {
			now := epoch.Add(time.Duration(n) * interval)
			all = append(all, pub.picture(rt, n, now, n == 0 || r.IntN(30) == 0)...)
		}
		s := newServer(rt, Config{Descriptor: receiverDD, Sparse: sparse, Sequence: uint16(seed), Timestamp: uint32(seed)}, single(k.codec))
		s.selector.SetTarget(Top)
		for _, a := range h.arrivals(all) {
			if r.IntN(60) == 0 {
				s.selector.SetTarget(Layer{int8(r.IntN(5)) - 1, int8(r.IntN(3))})
			}
			s.receive(a.at, a.w)
			if r.IntN(30) == 0 {
				s.nack()
			}
		}
		s.nack()
		if k.codec == codec.H264 && !k.descriptor && trouble > 0 {
			// The beginning of a picture is guessed from timestamps.
			received(rt, s.outs)
			return
		}
		s.verify(check{complete: trouble < 3, descriptor: receiverDD})
	})
}
