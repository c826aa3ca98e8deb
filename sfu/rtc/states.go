package rtc

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
)

// tellStates sends StreamStates if they changed.
func (b *subscriber) tellStates(now time.Time) {
	var states []*api.StreamState
	for _, t := range b.slots {
		if t.audio || t.carries == nil || b.view[t.carries.id] == nil {
			continue
		}
		states = append(states, b.state(now, t))
	}
	if sameStates(states, b.toldStates) && (now.Sub(b.toldAt) < estimateInterval || !b.estimateMoved()) {
		return
	}
	b.toldStates, b.toldAt = states, now
	b.seat.send(&api.ServerFrame{Body: &api.ServerFrame_StreamStates{StreamStates: &api.StreamStates{States: states}}})
}

// state says how one slot is sent.
func (b *subscriber) state(now time.Time, t *slot) *api.StreamState {
	s := t.carries
	out := &api.StreamState{Stream: s.id, Estimate: b.estimate, Spatial: -1, Temporal: -1}
	if can, negotiated := t.canReceive(*s.codecName.Load()); negotiated && !can {
		out.Reason = api.StreamState_REASON_CODEC
		return out
	}
	s.mu.Lock()
	silent := now.Sub(s.lastPacket) > silentAfter
	s.mu.Unlock()
	b.egress.mu.Lock()
	defer b.egress.mu.Unlock()
	choice, shared := b.choices[s.id]
	switch {
	case silent:
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
func (b *subscriber) estimateMoved() bool {
	if len(b.toldStates) == 0 {
		return false
	}
	told := float64(b.toldStates[0].GetEstimate())
	return float64(b.estimate) > told*(1+estimateChange) || float64(b.estimate) < told*(1-estimateChange)
}
