package session_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"conclave/core/session"
	"conclave/core/sframe"
)

func indexes(g *session.Group) []session.SenderIndex {
	var is []session.SenderIndex
	for _, m := range g.Roster() {
		is = append(is, m.Index)
	}
	return is
}

func TestCreate(t *testing.T) {
	m := newMeeting(t, 1)
	g := m.groups[0]
	if g.Epoch() != 1 || g.Self() != 0 || len(g.Roster()) != 1 {
		t.Errorf("a new meeting has epoch %d, self %d, %d members", g.Epoch(), g.Self(), len(g.Roster()))
	}
	self, ok := g.Member(0)
	if !ok || self.Name != "Member 0" || self.Class != session.Web {
		t.Errorf("Member(0) = %q, %v", self.Name, ok)
	}
	if _, ok := g.Member(1); ok {
		t.Error("Member(1) exists")
	}
	if _, err := session.Create(newDevice(t, m.link, "Ada"), bytes.NewReader(make([]byte, 31))); err == nil {
		t.Error("Create with too little randomness succeeds")
	}
}

// TestEpochs walks through joins and leaves: the new key, the order of the
// roster and the choice of indexes.
func TestEpochs(t *testing.T) {
	m := newMeeting(t, 1)
	first := m.groups[0]
	ada, bob, eve := m.device(t, "Ada"), m.device(t, "Bob"), m.device(t, "Eve")

	p := m.commit(t, 0, []*session.Device{ada, bob}, nil)
	if got := indexes(m.groups[0]); !slices.Equal(got, []session.SenderIndex{0, 1, 2}) {
		t.Errorf("roster = %v, want 0 1 2", got)
	}
	if len(p.Sealed()) != 2 || p.Sealed()[ada.Hash()] == nil || p.Sealed()[bob.Hash()] == nil {
		t.Errorf("%d sealed keys, want one each for Ada and Bob", len(p.Sealed()))
	}
	if bytes.Equal(session.BaseKey(first), session.BaseKey(m.groups[0])) {
		t.Error("the base key did not change with the epoch")
	}
	if got := m.groups[1].Roster()[2].Name; got != "Bob" {
		t.Errorf("Ada sees %q as the third member, want Bob", got)
	}

	// The owner goes; Ada commits. Index 0 rests for one epoch.
	m.commit(t, 1, []*session.Device{eve}, []session.SenderIndex{0})
	if got := indexes(m.groups[0]); !slices.Equal(got, []session.SenderIndex{1, 2, 3}) {
		t.Errorf("roster = %v, want 1 2 3", got)
	}
	m.commit(t, 2, []*session.Device{m.device(t, "Zoe")}, nil)
	if got := indexes(m.groups[0]); !slices.Equal(got, []session.SenderIndex{1, 2, 3, 0}) {
		t.Errorf("roster = %v, want 1 2 3 0: new members come last", got)
	}
	// A commit without changes still makes a new key.
	before := bytes.Clone(session.BaseKey(m.groups[0]))
	m.commit(t, 3, nil, nil)
	if bytes.Equal(before, session.BaseKey(m.groups[0])) {
		t.Error("an empty commit keeps the base key")
	}
}

func TestRaceForAnEpoch(t *testing.T) {
	m := newMeeting(t, 3)
	winner := m.propose(t, 0, []*session.Device{m.device(t, "Ada")}, nil)
	loser := m.propose(t, 1, nil, []session.SenderIndex{2})
	before := take(m.groups[1])
	next := m.process(t, m.groups[1], winner)
	if take(m.groups[1]) != before {
		t.Error("making and losing a commit changed the group")
	}
	if next.Epoch() != winner.Group().Epoch() || next.Transcript() != winner.Group().Transcript() {
		t.Error("the loser of a race does not follow the winner")
	}
	loser.Discard()
	if !bytes.Equal(session.BaseKey(loser.Group()), make([]byte, 32)) {
		t.Error("Discard leaves the base key")
	}
	again, err := next.Commit(rand.Reader, nil, []session.SenderIndex{2})
	if err != nil {
		t.Fatalf("trying again: %v", err)
	}
	if len(again.Group().Roster()) != 3 {
		t.Errorf("%d members, want 3", len(again.Group().Roster()))
	}
}

func TestCommitRefuses(t *testing.T) {
	m := newMeeting(t, 3)
	ada := m.device(t, "Ada")
	outsider := m.announcement(ada)
	foreignLink := newLink(t)
	foreign, err := foreignLink.OpenAnnouncement(newDevice(t, foreignLink, "Foreign").Announcement())
	if err != nil {
		t.Fatal(err)
	}
	adaAgain, err := m.link.OpenAnnouncement(session.TestingOnlyAnnounce(ada, m.link, session.KEMKey(outsider),
		append([]byte{3, 'E', 'v', 'e'}, make([]byte, 28)...), session.Web))
	if err != nil {
		t.Fatal(err)
	}
	member := m.groups[0].Roster()[1]
	left := m.groups[0].Roster()[2]
	m.commit(t, 0, nil, []session.SenderIndex{2})
	tests := []struct {
		name   string
		add    []session.Announcement
		remove []session.SenderIndex
		want   error
	}{
		{"remove oneself", nil, []session.SenderIndex{0}, session.ErrSelf},
		{"remove nobody", nil, []session.SenderIndex{7}, session.ErrNotMember},
		{"remove one that left", nil, []session.SenderIndex{2}, session.ErrNotMember},
		{"remove twice", nil, []session.SenderIndex{1, 1}, session.ErrNotMember},
		{"remove out of range", nil, []session.SenderIndex{1 << 20}, session.ErrNotMember},
		{"add a member", []session.Announcement{member.Announcement}, nil, session.ErrRoster},
		{"add twice", []session.Announcement{outsider, outsider}, nil, session.ErrRoster},
		{"add one signing key twice", []session.Announcement{outsider, adaAgain}, nil, session.ErrRoster},
		{"remove and add", []session.Announcement{member.Announcement}, []session.SenderIndex{1}, session.ErrGhost},
		{"add one that left", []session.Announcement{left.Announcement}, nil, session.ErrGhost},
		{"add nothing", []session.Announcement{{}}, nil, session.ErrUnknownDevice},
		{"add what was not verified", []session.Announcement{{Hash: outsider.Hash, SignatureKey: outsider.SignatureKey}}, nil, session.ErrUnknownDevice},
		{"add a device of another meeting", []session.Announcement{foreign}, nil, session.ErrMeeting},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := take(m.groups[0])
			if _, err := m.groups[0].Commit(rand.Reader, tt.add, tt.remove); !errors.Is(err, tt.want) {
				t.Errorf("Commit = %v, want %v", err, tt.want)
			}
			if take(m.groups[0]) != before {
				t.Error("a refused commit changed the group")
			}
		})
	}
	if _, err := m.groups[0].Commit(bytes.NewReader(nil), nil, nil); err == nil {
		t.Error("Commit without randomness succeeds")
	}
}

// TestFull fills a meeting to its last index.
func TestFull(t *testing.T) {
	m := newMeeting(t, 1)
	var devices []*session.Device
	var add []session.Announcement
	for i := range session.MaxMembers {
		devices = append(devices, m.device(t, fmt.Sprintf("Member %d", i+1)))
		add = append(add, m.announcement(devices[i]))
	}
	owner := m.groups[0]
	if _, err := owner.Commit(rand.Reader, add, nil); !errors.Is(err, session.ErrFull) {
		t.Fatalf("adding %d members = %v, want ErrFull", len(add), err)
	}
	p, err := owner.Commit(rand.Reader, add[:session.MaxMembers-1], nil)
	if err != nil {
		t.Fatalf("adding %d members: %v", session.MaxMembers-1, err)
	}
	if got := len(p.Header()); got > session.MaxHeader || len(p.Group().Roster()) != session.MaxMembers {
		t.Errorf("header of %d members has %d bytes, MaxHeader is %d", len(p.Group().Roster()), got, session.MaxHeader)
	}
	full := p.Group()
	if _, err := full.Commit(rand.Reader, add[session.MaxMembers-1:], nil); !errors.Is(err, session.ErrFull) {
		t.Errorf("adding one more = %v, want ErrFull", err)
	}
	last := devices[session.MaxMembers-2]
	joined, err := session.Join(last, p.Header(), p.Sealed()[last.Hash()], m.lookup)
	if err != nil || joined.Self() != sframe.MaxSenderIndex || !sameRoster(joined, full) {
		t.Fatalf("Join as the last member = %v", err)
	}
	next, err := full.Commit(rand.Reader, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if joined, err = joined.Process(next.Header(), next.Sealed()[last.Hash()], m.lookup); err != nil || !sameRoster(joined, full) {
		t.Errorf("Process as the last member = %v", err)
	}
	// The place of one that leaves is free an epoch later.
	if _, err := full.Commit(rand.Reader, add[session.MaxMembers-1:], []session.SenderIndex{5}); !errors.Is(err, session.ErrFull) {
		t.Errorf("adding one for another = %v, want ErrFull", err)
	}
	key, err := full.MediaKey(sframe.MaxSenderIndex, sframe.ScreenAudio)
	if err != nil || key.KID != sframe.NewKID(sframe.ScreenAudio, 1023, 2) {
		t.Errorf("MediaKey of the last member = %#x, %v", key.KID, err)
	}
}

func TestMediaKeys(t *testing.T) {
	m := newMeeting(t, 3)
	seen := make(map[string]bool)
	for i := range session.SenderIndex(3) {
		for c := sframe.Microphone; c <= sframe.ScreenAudio; c++ {
			key, err := m.groups[0].MediaKey(i, c)
			if err != nil {
				t.Fatalf("MediaKey(%d, %v): %v", i, c, err)
			}
			if key.KID != sframe.NewKID(c, i, 2) || key.Suite != sframe.AES256GCMSHA512 || key.Key.Len() != 32 || key.Salt.Len() != 12 {
				t.Errorf("MediaKey(%d, %v) = KID %#x, suite %d", i, c, key.KID, key.Suite)
			}
			if seen[string(key.Key.Expose())] || seen[string(key.Salt.Expose())] {
				t.Errorf("MediaKey(%d, %v) is that of another stream", i, c)
			}
			seen[string(key.Key.Expose())], seen[string(key.Salt.Expose())] = true, true
			for _, g := range m.groups[1:] {
				if other, err := g.MediaKey(i, c); err != nil || !other.Key.Equal(key.Key) || !other.Salt.Equal(key.Salt) || other.KID != key.KID {
					t.Errorf("members disagree on MediaKey(%d, %v): %v", i, c, err)
				}
			}
			// Erasing what one caller got does not touch what the next gets.
			want := bytes.Clone(key.Key.Expose())
			key.Erase()
			if again, err := m.groups[0].MediaKey(i, c); err != nil || !bytes.Equal(again.Key.Expose(), want) {
				t.Errorf("MediaKey(%d, %v) after Erase of a copy differs: %v", i, c, err)
			}
		}
	}
	for _, i := range []session.SenderIndex{3, 1023, 1024, math.MaxUint32} {
		if _, err := m.groups[0].MediaKey(i, sframe.Camera); !errors.Is(err, session.ErrNotMember) {
			t.Errorf("MediaKey(%d) = %v, want ErrNotMember", i, err)
		}
	}
	if _, err := m.groups[0].MediaKey(0, 5); !errors.Is(err, session.ErrNotMember) {
		t.Errorf("MediaKey in context 5 = %v, want ErrNotMember", err)
	}
	m.groups[0].Erase()
	if !bytes.Equal(session.BaseKey(m.groups[0]), make([]byte, 32)) {
		t.Error("Erase leaves the base key")
	}
	if _, err := m.groups[0].MediaKey(0, sframe.Camera); !errors.Is(err, session.ErrErased) {
		t.Errorf("MediaKey after Erase = %v, want ErrErased", err)
	}
	if _, err := m.groups[0].SealData(chat("x")); !errors.Is(err, session.ErrErased) {
		t.Errorf("SealData after Erase = %v, want ErrErased", err)
	}
}

func TestRosterIsACopy(t *testing.T) {
	m := newMeeting(t, 2)
	before := take(m.groups[0])
	r := m.groups[0].Roster()
	r[0], r[1] = r[1], session.Member{}
	if take(m.groups[0]) != before {
		t.Error("changing what Roster returns changes the group")
	}
}

// Members of one meeting use their groups from many goroutines.
func TestConcurrentUse(t *testing.T) {
	m := newMeeting(t, 2)
	p := m.propose(t, 0, nil, nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			g := m.groups[1]
			g.Roster()
			if _, err := g.MediaKey(0, sframe.Camera); err != nil {
				t.Errorf("MediaKey: %v", err)
			}
			if _, err := g.Process(p.Header(), p.Sealed()[hashOf(g)], m.lookup); err != nil {
				t.Errorf("Process: %v", err)
			}
			if _, err := g.SealData(session.Message{Kind: session.Chat, SentAt: epochStart, Text: "hi"}); err != nil {
				t.Errorf("SealData: %v", err)
			}
		})
	}
	wg.Wait()
}
