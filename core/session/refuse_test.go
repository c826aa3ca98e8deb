package session_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"math"
	"slices"
	"testing"

	"conclave/core/session"
)

// A delivery is what the server hands to a member.
type delivery struct {
	header, sealed []byte
	known          session.Known
}

// TestProcessRefuses is the corpus of epochs that a member must refuse. After
// each, the member is as before, and the honest epoch is accepted.
//
// Member 2 is the victim. Member 0 commits; members 1 and 3 stay; Ada waits.
func TestProcessRefuses(t *testing.T) {
	m := newMeeting(t, 4)
	// Some history: two that left, an older epoch to replay.
	gone := m.groups[3].Roster()[3]
	m.commit(t, 0, nil, []session.SenderIndex{3})
	old := m.commit(t, 1, []*session.Device{m.device(t, "Late")}, nil)
	ada := m.device(t, "Ada")
	adaAnnouncement := m.announcement(ada)
	honest := m.propose(t, 0, []*session.Device{ada}, nil)
	victim := m.groups[2]
	own, sealed := hashOf(victim), honest.Sealed()[hashOf(victim)]
	ownAnnouncement, _ := m.lookup(own)

	other := newMeeting(t, 4)
	foreign := other.propose(t, 0, nil, nil)
	rival := m.propose(t, 1, nil, []session.SenderIndex{0})
	removal := m.propose(t, 0, nil, []session.SenderIndex{victim.Self()})
	flip := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[(at+len(b))%len(b)] ^= 1
		return b
	}
	// forge returns an epoch by member 0 that breaks one rule.
	forge := func(change func(f *session.Forgery)) delivery {
		f := session.TestingOnlyForge(m.groups[0])
		change(&f)
		return delivery{f.Header(), f.Seal(ownAnnouncement, victim.Self()), nil}
	}
	outsider := newDevice(t, m.link, "Outsider")
	m.publish(t, outsider)
	unpublished := newDevice(t, m.link, "Unpublished")
	double := session.TestingOnlyAnnounce(ada, m.link, session.KEMKey(adaAnnouncement), append([]byte{3, 'E', 'v', 'e'}, make([]byte, 28)...), session.Web)
	doubleAnnouncement, err := m.link.OpenAnnouncement(double)
	if err != nil {
		t.Fatal(err)
	}
	m.known[doubleAnnouncement.Hash] = doubleAnnouncement
	add := func(f *session.Forgery, i session.SenderIndex, h session.AnnouncementHash) {
		f.Roster = append(f.Roster, session.RosterEntry{Index: i, Hash: h})
	}
	deliver := func(header, sealed []byte) delivery { return delivery{header, sealed, nil} }

	tests := []struct {
		name string
		delivery
		want error
	}{
		// Form.
		{"empty", deliver(nil, sealed), session.ErrMalformed},
		{"cut short", deliver(honest.Header()[:len(honest.Header())-1], sealed), session.ErrMalformed},
		{"a byte more", deliver(append(bytes.Clone(honest.Header()), 0), sealed), session.ErrMalformed},
		{"oversized", deliver(make([]byte, session.MaxHeader+1), sealed), session.ErrMalformed},
		{"other version", deliver(flip(honest.Header(), 1), sealed), session.ErrVersion},
		{"empty roster", forge(func(f *session.Forgery) { f.Roster = nil }), session.ErrMalformed},
		{"one member too many", forge(func(f *session.Forgery) {
			for i := len(f.Roster); i <= session.MaxMembers; i++ {
				add(f, session.SenderIndex(i), session.AnnouncementHash{byte(i >> 8), byte(i)})
			}
		}), session.ErrMalformed},
		{"committer out of range", forge(func(f *session.Forgery) { f.Committer = 1024 }), session.ErrMalformed},

		// A server without the link.
		{"another meeting's epoch", deliver(foreign.Header(), sealed), session.ErrMeeting},
		{"changed epoch number", deliver(flip(honest.Header(), 2+17+7), sealed), session.ErrProof},
		{"changed previous", deliver(flip(honest.Header(), 2+17+8), sealed), session.ErrProof},
		{"changed committer", deliver(flip(honest.Header(), 2+17+8+32+3), sealed), session.ErrProof},
		{"changed roster", deliver(flip(honest.Header(), 2+17+8+32+4+2+10), sealed), session.ErrProof},
		{"spliced roster", deliver(splice(honest.Header(), rival.Header()), sealed), session.ErrProof},
		{"changed confirmation", deliver(flip(honest.Header(), -100), sealed), session.ErrProof},
		{"changed signature", deliver(flip(honest.Header(), -40), sealed), session.ErrProof},
		{"changed proof", deliver(flip(honest.Header(), -1), sealed), session.ErrProof},
		{"made with another link", forge(func(f *session.Forgery) { f.Link = other.link }), session.ErrProof},

		// The server sends what once was honest.
		{"old epoch again", deliver(old.Header(), old.Sealed()[own]), session.ErrEpoch},
		{"epoch 0", forge(func(f *session.Forgery) { f.Epoch = 0 }), session.ErrEpoch},
		{"same epoch", forge(func(f *session.Forgery) { f.Epoch-- }), session.ErrEpoch},
		{"epoch left out", forge(func(f *session.Forgery) { f.Epoch++ }), session.ErrEpoch},
		{"last epoch", forge(func(f *session.Forgery) { f.Epoch = 1 << 32 }), session.ErrEpoch},
		{"epoch after the last", forge(func(f *session.Forgery) { f.Epoch = 1<<32 + 1 }), session.ErrMalformed},
		{"epoch that is no number in a browser", forge(func(f *session.Forgery) { f.Epoch = math.MaxUint64 }), session.ErrMalformed},
		{"fork", forge(func(f *session.Forgery) { f.Previous = other.groups[0].Transcript() }), session.ErrFork},
		{"new beginning", forge(func(f *session.Forgery) { f.Previous = [32]byte{} }), session.ErrFork},

		// Sealed keys that are not the victim's for this epoch.
		{"no sealed key", deliver(honest.Header(), nil), session.ErrSealedKey},
		{"sealed key cut short", deliver(honest.Header(), sealed[:len(sealed)-1]), session.ErrSealedKey},
		{"sealed key too long", deliver(honest.Header(), append(bytes.Clone(sealed), 0)), session.ErrSealedKey},
		{"sealed key changed", deliver(honest.Header(), flip(sealed, -1)), session.ErrSealedKey},
		{"encapsulation changed", deliver(honest.Header(), flip(sealed, 5)), session.ErrSealedKey},
		{"another member's sealed key", deliver(honest.Header(), honest.Sealed()[hashOf(m.groups[1])]), session.ErrSealedKey},
		{"the joiner's sealed key", deliver(honest.Header(), honest.Sealed()[ada.Hash()]), session.ErrSealedKey},
		{"sealed key of the epoch before", deliver(honest.Header(), old.Sealed()[own]), session.ErrSealedKey},
		{"sealed key of a rival commit", deliver(honest.Header(), rival.Sealed()[own]), session.ErrSealedKey},

		// Somebody with the link who is not a member.
		{"committer is no member", forge(func(f *session.Forgery) { f.Committer, f.Signer = 900, outsider }), session.ErrCommitter},
		{"committer comes in with it", forge(func(f *session.Forgery) {
			f.Committer, f.Signer = 9, outsider
			add(f, 9, outsider.Hash())
		}), session.ErrCommitter},
		{"committer has left", forge(func(f *session.Forgery) { f.Committer = 3 + 1 }), session.ErrCommitter},
		{"signed by an outsider", forge(func(f *session.Forgery) { f.Signer = outsider }), session.ErrSignature},

		// A member who cheats.
		{"signed by another member", forge(func(f *session.Forgery) { f.Committer = 1 }), session.ErrSignature},
		{"in the victim's name", forge(func(f *session.Forgery) { f.Committer = 2 }), session.ErrSignature},
		{"committer removes itself", forge(func(f *session.Forgery) { f.Roster = f.Roster[1:] }), session.ErrRoster},
		{"roster in another order", forge(func(f *session.Forgery) { f.Roster[0], f.Roster[1] = f.Roster[1], f.Roster[0] }), session.ErrRoster},
		{"new member first", forge(func(f *session.Forgery) {
			f.Roster = slices.Insert(f.Roster, 0, session.RosterEntry{Index: 9, Hash: ada.Hash()})
		}), session.ErrRoster},
		{"new member in between", forge(func(f *session.Forgery) {
			f.Roster = slices.Insert(f.Roster, 1, session.RosterEntry{Index: 9, Hash: ada.Hash()})
		}), session.ErrRoster},
		{"member gets another index", forge(func(f *session.Forgery) { f.Roster[1].Index = 9 }), session.ErrRoster},
		{"last member gets another index", forge(func(f *session.Forgery) { f.Roster[len(f.Roster)-1].Index = 9 }), session.ErrRoster},
		{"index has another device", forge(func(f *session.Forgery) { f.Roster[1].Hash = ada.Hash() }), session.ErrRoster},
		{"index given again at once", forge(func(f *session.Forgery) {
			f.Roster = slices.Delete(f.Roster, 1, 2)
			add(f, 1, ada.Hash())
		}), session.ErrRoster},
		{"two members with one index", forge(func(f *session.Forgery) { add(f, 1, ada.Hash()) }), session.ErrRoster},
		{"one device twice", forge(func(f *session.Forgery) {
			add(f, 9, ada.Hash())
			add(f, 10, ada.Hash())
		}), session.ErrRoster},
		{"a member twice", forge(func(f *session.Forgery) { add(f, 9, f.Roster[1].Hash) }), session.ErrRoster},
		{"the victim twice", forge(func(f *session.Forgery) { add(f, 9, own) }), session.ErrRoster},
		{"index out of range", forge(func(f *session.Forgery) { add(f, 1024, ada.Hash()) }), session.ErrRoster},
		{"two devices with one signing key", forge(func(f *session.Forgery) {
			add(f, 9, ada.Hash())
			add(f, 10, doubleAnnouncement.Hash)
		}), session.ErrRoster},
		{"one that left comes back", forge(func(f *session.Forgery) { add(f, 9, gone.Hash) }), session.ErrGhost},
		{"new member without an announcement", forge(func(f *session.Forgery) { add(f, 9, unpublished.Hash()) }), session.ErrUnknownDevice},
		{"announcement under a wrong hash", delivery{honest.Header(), sealed, func(session.AnnouncementHash) (session.Announcement, bool) {
			return m.announcement(outsider), true
		}}, session.ErrUnknownDevice},
		{"new member from another meeting", func() delivery {
			d := forge(func(f *session.Forgery) { add(f, 9, other.groups[0].Roster()[0].Hash) })
			d.known = func(h session.AnnouncementHash) (session.Announcement, bool) {
				if a, ok := other.lookup(h); ok {
					return a, ok
				}
				return m.lookup(h)
			}
			return d
		}(), session.ErrUnknownDevice},
		{"announcement that was not verified", delivery{honest.Header(), sealed, func(h session.AnnouncementHash) (session.Announcement, bool) {
			return session.Announcement{Hash: h}, true
		}}, session.ErrUnknownDevice},
		{"another session key than confirmed", forge(func(f *session.Forgery) { f.Confirmation = make([]byte, 32) }), session.ErrConfirmation},

		// Not an attack, but not to be followed either.
		{"removed", deliver(removal.Header(), nil), session.ErrRemoved},
		{"removed, with somebody's sealed key", deliver(removal.Header(), sealed), session.ErrRemoved},
		{"own commit", deliver(m.propose(t, 2, nil, nil).Header(), nil), session.ErrOwnCommit},
	}
	before := take(victim)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			known := tt.known
			if known == nil {
				known = m.lookup
			}
			if got, err := victim.Process(tt.header, tt.sealed, known); got != nil || !errors.Is(err, tt.want) {
				t.Errorf("Process = %v, want %v", err, tt.want)
			}
			if take(victim) != before {
				t.Error("a refused epoch changed the group")
			}
			next, err := victim.Process(honest.Header(), sealed, m.lookup)
			if err != nil || take(next).base != string(session.BaseKey(honest.Group())) {
				t.Errorf("the honest epoch then gives %v", err)
			}
		})
	}
	// Every single bit of a header and of a sealed key counts.
	for i := range honest.Header() {
		if _, err := victim.Process(flip(honest.Header(), i), sealed, m.lookup); err == nil {
			t.Fatalf("Process accepts a change of byte %d", i)
		}
	}
	for n := range honest.Header() {
		if _, err := victim.Process(honest.Header()[:n], sealed, m.lookup); !errors.Is(err, session.ErrMalformed) {
			t.Fatalf("Process of the first %d bytes = %v, want ErrMalformed", n, err)
		}
	}
}

// splice puts the roster of b into a.
func splice(a, b []byte) []byte {
	const fixed = 2 + 17 + 8 + 32 + 4
	const tail = 32 + 64 + 32
	return slices.Concat(a[:fixed], b[fixed:len(b)-tail], a[len(a)-tail:])
}

// TestJoinRefuses is the corpus of first epochs that a joiner must refuse. After
// each, the honest epoch lets the same device in.
func TestJoinRefuses(t *testing.T) {
	type world struct {
		*meeting
		ada, bob *session.Device
		old      *session.Pending // without Ada
		honest   *session.Pending // with Ada and Bob
	}
	newWorld := func(t *testing.T) world {
		w := world{meeting: newMeeting(t, 2)}
		w.ada, w.bob = w.device(t, "Ada"), w.device(t, "Bob")
		w.old = w.commit(t, 0, nil, nil)
		w.honest = w.propose(t, 0, []*session.Device{w.ada, w.bob}, nil)
		return w
	}
	forge := func(w world, change func(f *session.Forgery)) ([]byte, []byte) {
		f := session.TestingOnlyForge(w.groups[0])
		f.Roster = append(f.Roster, session.RosterEntry{Index: 5, Hash: w.ada.Hash()})
		change(&f)
		return f.Header(), f.Seal(w.announcement(w.ada), 5)
	}
	tests := []struct {
		name string
		make func(t *testing.T, w world) (header, sealed []byte)
		want error
	}{
		{"empty", func(*testing.T, world) ([]byte, []byte) { return nil, nil }, session.ErrMalformed},
		{"another meeting's epoch", func(t *testing.T, w world) ([]byte, []byte) {
			p := newMeeting(t, 2).propose(t, 0, nil, nil)
			return p.Header(), w.honest.Sealed()[w.ada.Hash()]
		}, session.ErrMeeting},
		{"made with another link", func(t *testing.T, w world) ([]byte, []byte) {
			return forge(w, func(f *session.Forgery) { f.Link = newLink(t) })
		}, session.ErrProof},
		{"epoch before its time", func(_ *testing.T, w world) ([]byte, []byte) {
			return w.old.Header(), w.honest.Sealed()[w.ada.Hash()]
		}, session.ErrNotMember},
		{"sealed key of another joiner", func(_ *testing.T, w world) ([]byte, []byte) {
			return w.honest.Header(), w.honest.Sealed()[w.bob.Hash()]
		}, session.ErrSealedKey},
		{"no sealed key", func(_ *testing.T, w world) ([]byte, []byte) { return w.honest.Header(), nil }, session.ErrSealedKey},
		{"sealed for another index", func(_ *testing.T, w world) ([]byte, []byte) {
			f := session.TestingOnlyForge(w.groups[0])
			f.Roster = append(f.Roster, session.RosterEntry{Index: 5, Hash: w.ada.Hash()})
			return f.Header(), f.Seal(w.announcement(w.ada), 6)
		}, session.ErrSealedKey},
		{"epoch 1", func(_ *testing.T, w world) ([]byte, []byte) {
			return forge(w, func(f *session.Forgery) { f.Epoch = 1 })
		}, session.ErrRoster},
		{"epoch 0", func(_ *testing.T, w world) ([]byte, []byte) {
			return forge(w, func(f *session.Forgery) { f.Epoch = 0 })
		}, session.ErrRoster},
		{"two members with one index", func(_ *testing.T, w world) ([]byte, []byte) {
			return forge(w, func(f *session.Forgery) { f.Roster[0].Index = f.Roster[1].Index })
		}, session.ErrRoster},
		{"joiner twice", func(_ *testing.T, w world) ([]byte, []byte) {
			return forge(w, func(f *session.Forgery) {
				f.Roster = append(f.Roster, session.RosterEntry{Index: 6, Hash: w.ada.Hash()})
			})
		}, session.ErrRoster},
		{"index out of range", func(_ *testing.T, w world) ([]byte, []byte) {
			return forge(w, func(f *session.Forgery) { f.Roster[1].Index = 1024 })
		}, session.ErrRoster},
		{"committer is no member", func(_ *testing.T, w world) ([]byte, []byte) {
			return forge(w, func(f *session.Forgery) { f.Committer = 7 })
		}, session.ErrCommitter},
		{"committed by the joiner", func(_ *testing.T, w world) ([]byte, []byte) {
			return forge(w, func(f *session.Forgery) { f.Committer, f.Signer = 5, w.ada })
		}, session.ErrCommitter},
		{"signed by another member", func(_ *testing.T, w world) ([]byte, []byte) {
			return forge(w, func(f *session.Forgery) { f.Committer = 1 })
		}, session.ErrSignature},
		{"signed by another joiner", func(_ *testing.T, w world) ([]byte, []byte) {
			return forge(w, func(f *session.Forgery) { f.Signer = w.bob })
		}, session.ErrSignature},
		{"member without an announcement", func(t *testing.T, w world) ([]byte, []byte) {
			ghost := newDevice(t, w.link, "Ghost")
			return forge(w, func(f *session.Forgery) {
				f.Roster = append(f.Roster, session.RosterEntry{Index: 6, Hash: ghost.Hash()})
			})
		}, session.ErrUnknownDevice},
		{"another session key than confirmed", func(_ *testing.T, w world) ([]byte, []byte) {
			return forge(w, func(f *session.Forgery) { f.Confirmation = make([]byte, 32) })
		}, session.ErrConfirmation},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			header, sealed := tt.make(t, w)
			if g, err := session.Join(w.ada, header, sealed, w.lookup); g != nil || !errors.Is(err, tt.want) {
				t.Errorf("Join = %v, want %v", err, tt.want)
			}
			g, err := session.Join(w.ada, w.honest.Header(), w.honest.Sealed()[w.ada.Hash()], w.lookup)
			if err != nil || take(g).base != string(session.BaseKey(w.honest.Group())) {
				t.Errorf("the honest epoch then gives %v", err)
			}
		})
	}
}

// A server that gives two members two different epochs splits the meeting, but
// each half notices at the next epoch and cannot be joined again.
func TestForkIsNoticed(t *testing.T) {
	m := newMeeting(t, 4)
	left, right := m.propose(t, 0, nil, nil), m.propose(t, 1, nil, nil)
	a := m.process(t, m.groups[2], left)
	b := m.process(t, m.groups[3], right)
	if a.Transcript() == b.Transcript() || bytes.Equal(session.BaseKey(a), session.BaseKey(b)) {
		t.Fatal("two epochs are one")
	}
	next, err := left.Group().Commit(rand.Reader, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Process(next.Header(), next.Sealed()[hashOf(b)], m.lookup); !errors.Is(err, session.ErrFork) {
		t.Errorf("Process across a fork = %v, want ErrFork", err)
	}
}

// A removed member has the header and every sealed key, and its old keys.
func TestRemovedMemberIsOut(t *testing.T) {
	m := newMeeting(t, 3)
	removed := m.groups[2]
	p := m.commit(t, 0, nil, []session.SenderIndex{2})
	for hash, sealed := range p.Sealed() {
		if _, err := removed.Process(p.Header(), sealed, m.lookup); !errors.Is(err, session.ErrRemoved) {
			t.Errorf("Process with the sealed key of %x = %v, want ErrRemoved", hash[:4], err)
		}
	}
	if _, ok := p.Sealed()[hashOf(removed)]; ok {
		t.Error("there is a sealed key for the removed member")
	}
	if _, ok := m.groups[0].Member(2); ok {
		t.Error("the removed member is in the roster")
	}
}

// What is remembered of departures is bounded: the oldest are forgotten first.
func TestDepartedIsBounded(t *testing.T) {
	const limit = 4 * session.MaxMembers
	m := newMeeting(t, 2)
	member := m.groups[0].Roster()[1]
	oldest, second := m.device(t, "Oldest"), m.device(t, "Second")
	g := session.TestingOnlyDeparted(m.groups[0], oldest.Hash(), second.Hash(), limit-2)
	p, err := g.Commit(rand.Reader, nil, []session.SenderIndex{1})
	if err != nil {
		t.Fatal(err)
	}
	after := p.Group()
	if got := session.Departed(after); got != limit {
		t.Errorf("%d departures remembered, want %d", got, limit)
	}
	for _, a := range []session.Announcement{m.announcement(second), member.Announcement} {
		if _, err := after.Commit(rand.Reader, []session.Announcement{a}, nil); !errors.Is(err, session.ErrGhost) {
			t.Errorf("adding one that left = %v, want ErrGhost", err)
		}
	}
	if _, err := after.Commit(rand.Reader, []session.Announcement{m.announcement(oldest)}, nil); err != nil {
		t.Errorf("adding one that was forgotten = %v, want nil", err)
	}
}
