package room

import (
	"time"

	"conclave/sfu/rtp"
)

// probePadding is the padding of one probe packet: the most that RTP can say.
const probePadding = 255

// maxProbePackets bounds what one tick sends.
const maxProbePackets = 64

// probe sends the padding that the estimator wants to measure with. It goes over
// the repair SSRC of a slot for video, whose receiver drops it.
func (rc *receiver) probe(now time.Time, out *rtp.Output) {
	t := rc.padding
	if t == nil || !t.canPad() {
		return
	}
	p, due := rc.estimator.Probe(now)
	if !due {
		return
	}
	left := p.Bytes
	for range maxProbePackets {
		if left <= 0 {
			return
		}
		left -= t.sendPadding(now, probePadding, p.ID, out)
		rc.room.stats.Probes.Add(1)
	}
}
