package layer

import (
	"testing"
	"time"

	"conclave/sfu/codec"
)

// A sparsePlay plays one publisher into a sparse selector.
type sparsePlay struct {
	t   *testing.T
	pub *publisher
	s   *server
	n   int
}

func newSparsePlay(t *testing.T, mode string, c codec.Codec, descriptor bool) *sparsePlay {
	t.Helper()
	p := &sparsePlay{
		t: t, pub: newPublisher(t, 1, mode, c, descriptor),
		s: newServer(t, Config{Descriptor: true, Sparse: true, Sequence: 65000}, single(c)),
	}
	p.s.selector.SetTarget(Top)
	return p
}

// pictures plays some, the first of which is a key picture if key is set, and
// returns how many frames of each spatial layer were forwarded.
func (p *sparsePlay) pictures(count int, key bool) [3]int {
	p.t.Helper()
	before := len(p.s.outs)
	for i := range count {
		for _, w := range p.pub.picture(p.t, p.n, epoch.Add(time.Duration(p.n)*interval), key && i == 0) {
			p.s.receive(w.sent, w)
		}
		p.n++
	}
	var n [3]int
	for _, o := range p.s.outs[before:] {
		if o.wire.index == 0 && !o.Padding {
			n[o.wire.frame.spatial]++
		}
	}
	return n
}

func (p *sparsePlay) want(name string, got, want [3]int, needs bool) {
	p.t.Helper()
	if got != want {
		p.t.Errorf("%s: frames of the spatial layers %v, want %v", name, got, want)
	}
	if _, ok := p.s.selector.NeedsKeyFrame(); ok != needs {
		p.t.Errorf("%s: needs a key frame: %v", name, ok)
	}
}

// TestSparse: with a KEY mode the layers below the highest are forwarded with key
// pictures only, and the spatial layer changes with key pictures only.
func TestSparse(t *testing.T) {
	for _, c := range []codec.Codec{codec.VP9, codec.AV1} {
		p := newSparsePlay(t, "L3T3_KEY", c, true)
		// Which layers there are is not known before the first was seen.
		p.want("first", p.pictures(8, true), [3]int{8, 8, 8}, false)
		p.want("second", p.pictures(8, true), [3]int{1, 1, 8}, false)
		p.s.selector.SetTarget(Layer{1, 2})
		p.want("lower, without key picture", p.pictures(8, false), [3]int{0, 0, 8}, true)
		p.want("lower", p.pictures(8, true), [3]int{1, 8, 0}, false)
		p.s.selector.SetTarget(Layer{2, 2})
		p.want("higher, without key picture", p.pictures(8, false), [3]int{0, 8, 0}, true)
		p.want("higher", p.pictures(8, true), [3]int{1, 1, 8}, false)
		p.s.selector.SetTarget(Layer{2, 0})
		p.want("fewer pictures", p.pictures(8, false), [3]int{0, 0, 2}, false)
		p.s.selector.SetTarget(Layer{2, 2})
		p.pictures(4, false)
		p.want("all pictures", p.pictures(8, false), [3]int{0, 0, 8}, false)
		p.s.selector.SetTarget(Layer{0, 2})
		p.pictures(1, false)
		p.want("lowest", p.pictures(8, true), [3]int{8, 0, 0}, false)
		p.s.verify(check{descriptor: true, complete: true})
	}
}

// TestSparseWhereNeeded: a mode whose layers depend on each other in every picture,
// and a stream without descriptor, are forwarded whole.
func TestSparseWhereNeeded(t *testing.T) {
	full := newSparsePlay(t, "L3T3", codec.VP9, true)
	full.pictures(8, true)
	full.want("L3T3", full.pictures(8, true), [3]int{8, 8, 8}, false)
	full.s.verify(check{descriptor: true, complete: true})
	plain := newSparsePlay(t, "L3T3_KEY", codec.VP9, false)
	plain.pictures(8, true)
	plain.want("without descriptor", plain.pictures(8, true), [3]int{8, 8, 8}, false)
	plain.s.selector.SetTarget(Layer{1, 2})
	plain.want("without descriptor, lower", plain.pictures(8, false), [3]int{8, 8, 0}, false)
}

// TestSparseLayerEnds: if the layer that is forwarded alone does not come any more,
// a key frame brings the one below.
func TestSparseLayerEnds(t *testing.T) {
	p := newSparsePlay(t, "L3T3_KEY", codec.VP9, true)
	p.pictures(8, true)
	p.want("all", p.pictures(8, true), [3]int{1, 1, 8}, false)
	p.pub.drop = func(_ int, spatial uint8) bool { return spatial == 2 }
	count := int(absence/interval) + 2
	p.want("without the highest", p.pictures(count, false), [3]int{}, true)
	p.want("after a key picture", p.pictures(8, true), [3]int{1, 8, 0}, false)
	p.pub.drop = func(int, uint8) bool { return false }
	p.want("the highest is back", p.pictures(8, false), [3]int{0, 8, 0}, true)
	p.want("with a key picture", p.pictures(8, true), [3]int{1, 1, 8}, false)
}

// TestSparseLoss: what is lost of layers that are left out leaves no gap.
func TestSparseLoss(t *testing.T) {
	for lost := range 6 { // of three packets of S0 and three of S1
		p := newSparsePlay(t, "L3T3_KEY", codec.VP9, true)
		p.pub.packets = func(*frame) int { return 3 }
		p.pictures(4, true)
		p.pictures(1, true)
		from := len(p.s.outs) - 1
		for i, w := range p.pub.picture(t, p.n, epoch.Add(time.Duration(p.n)*interval), false) {
			if i != lost {
				p.s.receive(w.sent, w)
			}
		}
		p.n++
		p.pictures(1, false)
		gap := 0
		for i, o := range p.s.outs[from:] {
			gap = int(o.Sequence-p.s.outs[from].Sequence) - i
		}
		// Before the first packet of a frame nothing tells that it is left out.
		if want := lost%3 == 0; (gap > 0) != want {
			t.Errorf("with packet %d lost there is a gap of %d", lost, gap)
		}
	}
}
