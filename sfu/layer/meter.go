package layer

import (
	"time"

	"conclave/sfu/bwe"
)

// A Meter measures the rate of each layer of a stream over the last second. The
// zero value is ready to use. It belongs to one goroutine.
type Meter struct{ unused int }

// Add counts bytes of a layer.
func (m *Meter) Add(now time.Time, l Layer, bytes int) {}

// Rate returns the rate of one layer on its own.
func (m *Meter) Rate(now time.Time, l Layer) bwe.BitRate { return 0 }

// Total returns the rate of l and all layers below it: with SVC what forwarding
// l costs.
func (m *Meter) Total(now time.Time, l Layer) bwe.BitRate { return 0 }
