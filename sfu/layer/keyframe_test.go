package layer

import (
	"testing"
	"time"

	"conclave/sfu/codec"
)

// TestKeyFrameNumber: the number with which the newest key frame began is known,
// also of one whose first packet came late; an older one that is late changes
// nothing.
func TestKeyFrameNumber(t *testing.T) {
	pub := newPublisher(t, 1, "L3T3_KEY", codec.VP9, true)
	s := newServer(t, Config{Descriptor: true, Sequence: 65530}, single(codec.VP9))
	if _, ok := s.selector.KeyFrame(); ok {
		t.Error("a key frame is known before there was one")
	}
	s.selector.SetTarget(Top)
	play := func(n int, key bool) []*wire {
		return pub.picture(t, n, epoch.Add(time.Duration(n)*interval), key)
	}
	want := func(name string, number uint16) {
		t.Helper()
		if got, ok := s.selector.KeyFrame(); !ok || got != number {
			t.Errorf("%s: key frame at %d (%v), want %d", name, got, ok, number)
		}
	}
	receive := func(all []*wire) {
		for _, w := range all {
			s.receive(w.sent, w)
		}
	}
	receive(play(0, true))
	want("first", 65530)
	receive(play(1, false))
	want("after it", 65530)
	second, third := play(2, true), play(3, true)
	receive(second[1:]) // six packets a picture: it begins at 65530 + 12
	want("second, without its beginning", 65530)
	receive(second[:1])
	want("second", 6)
	late := play(4, true)
	receive(third)
	want("third", 12)
	receive(late[1:])
	receive(play(5, true))
	receive(late[:1])
	want("fifth, after the late fourth", 24)
}
