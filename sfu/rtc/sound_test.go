package rtc

import (
	"slices"
	"testing"
	"time"
)

var testTime = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestRenumbererKeepsGapsOfLoss(t *testing.T) {
	var r renumberer
	first, stamp, begins, ok := r.next(testTime, 100, 5000)
	if !ok || !begins {
		t.Fatalf("first packet: begins %v, ok %v", begins, ok)
	}
	for _, tt := range []struct {
		incoming uint64
		want     uint16
	}{{101, 1}, {104, 4}, {103, 3}, {105, 5}} {
		got, s, begins, ok := r.next(testTime, tt.incoming, 5000+960*uint32(tt.incoming-100))
		if !ok || begins || got != first+tt.want || s != stamp+960*uint32(tt.incoming-100) {
			t.Errorf("packet %d: number %d, timestamp %d, begins %v, ok %v, want number +%d", tt.incoming, got-first, s-stamp, begins, ok, tt.want)
		}
	}
}

func TestRenumbererLeavesNoGapForWhatIsSkipped(t *testing.T) {
	var r renumberer
	first, _, _, _ := r.next(testTime, 10, 0)
	r.skip(11)
	r.skip(12)
	if got, _, _, ok := r.next(testTime, 13, 960); !ok || got != first+1 {
		t.Errorf("after two skipped packets: number +%d, ok %v, want +1", got-first, ok)
	}
	if _, _, _, ok := r.next(testTime, 9, 0); ok {
		t.Error("a packet from before the first was numbered")
	}
	r.skip(11) // late: already passed over
	if got, _, _, _ := r.next(testTime, 14, 1920); got != first+2 {
		t.Errorf("number +%d, want +2", got-first)
	}
}

func TestRenumbererContinuesWithAnotherSource(t *testing.T) {
	var r renumberer
	r.next(testTime, 10, 1000)
	last, stamp, _, _ := r.next(testTime, 11, 1960)
	r.switchSource()
	got, s, begins, ok := r.next(testTime.Add(time.Second), 1<<40, 77)
	if !ok || !begins || got != last+1 || s != stamp+audioClock {
		t.Errorf("other source: number +%d, timestamp +%d, begins %v, want +1, +%d, true", got-last, s-stamp, begins, audioClock)
	}
}

func TestStage(t *testing.T) {
	loud := func(levels ...int64) []microphone {
		var m []microphone
		for i, l := range levels {
			m = append(m, microphone{id: uint32(i + 1), loud: l * 1000})
		}
		return m
	}
	s := newStage(4)
	if forward, speaking := s.choose(testTime, loud(10, 100, 20, 90)); !slices.Equal(forward, []uint32{2, 4, 3, 1}) ||
		!slices.Equal(speaking, []uint32{2, 4}) {
		t.Errorf("small meeting: forward %v, speaking %v, want all, loudest first", forward, speaking)
	}
	if forward, _ := s.choose(testTime, loud(80, 100, 90, 95, 85)); !slices.Equal(forward, []uint32{2, 4, 3}) {
		t.Errorf("large meeting: forward %v, want the loudest three", forward)
	}
	// Another begins to speak: it is heard at once, and those before it for a while.
	if forward, _ := s.choose(testTime.Add(time.Second), loud(110, 10, 90, 95, 85)); !slices.Equal(forward, []uint32{1, 4, 3, 2}) {
		t.Errorf("new speaker: forward %v, want it first and those before it", forward)
	}
	if forward, _ := s.choose(testTime.Add(2100*time.Millisecond), loud(110, 10, 90, 95, 85)); !slices.Equal(forward, []uint32{1, 4, 3}) {
		t.Errorf("after the hold: forward %v, want the loudest three", forward)
	}
	if forward, speaking := s.choose(testTime.Add(time.Minute), loud(1, 2, 3, 4, 5)); len(forward) != 0 || len(speaking) != 0 {
		t.Errorf("silence: forward %v, speaking %v, want none", forward, speaking)
	}
}

func TestLoudnessRisesAtOnceAndFallsSlowly(t *testing.T) {
	var l loudness
	if l.now(testTime) != 0 {
		t.Error("loud before the first packet")
	}
	l.add(testTime, 0x80|20)
	if got := l.now(testTime); got != 107_000 {
		t.Errorf("loudness = %d, want 107000", got)
	}
	l.add(testTime.Add(20*time.Millisecond), 127)
	if got := l.now(testTime.Add(20 * time.Millisecond)); got < 100_000 {
		t.Errorf("loudness after a pause = %d, want almost as before", got)
	}
	if got := l.now(testTime.Add(3 * time.Second)); got > loudFloor {
		t.Errorf("loudness 3 s later = %d, want silence", got)
	}
}

func TestResentLog(t *testing.T) {
	var l resentLog
	if !l.due(testTime, 7, 0) || l.due(testTime.Add(leastResend/2), 7, 0) || !l.due(testTime.Add(leastResend), 7, 0) {
		t.Error("the same packet goes out more than once in leastResend, or never again")
	}
	if !l.due(testTime, 8, 0) {
		t.Error("another packet has to wait")
	}
}

func TestNTP(t *testing.T) {
	if got := fromNTP(toNTP(testTime.Add(123456789))); got.Sub(testTime.Add(123456789)).Abs() > time.Microsecond {
		t.Errorf("fromNTP(toNTP(t)) = %v", got)
	}
}
