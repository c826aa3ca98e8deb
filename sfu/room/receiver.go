package room

import (
	"time"

	"conclave/api"
	"conclave/sfu/bwe"
	"conclave/sfu/rtp"
)

const (
	tickInterval   = 50 * time.Millisecond  // while media is sent
	idleInterval   = time.Second            // while none is
	shareInterval  = 100 * time.Millisecond // of the division of bandwidth
	stateInterval  = 200 * time.Millisecond // least time between two StreamStates
	reportInterval = time.Second            // of sender reports
	leastWake      = time.Millisecond

	maxVideoSlots = 64 // m-lines for video of one receiver; more tiles are paused
	maxAudioSlots = 64 // and for sound

	// perPacket is what the estimate counts beside the RTP packet: SRTP tag, UDP
	// and IPv4 header.
	perPacket = 16 + 8 + 20
)

// A receiver is all that one seat is sent: its slots share bandwidth and the
// transport-wide numbers.
type receiver struct {
	room *Room
	seat uint32
	to   any // the transport's handle; nil before Connect

	ready     bool // the connection has keys
	estimator *bwe.Estimator
	decoder   bwe.Decoder
	sequence  uint16 // transport-wide, of the last packet

	slots  []*slot
	bySSRC map[uint32]*slot // by both SSRCs of each slot
	view   map[uint32]*api.ViewItem
	told   []*api.Slot // what the client was told last

	padding    *slot // sends probes: the last slot for video that could; may be nil
	reportedAt time.Time

	allocation allocation // allocate.go
	states     states     // states.go
	pacing     pacing     // pace.go
}

// tell queues a frame for the client.
func (rc *receiver) tell(f *api.ServerFrame) {
	rc.room.frames = append(rc.room.frames, Frame{rc.seat, f})
}

// sending reports whether any slot carries something.
func (rc *receiver) sending() bool {
	for _, t := range rc.slots {
		if t.attached {
			return true
		}
	}
	return false
}

// report sends a sender report for each slot that carries something, so that the
// receiver can tell time and measure the round trip (RFC 3550, Section 6.4.1).
func (rc *receiver) report(now time.Time, out *rtp.Output) {}
