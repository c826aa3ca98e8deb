package link

import (
	"errors"
	"math"
	"testing"
	"time"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func ms(n int) time.Time { return epoch.Add(time.Duration(n) * time.Millisecond) }

// drain pops what comes out until a time and returns when each came.
func drain(l *Link[int], until time.Time) (items []int, times []time.Duration) {
	for {
		next, ok := l.Next()
		if !ok || next.After(until) {
			return items, times
		}
		item, ok := l.Pop(next)
		if ok {
			items = append(items, item)
			times = append(times, next.Sub(epoch))
		}
	}
}

func TestRateAndDelay(t *testing.T) {
	// 1000 bytes at 1 Mbit/s take 8 ms.
	l := New[int](Profile{Rate: 1_000_000, Delay: 20 * time.Millisecond}, 1)
	for i := range 3 {
		if !l.Push(ms(0), 1000, i) {
			t.Fatalf("packet %d refused", i)
		}
	}
	_, times := drain(l, ms(1000))
	for i, want := range []int{28, 36, 44} {
		if times[i] != ms(want).Sub(epoch) {
			t.Errorf("packet %d came at %v, want %v ms", i, times[i], want)
		}
	}
	if s := l.Stats(); s.Packets != 3 || s.Bytes != 3000 {
		t.Errorf("stats %+v, want 3 packets of 3000 bytes", s)
	}
}

func TestIdleLinkDoesNotSaveUp(t *testing.T) {
	l := New[int](Profile{Rate: 1_000_000}, 1)
	l.Push(ms(500), 1000, 0)
	l.Push(ms(500), 1000, 1)
	_, times := drain(l, ms(1000))
	if times[0] != 508*time.Millisecond || times[1] != 516*time.Millisecond {
		t.Errorf("packets came at %v, want 508 and 516 ms", times)
	}
}

func TestTailDrop(t *testing.T) {
	l := New[int](Profile{Rate: 1_000_000, Queue: 2000}, 1)
	taken := 0
	for i := range 10 {
		if l.Push(ms(0), 1000, i) {
			taken++
		}
	}
	// One on the wire, two in the queue.
	if taken != 3 || l.Queued() != 2000 || l.Stats().Dropped != 7 {
		t.Errorf("taken %d, queued %d, dropped %d; want 3, 2000, 7", taken, l.Queued(), l.Stats().Dropped)
	}
	small := New[int](Profile{Rate: 1000, Queue: 10}, 1)
	small.Push(ms(0), 1500, 0)
	if !small.Push(ms(0), 1500, 1) {
		t.Error("a packet larger than an empty queue was refused for ever")
	}
}

func TestSetWhileSending(t *testing.T) {
	l := New[int](Profile{Rate: 8000}, 1) // 1000 bytes take 1 s
	l.Push(ms(0), 1000, 0)
	l.Push(ms(0), 1000, 1)
	l.Set(ms(500), Profile{Rate: 80_000}) // half is left: 50 ms, then 100 ms
	_, times := drain(l, ms(5000))
	if times[0] != 550*time.Millisecond || times[1] != 650*time.Millisecond {
		t.Errorf("packets came at %v, want 550 and 650 ms", times)
	}
	l.Set(ms(6000), Profile{})
	l.Push(ms(6000), 1000, 2)
	if _, ok := l.Pop(ms(6000)); !ok {
		t.Error("an unlimited link holds a packet back")
	}
}

func TestJitterKeepsOrder(t *testing.T) {
	l := New[int](Profile{Delay: 10 * time.Millisecond, Jitter: 30 * time.Millisecond}, 7)
	var spread time.Duration
	for i := range 1000 {
		l.Push(ms(i), 100, i)
	}
	items, times := drain(l, ms(5000))
	for i, item := range items {
		if item != i {
			t.Fatalf("item %d came in place %d", item, i)
		}
		d := times[i] - time.Duration(i)*time.Millisecond
		if d < 10*time.Millisecond || d > 40*time.Millisecond {
			t.Fatalf("packet %d was delayed by %v, want 10 to 40 ms", i, d)
		}
		spread = max(spread, d)
	}
	if len(items) != 1000 || spread < 30*time.Millisecond {
		t.Errorf("%d packets, largest delay %v; want 1000 and more than 30 ms", len(items), spread)
	}
}

func TestLossIsReproducible(t *testing.T) {
	run := func(seed uint64) (lost []int) {
		l := New[int](Profile{Loss: 0.1}, seed)
		for i := range 10_000 {
			if !l.Push(ms(0), 100, i) {
				lost = append(lost, i)
			}
		}
		return lost
	}
	a, b := run(1), run(1)
	if len(a) < 850 || len(a) > 1150 {
		t.Errorf("%d of 10000 lost, want about 1000", len(a))
	}
	if len(a) != len(b) || a[0] != b[0] || a[len(a)-1] != b[len(b)-1] {
		t.Error("equal seeds lose different packets")
	}
	if c := run(2); len(c) == len(a) && c[0] == a[0] && c[1] == a[1] {
		t.Error("different seeds lose the same packets")
	}
}

func TestValidate(t *testing.T) {
	for _, p := range []Profile{
		{Rate: -1},
		{Rate: MaxRate + 1},
		{Queue: -1},
		{Queue: MaxQueue + 1},
		{Delay: -1},
		{Delay: MaxDelay + 1},
		{Jitter: -1},
		{Jitter: MaxDelay + 1},
		{Loss: -0.1},
		{Loss: 1.1},
		{Loss: math.NaN()},
	} {
		if err := p.Validate(); !errors.Is(err, ErrProfile) {
			t.Errorf("Validate(%+v) = %v, want %v", p, err, ErrProfile)
		}
	}
	if err := (Profile{Rate: 300_000, Queue: 1, Delay: 1, Jitter: 1, Loss: 1}).Validate(); err != nil {
		t.Error(err)
	}
}
