package room

import (
	"slices"
	"testing"
	"time"
)

var stageEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// mics makes microphones of the given loudness, with ids from 1.
func mics(levels ...byte) []microphone {
	var all []microphone
	for i, l := range levels {
		level := &loudness{}
		level.add(stageEpoch, l)
		all = append(all, microphone{id: uint32(i + 1), level: level})
	}
	return all
}

const (
	shout, talk, murmur, silence = 10, 30, 50, 127 // -dBov
)

// TestStageOpen holds that in a small meeting everybody is heard, and those that
// speak are named loudest first.
func TestStageOpen(t *testing.T) {
	g := newStage(4)
	heard, speaking := g.turn(stageEpoch, mics(talk, silence, shout, silence))
	if !heard || !speaking || !slices.Equal(g.heard, []uint32{1, 2, 3, 4}) || !slices.Equal(g.speaking, []uint32{3, 1}) {
		t.Errorf("heard %v (%v), speaking %v (%v)", g.heard, heard, g.speaking, speaking)
	}
	if g.hear(stageEpoch, mics(shout)[0]) {
		t.Error("somebody enters an open stage")
	}
}

// TestStageEntersWithThePacket holds that a microphone which rises is heard from
// that packet on, without a turn, if it is one of the loudest.
func TestStageEntersWithThePacket(t *testing.T) {
	g := newStage(2)
	all := mics(talk, talk, talk, silence, silence)
	g.turn(stageEpoch, all)
	if !slices.Equal(g.heard, []uint32{1, 2, 3}) {
		t.Fatalf("heard %v", g.heard)
	}
	now := stageEpoch.Add(20 * time.Millisecond)
	if !all[3].level.add(now, shout) || !g.hear(now, all[3]) || !g.has(4) {
		t.Error("a shout is not heard")
	}
	if all[4].level.add(now, murmur); g.hear(now, all[4]) || g.has(5) {
		t.Error("a murmur among three that talk enters")
	}
	if all[4].level.add(now, silence) {
		t.Error("silence is speech")
	}
	if g.hear(now, all[3]) {
		t.Error("who is on the stage enters again")
	}
}

// TestStageLeaves holds that who falls silent stays for a while, and that there are
// never more than so many.
func TestStageLeaves(t *testing.T) {
	g := newStage(2)
	all := mics(talk, silence, silence, silence, silence, silence, silence, silence, silence)
	g.turn(stageEpoch, all)
	for i := range all {
		now := stageEpoch.Add(time.Duration(i) * 300 * time.Millisecond)
		all[i].level.add(now, shout)
		g.hear(now, all[i])
		if len(g.heard) > mostHeard {
			t.Fatalf("%d are heard", len(g.heard))
		}
		if !slices.IsSorted(g.heard) || !g.has(all[i].id) {
			t.Fatalf("heard %v after %d spoke", g.heard, all[i].id)
		}
	}
	end := stageEpoch.Add(time.Minute)
	if heard, speaking := g.turn(end, all); !heard || !speaking || len(g.heard) != 0 || len(g.speaking) != 0 {
		t.Errorf("a minute later heard %v, speaking %v", g.heard, g.speaking)
	}
	g.turn(end, all[:2])
	if !slices.Equal(g.heard, []uint32{1, 2}) {
		t.Errorf("with two left heard %v", g.heard)
	}
}

// TestLoudness holds that it rises at once, and falls slowly.
func TestLoudness(t *testing.T) {
	var l loudness
	if l.add(stageEpoch, 0x80|talk) != true || l.now(stageEpoch) != (127-talk)*1000 {
		t.Errorf("after speech: %v", l.now(stageEpoch))
	}
	if l.add(stageEpoch.Add(time.Second), silence) || l.now(stageEpoch.Add(time.Second)) < loudFloor/2 {
		t.Errorf("a second after speech: %v", l.now(stageEpoch.Add(time.Second)))
	}
	if got := l.now(stageEpoch.Add(10 * time.Second)); got >= loudFloor/2 {
		t.Errorf("ten seconds after speech: %v", got)
	}
	if l.now(stageEpoch.Add(-time.Second)) == 0 {
		t.Error("a time that goes back silences")
	}
}

// TestHearAllocs holds that a packet of a microphone costs no memory.
func TestHearAllocs(t *testing.T) {
	g := newStage(2)
	all := mics(talk, talk, talk, shout, shout, shout, shout, shout)
	g.turn(stageEpoch, all)
	n := 0
	if got := testing.AllocsPerRun(1000, func() {
		n++
		m := all[n%len(all)]
		now := stageEpoch.Add(time.Duration(n) * 20 * time.Millisecond)
		m.level.add(now, byte(n%60))
		g.hear(now, m)
	}); got != 0 {
		t.Errorf("allocates %v times", got)
	}
}

// TestRenumberer holds that lost packets leave a gap, that those left out do not, and
// that another stream goes on after the last.
func TestRenumberer(t *testing.T) {
	var r renumberer
	now := stageEpoch
	first, stamp, begins, ok := r.next(now, 100, 5000)
	if !ok || !begins {
		t.Fatalf("first packet: begins %v, ok %v", begins, ok)
	}
	for _, tt := range []struct {
		incoming uint64
		want     uint16
	}{{101, 1}, {104, 4}, {103, 3}, {105, 5}} {
		got, s, begins, ok := r.next(now, tt.incoming, 5000+960*uint32(tt.incoming-100))
		if !ok || begins || got != first+tt.want || s != stamp+960*uint32(tt.incoming-100) {
			t.Errorf("packet %d: number +%d, timestamp +%d, begins %v, ok %v, want +%d", tt.incoming, got-first, s-stamp, begins, ok, tt.want)
		}
	}
	r.skip(106)
	r.skip(107)
	if got, _, _, ok := r.next(now, 108, 0); !ok || got != first+6 {
		t.Errorf("after two left out: number +%d, ok %v, want +6", got-first, ok)
	}
	if _, _, _, ok := r.next(now, 99, 0); ok {
		t.Error("a packet from before the first was numbered")
	}
	r.next(now, 109, 1000)
	r.switchSource()
	_, last, _, _ := r.next(now, 7, 40)
	r.switchSource()
	got, s, begins, ok := r.next(now.Add(time.Second), 1<<40, 77)
	if !ok || !begins || got != first+9 || s != last+audioClock {
		t.Errorf("another stream: number +%d, timestamp +%d, begins %v, want +9, +%d, true", got-first, s-last, begins, audioClock)
	}
}
