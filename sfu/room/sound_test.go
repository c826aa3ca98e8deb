package room

import (
	"encoding/binary"
	"testing"
	"time"

	"conclave/api"
)

// hear is a meeting in which all seats publish a microphone, and all but the
// first also hear.
func hear(t testing.TB, cfg Config, seats uint32) (*meeting, []*client) {
	t.Helper()
	m := newMeeting(t, cfg)
	var all []*client
	for i := range seats {
		c := m.join(i + 1)
		all = append(all, c)
		c.publish(true)
	}
	return m, all
}

// speak lets clients say a packet each, at a level in -dBov, every 20 ms.
func (m *meeting) speak(d time.Duration, level byte, who ...*client) {
	m.t.Helper()
	for range d / (20 * time.Millisecond) {
		m.now = m.now.Add(20 * time.Millisecond)
		for _, c := range who {
			c.send(c.speech(level))
		}
		m.tick()
	}
}

// TestSoundOfAll forwards all microphones of a small meeting, and nobody's own.
func TestSoundOfAll(t *testing.T) {
	m, all := hear(t, Config{}, 3)
	m.speak(time.Second, 30, all...)
	for _, c := range all {
		heard := map[uint32]int{}
		for _, l := range c.lines {
			l.check(t)
			for i, p := range l.received {
				if p.h.PayloadType != rcvOpus || len(p.level) != 1 || p.level[0] != 0x80|30 || p.h.Marker != (i == 0) {
					t.Errorf("seat %d: %+v, level %x", c.seat, p.h, p.level)
				}
				if i > 0 && p.h.Timestamp != l.received[i-1].h.Timestamp+960 {
					t.Errorf("seat %d: timestamp %d after %d", c.seat, p.h.Timestamp, l.received[i-1].h.Timestamp)
				}
			}
			heard[l.slot.SSRC] = len(l.received)
		}
		if len(heard) != 2 {
			t.Errorf("seat %d hears %v, want two", c.seat, heard)
		}
		for _, n := range heard {
			if n != 50 {
				t.Errorf("seat %d: %d packets, want 50", c.seat, n)
			}
		}
		if len(c.speakers) != 3 {
			t.Errorf("seat %d was told that %v speak", c.seat, c.speakers)
		}
	}
}

// TestLoudestAreHeard forwards the loudest microphones of a large meeting, from
// the first syllable on.
func TestLoudestAreHeard(t *testing.T) {
	m, all := hear(t, Config{AudioAll: 4}, 12)
	m.speak(time.Second, 90, all...) // a noise that nobody calls speech
	for _, l := range all[11].lines {
		if len(l.received) > 0 {
			t.Fatalf("mid %s: %d packets of silence", l.slot.Mid, len(l.received))
		}
	}
	speaker := all[4]
	first := speaker.voice + 1
	m.speak(time.Second, 25, speaker)
	for _, c := range all {
		if c == speaker {
			continue
		}
		l := c.line(c.stream(5, micKind))
		if l == nil {
			t.Fatalf("seat %d was not told of a slot for the speaker: %v", c.seat, c.slots)
		}
		// What came right before counts as the quiet beginning of the word.
		begin := binary.BigEndian.Uint16(l.received[0].data[len("sound"):])
		if int16(first-begin) < 1 || int16(first-begin) > onset || len(l.received) != 50+int(first-begin) {
			t.Errorf("seat %d: %d packets from %d, want all 50 from %d", c.seat, len(l.received), begin, first)
		}
		if !l.received[0].h.Marker {
			t.Errorf("seat %d: the first packet does not begin a talk spurt", c.seat)
		}
		l.check(t)
		if len(c.speakers) != 1 || c.speakers[0] != 5 {
			t.Errorf("seat %d was told that %v speak", c.seat, c.speakers)
		}
	}
	offers := m.offers
	m.speak(8*time.Second, 90, all...)
	if len(all[0].speakers) != 0 {
		t.Errorf("%v speak after a long silence", all[0].speakers)
	}
	since := m.now
	m.speak(time.Second, 25, all[7])
	l := all[0].line(all[0].stream(8, micKind))
	if n := count(l, since); n < 50 || m.offers != offers {
		t.Errorf("%d packets of the next speaker, %d offers for him", n, m.offers-offers)
	}
	l.check(t)
}

func count(l *line, since time.Time) (n int) {
	if l == nil {
		return 0
	}
	for _, p := range l.received {
		if p.at.After(since) {
			n++
		}
	}
	return n
}

// TestQuietWordBegins lets somebody begin below the three who speak and become
// louder: what he said in the last 200 ms is heard after all, once.
func TestQuietWordBegins(t *testing.T) {
	m, all := hear(t, Config{AudioAll: 4}, 6)
	m.speak(time.Second, 30, all[:3]...)
	late := all[4]
	for range 30 {
		m.now = m.now.Add(20 * time.Millisecond)
		for _, c := range all[:3] {
			c.send(c.speech(30))
		}
		late.send(late.speech(45))
		m.tick()
	}
	if l := all[5].line(all[5].stream(5, micKind)); count(l, m.now.Add(-time.Second)) > 0 {
		t.Fatal("a fourth speaker is heard though he is not louder")
	}
	first := late.voice + 1
	since := m.now
	for range 10 {
		m.now = m.now.Add(20 * time.Millisecond)
		late.send(late.speech(20))
		m.tick()
	}
	l := all[5].line(all[5].stream(5, micKind))
	if l == nil || len(l.received) == 0 {
		t.Fatal("the late speaker is not heard")
	}
	begin := binary.BigEndian.Uint16(l.received[0].data[len("sound"):])
	if before := int16(first - begin); before < 8 || before > 10 || count(l, since) != 10+int(before) {
		t.Errorf("heard from %d packets before on, %d packets", before, count(l, since))
	}
	for i := 1; i < len(l.received); i++ {
		if d := l.received[i].h.Timestamp - l.received[i-1].h.Timestamp; d != 960 {
			t.Errorf("packet %d comes %d ticks after the one before", i, d)
		}
	}
	l.check(t)
}

// TestSoundPaddingAndLoss leaves gaps for losses, none for padding, and drops
// duplicates.
func TestSoundPaddingAndLoss(t *testing.T) {
	m, all := hear(t, Config{}, 2)
	m.speak(200*time.Millisecond, 30, all[0])
	l := all[1].line(all[1].stream(1, micKind))
	last := l.received[len(l.received)-1]
	empty := all[0].speech(30)
	empty = empty[:len(empty)-7]
	repeated := all[0].speech(30)
	all[0].speech(30) // lost
	all[0].send(empty, repeated, repeated, all[0].speech(30))
	rest := l.received[len(l.received)-2:]
	if rest[0].h.Sequence != last.h.Sequence+1 || rest[1].h.Sequence != last.h.Sequence+3 {
		t.Errorf("numbers %d and %d after %d", rest[0].h.Sequence, rest[1].h.Sequence, last.h.Sequence)
	}
	if s := m.room.stats; s.Duplicates.Load() != 1 || s.PaddingReceived.Load() != 1 {
		t.Errorf("duplicates = %d, padding = %d", s.Duplicates.Load(), s.PaddingReceived.Load())
	}
}

// TestMute makes streams inactive and active again: they are the same streams on
// the same m-lines, and their numbers go on.
func TestMute(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	stream, mic := view.stream(1, camera), view.stream(1, micKind)
	l := view.picture(t, stream, pub)
	pub.publish(false)
	for _, s := range view.streams {
		if s.GetActive() {
			t.Errorf("stream %d is active", s.GetStream())
		}
	}
	before := len(l.received)
	m.play(time.Second, pub)
	if n := len(l.received) - before; n > 0 {
		t.Errorf("%d packets of a muted camera", n)
	}
	if view.slots[stream] == "" || view.slots[mic] == "" {
		t.Errorf("the muted streams lost their m-lines: %v", view.slots)
	}
	pub.publish(true)
	if view.stream(1, camera) != stream || view.stream(1, micKind) != mic {
		t.Error("after unmuting the streams are others")
	}
	since := m.now
	m.play(2*time.Second, pub)
	if spatial, _, n := l.top(since.Add(1)); spatial != 2 || n < 100 {
		t.Errorf("after unmuting: S%d in %d packets", spatial, n)
	}
	for _, l := range view.lines {
		l.check(t)
	}
	if s := view.states[stream]; s.GetReason() != api.StreamState_REASON_SENDING {
		t.Errorf("the client was told %v", s)
	}
}
