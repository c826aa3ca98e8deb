package load

import "time"

// A Histogram counts durations in steps of 3 % from 10 µs to a minute.
type Histogram struct{ counts []int64 }

// Quantile returns the duration that the share q, 0 to 1, of all is not above,
// as the upper bound of its step; 0 if nothing was counted.
func (h Histogram) Quantile(q float64) time.Duration { return 0 }
