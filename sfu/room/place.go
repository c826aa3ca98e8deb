package room

import (
	"slices"
	"strconv"
	"time"

	"conclave/api"
	"conclave/sfu/rtp"
)

// setView takes what the client shows now.
func (rc *receiver) setView(items []*api.ViewItem) {
	clear(rc.view)
	for _, v := range items[:min(len(items), maxView)] {
		rc.view[v.GetStream()] = v
	}
}

// update makes the slots carry what the client is to receive, and has new ones
// offered if there are too few.
func (rc *receiver) update(now time.Time, out *rtp.Output) {
	rc.arrange(now, false, out)
	if rc.ready {
		rc.share(now)
		rc.askKeyFrames(now, out)
		rc.room.soon(now.Add(tickInterval))
	}
}

// updateSound gives all receivers the microphones that are heard now.
func (r *Room) updateSound(now time.Time, out *rtp.Output) {
	for _, s := range r.order {
		s.receiver.arrange(now, true, out)
	}
}

// arrange makes the slots carry what is wanted. With spurt set, microphones that
// were not heard until now begin with what was said just before.
func (rc *receiver) arrange(now time.Time, spurt bool, out *rtp.Output) {
	r := rc.room
	r.round++
	r.wanted = r.wanted[:0]
	for _, s := range r.streams {
		if rc.wants(s) {
			s.wantedIn = r.round
			r.wanted = append(r.wanted, s)
		}
	}
	rc.vacate()
	for _, s := range r.wanted {
		rc.place(now, s, spurt, out)
	}
	clear(r.wanted)
	rc.prepareStage()
	rc.tellSlots()
}

// wants reports whether the client is to receive a stream.
func (rc *receiver) wants(s *stream) bool {
	if s.seat == rc.seat || !s.active {
		return false
	}
	switch s.kind {
	case api.StreamKind_STREAM_KIND_MICROPHONE:
		return rc.room.stage.has(s.id)
	case api.StreamKind_STREAM_KIND_SCREEN_AUDIO:
		return true
	default:
		return rc.view[s.id] != nil
	}
}

// vacate stops slots whose stream is not wanted. They keep it, in case it is
// wanted again soon, unless it has gone.
func (rc *receiver) vacate() {
	for _, t := range rc.slots {
		t.wanted = t.carries != nil && t.carries.wantedIn == rc.room.round
		if t.carries == nil || t.wanted {
			continue
		}
		t.detach()
		if t.carries.gone {
			t.carries = nil
		}
	}
}

// place makes a slot carry a stream.
func (rc *receiver) place(now time.Time, s *stream, spurt bool, out *rtp.Output) {
	t := rc.slotFor(s)
	if t == nil {
		return
	}
	t.wanted, t.wantedAt = true, now
	if t.carries != s {
		t.detach()
		t.carries = s
	}
	if can, bound := t.canReceive(CodecOf(s.codecName)); can && bound && !t.attached {
		t.attach()
		if spurt && s.kind == api.StreamKind_STREAM_KIND_MICROPHONE {
			t.sendSpurt(now, s, out)
		}
	}
}

// slotFor returns a slot for a stream: the one it has, an empty one, the one
// whose stream has not been wanted for longest, or a new one. It returns nil
// if there are too many.
func (rc *receiver) slotFor(s *stream) *slot {
	var best *slot
	count := 0
	for _, t := range rc.slots {
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
		best = rc.grow(s.isAudio())
	}
	return best
}

// grow adds an m-line, which the next offer has.
func (rc *receiver) grow(audio bool) *slot {
	t := newSlot(rc, audio, strconv.Itoa(len(rc.slots)))
	rc.slots = append(rc.slots, t)
	rc.askForOffer()
	return t
}

// prepareStage has m-lines ready for all that can be on a stage that is not open
// to everybody: who is to be heard from the first syllable on cannot wait for
// an offer.
func (rc *receiver) prepareStage() {
	if rc.room.stage.open {
		return
	}
	count := 0
	for _, t := range rc.slots {
		if t.audio {
			count++
		}
	}
	for ; count < mostHeard; count++ {
		rc.grow(true)
	}
}

// askForOffer has the client offered what slots there are.
func (rc *receiver) askForOffer() {
	if !slices.Contains(rc.room.offers, rc.seat) {
		rc.room.offers = append(rc.room.offers, rc.seat)
	}
}

// mapping returns what each m-line carries that the client knows of.
func (rc *receiver) mapping() []*api.Slot {
	var m []*api.Slot
	for _, t := range rc.slots {
		if t.offered && t.carries != nil {
			m = append(m, &api.Slot{Mid: t.mid, Stream: t.carries.id})
		}
	}
	return m
}

// tellSlots queues Slots if the client was told something else.
func (rc *receiver) tellSlots() {
	if rc.isTold() {
		return
	}
	rc.told = rc.mapping()
	rc.tell(&api.ServerFrame{Body: &api.ServerFrame_Slots{Slots: &api.Slots{Slots: rc.told}}})
}

// isTold reports whether the client knows what its m-lines carry.
func (rc *receiver) isTold() bool {
	told := rc.told
	for _, t := range rc.slots {
		if !t.offered || t.carries == nil {
			continue
		}
		if len(told) == 0 || told[0].GetMid() != t.mid || told[0].GetStream() != t.carries.id {
			return false
		}
		told = told[1:]
	}
	return len(told) == 0
}

// tellAgain queues what a client that was away may have missed.
func (rc *receiver) tellAgain() {
	rc.told = rc.mapping()
	rc.tell(&api.ServerFrame{Body: &api.ServerFrame_Slots{Slots: &api.Slots{Slots: rc.told}}})
	rc.forgetStates()
}

// tell queues a frame for the client.
func (rc *receiver) tell(f *api.ServerFrame) {
	rc.room.frames = append(rc.room.frames, Frame{rc.seat, f})
}

// streamsFrame tells what streams there are.
func (r *Room) streamsFrame() *api.ServerFrame {
	all := &api.Streams{Streams: make([]*api.Stream, 0, len(r.streams))}
	for _, s := range r.streams {
		all.Streams = append(all.Streams, s.proto())
	}
	return &api.ServerFrame{Body: &api.ServerFrame_Streams{Streams: all}}
}
