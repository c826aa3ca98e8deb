package meeting

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"conclave/api"
	"conclave/core/session"
)

// Events that come again, with old numbers or as new ones, change nothing.
func TestServerReplaysEvents(t *testing.T) {
	s := newSim(t, 25)
	ada, lin := s.join("Ada", true), s.join("Lin", false)
	s.run(time.Second)
	ada.say("once")
	s.run(time.Second)
	for _, e := range slices.Clone(s.server.log) {
		s.server.sendTo(s.server.seat(2), e.frame(2))
	}
	s.run(time.Second)
	chat := s.server.log[len(s.server.log)-1].event.GetDataSent()
	if chat == nil {
		t.Fatal("the last event is not the message")
	}
	s.server.record(&api.Event{Body: &api.Event_DataSent{DataSent: proto.Clone(chat).(*api.DataSent)}}, nil)
	for _, e := range slices.Clone(s.server.log) {
		if b := e.event.GetEpochBegan(); b != nil && b.GetEpoch() < ada.keys.Epoch {
			s.server.record(proto.Clone(e.event).(*api.Event), e.sealed)
		}
	}
	s.run(time.Second)
	s.checkTogether(ada, lin)
	for _, p := range []*person{ada, lin} {
		if got := p.texts(); len(got) != 1 {
			t.Errorf("%s has %q", p.name, got)
		}
	}
	if lin.m.Stats().Replays == 0 || len(lin.alarms) != 0 {
		t.Errorf("stats %+v, alarms %v", lin.m.Stats(), lin.alarms)
	}
}

// A server that keeps events back is asked for them again.
func TestServerDropsEvents(t *testing.T) {
	s := newSim(t, 26)
	ada, lin := s.join("Ada", true), s.join("Lin", false)
	s.run(time.Second)
	dropped := false
	s.server.edit = func(to *modelSeat, f *api.ServerFrame) *api.ServerFrame {
		if f.GetEvent() != nil && to.id == 2 && !dropped {
			dropped = true
			return nil
		}
		return f
	}
	ada.say("first")
	ada.say("second")
	s.run(3 * time.Second)
	s.checkTogether(ada, lin)
	if got := lin.texts(); !slices.Equal(got, []string{"Ada: first", "Ada: second"}) || lin.m.Stats().Gaps == 0 {
		t.Errorf("Lin has %q, stats %+v", got, lin.m.Stats())
	}
}

// Two members commit and the server tells each of them that it has won: they
// find out with the next epoch, say so and meet again with new keys.
func TestServerForks(t *testing.T) {
	s := newSim(t, 27)
	ada, lin, noor := s.join("Ada", true), s.join("Lin", false), s.join("Noor", false)
	s.run(time.Second)
	s.checkTogether(ada, lin, noor)
	// Noor is shown an epoch that only she gets: one that Lin made.
	fork, err := lin.m.group.Commit(s.rngReader(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	hash := noor.m.device.Hash()
	s.server.edit = func(to *modelSeat, f *api.ServerFrame) *api.ServerFrame {
		b := f.GetEvent().GetEpochBegan()
		if to.id == 3 && b != nil && b.GetEpoch() == uint64(fork.Group().Epoch()) {
			b.Header, b.Sealed = fork.Header(), fork.Sealed()[hash]
		}
		return f
	}
	mei := s.join("Mei", false)
	s.run(time.Second)
	if noor.hasAlarm(AlarmFork) {
		t.Fatal("the fork shows already")
	}
	kofi := s.join("Kofi", false)
	s.run(5 * time.Second)
	if !noor.hasAlarm(AlarmFork) || ada.hasAlarm(AlarmFork) {
		t.Errorf("alarms of Noor %v, Ada %v", noor.alarms, ada.alarms)
	}
	s.checkTogether(ada, lin, mei, kofi, noor)
	if noor.joined.Resumed || noor.joined.Seat == 3 {
		t.Errorf("Noor is still in seat %d", noor.joined.Seat)
	}
}

// An epoch that nobody made with the link, or that is not for this device, is
// refused whatever the server says.
func TestServerMakesEpoch(t *testing.T) {
	for _, c := range []struct {
		name  string
		forge func(b *api.EpochBegan)
	}{
		{"one bit of the header", func(b *api.EpochBegan) { b.Header[20] ^= 1 }},
		{"one bit of the sealed key", func(b *api.EpochBegan) { b.Sealed[30] ^= 1 }},
		{"no sealed key", func(b *api.EpochBegan) { b.Sealed = nil }},
		{"another number", func(b *api.EpochBegan) { b.Epoch += 3 }},
		{"nothing", func(b *api.EpochBegan) { b.Header = nil }},
		{"too much", func(b *api.EpochBegan) { b.Header = make([]byte, maxHeader+1) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSim(t, 28)
			ada, lin := s.join("Ada", true), s.join("Lin", false)
			s.run(time.Second)
			before := lin.keys.Epoch
			once := false
			s.server.edit = func(to *modelSeat, f *api.ServerFrame) *api.ServerFrame {
				if b := f.GetEvent().GetEpochBegan(); b != nil && to.id == 2 && !once {
					once = true
					c.forge(b)
				}
				return f
			}
			noor := s.join("Noor", false)
			s.run(60 * time.Millisecond)
			if lin.keys.Epoch != before {
				t.Errorf("Lin took over epoch %d", lin.keys.Epoch)
			}
			s.run(5 * time.Second)
			if !lin.hasAlarm(AlarmFork) {
				t.Errorf("alarms %v, want fork", lin.alarms)
			}
			s.checkTogether(ada, lin, noor)
		})
	}
}

// An epoch that goes on without this device ends the meeting for it.
func TestRemoved(t *testing.T) {
	s := newSim(t, 38)
	ada, lin := s.join("Ada", true), s.join("Lin", false)
	s.run(time.Second)
	pending, err := ada.m.group.Commit(s.rngReader(), nil, []session.SenderIndex{session.SenderIndex(lin.self().Index)})
	if err != nil {
		t.Fatal(err)
	}
	s.server.edit = func(to *modelSeat, f *api.ServerFrame) *api.ServerFrame {
		if to.id == 1 && f.GetEvent().GetEpochBegan() != nil {
			return nil
		}
		return f
	}
	s.server.record(&api.Event{Body: &api.Event_EpochBegan{EpochBegan: &api.EpochBegan{
		Epoch: uint64(pending.Group().Epoch()), CommitterSeat: 1, Header: pending.Header(),
	}}}, nil)
	s.run(time.Second)
	if lin.left == nil || lin.left.Reason != LeftRemoved || len(lin.alarms) != 0 {
		t.Errorf("left %v, failed %v, alarms %v; want removed", lin.left, lin.failed, lin.alarms)
	}
}

// What was on its way to the server when this device found out about a fork is
// sent again from the new seat.
func TestForkKeepsMessages(t *testing.T) {
	s := newSim(t, 39)
	ada, lin := s.join("Ada", true), s.join("Lin", false)
	s.run(time.Second)
	s.server.refuse = func(from *modelSeat, f *api.ClientFrame) *api.Error {
		if from.id == 2 && f.GetData() != nil {
			s.server.record(&api.Event{Body: &api.Event_EpochBegan{EpochBegan: &api.EpochBegan{Epoch: 99}}}, nil)
			return &api.Error{Code: 0} // lost with the connection, as the epoch comes first
		}
		return nil
	}
	id := lin.say("on its way")
	s.run(5 * time.Second)
	s.checkTogether(ada, lin)
	if got := ada.texts(); len(got) != 1 || !lin.sent[id] || !lin.hasAlarm(AlarmFork) {
		t.Errorf("Ada has %q, sent %v, alarms %v", got, lin.sent, lin.alarms)
	}
}

// A message that is changed or made up on the way is refused and shown.
func TestServerChangesMessages(t *testing.T) {
	s := newSim(t, 29)
	ada, lin := s.join("Ada", true), s.join("Lin", false)
	s.run(time.Second)
	s.server.edit = func(_ *modelSeat, f *api.ServerFrame) *api.ServerFrame {
		if d := f.GetEvent().GetDataSent(); d != nil {
			d.Sealed[len(d.Sealed)-1] ^= 1
		}
		return f
	}
	ada.say("hello")
	s.run(time.Second)
	if len(lin.chats) != 0 || !lin.hasAlarm(AlarmTamper) || lin.m.Stats().Tampered != 1 {
		t.Errorf("chats %v, alarms %v, stats %+v", lin.texts(), lin.alarms, lin.m.Stats())
	}
}

// What no member can have sealed is not looked at; what a member can, fits.
func TestServerSendsTooMuch(t *testing.T) {
	if session.MaxData > maxData {
		t.Errorf("a sealed message takes up to %d bytes, more than %d", session.MaxData, maxData)
	}
	s := newSim(t, 42)
	ada := s.join("Ada", true)
	s.run(time.Second)
	for _, n := range []int{maxData, maxData + 1} {
		s.server.record(&api.Event{Body: &api.Event_DataSent{DataSent: &api.DataSent{Seat: 1, Sealed: make([]byte, n)}}}, nil)
		s.run(time.Second)
	}
	if got := ada.m.Stats(); got.Malformed != 1 || got.Tampered != 1 {
		t.Errorf("stats %+v, want one message that is too large and one that does not open", got)
	}
}

// A message that was sealed again, say after a lost connection, is shown once.
func TestMessageSealedTwice(t *testing.T) {
	s := newSim(t, 36)
	ada, lin := s.join("Ada", true), s.join("Lin", false)
	s.run(time.Second)
	d := session.Message{Kind: session.Chat, ID: session.MessageID{1}, SentAt: s.now, Text: "once"}
	for range 2 {
		sealed, err := ada.m.group.SealData(d)
		if err != nil {
			t.Fatal(err)
		}
		s.server.record(&api.Event{Body: &api.Event_DataSent{DataSent: &api.DataSent{Seat: 1, Sealed: sealed}}}, nil)
	}
	s.run(time.Second)
	if got := lin.texts(); len(got) != 1 {
		t.Errorf("Lin has %q", got)
	}
}

// A member who uses the id of another's message, first or after, neither keeps it
// from being shown nor passes for it.
func TestMemberCopiesMessageID(t *testing.T) {
	s := newSim(t, 43)
	ada, lin, noor := s.join("Ada", true), s.join("Lin", false), s.join("Noor", false)
	s.run(time.Second)
	for _, m := range []struct {
		from *person
		text string
	}{{lin, "Lin's"}, {ada, "Ada's"}, {lin, "again"}} {
		d := session.Message{Kind: session.Chat, ID: session.MessageID{1}, SentAt: s.now, Text: m.text}
		sealed, err := m.from.m.group.SealData(d)
		if err != nil {
			t.Fatal(err)
		}
		s.server.record(&api.Event{Body: &api.Event_DataSent{DataSent: &api.DataSent{Sealed: sealed}}}, nil)
	}
	s.run(time.Second)
	if got := noor.texts(); !slices.Equal(got, []string{"Lin: Lin's", "Ada: Ada's"}) {
		t.Fatalf("Noor has %q", got)
	}
	if noor.chats[0].ID == noor.chats[1].ID {
		t.Error("two messages have one id")
	}
}

// A message of a member who has left, kept back by the server until the index
// belongs to somebody else, is not shown as that somebody's.
func TestServerKeepsMessageBack(t *testing.T) {
	s := newSim(t, 30)
	ada, lin, noor := s.join("Ada", true), s.join("Lin", false), s.join("Noor", false)
	s.run(time.Second)
	var kept []byte
	s.server.refuse = func(from *modelSeat, f *api.ClientFrame) *api.Error {
		if d := f.GetData(); d != nil && from.id == 3 {
			kept = d.GetSealed()
			return &api.Error{Code: api.ErrorCode_ERROR_CODE_INTERNAL}
		}
		return nil
	}
	index := noor.self().Index
	noor.say("kept back")
	s.run(100 * time.Millisecond)
	noor.leave()
	s.run(500 * time.Millisecond)
	mei, kofi := s.join("Mei", false), s.join("Kofi", false)
	s.run(500 * time.Millisecond)
	s.checkTogether(ada, lin, mei, kofi)
	if mei.self().Index != index && kofi.self().Index != index {
		t.Fatalf("nobody has index %d now", index)
	}
	s.server.record(&api.Event{Body: &api.Event_DataSent{DataSent: &api.DataSent{Seat: 4, Sealed: kept}}}, nil)
	s.run(time.Second)
	for _, p := range []*person{ada, lin} {
		if len(p.chats) != 0 {
			t.Errorf("%s shows %q", p.name, p.texts())
		}
	}
}

// A server that refuses every commit does not get the client to spin.
func TestServerRefusesCommits(t *testing.T) {
	s := newSim(t, 31)
	s.join("Ada", true)
	commits := 0
	s.server.refuse = func(_ *modelSeat, f *api.ClientFrame) *api.Error {
		if f.GetCommit() != nil {
			commits++
			return &api.Error{Code: api.ErrorCode_ERROR_CODE_EPOCH_CONFLICT}
		}
		return nil
	}
	s.run(20 * time.Second)
	if commits < 3 || commits > 25 {
		t.Errorf("%d commits in 20 s", commits)
	}
}

// Messages are sent again when the server asks for less, and fail when it
// refuses them; then they can be tried again.
func TestServerRefusesMessages(t *testing.T) {
	s := newSim(t, 32)
	ada, lin := s.join("Ada", true), s.join("Lin", false)
	s.run(time.Second)
	code := api.ErrorCode_ERROR_CODE_EPOCH_CONFLICT
	s.server.refuse = func(_ *modelSeat, f *api.ClientFrame) *api.Error {
		if f.GetData() != nil && code != 0 {
			return &api.Error{Code: code}
		}
		return nil
	}
	racing := ada.say("sealed for the epoch before")
	s.run(500 * time.Millisecond)
	code = 0
	s.run(2 * time.Second)
	if !ada.sent[racing] {
		t.Error("a message that raced with an epoch was not sent again")
	}
	code = api.ErrorCode_ERROR_CODE_RATE_LIMITED
	first := ada.say("limited")
	s.run(500 * time.Millisecond)
	code = 0
	s.run(2 * time.Second)
	if !ada.sent[first] {
		t.Error("a limited message was not sent again")
	}
	for range 3 * maxDataInFlight {
		ada.say("more")
	}
	s.run(2 * time.Second)
	code = api.ErrorCode_ERROR_CODE_TOO_LARGE
	second := ada.say("refused")
	s.run(time.Second)
	if !ada.failures[second] {
		t.Error("a refused message has not failed")
	}
	code = 0
	ada.do(func() {
		if err := ada.m.RetryChat(s.now, second); err != nil {
			t.Errorf("RetryChat = %v", err)
		}
	})
	s.run(time.Second)
	if got := lin.texts(); !ada.sent[second] || len(got) != 3+3*maxDataInFlight {
		t.Errorf("sent %v, Lin has %q", ada.sent, got)
	}
}

// The server ends the meeting, or says that the seat is used elsewhere.
func TestClosing(t *testing.T) {
	for _, c := range []struct {
		reason api.Closing_Reason
		want   Output
	}{
		{api.Closing_REASON_MEETING_ENDED, Left{LeftEnded}},
		{api.Closing_REASON_REPLACED, Failed{Code: FailOtherDevice}},
		{api.Closing_REASON_PROTOCOL, Failed{Code: FailUnknown}},
	} {
		s := newSim(t, 33)
		ada := s.join("Ada", true)
		s.run(time.Second)
		s.server.sendTo(s.server.seats[0], &api.ServerFrame{Body: &api.ServerFrame_Closing{Closing: &api.Closing{Reason: c.reason}}})
		s.run(time.Second)
		if got := ada.outputs[len(ada.outputs)-1]; got != c.want {
			t.Errorf("%v: %+v, want %+v", c.reason, got, c.want)
		}
	}
}
