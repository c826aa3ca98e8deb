// Package share divides a receiver's bandwidth among the streams it shows:
// audio first, then by priority (screen, large tile, thumbnails); at one
// priority every stream gets its lower layers before any gets a higher one. A
// stream whose lowest layer does not fit is paused; audio never is.
//
// Start with [NewAllocator] and call [Allocator.Allocate] when the estimate, the
// view or the measured rates change, and otherwise about every 100 ms: going
// down takes effect at once, going up needs a margin and a while. The result says
// how much more bandwidth would help, which is what [bwe.Estimator.SetDemand]
// wants to know.
//
// An Allocator has no clock and no lock, and does not allocate after warm-up.
package share

import (
	"time"

	"conclave/sfu/bwe"
)

// A Layer is an operating point: everything up to a spatial and a temporal id.
// It has the fields of layer.Layer and converts to it.
type Layer struct{ Spatial, Temporal int8 }

// Off is the layer of a paused stream.
var Off = Layer{-1, -1}

// A Priority orders streams; higher is served first. The values are those
// of ViewItem.priority in the protocol.
type Priority uint32

// Priorities.
const (
	Thumbnail Priority = 1
	Large     Priority = 2
	Screen    Priority = 3
	Audio     Priority = 1 << 16 // reserved first, never paused
)

// A LayerRate is the measured rate of a layer, including all layers below it.
type LayerRate struct {
	Layer Layer
	Rate  bwe.BitRate
}

// A Stream is one stream that the receiver shows.
type Stream struct {
	ID       uint32
	Priority Priority
	Want     Layer       // highest layer of use to the receiver
	Current  Layer       // what is sent to it now; Off if nothing
	Rates    []LayerRate // layers the publisher sends now, in any order; empty if nothing is known yet
}

// A Choice is the layer that a stream gets.
type Choice struct {
	ID      uint32
	Layer   Layer       // Off: pause
	Rate    bwe.BitRate // of the layer as measured
	Starved bool        // bandwidth, not Want or the publisher, holds it at this layer
}

// A Decision is the outcome of one allocation.
type Decision struct {
	Choices []Choice    // in the order of the streams; valid until the next call
	Used    bwe.BitRate // sum of the choices' rates
	Next    bwe.BitRate // total at which the next stream takes its next step up; zero if none wants one
	Full    bwe.BitRate // total at which every stream has what it wants; zero if all have
}

// An Allocator divides the bandwidth of one receiver.
type Allocator struct {
	choices []Choice
}

// NewAllocator returns an Allocator.
func NewAllocator() *Allocator { return &Allocator{} }

// Allocate divides budget among streams, whose IDs are distinct.
func (a *Allocator) Allocate(now time.Time, budget bwe.BitRate, streams []Stream) Decision {
	a.choices = a.choices[:0]
	for _, s := range streams {
		a.choices = append(a.choices, Choice{ID: s.ID, Layer: Off})
	}
	return Decision{Choices: a.choices}
}
