package pacer

import (
	"testing"
	"time"

	"conclave/sfu/bwe"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

// TestPictureWaitsForTheOneBefore holds that a large picture leaves at once and
// the next waits for as long as it takes at one and a half times the estimate.
func TestPictureWaitsForTheOneBefore(t *testing.T) {
	var p Pacer
	p.SetRate(at(0), 400*bwe.Kilobit) // the bucket leaks 75 bytes a ms
	for i := range 10 {
		if i == 0 && !p.Ready(at(0)) {
			t.Fatal("the first picture has to wait")
		}
		p.Sent(at(0), 750)
	}
	if got := p.Wait(at(0)); got != 100*time.Millisecond {
		t.Errorf("the next picture waits for %v, want 100 ms", got)
	}
	if next := p.Next(at(40)); next.Before(at(99)) || next.After(at(101)) {
		t.Errorf("at 40 ms: next at %v, want 100 ms", next.Sub(epoch))
	}
	if p.Ready(at(99)) || !p.Ready(at(100)) {
		t.Error("it may not leave when it should")
	}
}

// TestRateChanges holds that what is in the bucket leaks at the new rate.
func TestRateChanges(t *testing.T) {
	var p Pacer
	p.SetRate(at(0), 400*bwe.Kilobit)
	p.Sent(at(0), 7_500)
	p.SetRate(at(50), 200*bwe.Kilobit)
	if p.Ready(at(149)) || !p.Ready(at(150)) {
		t.Errorf("waits for %v, want 100 ms", p.Wait(at(50)))
	}
	p.SetRate(at(200), 0)
	if !p.Ready(at(200)) {
		t.Error("without a rate pictures wait")
	}
}

// TestDebtIsBounded holds that no amount of what has left makes a long gap, and
// that odd arguments do no harm.
func TestDebtIsBounded(t *testing.T) {
	var p Pacer
	p.SetRate(at(0), 30*bwe.Kilobit)
	for range 1000 {
		p.Sent(at(0), 1500)
	}
	if got := p.Wait(at(0)); got > maxDebt {
		t.Errorf("waits for %v", got)
	}
	p.Sent(at(-5000), -7)
	p.SetRate(at(-5000), -1)
	if !p.Ready(at(0)) {
		t.Error("a negative rate makes pictures wait")
	}
}

// TestLongRun holds that a load below the rate never builds up.
func TestLongRun(t *testing.T) {
	var p Pacer
	p.SetRate(at(0), 300*bwe.Kilobit)
	for ms := 0; ms < 60_000; ms += 33 {
		if w := p.Wait(at(ms)); w > 0 {
			t.Fatalf("at %d ms a picture of the estimate's size waits for %v", ms, w)
		}
		p.Sent(at(ms), 1237) // 300 kbit/s
	}
}

func TestAllocs(t *testing.T) {
	var p Pacer
	p.SetRate(at(0), bwe.Megabit)
	ms := 0
	if got := testing.AllocsPerRun(1000, func() {
		ms++
		p.Sent(at(ms), 1200)
		p.Ready(at(ms))
		p.Next(at(ms))
	}); got != 0 {
		t.Errorf("allocates %v times", got)
	}
}
