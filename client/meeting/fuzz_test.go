package meeting

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"conclave/api"
)

// FuzzReceive gives a participant frames of a hostile server, in every phase. It
// must neither panic nor spin, nor take over an epoch.
func FuzzReceive(f *testing.F) {
	s := newSim(&testing.T{}, 40)
	ada, lin := s.join("Ada", true), s.join("Lin", false)
	s.server.edit = func(_ *modelSeat, frame *api.ServerFrame) *api.ServerFrame {
		if b, err := proto.Marshal(frame); err == nil {
			f.Add(uint8(2), b)
		}
		return frame
	}
	s.run(time.Second)
	lin.say("hello")
	s.run(time.Second)
	for _, p := range []*person{ada, lin} {
		p.leave()
	}
	for _, frame := range mediaFrames() {
		b, err := proto.Marshal(frame)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(2), b)
	}
	f.Add(uint8(0), []byte{})
	f.Add(uint8(1), []byte{0xff})

	f.Fuzz(func(t *testing.T, when uint8, frame []byte) {
		s := newSim(t, 41)
		p := s.join("Ada", true)
		switch when % 3 {
		case 0: // no connection yet
		case 1:
			s.run(6 * time.Millisecond) // joining
		case 2:
			s.run(time.Second)
			if p.keys.Epoch != 1 {
				t.Fatalf("epoch %d, want 1", p.keys.Epoch)
			}
		}
		for range 3 {
			p.do(func() { p.m.Receive(s.now, renumber(frame, p.m.lastEvent+1)) })
			p.do(func() { p.m.Receive(s.now, frame) })
		}
		s.server.edit = nil
		s.run(3 * time.Second)
		if p.keys.Epoch > 1 && len(p.roster.Members) > 1 {
			t.Errorf("epoch %d with %v", p.keys.Epoch, p.roster.Members)
		}
	})
}

// renumber gives an event the number that is expected, so that it is looked at.
func renumber(frame []byte, sequence uint64) []byte {
	var f api.ServerFrame
	if proto.Unmarshal(frame, &f) != nil || f.GetEvent() == nil {
		return frame
	}
	f.GetEvent().Sequence = sequence
	b, err := proto.Marshal(&f)
	if err != nil {
		return frame
	}
	return b
}

func mediaFrames() []*api.ServerFrame {
	return []*api.ServerFrame{
		{Body: &api.ServerFrame_Streams{Streams: &api.Streams{Streams: []*api.Stream{{Stream: 1, Seat: 1, Kind: 2, Codec: "video/VP9"}}}}},
		{Body: &api.ServerFrame_SubscribeOffer{SubscribeOffer: &api.SubscribeOffer{Generation: 1, Sdp: "v=0", Slots: []*api.Slot{{Mid: "0", Stream: 1}}}}},
		{Body: &api.ServerFrame_Slots{Slots: &api.Slots{Slots: []*api.Slot{{Mid: "0", Stream: 1}}}}},
		{Body: &api.ServerFrame_StreamStates{StreamStates: &api.StreamStates{States: []*api.StreamState{{Stream: 1, Reason: 1, Spatial: 2}}}}},
		{Body: &api.ServerFrame_Speakers{Speakers: &api.Speakers{Seats: []uint32{1}}}},
		{Body: &api.ServerFrame_Closing{Closing: &api.Closing{Reason: 3}}},
		{Body: &api.ServerFrame_Reply{Reply: &api.Reply{Request: 1, Body: &api.Reply_Joined{Joined: &api.Joined{Seat: 9, Token: []byte{1}}}}}},
		{Body: &api.ServerFrame_Reply{Reply: &api.Reply{Request: 1, Body: &api.Reply_Error{Error: &api.Error{Code: 9}}}}},
		{Body: &api.ServerFrame_Reply{Reply: &api.Reply{Request: 2, Body: &api.Reply_Accepted{Accepted: &api.Accepted{Epoch: 1}}}}},
		{Body: &api.ServerFrame_Reply{Reply: &api.Reply{Request: 2, Body: &api.Reply_Error{Error: &api.Error{Code: 7}}}}},
	}
}
