package meeting

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"conclave/api"
)

func TestCrowdedFrames(t *testing.T) {
	seats := func(n int) *api.ServerFrame {
		return &api.ServerFrame{Body: &api.ServerFrame_Reply{Reply: &api.Reply{Body: &api.Reply_Joined{
			Joined: &api.Joined{Seats: repeat(n, &api.Seat{Announcement: make([]byte, 16)})},
		}}}}
	}
	for _, c := range []struct {
		name  string
		frame *api.ServerFrame
		want  bool
	}{
		{"the largest meeting", seats(maxSeats), false},
		{"too many seats", seats(maxElements + 1), true},
		{"all streams", &api.ServerFrame{Body: &api.ServerFrame_Streams{Streams: &api.Streams{
			Streams: repeat(maxStreams, &api.Stream{Stream: 1}),
		}}}, false},
		{"too many streams", &api.ServerFrame{Body: &api.ServerFrame_Streams{Streams: &api.Streams{
			Streams: repeat(maxElements, &api.Stream{}),
		}}}, true},
		{"too many slots", &api.ServerFrame{Body: &api.ServerFrame_SubscribeOffer{SubscribeOffer: &api.SubscribeOffer{
			Sdp: "v=0", Slots: repeat(maxElements, &api.Slot{}),
		}}}, true},
		{"too many states", &api.ServerFrame{Body: &api.ServerFrame_StreamStates{StreamStates: &api.StreamStates{
			States: repeat(maxElements, &api.StreamState{}),
		}}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := proto.Marshal(c.frame)
			if err != nil {
				t.Fatal(err)
			}
			if got := isCrowded(b); got != c.want {
				t.Errorf("isCrowded = %v, want %v", got, c.want)
			}
		})
	}
	// The same in many parts, which unmarshalling puts together.
	part, err := proto.Marshal(seats(100))
	if err != nil {
		t.Fatal(err)
	}
	var parts []byte
	for range maxElements / 100 {
		parts = append(parts, part...)
	}
	if !isCrowded(parts) {
		t.Error("isCrowded = false for many parts")
	}
	s := newSim(t, 42)
	p := s.join("Ada", true)
	s.run(time.Second)
	p.m.Receive(s.now, parts)
	if p.m.Stats().Malformed != 1 {
		t.Errorf("stats %+v, want one malformed frame", p.m.Stats())
	}
}

func repeat[T any](n int, v T) []T {
	list := make([]T, n)
	for i := range list {
		list[i] = v
	}
	return list
}
