package meeting

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"conclave/api"
	"conclave/core/session"
)

func TestNew(t *testing.T) {
	link, err := session.GenerateLink(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := link.URL("https://meet.example")
	for _, c := range []struct {
		name string
		cfg  Config
		want error
	}{
		{"good", Config{URL: good, Name: " Ada ", Class: Web, Rand: rand.Reader}, nil},
		{"no secret", Config{URL: "https://meet.example/m/" + link.Meeting(), Name: "Ada", Class: Web, Rand: rand.Reader}, ErrLink},
		{"other meeting", Config{URL: strings.Replace(good, link.Meeting(), "aaaaaaaaaaaaaaaa", 1), Name: "Ada", Class: Web, Rand: rand.Reader}, ErrLink},
		{"no name", Config{URL: good, Name: " ", Class: Web, Rand: rand.Reader}, ErrName},
		{"long name", Config{URL: good, Name: strings.Repeat("a", 65), Class: Web, Rand: rand.Reader}, ErrName},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := New(c.cfg, time.Now())
			if !errors.Is(err, c.want) {
				t.Fatalf("New() = %v, want %v", err, c.want)
			}
			if err != nil {
				return
			}
			if o, ok := m.Poll(); !ok || o != (Connect{}) {
				t.Errorf("first output %v, want a Connect", o)
			}
			if _, ok := m.Poll(); ok {
				t.Error("a second output")
			}
		})
	}
}

func TestTwoMeet(t *testing.T) {
	s := newSim(t, 1)
	ada := s.join("Ada", true)
	s.run(time.Second)
	s.checkTogether(ada)
	lin := s.join("Lin", false)
	s.run(time.Second)
	s.checkTogether(ada, lin)
	if ada.roster.Owner != ada.self().Index || !ada.self().Owner || lin.member("Ada").Class != Native {
		t.Errorf("roster %+v", lin.roster)
	}
	if ada.keys.PreviousFor != keepPrevious || lin.keys.PreviousFor != 0 {
		t.Errorf("previous keys for %v and %v", ada.keys.PreviousFor, lin.keys.PreviousFor)
	}
	id := lin.say("hello")
	s.run(time.Second)
	if got := ada.texts(); len(got) != 1 || got[0] != "Lin: hello" || !lin.sent[id] || !lin.chats[0].You {
		t.Errorf("Ada got %q, Lin sent %v", got, lin.sent)
	}
	before := ada.keys.Epoch
	lin.leave()
	s.run(100 * time.Millisecond)
	s.checkTogether(ada)
	s.checkOut(lin, ada)
	if ada.keys.Epoch != before+1 || lin.left == nil || lin.left.Reason != LeftSelf {
		t.Errorf("epoch %d after %d, %v", ada.keys.Epoch, before, lin.left)
	}
}

func TestJoinsShareAnEpoch(t *testing.T) {
	s := newSim(t, 2)
	ada := s.join("Ada", true)
	s.run(time.Second)
	people := []*person{ada}
	for _, name := range []string{"Lin", "Noor", "Kofi", "Mei"} {
		people = append(people, s.join(name, false))
	}
	s.run(time.Second)
	s.checkTogether(people...)
	if ada.keys.Epoch != 2 {
		t.Errorf("four joins took %d epochs, want 1", ada.keys.Epoch-1)
	}
}

func TestStateReachesLateJoiners(t *testing.T) {
	s := newSim(t, 3)
	ada := s.join("Ada", true)
	ada.do(func() { _ = ada.m.SetState(s.now, State{Mic: true, Hand: true}) })
	s.run(time.Second)
	lin := s.join("Lin", false)
	s.run(time.Second)
	if got := lin.member("Ada").State; got != (State{Mic: true, Hand: true}) {
		t.Errorf("Lin sees Ada's state as %+v", got)
	}
	ada.do(func() { _ = ada.m.SetState(s.now, State{Camera: true}) })
	s.run(time.Second)
	if got := lin.member("Ada").State; got != (State{Camera: true}) {
		t.Errorf("Lin sees Ada's state as %+v", got)
	}
}

func TestOwnerLeaves(t *testing.T) {
	s := newSim(t, 4)
	ada := s.join("Ada", true)
	s.run(time.Second)
	lin := s.join("Lin", false)
	s.run(time.Second)
	noor := s.join("Noor", false)
	s.run(time.Second)
	ada.leave()
	s.run(200 * time.Millisecond)
	s.checkTogether(lin, noor)
	s.checkOut(ada, lin, noor)
	if !noor.member("Lin").Owner {
		t.Errorf("owner is %d, want Lin: %+v", noor.roster.Owner, noor.roster)
	}
}

// A stuck owner keeps its connection but does nothing: the next in order takes
// over after a second.
func TestStuckOwner(t *testing.T) {
	s := newSim(t, 5)
	ada := s.join("Ada", true)
	s.run(time.Second)
	lin := s.join("Lin", false)
	s.run(time.Second)
	ada.frozen = true
	start := s.now
	noor := s.join("Noor", false)
	for noor.keys.Epoch == 0 && s.now.Sub(start) < 5*time.Second {
		s.run(10 * time.Millisecond)
	}
	if took := s.now.Sub(start); took < time.Second || took > 1200*time.Millisecond {
		t.Errorf("takeover took %v, want about 1 s", took)
	}
	ada.thaw()
	s.run(time.Second)
	s.checkTogether(ada, lin, noor)
}

func TestLostConnection(t *testing.T) {
	s := newSim(t, 6)
	ada := s.join("Ada", true)
	lin := s.join("Lin", false)
	s.run(time.Second)
	lin.down = true
	lin.cut()
	s.run(time.Second)
	if !ada.member("Lin").Away {
		t.Error("Ada does not see that Lin is away")
	}
	id := lin.say("typed while away")
	ada.say("said meanwhile")
	s.run(2 * time.Second)
	lin.down = false
	s.run(4 * time.Second)
	s.checkTogether(ada, lin)
	if !lin.joined.Resumed || ada.member("Lin").Away {
		t.Errorf("resumed %v, away %v", lin.joined.Resumed, ada.member("Lin").Away)
	}
	if got := ada.texts(); len(got) != 2 || got[1] != "Lin: typed while away" || !lin.sent[id] {
		t.Errorf("Ada has %q", got)
	}
	if got := lin.texts(); len(got) != 2 || got[1] != "Ada: said meanwhile" {
		t.Errorf("Lin has %q", got)
	}
}

func TestAwayTooLong(t *testing.T) {
	s := newSim(t, 7)
	ada := s.join("Ada", true)
	lin := s.join("Lin", false)
	s.run(time.Second)
	lin.down = true
	lin.cut()
	id := lin.say("never sent")
	s.run(20 * time.Second)
	if lin.failed == nil || lin.failed.Code != FailLost || !lin.failures[id] {
		t.Errorf("failed %v, chat failed %v; want lost", lin.failed, lin.failures)
	}
	s.checkTogether(ada)
	s.checkOut(lin, ada)
}

// The frame that carries an own commit's answer is lost with the connection:
// the commit has won all the same.
func TestCommitAnswerLost(t *testing.T) {
	s := newSim(t, 8)
	ada := s.join("Ada", true)
	s.run(time.Second)
	lin := s.join("Lin", false)
	for s.server.epoch < 2 {
		s.run(time.Millisecond)
	}
	ada.cut()
	s.run(3 * time.Second)
	s.checkTogether(ada, lin)
}

// Nothing is sent after a resume before the missed events have come: a message
// may be in them, and so may an epoch.
func TestResumeWaits(t *testing.T) {
	s := newSim(t, 14)
	ada, lin := s.join("Ada", true), s.join("Lin", false)
	s.run(time.Second)
	ada.cut()
	s.run(20 * time.Millisecond)
	s.server.edit = func(to *modelSeat, f *api.ServerFrame) *api.ServerFrame {
		if to.id == 1 && f.GetReply().GetPong() != nil {
			return nil
		}
		return f
	}
	early := 0
	s.server.refuse = func(from *modelSeat, f *api.ClientFrame) *api.Error {
		if from.id == 1 && (f.GetData() != nil || f.GetCommit() != nil) {
			early++
		}
		return nil
	}
	ada.say("waits")
	noor := s.join("Noor", false)
	s.run(500 * time.Millisecond)
	if !ada.joined.Resumed || early != 0 {
		t.Errorf("resumed %v, sent %d frames before it had caught up", ada.joined.Resumed, early)
	}
	s.server.edit, s.server.refuse = nil, nil
	s.run(20 * time.Second)
	s.checkTogether(ada, lin, noor)
	if got := noor.texts(); len(got) != 1 {
		t.Errorf("Noor has %q", got)
	}
}

// Who loses the connection while it waits gets no key before it is back.
func TestAwayJoinerWaits(t *testing.T) {
	s := newSim(t, 15)
	ada := s.join("Ada", true)
	s.run(time.Second)
	ada.frozen = true
	lin := s.join("Lin", false)
	s.run(100 * time.Millisecond)
	lin.down = true
	lin.cut()
	s.run(100 * time.Millisecond)
	ada.thaw()
	s.run(2 * time.Second)
	if len(ada.roster.Members) != 1 {
		t.Errorf("Ada has %v", ada.roster.Members)
	}
	lin.down = false
	s.run(5 * time.Second)
	s.checkTogether(ada, lin)
}

// The keys of a commit that did not win are erased.
func TestLostCommitIsErased(t *testing.T) {
	s := newSim(t, 16)
	ada, lin := s.join("Ada", true), s.join("Lin", false)
	s.run(time.Second)
	ada.frozen = true
	s.join("Noor", false)
	s.run(2 * time.Second) // Lin takes over
	for ada.m.commitAt.IsZero() && len(ada.asleep) > 0 {
		next := ada.asleep[0]
		ada.asleep = ada.asleep[1:]
		next()
	}
	ada.m.Tick(ada.m.commitAt) // for the epoch that Lin has begun already
	if len(ada.m.own) != 1 {
		t.Fatalf("%d own commits, want 1", len(ada.m.own))
	}
	lost := ada.m.own[0].pending.Group()
	if _, err := lost.MediaKey(lost.Self(), 0); err != nil {
		t.Fatal(err)
	}
	ada.drain()
	ada.thaw()
	s.run(time.Second)
	if _, err := lost.MediaKey(lost.Self(), 0); !errors.Is(err, session.ErrErased) {
		t.Errorf("MediaKey of a lost commit = %v, want ErrErased", err)
	}
	if ada.keys.Epoch != lin.keys.Epoch {
		t.Errorf("epochs %d and %d", ada.keys.Epoch, lin.keys.Epoch)
	}
}

func TestFailures(t *testing.T) {
	t.Run("unknown meeting", func(t *testing.T) {
		s := newSim(t, 9)
		p := s.join("Ada", false)
		s.run(time.Second)
		if p.failed == nil || p.failed.Code != FailLinkExpired {
			t.Errorf("failed %v, want link-expired", p.failed)
		}
	})
	t.Run("full", func(t *testing.T) {
		s := newSim(t, 10)
		s.server.limit = 1
		s.join("Ada", true)
		s.run(time.Second)
		p := s.join("Lin", false)
		s.run(time.Second)
		if p.failed == nil || *p.failed != (Failed{Code: FailRoomFull, Limit: 1}) {
			t.Errorf("failed %v, want room-full 1", p.failed)
		}
	})
	t.Run("no server", func(t *testing.T) {
		s := newSim(t, 11)
		p := s.join("Ada", true)
		p.down = true
		s.run(20 * time.Second)
		if p.failed == nil || p.failed.Code != FailLost {
			t.Errorf("failed %v, want lost", p.failed)
		}
		if err := p.m.Leave(s.now); !errors.Is(err, ErrOver) {
			t.Errorf("Leave = %v, want ErrOver", err)
		}
	})
	t.Run("silent server", func(t *testing.T) {
		s := newSim(t, 12)
		p := s.join("Ada", true)
		s.run(time.Second)
		p.conn.cutServer = true // what it says does not arrive, and nothing comes
		s.run(16 * time.Second)
		if !p.joined.Resumed {
			t.Error("did not notice that its pings are not answered")
		}
		s.checkTogether(p)
	})
}

// Everybody who held the key is gone: who waits begins anew.
func TestMeetingBeginsAnew(t *testing.T) {
	s := newSim(t, 13)
	ada := s.join("Ada", true)
	s.run(time.Second)
	ada.crash()
	s.run(time.Second)
	lin, noor := s.join("Lin", false), s.join("Noor", false)
	s.run(30 * time.Second)
	s.checkTogether(lin, noor)
	s.checkOut(ada, lin, noor)
}
