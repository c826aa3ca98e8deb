package session_test

import (
	"bytes"
	"crypto/rand"
	"testing"

	"conclave/core/session"
)

// A meeting is what the tests play with: a link, all announcements ever made,
// and the members' own states.
type meeting struct {
	link   session.Link
	known  map[session.AnnouncementHash]session.Announcement
	groups []*session.Group
}

func newLink(t testing.TB) session.Link {
	t.Helper()
	link, err := session.GenerateLink(rand.Reader)
	if err != nil {
		t.Fatalf("GenerateLink: %v", err)
	}
	return link
}

func newDevice(t testing.TB, link session.Link, name string) *session.Device {
	t.Helper()
	d, err := session.GenerateDevice(rand.Reader, link, session.Web, name)
	if err != nil {
		t.Fatalf("GenerateDevice(%q): %v", name, err)
	}
	return d
}

// newMeeting returns a meeting with n members: the first makes it, the others
// come in with one commit.
func newMeeting(t testing.TB, n int) *meeting {
	t.Helper()
	m := &meeting{link: newLink(t), known: make(map[session.AnnouncementHash]session.Announcement)}
	owner := m.device(t, "Member 0")
	p, err := session.Create(owner, rand.Reader)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	m.groups = []*session.Group{p.Group()}
	if n == 1 {
		return m
	}
	var devices []*session.Device
	for range n - 1 {
		devices = append(devices, m.device(t, "Somebody"))
	}
	m.commit(t, 0, devices, nil)
	return m
}

// device makes a device and publishes its announcement.
func (m *meeting) device(t testing.TB, name string) *session.Device {
	t.Helper()
	d := newDevice(t, m.link, name)
	m.publish(t, d)
	return d
}

func (m *meeting) publish(t testing.TB, d *session.Device) session.Announcement {
	t.Helper()
	a, err := m.link.OpenAnnouncement(d.Announcement())
	if err != nil {
		t.Fatalf("OpenAnnouncement: %v", err)
	}
	m.known[a.Hash] = a
	return a
}

func (m *meeting) lookup(h session.AnnouncementHash) (session.Announcement, bool) {
	a, ok := m.known[h]
	return a, ok
}

func (m *meeting) announcement(d *session.Device) session.Announcement { return m.known[d.Hash()] }

func hashOf(g *session.Group) session.AnnouncementHash {
	self, _ := g.Member(g.Self())
	return self.Hash
}

// propose lets member by make a commit that nobody has processed yet.
func (m *meeting) propose(t testing.TB, by int, add []*session.Device, remove []session.SenderIndex) *session.Pending {
	t.Helper()
	var announcements []session.Announcement
	for _, d := range add {
		announcements = append(announcements, m.announcement(d))
	}
	p, err := m.groups[by].Commit(rand.Reader, announcements, remove)
	if err != nil {
		t.Fatalf("Commit: %v", err)
	}
	return p
}

// commit lets member by make the next epoch, and everybody process it. Who was
// removed is left out of m.groups.
func (m *meeting) commit(t testing.TB, by int, add []*session.Device, remove []session.SenderIndex) *session.Pending {
	t.Helper()
	p := m.propose(t, by, add, remove)
	var next []*session.Group
	for i, g := range m.groups {
		switch _, stays := p.Group().Member(g.Self()); {
		case i == by:
			next = append(next, p.Group())
		case stays:
			next = append(next, m.process(t, g, p))
		}
	}
	for _, d := range add {
		g, err := session.Join(d, p.Header(), p.Sealed()[d.Hash()], m.lookup)
		if err != nil {
			t.Fatalf("Join: %v", err)
		}
		next = append(next, g)
	}
	m.groups = next
	m.check(t)
	return p
}

func (m *meeting) process(t testing.TB, g *session.Group, p *session.Pending) *session.Group {
	t.Helper()
	next, err := g.Process(p.Header(), p.Sealed()[hashOf(g)], m.lookup)
	if err != nil {
		t.Fatalf("Process: %v", err)
	}
	return next
}

// check compares what all members believe.
func (m *meeting) check(t testing.TB) {
	t.Helper()
	first := m.groups[0]
	for _, g := range m.groups {
		if g.Epoch() != first.Epoch() || g.Transcript() != first.Transcript() {
			t.Errorf("members are at epochs %d and %d", g.Epoch(), first.Epoch())
		}
		if !bytes.Equal(session.BaseKey(g), session.BaseKey(first)) {
			t.Errorf("members have different base keys in epoch %d", g.Epoch())
		}
		if !sameRoster(g, first) {
			t.Errorf("members have different rosters in epoch %d", g.Epoch())
		}
	}
}

func sameRoster(a, b *session.Group) bool {
	x, y := a.Roster(), b.Roster()
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i].Index != y[i].Index || x[i].Hash != y[i].Hash {
			return false
		}
	}
	return true
}

// A snapshot is all that can be seen of a Group.
type snapshot struct {
	epoch      session.Epoch
	self       session.SenderIndex
	transcript [32]byte
	roster     string
	base       string
	departed   int
}

func take(g *session.Group) snapshot {
	var roster []byte
	for _, m := range g.Roster() {
		roster = append(roster, byte(m.Index>>8), byte(m.Index))
		roster = append(roster, m.Hash[:]...)
	}
	return snapshot{g.Epoch(), g.Self(), g.Transcript(), string(roster), string(session.BaseKey(g)), session.Departed(g)}
}
