package bwe_test

import (
	"testing"
	"time"

	"conclave/sfu/bwe"
	"conclave/sfu/share"
)

// TestShared holds that two receivers behind one bottleneck get 40 to 60 % each,
// also when the second comes late, and that the queue stays short.
func TestShared(t *testing.T) {
	for _, rate := range []int64{1_000_000, 2_000_000, 4_000_000} {
		for begin := 0 * second; begin < 40*second; begin += 14 * second {
			down, back := path(rate, 50*time.Millisecond)
			a := &flow{source: &elastic{}, back: back}
			b := &flow{source: &elastic{}, back: back, begin: begin}
			s := newSim(t, down, a, b)
			s.run(140 * second)
			ra, rb := a.received(50*second, 140*second), b.received(50*second, 140*second)
			part, used := float64(ra)/float64(ra+rb), float64(ra+rb)/float64(rate)
			long := s.queueShare(50*second, 140*second, 150*time.Millisecond)
			t.Logf("%v, second begins at %v: first has %.2f, used %.2f, queue above 150 ms %.3f of the time",
				bwe.BitRate(rate), begin, part, used, long)
			if part < 0.4 || part > 0.6 || used < 0.9 || long > 0.2 {
				t.Error("badly shared")
				a.dump(60*second, 63*second)
			}
		}
	}
}

// TestBesideTCP holds that a greedy flow beside this one keeps 30 %, and a
// camera beside a greedy flow keeps a picture most of the time.
func TestBesideTCP(t *testing.T) {
	for _, rate := range []int64{1_000_000, 2_000_000, 4_000_000} {
		for _, queue := range []int{30_000, 100_000} {
			for _, camera := range []bool{false, true} {
				down, back := path(rate, 50*time.Millisecond)
				down.Queue = queue
				f := &flow{source: &elastic{}, back: back}
				if camera {
					f.source = newLayered()
				}
				s := newSim(t, down, f)
				s.tcp = &tcp{sim: s, window: 4, rtt: 25 * time.Millisecond}
				s.run(90 * second)
				theirs := float64(s.tcp.received) * 8 / 90 / float64(rate)
				ours := float64(f.received(20*second, 90*second)) / float64(rate)
				off := fraction(f.between(20*second, 90*second), func(s sample) bool { return s.layer == share.Off })
				t.Logf("%v, queue %d, camera %v: TCP %.2f, ours %.2f, no picture %.2f of the time",
					bwe.BitRate(rate), queue, camera, theirs, ours, off)
				if theirs < 0.3 || ours < 0.1 || off > 0.25 {
					t.Error("badly shared")
					f.dump(20*second, 60*second)
				}
			}
		}
	}
}
