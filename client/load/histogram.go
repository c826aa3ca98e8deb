package load

import (
	"math/bits"
	"slices"
	"time"
)

// A Histogram counts durations. It is log-linear: 32 equal steps to each power
// of two, so a step is at most 3 % wide from 8 µs to over a minute. What is
// shorter falls into steps of 256 ns, what is longer into the last one.
type Histogram struct {
	counts []int64 // by step; nil or histogramSteps long
}

const (
	histogramUnit   = 8 // log2 of nanoseconds
	histogramLinear = 5 // log2 of the steps of a power of two
	histogramTop    = 28
	histogramSteps  = (histogramTop - histogramLinear + 1) << histogramLinear
)

// histogramStep returns the step that d falls into.
func histogramStep(d time.Duration) int {
	v := uint64(max(d, 0)) >> histogramUnit
	if v < 1<<histogramLinear {
		return int(v)
	}
	exponent := bits.Len64(v) - histogramLinear - 1
	return min(exponent<<histogramLinear+int(v>>exponent), histogramSteps-1)
}

// histogramEnd returns the end of a step, where the next one begins.
func histogramEnd(step int) time.Duration {
	v := uint64(step + 1)
	if v >= 1<<histogramLinear {
		exponent := v>>histogramLinear - 1
		v = (v&(1<<histogramLinear-1) + 1<<histogramLinear) << exponent
	}
	return time.Duration(v << histogramUnit)
}

// Count returns how many durations were counted.
func (h Histogram) Count() int64 {
	var n int64
	for _, c := range h.counts {
		n += c
	}
	return n
}

// Quantile returns the duration that the share q, from 0 to 1, of all is not
// above: the end of its step. It is 0 if nothing was counted.
func (h Histogram) Quantile(q float64) time.Duration {
	total := h.Count()
	if total == 0 {
		return 0
	}
	rank := max(1, int64(q*float64(total)+0.5))
	for step, c := range h.counts {
		if rank -= c; rank <= 0 {
			return histogramEnd(step)
		}
	}
	return histogramEnd(histogramSteps - 1)
}

// combine returns h with sign times the counts of o.
func (h Histogram) combine(o Histogram, sign int64) Histogram {
	out := Histogram{make([]int64, histogramSteps)}
	copy(out.counts, h.counts)
	for i, c := range o.counts {
		out.counts[i] += sign * c
	}
	return out
}

// A liveHistogram is a Histogram that is being counted.
type liveHistogram [histogramSteps]int64

func (h *liveHistogram) add(d time.Duration) { h[histogramStep(d)]++ }

func (h *liveHistogram) snapshot() Histogram { return Histogram{slices.Clone(h[:])} }
