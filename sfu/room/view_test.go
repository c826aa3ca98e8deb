package room

import (
	"testing"
	"time"

	"conclave/api"
)

// pair is a meeting in which 1 publishes and 2 receives.
func pair(t testing.TB, cfg Config, prepare func(*client)) (m *meeting, pub, view *client) {
	t.Helper()
	m = newMeeting(t, cfg)
	pub, view = m.join(1), m.join(2)
	if prepare != nil {
		prepare(pub)
	}
	pub.publish(true)
	return m, pub, view
}

// TestViewChoosesLayers shows a camera in tiles of several sizes: the layers that
// a tile has no use for are not sent, and nothing is sent for no tile.
func TestViewChoosesLayers(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	stream := view.stream(1, camera)
	for _, step := range []struct {
		name string
		tile *api.ViewItem
		want int
	}{
		{"large", tile(stream, 1280, 720), 2},
		{"thumbnail", tile(stream, 160, 90), 0},
		{"medium", tile(stream, 640, 360), 1},
		{"large again", tile(stream, 1920, 1080), 2},
	} {
		view.show(step.tile)
		m.play(4*time.Second, pub)
		since := m.now
		m.play(time.Second, pub)
		l := view.line(stream)
		if l == nil {
			t.Fatalf("%s: no m-line carries the stream", step.name)
		}
		if spatial, temporal, n := l.top(since.Add(1)); spatial != step.want || temporal != 2 || n < 20 {
			t.Errorf("%s: S%dT%d in %d packets, want S%dT2", step.name, spatial, temporal, n, step.want)
		}
		if s := view.states[stream]; s.GetReason() != api.StreamState_REASON_SENDING || int(s.GetSpatial()) != step.want {
			t.Errorf("%s: the client was told %v", step.name, s)
		}
	}
	view.show()
	since := m.now
	m.play(time.Second, pub)
	if _, _, n := view.line(stream).top(since.Add(1)); n != 0 {
		t.Errorf("%d packets were sent of what is not shown", n)
	}
	for _, l := range view.lines {
		l.check(t)
		if len(l.received) == 0 {
			t.Errorf("mid %s: nothing was received", l.slot.Mid)
		}
	}
	for _, l := range pub.lines {
		if len(l.received) > 0 {
			t.Errorf("%d packets of the publisher's own came back", len(l.received))
		}
	}
}
