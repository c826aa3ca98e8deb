package layer

import (
	"time"

	"conclave/sfu/bwe"
)

// The window of a Meter.
const (
	meterBucket  = 100 * time.Millisecond
	meterBuckets = 10 // complete buckets, so a second; the one being filled is not counted
)

// A Meter measures the rate of each layer of a stream over about a second. The
// zero value is ready to use. It belongs to one goroutine, and its times must
// not go back; a time that does counts as the latest.
type Meter struct {
	buckets [meterBuckets + 1][MaxSpatial][MaxTemporal]uint32 // bytes
	began   time.Time                                         // of the first bucket
	current int64                                             // number of the bucket being filled
}

// Add counts bytes of a layer. Layers out of range count as the nearest.
func (m *Meter) Add(now time.Time, l Layer, bytes int) {
	m.advance(now)
	s := min(max(l.Spatial, 0), MaxSpatial-1)
	t := min(max(l.Temporal, 0), MaxTemporal-1)
	m.buckets[m.current%(meterBuckets+1)][s][t] += uint32(bytes)
}

// Rate returns the rate of one layer on its own.
func (m *Meter) Rate(now time.Time, l Layer) bwe.BitRate { return m.rate(now, l, l) }

// Total returns the rate of l and all layers below it: what forwarding l costs
// with SVC.
func (m *Meter) Total(now time.Time, l Layer) bwe.BitRate { return m.rate(now, Layer{}, l) }

// Encoding returns the rate of a simulcast encoding up to l.Temporal: what
// forwarding l costs with simulcast.
func (m *Meter) Encoding(now time.Time, l Layer) bwe.BitRate {
	return m.rate(now, Layer{l.Spatial, 0}, l)
}

func (m *Meter) rate(now time.Time, from, to Layer) bwe.BitRate {
	m.advance(now)
	if from.IsNone() || to.IsNone() || m.current == 0 {
		return 0
	}
	var bytes uint64
	for i := range m.buckets {
		if int64(i) == m.current%(meterBuckets+1) {
			continue
		}
		for s := from.Spatial; s <= min(to.Spatial, MaxSpatial-1); s++ {
			for t := from.Temporal; t <= min(to.Temporal, MaxTemporal-1); t++ {
				bytes += uint64(m.buckets[i][s][t])
			}
		}
	}
	window := time.Duration(min(m.current, meterBuckets)) * meterBucket
	return bwe.BitRate(bytes * 8 * uint64(time.Second) / uint64(window))
}

// advance empties the buckets between the last one and the one of now.
func (m *Meter) advance(now time.Time) {
	if m.began.IsZero() {
		m.began = now
	}
	n := int64(now.Sub(m.began) / meterBucket)
	if n-m.current > meterBuckets {
		m.current = n - meterBuckets - 1
	}
	for m.current < n {
		m.current++
		m.buckets[m.current%(meterBuckets+1)] = [MaxSpatial][MaxTemporal]uint32{}
	}
}
