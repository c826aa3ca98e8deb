package meeting

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"conclave/api"
)

// A server that refuses what the link admits to.
func TestNotAdmitted(t *testing.T) {
	for _, create := range []bool{true, false} {
		s := newSim(t, 50)
		s.server.known = true
		s.server.meddle = func(j *api.Join) { j.AdmissionKey = otherLink(t).AdmissionKey() }
		ada := s.join("Ada", create)
		s.run(time.Second)
		if ada.failed == nil || *ada.failed != (Failed{Code: FailLinkWrong}) {
			t.Errorf("create %v: failed %v, want link-wrong", create, ada.failed)
		}
		if len(s.server.seats) != 0 {
			t.Errorf("create %v: %d seats are taken", create, len(s.server.seats))
		}
	}
}

// Whoever joins brings the key that the meeting's id follows from, and what it
// signed.
func TestEveryJoinIsAdmitted(t *testing.T) {
	for _, create := range []bool{true, false} {
		s := newSim(t, 51)
		p := s.join("Ada", create)
		p.conn = &simConn{server: &modelConn{send: func([]byte) {}}}
		p.m.Connected(s.now)
		j := sentJoin(t, p.m)
		if j.GetCreate() != create || !isAdmitted(j) {
			t.Errorf("create %v: Join is %v", create, j)
		}
	}
}

// The first device keeps its connection but does nothing: the next in order makes
// the first epoch after a second, and they meet when it wakes.
func TestSilentFirstDevice(t *testing.T) {
	s := newSim(t, 52)
	ada := s.join("Ada", true)
	for len(s.server.seats) == 0 {
		s.run(time.Millisecond)
	}
	ada.frozen = true // before it hears that it has a seat
	lin, noor := s.join("Lin", false), s.join("Noor", false)
	start := s.now
	for s.server.epoch == 0 && s.now.Sub(start) < 5*time.Second {
		s.run(10 * time.Millisecond)
	}
	if took := s.now.Sub(start); took < time.Second || took > 1200*time.Millisecond {
		t.Errorf("takeover took %v, want about 1 s", took)
	}
	s.run(time.Second)
	if !lin.self().Owner {
		t.Errorf("owner is %d, want Lin, the next in order: %+v", lin.roster.Owner, lin.roster)
	}
	ada.thaw()
	s.run(3 * time.Second)
	s.checkTogether(ada, lin, noor)
	for _, p := range s.people {
		if len(p.alarms) != 0 {
			t.Errorf("%s was alarmed: %v", p.name, p.alarms)
		}
	}
}

// The first device loses its connection before it makes the first epoch: the next
// does not wait for it.
func TestAwayFirstDevice(t *testing.T) {
	s := newSim(t, 56)
	ada := s.join("Ada", true)
	for len(s.server.seats) == 0 {
		s.run(time.Millisecond)
	}
	ada.down = true
	ada.cut()
	s.run(100 * time.Millisecond)
	lin := s.join("Lin", false)
	s.run(200 * time.Millisecond)
	s.checkTogether(lin)
	ada.down = false
	s.run(5 * time.Second)
	s.checkTogether(ada, lin)
}

// Who has seen that somebody else made the first epoch waits to be let in, and
// does not try to make another, however long it takes.
func TestFirstEpochIsMadeOnce(t *testing.T) {
	s := newSim(t, 57)
	ada, lin := s.join("Ada", true), s.join("Lin", true)
	commits := 0
	s.server.refuse = func(from *modelSeat, f *api.ClientFrame) *api.Error {
		if f.GetCommit() != nil && from.id == 2 {
			commits++
		}
		return nil
	}
	for s.server.epoch == 0 {
		s.run(time.Millisecond)
	}
	ada.frozen = true // before it lets Lin in
	s.run(4 * time.Second)
	if len(s.server.seats) != 2 || commits != 0 {
		t.Errorf("%d seats, %d commits of Lin", len(s.server.seats), commits)
	}
	ada.thaw()
	s.run(3 * time.Second)
	s.checkTogether(ada, lin)
}

// Seats that are not proven, such as of an announcement that is played again,
// are before nobody.
func TestGhostIsNotFirst(t *testing.T) {
	s := newSim(t, 53)
	s.server.edit = func(_ *modelSeat, f *api.ServerFrame) *api.ServerFrame {
		if j := f.GetReply().GetJoined(); j != nil {
			j.Seats = append([]*api.Seat{
				{Seat: 70, Announcement: announcementOf(t, otherLink(t), "Mallory")},
				{Seat: 71},
			}, j.GetSeats()...)
		}
		return f
	}
	ada := s.join("Ada", true)
	s.run(200 * time.Millisecond)
	s.checkTogether(ada)
	if ada.keys.Epoch != 1 || !ada.hasAlarm(AlarmGhost) {
		t.Errorf("epoch %d, alarms %v; want 1 at once, and ghost", ada.keys.Epoch, ada.alarms)
	}
}

// Many silent ones before: every rank waits its second, and no longer.
func TestTakeoverOfTheFirstEpochByRank(t *testing.T) {
	s := newSim(t, 54)
	silent := []*person{s.join("Ada", true), s.join("Lin", true), s.join("Noor", true)}
	for len(s.server.seats) < len(silent) {
		s.run(time.Millisecond)
	}
	for _, p := range silent {
		p.frozen = true
	}
	mei := s.join("Mei", false)
	start := s.now
	for mei.keys.Epoch == 0 && s.now.Sub(start) < 10*time.Second {
		s.run(10 * time.Millisecond)
	}
	if took := s.now.Sub(start); took < 3*time.Second || took > 3200*time.Millisecond {
		t.Errorf("takeover took %v, want about 3 s", took)
	}
	for _, p := range silent {
		p.thaw()
	}
	s.run(3 * time.Second)
	s.checkTogether(append(silent, mei)...)
}

// sentJoin returns the Join that waits to be sent.
func sentJoin(t *testing.T, m *Meeting) *api.Join {
	t.Helper()
	for {
		o, ok := m.Poll()
		if !ok {
			t.Fatal("no Join is sent")
		}
		send, ok := o.(Send)
		if !ok {
			continue
		}
		var f api.ClientFrame
		if err := proto.Unmarshal(send.Frame, &f); err != nil {
			t.Fatal(err)
		}
		return f.GetJoin()
	}
}

// The last device with the key is given up and the first of those who wait is
// silent: the next makes epoch 1 a second after the server is back at epoch 0,
// and has not tried before.
func TestSilentFirstDeviceWhenMeetingBeginsAnew(t *testing.T) {
	s := newSim(t, 55)
	ada := s.join("Ada", true)
	s.run(time.Second)
	ada.crash()
	s.run(time.Second)
	lin := s.join("Lin", false)
	s.run(100 * time.Millisecond)
	lin.frozen = true
	noor := s.join("Noor", false)
	commits := 0
	s.server.refuse = func(_ *modelSeat, f *api.ClientFrame) *api.Error {
		if f.GetCommit() != nil {
			commits++
		}
		return nil
	}
	for s.server.epoch != 0 {
		s.run(10 * time.Millisecond)
	}
	start := s.now
	if commits != 0 {
		t.Errorf("%d commits while somebody may have the key", commits)
	}
	for noor.keys.Epoch == 0 && s.now.Sub(start) < 5*time.Second {
		s.run(10 * time.Millisecond)
	}
	if took := s.now.Sub(start); took < time.Second || took > 1200*time.Millisecond {
		t.Errorf("takeover took %v, want about 1 s", took)
	}
	lin.thaw()
	s.run(3 * time.Second)
	s.checkTogether(lin, noor)
	s.checkOut(ada, lin, noor)
}
