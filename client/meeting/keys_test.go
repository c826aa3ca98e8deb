package meeting

import (
	"errors"
	"testing"
	"time"

	"conclave/api"
	"conclave/core/session"
)

// lastKeysOutput returns the last Keys or KeysGone, and whether the meeting was
// over before it.
func (p *person) lastKeysOutput() (last Output, late bool) {
	over := false
	for _, o := range p.outputs {
		switch o.(type) {
		case Keys, KeysGone:
			last, late = o, over
		case Failed, Left:
			over = true
		}
	}
	return last, late
}

// Whoever is out of an epoch is told to erase its keys, before it is told why.
func TestKeysGone(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(s *sim, lin *person)
	}{
		{"left", func(_ *sim, lin *person) { lin.leave() }},
		{"ended by the server", func(s *sim, _ *person) {
			s.server.sendTo(s.server.seat(2), &api.ServerFrame{Body: &api.ServerFrame_Closing{
				Closing: &api.Closing{Reason: api.Closing_REASON_MEETING_ENDED},
			}})
		}},
		{"lost", func(s *sim, lin *person) {
			lin.down = true
			lin.cut()
			s.run(20 * time.Second)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSim(t, 60)
			s.join("Ada", true)
			s.run(time.Second)
			lin := s.join("Lin", false)
			s.run(time.Second)
			if got, _ := lin.lastKeysOutput(); got == (KeysGone{}) {
				t.Fatal("the keys are gone before anything has happened")
			}
			group := lin.m.group
			c.do(s, lin)
			s.run(100 * time.Millisecond)
			if got, late := lin.lastKeysOutput(); got != (KeysGone{}) || late {
				t.Errorf("%T, late %v; want KeysGone first", got, late)
			}
			if _, err := group.MediaKey(0, 0); !errors.Is(err, session.ErrErased) {
				t.Errorf("MediaKey = %v, want ErrErased", err)
			}
		})
	}
}

// Between the epoch that cannot be followed and the first one with new keys, there
// are none.
func TestKeysGoneBeforeRejoin(t *testing.T) {
	s := newSim(t, 61)
	ada, lin := s.join("Ada", true), s.join("Lin", false)
	s.run(time.Second)
	seen := len(lin.outputs)
	s.server.record(&api.Event{Body: &api.Event_EpochBegan{EpochBegan: &api.EpochBegan{Epoch: 99}}}, nil)
	s.run(5 * time.Second)
	s.checkTogether(lin, ada)
	var kinds []string
	for _, o := range lin.outputs[seen:] {
		switch o.(type) {
		case Keys, KeysGone:
			kinds = append(kinds, o.Kind())
		}
	}
	if len(kinds) < 2 || kinds[0] != "keysGone" || kinds[1] != "keys" {
		t.Errorf("outputs %v, want keysGone and then keys", kinds)
	}
}

// A device that is dropped can sign nothing more, whether it ever had a key.
func TestDeviceIsErased(t *testing.T) {
	s := newSim(t, 62)
	ada := s.join("Ada", true)
	s.run(time.Second)
	ada.frozen = true
	lin := s.join("Lin", false)
	s.run(100 * time.Millisecond)
	device := lin.m.device
	lin.leave()
	if _, err := session.Create(device, s.rngReader()); !errors.Is(err, session.ErrErased) {
		t.Errorf("Create with the device of who has left = %v, want ErrErased", err)
	}
	ada.thaw()
	s.run(time.Second)
	group := ada.m.group
	s.server.record(&api.Event{Body: &api.Event_EpochBegan{EpochBegan: &api.EpochBegan{Epoch: 99}}}, nil)
	s.run(time.Second)
	if _, err := group.Commit(s.rngReader(), nil, nil); !errors.Is(err, session.ErrErased) {
		t.Errorf("Commit with the device of a seat that was given up = %v, want ErrErased", err)
	}
}

// In a full meeting a place that becomes free is given away in the epoch after:
// its index rests for one.
func TestFreedPlaceRests(t *testing.T) {
	s := newSim(t, 63)
	ada, lin := s.join("Ada", true), s.join("Lin", false)
	s.run(time.Second)
	ada.frozen = true
	lin.leave()
	s.join("Noor", false)
	s.run(200 * time.Millisecond)
	ada.m.commitAsked = true // so that she makes no epoch yet
	for _, f := range ada.asleep {
		f()
	}
	for i := 0; len(ada.m.members) < maxMembers; i++ {
		ada.m.members[deviceHash{1, byte(i), byte(i >> 8)}] = Index(i + 2)
	}
	if w := ada.m.work(); len(w.add) != 0 || len(w.remove) != 1 {
		t.Errorf("full: %d to add, %d to remove; want 0 and 1", len(w.add), len(w.remove))
	}
	delete(ada.m.members, deviceHash{1})
	if w := ada.m.work(); len(w.add) != 1 || len(w.remove) != 1 {
		t.Errorf("one place free: %d to add, %d to remove; want 1 and 1", len(w.add), len(w.remove))
	}
}
