package room

import (
	"slices"
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

	maxVideoSlots = 64  // m-lines for video of one receiver; more tiles are paused
	maxAudioSlots = 64  // and for sound
	maxView       = 256 // items of a view that are looked at

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
	sequence  uint16        // transport-wide, of the last packet
	resends   budget        // bytes of repair
	asked     budget        // packets asked for
	reported  budget        // packets reported on
	rtt       time.Duration // by receiver reports; 0: unknown

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

func newReceiver(r *Room, seat uint32) *receiver {
	rc := &receiver{
		room: r, seat: seat, bySSRC: make(map[uint32]*slot), view: make(map[uint32]*api.ViewItem),
		allocation: newAllocation(), pacing: newPacing(),
	}
	rc.renew()
	return rc
}

// renew forgets what is known of the connection.
func (rc *receiver) renew() {
	est, err := bwe.New(rc.room.cfg.Bandwidth)
	if err != nil { // the bounds contradict each other: those of bwe hold
		est, _ = bwe.New(bwe.Config{})
	}
	rc.estimator, rc.decoder, rc.sequence, rc.rtt = est, bwe.Decoder{}, uint16(rc.room.cfg.Random()), 0
}

// connect takes the handle of the connection.
func (rc *receiver) connect(to any) {
	if to == rc.to {
		return
	}
	if rc.to == nil {
		rc.room.stats.Receivers.Add(1)
	} else {
		rc.ready, rc.padding, rc.told = false, nil, nil
		rc.renew()
		clear(rc.bySSRC)
		for _, t := range rc.slots {
			t.detach()
			t.renew()
		}
		if len(rc.slots) > 0 {
			rc.askForOffer()
		}
	}
	if rc.to = to; to == nil {
		rc.room.stats.Receivers.Add(-1)
	}
}

// close makes all streams forget the receiver.
func (rc *receiver) close() {
	for _, t := range rc.slots {
		t.detach()
	}
	if rc.to != nil {
		rc.room.stats.Receivers.Add(-1)
	}
}

// newSSRC returns an SSRC that the receiver does not have yet, and makes it the
// slot's.
func (rc *receiver) newSSRC(t *slot) uint32 {
	for {
		ssrc := rc.room.cfg.Random()
		if ssrc != 0 && rc.bySSRC[ssrc] == nil {
			rc.bySSRC[ssrc] = t
			return ssrc
		}
	}
}

// pass lets time pass, and returns when to call it again.
func (rc *receiver) pass(now time.Time, out *rtp.Output) time.Time {
	if !rc.ready || !rc.sending() {
		return now.Add(idleInterval)
	}
	if now.Sub(rc.reportedAt) >= reportInterval {
		rc.reportedAt = now
		rc.report(now, out)
	}
	return rc.tick(now, out)
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

// bind takes what the client answered.
func (rc *receiver) bind(bindings []Binding) {
	for i := range bindings {
		at := slices.IndexFunc(rc.slots, func(t *slot) bool { return t.mid == bindings[i].Mid })
		if at >= 0 {
			rc.slots[at].bind(&bindings[i])
		}
	}
}

// offer returns the m-lines for an offer.
func (rc *receiver) offer() []Slot {
	slots := make([]Slot, 0, len(rc.slots))
	for _, t := range rc.slots {
		t.offered = true
		s := Slot{Mid: t.mid, Audio: t.audio, SSRC: t.ssrc, RepairSSRC: t.repairSSRC}
		if t.carries != nil {
			s.Stream = t.carries.id
		}
		slots = append(slots, s)
	}
	rc.told = rc.mapping()
	return slots
}

// shown returns the index of the encoding of a stream that the receiver is sent.
func (rc *receiver) shown(s *stream) int {
	if s.simulcast() {
		for _, t := range rc.slots {
			if t.attached && t.carries == s {
				return t.encoding()
			}
		}
	}
	return 0
}

// encoding returns the index of the encoding that the slot forwards, or waits for.
func (t *slot) encoding() int {
	if t.stream == nil || !t.stream.simulcast() || t.selector == nil {
		return 0
	}
	return int(max(0, t.selector.Current().Spatial))
}
