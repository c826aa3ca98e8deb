package load

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestHistogramSteps walks over all durations: steps rise by one, and none is
// wider than 3.2 % of where it begins.
func TestHistogramSteps(t *testing.T) {
	last := -1
	for d := time.Duration(0); d < 30*time.Second; d += 1 + d/1000 {
		step := histogramStep(d)
		if step != last && step != last+1 {
			t.Fatalf("%v is in step %d, what is just shorter in %d", d, step, last)
		}
		last = step
		end := histogramEnd(step)
		if d >= end {
			t.Fatalf("%v is in step %d, which ends at %v", d, step, end)
		}
		if begin := histogramEnd(step - 1); step > 0 && (d < begin || begin > 10*time.Microsecond && float64(end-begin)/float64(begin) > 0.032) {
			t.Fatalf("%v is in step %d, from %v to %v", d, step, begin, end)
		}
	}
	if histogramStep(1<<62) != histogramSteps-1 || histogramStep(-1) != 0 {
		t.Error("durations beyond the ends fall out of the histogram")
	}
}

func TestQuantiles(t *testing.T) {
	var live liveHistogram
	var exact []time.Duration
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		d := time.Duration(r.ExpFloat64() * float64(5*time.Millisecond))
		exact = append(exact, d)
		live.add(d)
	}
	slices.Sort(exact)
	h := live.snapshot()
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
		want := exact[max(0, int(q*10_000)-1)]
		if got := h.Quantile(q); got < want || float64(got-want) > 0.035*float64(want)+1000 {
			t.Errorf("quantile %v = %v, want %v and at most 3.5 %% more", q, got, want)
		}
	}
	if got := (Histogram{}).Quantile(0.5); got != 0 {
		t.Errorf("quantile of nothing = %v", got)
	}
	both := h.combine(h, 1)
	if both.Count() != 20_000 || both.combine(h, -1).Quantile(0.5) != h.Quantile(0.5) {
		t.Error("a histogram added and taken away again is not itself")
	}
}
