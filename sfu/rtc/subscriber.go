package rtc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v5/packetio"
	"github.com/pion/webrtc/v4"

	"conclave/api"
	"conclave/sfu/layer"
	"conclave/sfu/share"
)

const (
	maxVideoSlots = 64 // m-lines for video of one receiver; more tiles are paused
	maxAudioSlots = 64 // and for sound
)

var (
	errPanicked   = errors.New("media of the meeting failed")
	errGeneration = errors.New("no offer of that generation waits for an answer")
)

// A subscriber is the peer connection that one participant receives on. Its
// fields are owned by the control goroutine of the seat.
type subscriber struct {
	seat    *Seat       // constant
	egress  *egress     // constant after open; nil before
	restart atomic.Bool // an offer with new ICE credentials is wanted

	pc         *webrtc.PeerConnection
	slots      []*slot
	generation uint64
	offer      *api.SubscribeOffer // waits for its answer; nil: none does
	grown      bool                // there are slots that were not offered yet
	told       []*api.Slot         // what the client was told last

	view    map[uint32]*api.ViewItem
	streams []*stream // scratch
	heard   []uint32  // scratch

	allocator  *share.Allocator
	demands    []share.Stream // scratch, and what the last allocation was asked
	rates      []share.LayerRate
	choices    map[uint32]share.Choice
	sharedAt   time.Time
	statesAt   time.Time
	reportedAt time.Time
	toldStates []*api.StreamState
	toldAt     time.Time // of toldStates
	estimate   uint64
}

func newSubscriber(s *Seat) *subscriber {
	return &subscriber{
		seat: s, view: make(map[uint32]*api.ViewItem), allocator: share.NewAllocator(),
		choices: make(map[uint32]share.Choice),
	}
}

// setView takes what the client shows now.
func (b *subscriber) setView(items []*api.ViewItem) {
	clear(b.view)
	for _, v := range items {
		b.view[v.GetStream()] = v
	}
}

// update makes the slots carry what the client is to receive, and offers new
// ones if there are too few.
func (b *subscriber) update(now time.Time) {
	b.streams, b.heard = b.seat.room.scene(b.streams, b.heard)
	wanted := slices.DeleteFunc(slices.Clone(b.streams), func(s *stream) bool { return !b.wants(s) })
	b.release(wanted)
	for _, s := range wanted {
		b.place(now, s)
	}
	b.sharedAt = time.Time{} // share anew at once
	b.negotiate()
	b.tellSlots()
}

// wants reports whether the client is to receive a stream.
func (b *subscriber) wants(s *stream) bool {
	if s.seat == b.seat || !s.active.Load() {
		return false
	}
	switch s.kind {
	case api.StreamKind_STREAM_KIND_MICROPHONE:
		return slices.Contains(b.heard, s.id)
	case api.StreamKind_STREAM_KIND_SCREEN_AUDIO:
		return true
	default:
		return b.view[s.id] != nil
	}
}

// release stops slots whose stream is not wanted. They keep it, in case it is
// wanted again soon, unless it has gone.
func (b *subscriber) release(wanted []*stream) {
	for _, t := range b.slots {
		t.wanted = t.carries != nil && slices.Contains(wanted, t.carries)
		if t.carries == nil || t.wanted {
			continue
		}
		if t.attached {
			t.carries.detach(t)
			t.attached = false
		}
		if !slices.Contains(b.streams, t.carries) {
			t.carries, t.want = nil, layer.None
		}
	}
}

// place makes a slot carry a stream.
func (b *subscriber) place(now time.Time, s *stream) {
	t := b.slotFor(s)
	if t == nil {
		return
	}
	t.wanted, t.wantedAt = true, now
	if t.carries != s {
		t.carries, t.want = s, layer.None
	}
	if can, negotiated := t.canReceive(*s.codecName.Load()); can && negotiated && !t.attached {
		s.attach(t)
		t.attached = true
	}
}

// slotFor returns a slot for a stream: the one it has, an empty one, the one
// whose stream has not been wanted for longest, or a new one. It returns nil
// if there are too many.
func (b *subscriber) slotFor(s *stream) *slot {
	var best *slot
	count := 0
	for _, t := range b.slots {
		if t.audio != s.isAudio() {
			continue
		}
		count++
		switch {
		case t.carries == s:
			return t
		case t.wanted:
		case best == nil, best.carries != nil && t.carries == nil,
			best.carries != nil && t.wantedAt.Before(best.wantedAt):
			best = t
		}
	}
	limit := maxVideoSlots
	if s.isAudio() {
		limit = maxAudioSlots
	}
	if best == nil && count < limit {
		best = b.grow(s.isAudio())
	}
	return best
}

// grow adds an m-line, which the next offer has.
func (b *subscriber) grow(audio bool) *slot {
	if err := b.open(); err != nil {
		b.seat.log.Warn("opening a receiver", slog.Any("error", err))
		return nil
	}
	t := newSlot(b.egress, audio, len(b.slots))
	tr, err := b.pc.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		b.seat.log.Warn("adding a slot", slog.Any("error", err))
		return nil
	}
	t.transceiver = tr
	b.slots = append(b.slots, t)
	b.grown = true
	return t
}

// open makes the peer connection.
func (b *subscriber) open() error {
	if b.pc != nil {
		return nil
	}
	engine := b.seat.room.engine
	settings, err := engine.settings()
	if err != nil {
		return err
	}
	e, err := newEgress(b.seat)
	if err != nil {
		return err
	}
	settings.BufferFactory = receiverBuffers(e)
	a, err := engine.sendAPI(settings)
	if err != nil {
		return err
	}
	pc, err := a.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return err
	}
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		b.seat.log.Debug("receiving", slog.String("state", s.String()))
		b.seat.wakeUp()
	})
	b.pc, b.egress = pc, e
	engine.stats.Receivers.Add(1)
	return nil
}

// receiverBuffers returns what pion keeps packets from a receiver in: feedback
// is taken at once, and anything else dropped, since receivers send no media.
func receiverBuffers(e *egress) func(packetio.BufferPacketType, uint32) io.ReadWriteCloser {
	return func(kind packetio.BufferPacketType, _ uint32) io.ReadWriteCloser {
		if kind == packetio.RTCPBufferPacket {
			return newFeedbackSink(e)
		}
		q := packetio.NewBuffer()
		q.SetLimitSize(1)
		return &queue{Buffer: q}
	}
}

// negotiate makes an offer if one is due and none waits for its answer.
func (b *subscriber) negotiate() {
	if b.pc == nil || b.offer != nil {
		return
	}
	restart := b.generation > 0 && b.restart.Swap(false)
	if !b.grown && !restart {
		return
	}
	if err := b.makeOffer(restart); err != nil {
		b.seat.log.Warn("offering", slog.Any("error", err))
	}
}

func (b *subscriber) makeOffer(restart bool) error {
	offer, err := b.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
	if err != nil {
		return fmt.Errorf("making the offer: %v", err)
	}
	ctx, cancel := context.WithTimeout(b.seat.ctx, gatherTimeout)
	defer cancel()
	text, err := setLocal(ctx, b.pc, offer)
	if err != nil {
		return err
	}
	b.grown = false
	b.generation++
	b.told = b.mapping()
	b.offer = &api.SubscribeOffer{Generation: b.generation, Sdp: text, Slots: b.told}
	b.seat.room.engine.stats.Offers.Add(1)
	b.seat.send(&api.ServerFrame{Body: &api.ServerFrame_SubscribeOffer{SubscribeOffer: b.offer}})
	return nil
}

// answer takes the client's answer.
func (b *subscriber) answer(generation uint64, text string) error {
	if b.offer == nil || b.offer.GetGeneration() != generation {
		return errGeneration
	}
	err := b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: text})
	if err != nil {
		return fmt.Errorf("taking the answer: %v", err)
	}
	b.offer = nil
	b.update(time.Now()) // slots can be filled now, and more may be wanted
	return nil
}

// mapping returns what each m-line carries.
func (b *subscriber) mapping() []*api.Slot {
	var m []*api.Slot
	for _, t := range b.slots {
		if mid := t.transceiver.Mid(); mid != "" && t.carries != nil {
			m = append(m, &api.Slot{Mid: mid, Stream: t.carries.id})
		}
	}
	return m
}

// tellSlots sends Slots if the client was told something else.
func (b *subscriber) tellSlots() {
	m := b.mapping()
	if slices.EqualFunc(m, b.told, func(x, y *api.Slot) bool {
		return x.GetMid() == y.GetMid() && x.GetStream() == y.GetStream()
	}) {
		return
	}
	b.told = m
	b.seat.send(&api.ServerFrame{Body: &api.ServerFrame_Slots{Slots: &api.Slots{Slots: m}}})
}

// sendAgain sends what a client that was away may have missed.
func (b *subscriber) sendAgain() {
	if b.offer != nil {
		b.offer.Slots = b.mapping()
		b.seat.send(&api.ServerFrame{Body: &api.ServerFrame_SubscribeOffer{SubscribeOffer: b.offer}})
	}
	b.told = b.mapping()
	b.seat.send(&api.ServerFrame{Body: &api.ServerFrame_Slots{Slots: &api.Slots{Slots: b.told}}})
	b.toldStates = nil
}

// shown returns the encoding of a stream that the receiver is sent. It may be
// called from any goroutine.
func (b *subscriber) shown(s *stream) int {
	if !s.simulcast() {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.slots {
		if t.egress.seat == b.seat {
			t.egress.mu.Lock()
			defer t.egress.mu.Unlock()
			if t.selector != nil {
				return int(max(0, t.selector.Current().Spatial))
			}
		}
	}
	return 0
}

// close ends the peer connection.
func (b *subscriber) close() {
	for _, t := range b.slots {
		if t.carries != nil {
			t.carries.detach(t)
		}
	}
	if b.pc == nil {
		return
	}
	_ = b.pc.Close() // what it reports is that the client has gone
	b.seat.room.engine.stats.Receivers.Add(-1)
}
