package server

import (
	"testing"

	"github.com/pion/webrtc/v4"
)

// TestRelay publishes from where nothing but the relay is reached: it is named to
// those who join, with credentials that work.
func TestRelay(t *testing.T) {
	for name, cfg := range map[string]RelayConfig{
		"UDP": {UDP: "127.0.0.1:0"},
		"TCP": {TCP: "127.0.0.1:0"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, Config{Relay: cfg})
			meeting := newMeeting()
			a, b := newPeer(t, s).join(meeting), newPeer(t, s).join(meeting)
			told := a.joined.GetIceServers()
			if len(told) != 1 || len(told[0].GetUrls()) == 0 || told[0].GetUsername() == b.joined.GetIceServers()[0].GetUsername() {
				t.Fatalf("told %v", told)
			}
			a.configuration = webrtc.Configuration{
				ICETransportPolicy: webrtc.ICETransportPolicyRelay,
				ICEServers:         []webrtc.ICEServer{{URLs: told[0].GetUrls(), Username: told[0].GetUsername(), Credential: told[0].GetCredential()}},
			}
			view := b.subscribe()
			playUntilEnd(t, a.publish())
			stream := streamOf(t, b, camera, a.joined.GetSeat())
			b.view(tile(stream, 1280, 720))
			mid := midOf(b, stream)
			view.wait("the picture", func() bool { in := view.received[mid]; return in != nil && len(in.tops(5)) == 5 })
			if n := s.relay.Allocations(); n == 0 {
				t.Error("the relay was not used")
			}
		})
	}
}

// TestNoRelay: without being asked for there is none.
func TestNoRelay(t *testing.T) {
	s := start(t, Config{})
	if p := newPeer(t, s).join(newMeeting()); len(p.joined.GetIceServers()) != 0 {
		t.Errorf("told %v", p.joined.GetIceServers())
	}
}
