package room

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"conclave/api"
)

// estimateChange is by how much the estimate must have changed, and
// estimateInterval for how long the client was told nothing, for it alone to be
// sent again.
const (
	estimateChange   = 0.2
	estimateInterval = time.Second

	silentAfter = 2 * time.Second // without a packet, a stream counts as not arriving
)

// A states is what a client was told of how its streams are sent.
type states struct {
	checkedAt time.Time
	told      []*api.StreamState
	toldAt    time.Time
	estimate  uint64 // told last
}

// tellStates queues StreamStates if they changed.
func (rc *receiver) tellStates(now time.Time) {
	st := &rc.states
	st.checkedAt = now
	var all []*api.StreamState
	for _, t := range rc.slots {
		if t.audio || t.carries == nil || rc.view[t.carries.id] == nil {
			continue
		}
		all = append(all, rc.state(now, t))
	}
	if sameStates(all, st.told) && (now.Sub(st.toldAt) < estimateInterval || !rc.estimateMoved()) {
		return
	}
	st.told, st.toldAt, st.estimate = all, now, rc.estimate()
	rc.tell(&api.ServerFrame{Body: &api.ServerFrame_StreamStates{StreamStates: &api.StreamStates{States: all}}})
}

// forgetStates has the client told anew.
func (rc *receiver) forgetStates() { rc.states.told = nil }

// estimate is what was divided last, in bits per second.
func (rc *receiver) estimate() uint64 { return uint64(max(rc.allocation.target, 0)) }

// state says how one slot is sent.
func (rc *receiver) state(now time.Time, t *slot) *api.StreamState {
	s := t.carries
	out := &api.StreamState{Stream: s.id, Estimate: rc.estimate(), Spatial: -1, Temporal: -1}
	if can, bound := t.canReceive(CodecOf(s.codecName)); bound && !can {
		out.Reason = api.StreamState_REASON_CODEC
		return out
	}
	choice, shared := rc.allocation.choices[s.id]
	switch {
	case now.Sub(s.lastPacket) > silentAfter:
		out.Reason = api.StreamState_REASON_NO_PACKETS
	case shared && choice.Layer.Spatial < 0 && choice.Starved:
		out.Reason = api.StreamState_REASON_BANDWIDTH
	case t.selector == nil || t.selector.Current().IsNone():
		out.Reason = api.StreamState_REASON_WAIT_KEY_FRAME
	default:
		l := t.selector.Current()
		out.Reason = api.StreamState_REASON_SENDING
		out.Spatial, out.Temporal = int32(l.Spatial), int32(l.Temporal)
	}
	return out
}

// sameStates compares without the estimate.
func sameStates(a, b []*api.StreamState) bool {
	return slices.EqualFunc(a, b, func(x, y *api.StreamState) bool {
		y = proto.CloneOf(y)
		y.Estimate = x.GetEstimate()
		return proto.Equal(x, y)
	})
}

// estimateMoved reports whether the estimate is much different from the one that
// the client was told.
func (rc *receiver) estimateMoved() bool {
	if len(rc.states.told) == 0 {
		return false
	}
	told, is := float64(rc.states.estimate), float64(rc.estimate())
	return is > told*(1+estimateChange) || is < told*(1-estimateChange)
}
