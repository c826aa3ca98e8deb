package server

import (
	"sync/atomic"
	"testing"

	"conclave/sfu/room"
)

// TestPanicEndsOneMeeting has the forwarding of one meeting fail: that meeting
// ends, and another one goes on.
func TestPanicEndsOneMeeting(t *testing.T) {
	var target atomic.Uint32 // SSRC of the packet that is too much
	s := start(t, Config{TestOnlyTap: func(p room.TapPacket) {
		if ssrc := target.Load(); ssrc != 0 && p.SSRC == ssrc {
			panic("a bug")
		}
	}})
	well, ill := newMeeting(), newMeeting()
	a, b := newPeer(t, s).join(well), newPeer(t, s).join(well)
	view := b.subscribe()
	playUntilEnd(t, a.publish())
	stream := streamOf(t, b, camera, a.joined.GetSeat())
	b.view(tile(stream, 1280, 720))
	mid := midOf(b, stream)
	view.wait("the picture", func() bool { in := view.received[mid]; return in != nil && len(in.tops(5)) == 5 })

	c := newPeer(t, s).join(ill)
	pub := c.publish()
	target.Store(uint32(pub.pc.GetSenders()[0].GetParameters().Encodings[0].SSRC))
	playUntilEnd(t, pub)
	c.wait("the end of its meeting", func() bool { return c.closing != nil || c.ended != nil })
	if n := s.meetings.Stats().RoomPanics.Load(); n != 1 {
		t.Errorf("%d meetings panicked, want 1", n)
	}
	var newest uint32
	view.mu.Lock()
	newest = view.received[mid].newest
	view.mu.Unlock()
	view.wait("pictures of the other meeting", func() bool { return view.received[mid].newest > newest+20 })
}
