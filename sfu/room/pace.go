package room

import (
	"time"

	"conclave/sfu/layer"
	"conclave/sfu/pacer"
	"conclave/sfu/rtp"
)

// A pacing says when the pictures of a receiver may leave. The rest of the room
// calls:
//
//	waits    before a packet of video is given to the selector of a slot
//	left     for every RTP packet that was sent: pictures, sound, repair, padding
//	unpace   when a slot shows something else from now on
//
// What waits is kept before the selector, as the name of a packet in the
// publisher's cache. So it has no number yet: a layer that falls meanwhile takes what
// waits with it, and no gap tells the receiver.
type pacing struct {
	pacer pacer.Pacer
}

func newPacing() pacing { return pacing{} }

// waits reports whether p, a packet of the stream that t shows, has to wait. If so
// it comes back later by t.forward.
func (rc *receiver) waits(now time.Time, t *slot, p *layer.Packet) bool { return false }

// left notes that a packet of so many bytes, with all headers, was sent.
func (rc *receiver) left(now time.Time, bytes int) { rc.pacing.pacer.Sent(now, bytes) }

// unpace forgets what waits for a slot.
func (rc *receiver) unpace(t *slot) {}

// release sends what waits and may leave now, and returns when to call it again.
func (rc *receiver) release(now time.Time, out *rtp.Output) time.Time { return now.Add(tickInterval) }
