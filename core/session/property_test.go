package session_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"conclave/core/session"
	"conclave/core/sframe"
)

// A member of the model: its state, the epochs it has not handled yet, and what
// it must never come to know.
type modelMember struct {
	group *session.Group
	out   bool
	queue []modelEpoch // what the server still has for it, in order
}

type modelEpoch struct {
	header, sealed []byte
	group          *session.Group // the committer's, to compare with
}

// A model is a meeting with an honest but unreliable server: it delivers late,
// again, and to those who were removed.
type model struct {
	*meeting
	members []*modelMember
	waiting []*session.Device
	head    *session.Group // the state after the last epoch that won
	past    []modelEpoch
}

// current returns the members that have seen every epoch.
func (m *model) current() []*modelMember {
	var current []*modelMember
	for _, x := range m.members {
		if !x.out && len(x.queue) == 0 {
			current = append(current, x)
		}
	}
	return current
}

func (m *model) join(t *rapid.T) {
	if len(m.members)+len(m.waiting) >= 12 {
		t.Skip("enough devices")
	}
	d, err := session.GenerateDevice(rand.Reader, m.link, session.Native, "Somebody")
	if err != nil {
		t.Fatal(err)
	}
	a, err := m.link.OpenAnnouncement(d.Announcement())
	if err != nil {
		t.Fatal(err)
	}
	m.known[a.Hash] = a
	m.waiting = append(m.waiting, d)
}

// commit lets a random member that is up to date make an epoch with random
// changes, sometimes racing with another.
func (m *model) commit(t *rapid.T) {
	current := m.current()
	if len(current) == 0 {
		t.Skip("nobody is up to date")
	}
	by := rapid.SampledFrom(current).Draw(t, "committer")
	if len(current) > 1 && rapid.Bool().Draw(t, "race") {
		loser, err := current[0].group.Commit(rand.Reader, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		loser.Discard()
	}
	var add []session.Announcement
	n := rapid.IntRange(0, len(m.waiting)).Draw(t, "joiners")
	for _, d := range m.waiting[:n] {
		add = append(add, m.known[d.Hash()])
	}
	var remove []session.SenderIndex
	for _, x := range m.head.Roster() {
		if x.Index != by.group.Self() && rapid.IntRange(0, 3).Draw(t, "remove") == 0 {
			remove = append(remove, x.Index)
		}
	}
	p, err := by.group.Commit(rand.Reader, add, remove)
	if err != nil {
		t.Fatalf("Commit: %v", err)
	}
	for _, x := range m.members {
		if x != by && !x.out {
			x.queue = append(x.queue, modelEpoch{p.Header(), p.Sealed()[hashOf(x.group)], p.Group()})
		}
	}
	m.admit(t, p, n)
	by.group, m.head = p.Group(), p.Group()
	m.past = append(m.past, modelEpoch{p.Header(), anySealed(p), p.Group()})
}

// admit lets the first n waiting devices in.
func (m *model) admit(t *rapid.T, p *session.Pending, n int) {
	for _, d := range m.waiting[:n] {
		g, err := session.Join(d, p.Header(), p.Sealed()[d.Hash()], m.lookup)
		if err != nil {
			t.Fatalf("Join: %v", err)
		}
		if !bytes.Equal(session.BaseKey(g), session.BaseKey(p.Group())) || !sameRoster(g, p.Group()) {
			t.Fatal("a joiner disagrees with the committer")
		}
		m.members = append(m.members, &modelMember{group: g})
	}
	m.waiting = m.waiting[n:]
}

func anySealed(p *session.Pending) []byte {
	for _, sealed := range p.Sealed() {
		return sealed
	}
	return nil
}

// deliver gives a random member its next epoch.
func (m *model) deliver(t *rapid.T) {
	var behind []*modelMember
	for _, x := range m.members {
		if len(x.queue) > 0 {
			behind = append(behind, x)
		}
	}
	if len(behind) == 0 {
		t.Skip("everybody is up to date")
	}
	x := rapid.SampledFrom(behind).Draw(t, "member")
	e := x.queue[0]
	x.queue = x.queue[1:]
	_, stays := e.group.Member(x.group.Self())
	next, err := x.group.Process(e.header, e.sealed, m.lookup)
	if !stays {
		if !errors.Is(err, session.ErrRemoved) {
			t.Fatalf("a removed member gets %v, want ErrRemoved", err)
		}
		x.out, x.queue = true, nil
		return
	}
	if err != nil {
		t.Fatalf("Process: %v", err)
	}
	if !bytes.Equal(session.BaseKey(next), session.BaseKey(e.group)) || next.Transcript() != e.group.Transcript() || !sameRoster(next, e.group) {
		t.Fatal("a member disagrees with the committer")
	}
	x.group = next
}

// replay gives a random member, also one that was removed, an epoch out of its
// turn, with whatever sealed key there is. It must change nothing.
func (m *model) replay(t *rapid.T) {
	if len(m.past) == 0 {
		t.Skip("nothing to replay")
	}
	x := rapid.SampledFrom(m.members).Draw(t, "member")
	e := rapid.SampledFrom(m.past).Draw(t, "epoch")
	if !x.out && len(x.queue) > 0 && bytes.Equal(x.queue[0].header, e.header) {
		t.Skip("that one is its next")
	}
	before := take(x.group)
	if _, err := x.group.Process(e.header, e.sealed, m.lookup); err == nil {
		t.Fatal("an epoch out of turn is accepted")
	}
	if take(x.group) != before {
		t.Fatal("an epoch out of turn changes the group")
	}
}

// check holds after every step.
func (m *model) check(t *rapid.T) {
	want, err := m.head.MediaKey(m.head.Roster()[0].Index, sframe.Camera)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range m.members {
		if !x.out && len(x.queue) == 0 && !bytes.Equal(session.BaseKey(x.group), session.BaseKey(m.head)) {
			t.Fatal("a member that saw everything has another base key")
		}
		if x.out {
			got, err := x.group.MediaKey(x.group.Self(), sframe.Camera)
			if err != nil || got.Key.Equal(want.Key) || bytes.Equal(session.BaseKey(x.group), session.BaseKey(m.head)) {
				t.Fatalf("a removed member has the key of the current epoch (%v)", err)
			}
		}
	}
}

// TestHistories plays random joins, leaves, races, delays and replays. All
// members that saw the same epochs agree; none that was removed gets on.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{meeting: newMeeting(t, 1)}
		m.members = []*modelMember{{group: m.groups[0]}}
		m.head = m.groups[0]
		rt.Repeat(map[string]func(*rapid.T){
			"":        m.check,
			"join":    m.join,
			"commit":  m.commit,
			"deliver": m.deliver,
			"replay":  m.replay,
		})
	})
}
