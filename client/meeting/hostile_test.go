package meeting

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"conclave/api"
	"conclave/core/session"
)

// announcementOf makes the announcement of a device that holds the link.
func announcementOf(t *testing.T, link session.Link, name string) []byte {
	t.Helper()
	d, err := session.GenerateDevice(newSim(t, 99).rngReader(), link, session.Native, name)
	if err != nil {
		t.Fatal(err)
	}
	return d.Announcement()
}

func otherLink(t *testing.T) session.Link {
	t.Helper()
	return newSim(t, 98).link
}

// A server that puts its own key in place of a joiner's is caught by everybody,
// and nobody gives that key anything.
func TestServerSwapsKey(t *testing.T) {
	for _, c := range []struct {
		name string
		swap func(t *testing.T, s *sim, honest []byte) []byte
	}{
		{"a key of its own", func(t *testing.T, _ *sim, _ []byte) []byte {
			return announcementOf(t, otherLink(t), "Lin")
		}},
		{"one bit of the KEM key", func(_ *testing.T, _ *sim, honest []byte) []byte {
			b := bytes.Clone(honest)
			b[100] ^= 1
			return b
		}},
		{"nothing", func(*testing.T, *sim, []byte) []byte { return nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSim(t, 20)
			ada := s.join("Ada", true)
			s.run(time.Second)
			s.server.edit = func(_ *modelSeat, f *api.ServerFrame) *api.ServerFrame {
				if j := f.GetEvent().GetSeatJoined(); j != nil {
					j.Seat.Announcement = c.swap(t, s, j.GetSeat().GetAnnouncement())
				}
				return f
			}
			commits := 0
			s.server.refuse = func(_ *modelSeat, f *api.ClientFrame) *api.Error {
				if f.GetCommit() != nil {
					commits++
				}
				return nil
			}
			lin := s.join("Lin", false)
			s.run(3 * time.Second)
			if !ada.hasAlarm(AlarmGhost) {
				t.Error("Ada does not notice")
			}
			if commits != 0 || len(ada.roster.Members) != 1 || lin.keys.Epoch != 0 {
				t.Errorf("%d commits, roster %v, Lin's epoch %d", commits, ada.roster.Members, lin.keys.Epoch)
			}
		})
	}
}

// A server that shows a joiner a false member does not get the joiner to talk to
// it.
func TestServerLiesToJoiner(t *testing.T) {
	s := newSim(t, 21)
	ada := s.join("Ada", true)
	s.run(time.Second)
	s.server.edit = func(to *modelSeat, f *api.ServerFrame) *api.ServerFrame {
		if j := f.GetReply().GetJoined(); j != nil && to.id != 1 {
			j.Seats[0].Announcement = announcementOf(t, otherLink(t), "Ada")
		}
		return f
	}
	lin := s.join("Lin", false)
	s.run(30 * time.Second)
	if !lin.hasAlarm(AlarmGhost) || lin.keys.Epoch != 0 {
		t.Errorf("alarms %v, epoch %d", lin.alarms, lin.keys.Epoch)
	}
	if lin.failed == nil || lin.failed.Code != FailUnknown {
		t.Errorf("failed %v, want unknown after some attempts", lin.failed)
	}
	s.run(30 * time.Second)
	s.checkTogether(ada)
}

// A device that has left cannot be brought back by replaying its announcement.
func TestServerReplaysAnnouncement(t *testing.T) {
	s := newSim(t, 22)
	ada := s.join("Ada", true)
	lin := s.join("Lin", false)
	s.run(time.Second)
	old := s.server.seats[1].announcement
	lin.leave()
	s.run(time.Second)
	epoch := ada.keys.Epoch
	s.server.record(&api.Event{Body: &api.Event_SeatJoined{SeatJoined: &api.SeatJoined{
		Seat: &api.Seat{Seat: 77, Announcement: old},
	}}}, nil)
	s.run(2 * time.Second)
	if ada.keys.Epoch != epoch || len(ada.roster.Members) != 1 || !ada.hasAlarm(AlarmGhost) {
		t.Errorf("epoch %d after %d, alarms %v", ada.keys.Epoch, epoch, ada.alarms)
	}
}

// Neither can one that left before it got a key.
func TestServerReplaysJoiner(t *testing.T) {
	s := newSim(t, 37)
	ada := s.join("Ada", true)
	s.run(time.Second)
	ada.frozen = true
	lin := s.join("Lin", false)
	s.run(100 * time.Millisecond)
	old := s.server.seats[1].announcement
	lin.leave()
	s.run(100 * time.Millisecond)
	s.server.record(&api.Event{Body: &api.Event_SeatJoined{SeatJoined: &api.SeatJoined{
		Seat: &api.Seat{Seat: 77, Announcement: old},
	}}}, nil)
	s.run(100 * time.Millisecond)
	ada.thaw()
	s.run(2 * time.Second)
	if len(ada.roster.Members) != 1 || !ada.hasAlarm(AlarmGhost) {
		t.Errorf("members %v, alarms %v", ada.roster.Members, ada.alarms)
	}
}

// The core refuses a device that has left even if this package has forgotten it.
func TestCoreRefusesGhost(t *testing.T) {
	s := newSim(t, 34)
	ada, lin := s.join("Ada", true), s.join("Lin", false)
	s.run(time.Second)
	old := s.server.seats[1].announcement
	lin.leave()
	s.run(time.Second)
	ada.m.retired = keyRing{}
	s.server.record(&api.Event{Body: &api.Event_SeatJoined{SeatJoined: &api.SeatJoined{
		Seat: &api.Seat{Seat: 77, Announcement: old},
	}}}, nil)
	noor := s.join("Noor", false)
	s.run(2 * time.Second)
	s.checkTogether(ada, noor)
	if !ada.hasAlarm(AlarmGhost) {
		t.Error("no alarm")
	}
}

// A joiner's own announcement in another seat does not take its place.
func TestServerStealsSeat(t *testing.T) {
	s := newSim(t, 35)
	ada := s.join("Ada", true)
	s.run(time.Second)
	s.server.edit = func(_ *modelSeat, f *api.ServerFrame) *api.ServerFrame {
		if j := f.GetReply().GetJoined(); j != nil && len(j.GetSeats()) == 2 {
			j.Seats = slices.Insert(j.GetSeats(), 0, &api.Seat{Seat: 77, Announcement: j.GetSeats()[1].GetAnnouncement()})
		}
		return f
	}
	lin := s.join("Lin", false)
	s.run(time.Second)
	s.checkTogether(ada, lin)
	if !lin.hasAlarm(AlarmGhost) {
		t.Error("no alarm")
	}
	s.server.record(&api.Event{Body: &api.Event_SeatLeft{SeatLeft: &api.SeatLeft{Seat: 77}}}, nil)
	ada.leave()
	s.run(time.Second)
	s.checkTogether(lin)
}

// The same announcement in two seats is one device, and the second seat a ghost.
func TestServerDoublesSeat(t *testing.T) {
	s := newSim(t, 23)
	ada, lin := s.join("Ada", true), s.join("Lin", false)
	s.run(time.Second)
	s.server.record(&api.Event{Body: &api.Event_SeatJoined{SeatJoined: &api.SeatJoined{
		Seat: &api.Seat{Seat: 77, Announcement: s.server.seats[0].announcement},
	}}}, nil)
	s.server.sendTo(s.server.seats[1], &api.ServerFrame{Body: &api.ServerFrame_Streams{Streams: &api.Streams{Streams: []*api.Stream{
		{Stream: 1, Seat: 77, Kind: api.StreamKind_STREAM_KIND_CAMERA},
	}}}})
	s.run(2 * time.Second)
	s.checkTogether(ada, lin)
	if len(lin.streams) != 0 {
		t.Errorf("the second seat has streams: %v", lin.streams)
	}
	if !ada.hasAlarm(AlarmGhost) || !lin.hasAlarm(AlarmGhost) || lin.member("Ada").Seat != 1 {
		t.Errorf("alarms %v, %v; Ada in seat %d", ada.alarms, lin.alarms, lin.member("Ada").Seat)
	}
}

// Streams are tied to the device in their seat: whichever streams the server
// claims for whom, the index is that of the keys that must open them.
func TestServerSwapsStreams(t *testing.T) {
	s := newSim(t, 24)
	ada, lin, noor := s.join("Ada", true), s.join("Lin", false), s.join("Noor", false)
	s.run(time.Second)
	frame := func(adaStream, linStream uint32) *api.ServerFrame {
		return &api.ServerFrame{Body: &api.ServerFrame_Streams{Streams: &api.Streams{Streams: []*api.Stream{
			{Stream: adaStream, Seat: 1, Kind: api.StreamKind_STREAM_KIND_CAMERA, Codec: "video/VP9", Active: true},
			{Stream: linStream, Seat: 2, Kind: api.StreamKind_STREAM_KIND_CAMERA, Codec: "video/VP9", Active: true},
			{Stream: 12, Seat: 99, Kind: api.StreamKind_STREAM_KIND_CAMERA},
			{Stream: 13, Seat: 1, Kind: 99},
		}}}}
	}
	want := map[SeatID]Index{1: ada.self().Index, 2: lin.self().Index}
	for _, f := range []*api.ServerFrame{frame(10, 11), frame(11, 10)} {
		s.server.sendTo(s.server.seat(3), f)
		s.run(time.Second)
		if len(noor.streams) != 2 {
			t.Fatalf("streams %v, want two: a stream of nobody or of no kind is not shown", noor.streams)
		}
		for _, st := range noor.streams {
			if st.Index != want[st.Seat] {
				t.Errorf("stream %d of seat %d has index %d, want %d", st.Stream, st.Seat, st.Index, want[st.Seat])
			}
			for _, k := range noor.keys.Receive {
				if k.Index == st.Index && Index(k.KID>>4&1023) != st.Index {
					t.Errorf("key id %#x is not that of index %d", k.KID, st.Index)
				}
			}
		}
	}
}
