package room

import (
	"time"

	"conclave/sfu/layer"
	"conclave/sfu/rtp"
)

// A pacing holds packets back until they may leave.
type pacing struct{}

func newPacing() pacing { return pacing{} }

// paced reports whether a packet of video has to wait, and if so keeps what
// sendVideo is to be called with later. The bytes of o.DD are copied.
func (rc *receiver) paced(now time.Time, t *slot, o *layer.Out, p *layer.Packet, out *rtp.Output) bool {
	return false
}

// unpace forgets what waits for a slot, which shows something else from now on.
func (rc *receiver) unpace(t *slot) {}
