package load

import (
	"testing"
	"time"
)

func TestBottleneckRate(t *testing.T) {
	// 1000-byte datagrams at 1 Mbit/s leave every 8 ms; they come every 4 ms.
	b := newBottleneck(Link{Rate: 1_000_000, Queue: 80 * time.Millisecond}, 1)
	start := time.Unix(0, 0)
	var out []time.Time
	dropped := 0
	for i := range 1000 {
		now := start.Add(time.Duration(i) * 4 * time.Millisecond)
		due, ok := b.admit(now, 1000)
		if !ok {
			dropped++
			continue
		}
		if wait := due.Sub(now); wait > 88*time.Millisecond {
			t.Fatalf("datagram %d waits for %v, above the queue", i, wait)
		}
		if n := len(out); n > 0 && due.Sub(out[n-1]) != 8*time.Millisecond {
			t.Fatalf("datagram %d comes out %v after the last, want 8 ms", i, due.Sub(out[n-1]))
		}
		out = append(out, due)
	}
	if dropped < 480 || dropped > 500 {
		t.Errorf("%d of 1000 were dropped, want about 490: twice the rate comes in", dropped)
	}
	// An idle line saves nothing up.
	now := start.Add(time.Hour)
	if due, ok := b.admit(now, 1000); !ok || due.Sub(now) != 8*time.Millisecond {
		t.Errorf("after a pause a datagram waits %v, want 8 ms", due.Sub(now))
	}
}

func TestBottleneckLoss(t *testing.T) {
	b := newBottleneck(Link{Loss: 0.05}, 1)
	lost := 0
	for range 20_000 {
		if _, ok := b.admit(time.Unix(0, 0), 1000); !ok {
			lost++
		}
	}
	if lost < 900 || lost > 1100 {
		t.Errorf("%d of 20000 were lost, want about 1000", lost)
	}
}

func TestBottleneckJitter(t *testing.T) {
	b := newBottleneck(Link{Delay: 50 * time.Millisecond, Jitter: 30 * time.Millisecond}, 1)
	now, last := time.Unix(0, 0), time.Time{}
	var least, most time.Duration = time.Hour, 0
	for range 1000 {
		now = now.Add(10 * time.Millisecond)
		due, ok := b.admit(now, 100)
		if !ok || due.Before(last) {
			t.Fatalf("datagram lost or overtaken: %v after %v", due, last)
		}
		last = due
		least, most = min(least, due.Sub(now)), max(most, due.Sub(now))
	}
	if least < 50*time.Millisecond || least > 55*time.Millisecond || most < 75*time.Millisecond || most > 80*time.Millisecond {
		t.Errorf("delays from %v to %v, want 50 to 80 ms", least, most)
	}
}
