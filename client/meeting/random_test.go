package meeting

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"conclave/api"
)

// TestRandomMeetings lets participants come, go, crash, lose connections, freeze
// and write at random, then waits. Everybody still there must share one epoch
// whose keys nobody who left ever had, and every message must have arrived once.
func TestRandomMeetings(t *testing.T) {
	seeds, first := 12, 1
	// CONCLAVE_SEED repeats one that failed, CONCLAVE_SEEDS runs more of them.
	for name, value := range map[string]*int{"CONCLAVE_SEED": &first, "CONCLAVE_SEEDS": &seeds} {
		v := os.Getenv(name)
		if v == "" {
			continue
		}
		var err error
		if *value, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getenv("CONCLAVE_SEED") != "" {
		seeds = 1
	}
	for seed := first; seed < first+seeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			randomMeeting(t, uint64(seed))
		})
	}
}

func randomMeeting(t *testing.T, seed uint64) {
	s := newSim(t, seed)
	s.delay = func() time.Duration { return time.Duration(s.rng.IntN(120)) * time.Millisecond }
	if seed%3 == 0 {
		s.server.edit = s.duplicates
	}
	chats := make(map[string]*person) // id: who wrote it
	s.join("p0", true)
	for range 60 {
		s.run(time.Duration(s.rng.IntN(700)) * time.Millisecond)
		s.randomDeed(chats)
	}
	for _, p := range s.people {
		p.down = false
		if p.failed == nil && p.frozen {
			p.thaw()
		}
	}
	s.run(40 * time.Second)
	in := s.present()
	if len(in) == 0 {
		return
	}
	s.checkTogether(in...)
	if s.server.leftOut != 0 {
		t.Errorf("%d commits left out a member who was there", s.server.leftOut)
	}
	for _, p := range s.people {
		if p.isOver() {
			s.checkOut(p, in...)
		}
		seen := make(map[string]bool)
		for _, c := range p.chats {
			if seen[c.ID] {
				t.Errorf("%s saw message %s twice", p.name, c.ID)
			}
			seen[c.ID] = true
			if by := chats[messageOf(c)]; by == nil || by.name != c.Name {
				t.Errorf("%s saw a message of %q that %v wrote", p.name, c.Name, by)
			}
		}
		if n := len(p.alarms); n != 0 {
			t.Errorf("%s was alarmed by an honest server: %v", p.name, p.alarms)
		}
	}
	for id, by := range chats {
		if !by.isOver() && !by.sent[id] {
			t.Errorf("a message of %s was never sent", by.name)
		}
	}
	checkMessages(t, in)
}

// checkMessages checks that all who were there have all messages, in one order.
func checkMessages(t *testing.T, in []*person) {
	t.Helper()
	for _, p := range in {
		for _, q := range in {
			if p == q {
				continue
			}
			at := make(map[string]int) // of q's messages
			for i, c := range q.chats {
				at[messageOf(c)] = i
			}
			last := -1
			for _, c := range p.chats {
				i, ok := at[messageOf(c)]
				if !ok {
					if q.keyed.Add(5 * time.Second).Before(c.SentAt) {
						t.Errorf("%s has not got %q of %s", q.name, c.Text, c.Name)
					}
					continue
				}
				if c.You || q.chats[i].You {
					continue // shown at once, not when it is in the log
				}
				if i < last {
					t.Errorf("%s and %s have messages in another order", p.name, q.name)
				}
				last = i
			}
		}
	}
}

// messageOf returns the id that the sender of a message knows it by.
func messageOf(c Chat) string { return c.ID[len(c.ID)-32:] }

func (s *sim) present() []*person {
	var in []*person
	for _, p := range s.people {
		if !p.isOver() {
			in = append(in, p)
		}
	}
	return in
}

func (s *sim) randomDeed(chats map[string]*person) {
	in := s.present()
	if len(in) == 0 || (len(in) < 7 && s.rng.IntN(4) == 0) {
		s.join("p"+strconv.Itoa(len(s.people)), true)
		return
	}
	p := in[s.rng.IntN(len(in))]
	if p.frozen {
		if s.rng.IntN(3) == 0 {
			p.thaw()
		}
		return
	}
	switch s.rng.IntN(12) {
	case 0:
		p.leave()
	case 1:
		p.crash()
	case 2, 3:
		p.cut()
	case 4:
		p.down = true
		p.cut()
	case 5:
		p.down = false
	case 6:
		p.frozen = true
	case 7:
		p.do(func() { _ = p.m.SetState(s.now, State{Mic: s.rng.IntN(2) == 0, Hand: s.rng.IntN(2) == 0}) })
	default:
		chats[p.say("text "+strconv.Itoa(len(chats)))] = p
	}
}

// duplicates sends some events twice.
func (s *sim) duplicates(to *modelSeat, f *api.ServerFrame) *api.ServerFrame {
	if f.GetEvent() != nil && s.rng.IntN(4) == 0 {
		edit := s.server.edit
		s.server.edit = nil
		s.server.sendTo(to, f)
		s.server.edit = edit
	}
	return f
}
