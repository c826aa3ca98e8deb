package room

import (
	"time"

	"conclave/sfu/layer"
	"conclave/sfu/rtp"
)

// An allocation is how a receiver's bandwidth is divided.
type allocation struct{}

func newAllocation() allocation { return allocation{} }

// tick lets time pass for the receiver and returns when to call it again.
func (rc *receiver) tick(now time.Time, out *rtp.Output) time.Time { return now.Add(tickInterval) }

// share divides the bandwidth among what is shown.
func (rc *receiver) share(now time.Time) {}

// heardBack draws the conclusions from feedback that the estimator was just given:
// a fall takes effect at once. Call it after each transport-wide feedback.
func (rc *receiver) heardBack(now time.Time, out *rtp.Output) {}

// repairs reports whether a lost packet is worth sending again; p is what the
// publisher sent.
func (rc *receiver) repairs(now time.Time, t *slot, sequence uint16, p *layer.Packet) bool {
	return true
}
