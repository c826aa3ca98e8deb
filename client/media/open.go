package media

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"conclave/client/meeting"
	"conclave/core/sframe"
)

const (
	holdFor     = 300 * time.Millisecond // for a key or a slot that is on its way; docs/protocol.md, section 4
	holdFrames  = 512                    // of one track: 300 ms are about 20
	holdBytes   = 8 << 20                // of one track
	inboxSize   = 256                    // inputs; when full, tracks wait and packets wait in the sockets
	housekeep   = 50 * time.Millisecond  // how late a held frame may be given up
	slotGrace   = 2 * time.Second        // for frames of the stream that a slot carried before
	contextNone = sframe.Context(255)
)

// A Frame is one spatial layer of a picture or one audio packet that was opened
// and is from whom it says.
type Frame struct {
	Stream    meeting.StreamID
	Sender    meeting.Index
	Context   sframe.Context
	Spatial   uint8 // as authenticated by the sender
	Temporal  uint8
	Timestamp uint32 // RTP, not authenticated
	Arrived   time.Time
	// End is set on what the server says is the last layer of a picture.
	End bool
	// Broken is set when frames before this one are missing, so that a video
	// frame may not be decodable before the next key picture.
	Broken bool
	Data   []byte // the encoder's; the callee may keep it
}

// An opener opens the sealed frames of all tracks and hands them out in the
// order they were sent. Its state belongs to run; everything reaches it through
// its inbox.
type opener struct {
	// Constant.
	inbox   chan openerInput
	onFrame func(Frame)
	onGap   func(mid string) // a frame of video is missing
	stats   *stats

	revoked atomic.Uint64 // how often the keys were taken away

	// Owned by run.
	keys    *keyring
	obeyed  uint64 // of revoked
	streams map[meeting.StreamID]knownStream
	slots   map[string]*slotState
	tracks  map[string]*trackState
}

// A knownStream is a stream that the server announced. For a while after it
// ended its last frames may still be under way.
type knownStream struct {
	meeting.Stream
	until time.Time // zero while it is there
}

// An openerInput is one of trackFrame, newKeys, meeting.Streams and
// []meeting.Slot.
type openerInput any

// newKeys are keys to open with, unless they have been taken away since.
type newKeys struct {
	keys    meeting.Keys
	revoked uint64 // when they came
}

// A trackFrame is a sealed frame of the m-line mid.
type trackFrame struct {
	mid   string
	video bool
	frame sealedFrame
}

// A slotState is what an m-line carries, and what it carried before.
type slotState struct {
	current, before meeting.StreamID
	beforeUntil     time.Time
}

// A trackState is what an m-line's frames wait for.
type trackState struct {
	video  bool
	held   []sealedFrame
	bytes  int
	broken bool // a frame was dropped since the last one handed out
}

// newOpener returns an opener. The caller sets onGap before run.
func newOpener(stats *stats, onFrame func(Frame)) *opener {
	return &opener{
		stats:   stats,
		inbox:   make(chan openerInput, inboxSize),
		onFrame: onFrame,
		onGap:   func(string) {},
		keys:    newKeyring(),
		streams: make(map[meeting.StreamID]knownStream),
		slots:   make(map[string]*slotState),
		tracks:  make(map[string]*trackState),
	}
}

// put hands in an input; it waits when the opener is behind.
func (o *opener) put(ctx context.Context, in openerInput) {
	select {
	case o.inbox <- in:
	case <-ctx.Done():
	}
}

// putKeys hands in the keys of an epoch; it waits when the opener is behind. Like
// revoke it is called by one goroutine.
func (o *opener) putKeys(ctx context.Context, keys meeting.Keys) {
	select {
	case o.inbox <- newKeys{keys, o.revoked.Load()}:
	case <-ctx.Done():
		erase(keys.Receive)
	}
}

// revoke takes all keys away that were handed in so far: no frame is opened with
// them any more, however much waits in the inbox.
func (o *opener) revoke() { o.revoked.Add(1) }

// obey forgets the keys if they were taken away.
func (o *opener) obey() {
	if n := o.revoked.Load(); n != o.obeyed {
		o.keys, o.obeyed = newKeyring(), n
	}
}

// run opens frames until ctx ends.
func (o *opener) run(ctx context.Context) {
	defer o.forget()
	ticker := time.NewTicker(housekeep)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			o.obey()
			o.keys.expire(now)
			o.retryAll(now)
		case in := <-o.inbox:
			o.take(time.Now(), in)
		}
	}
}

// forget erases the keys that nobody takes out of the inbox any more.
func (o *opener) forget() {
	o.keys = newKeyring()
	for {
		select {
		case in := <-o.inbox:
			if k, ok := in.(newKeys); ok {
				erase(k.keys.Receive)
			}
		default:
			return
		}
	}
}

func (o *opener) take(now time.Time, in openerInput) {
	o.obey()
	switch in := in.(type) {
	case trackFrame:
		o.takeFrame(now, in)
	case newKeys:
		o.takeKeys(now, in)
		o.retryAll(now)
	case meeting.Streams:
		o.takeStreams(now, in.Streams)
		o.retryAll(now)
	case []meeting.Slot:
		o.takeSlots(now, in)
		o.retryAll(now)
	default:
		panic("media: internal error: unknown input")
	}
}

func (o *opener) takeKeys(now time.Time, in newKeys) {
	if in.revoked != o.obeyed {
		erase(in.keys.Receive)
		return
	}
	if err := o.keys.install(now, in.keys); err != nil {
		o.stats.keyErrors.Add(1)
	}
}

func (o *opener) takeStreams(now time.Time, streams []meeting.Stream) {
	next := make(map[meeting.StreamID]knownStream, len(streams))
	for _, s := range streams {
		next[s.Stream] = knownStream{Stream: s}
	}
	for id, s := range o.streams {
		if _, ok := next[id]; ok {
			continue
		}
		if s.until.IsZero() {
			s.until = now.Add(slotGrace)
		}
		if now.Before(s.until) {
			next[id] = s
		}
	}
	o.streams = next
}

func (o *opener) takeSlots(now time.Time, slots []meeting.Slot) {
	next := make(map[string]*slotState, len(slots))
	for _, s := range slots {
		state := o.slots[s.Mid]
		if state == nil {
			state = &slotState{}
		}
		if state.current != s.Stream {
			*state = slotState{current: s.Stream, before: state.current, beforeUntil: now.Add(slotGrace)}
		}
		next[s.Mid] = state
	}
	// An m-line that is idle now may still have frames under way.
	for mid, state := range o.slots {
		if next[mid] == nil && (state.current != 0 || now.Before(state.beforeUntil)) {
			if state.current != 0 {
				*state = slotState{before: state.current, beforeUntil: now.Add(slotGrace)}
			}
			next[mid] = state
		}
	}
	o.slots = next
}

func (o *opener) takeFrame(now time.Time, in trackFrame) {
	t := o.tracks[in.mid]
	if t == nil {
		t = &trackState{video: in.video}
		o.tracks[in.mid] = t
	}
	if len(t.held) >= holdFrames || t.bytes+len(in.frame.data) > holdBytes {
		o.drop(in.mid, t, &o.stats.overflow)
		return
	}
	t.held = append(t.held, in.frame)
	t.bytes += len(in.frame.data)
	o.retry(now, in.mid, t)
}

func (o *opener) retryAll(now time.Time) {
	for mid, t := range o.tracks {
		o.retry(now, mid, t)
	}
}

// retry opens the held frames of a track up to the first that has to wait.
func (o *opener) retry(now time.Time, mid string, t *trackState) {
	for len(t.held) > 0 {
		f := t.held[0]
		if settled := o.open(now, mid, t, f); !settled {
			return
		}
		t.held[0] = sealedFrame{}
		t.held = t.held[1:]
		t.bytes -= len(f.data)
	}
	t.held = nil
}

// drop counts a frame that was not handed out.
func (o *opener) drop(mid string, t *trackState, why *counter) {
	why.Add(1)
	t.broken = true
	if t.video {
		o.onGap(mid)
	}
}

// open opens one frame and reports whether that is settled: a frame whose key
// or slot may still be on its way waits.
func (o *opener) open(now time.Time, mid string, t *trackState, f sealedFrame) bool {
	mayWait := now.Sub(f.arrived) < holdFor
	header, _, err := sframe.ParseHeader(f.data)
	if err != nil {
		o.drop(mid, t, &o.stats.malformed)
		return true
	}
	kind, sender, epoch, err := header.KID.Split()
	if err != nil {
		o.drop(mid, t, &o.stats.malformed)
		return true
	}
	if !o.keys.opener.Has(header.KID) {
		switch {
		case o.keys.isBeforeUs(epoch), o.keys.first == 0 && !mayWait:
			o.drop(mid, t, &o.stats.beforeUs)
			return true
		case mayWait:
			return false
		}
		o.drop(mid, t, &o.stats.noKey)
		return true
	}
	stream, ok := o.streamOf(now, mid, kind, meeting.Index(sender))
	if !ok {
		if mayWait {
			return false
		}
		o.drop(mid, t, &o.stats.wrongSender)
		return true
	}
	data, inner, _, err := o.keys.opener.OpenFrame(nil, f.data)
	switch {
	case errors.Is(err, sframe.ErrReplay):
		o.stats.replays.Add(1)
		return true
	case err != nil:
		o.drop(mid, t, &o.stats.failed)
		return true
	}
	out := Frame{
		Stream: stream, Sender: meeting.Index(sender), Context: inner.Kind,
		Spatial: inner.Spatial, Temporal: inner.Temporal,
		Timestamp: f.timestamp, Arrived: f.arrived, End: f.end, Broken: f.lost || t.broken, Data: data,
	}
	t.broken = false
	o.stats.opened(out)
	if f.lost && t.video {
		o.onGap(mid)
	}
	o.onFrame(out)
	return true
}

// streamOf returns the stream that the m-line carries, or carried just before,
// if it is of this sender and context. The key id is authenticated by opening
// the frame; what the server says about slots is not, so both must agree.
func (o *opener) streamOf(now time.Time, mid string, kind sframe.Context, sender meeting.Index) (meeting.StreamID, bool) {
	slot := o.slots[mid]
	if slot == nil {
		return 0, false
	}
	fits := func(id meeting.StreamID) bool {
		s, ok := o.streams[id]
		return ok && s.Index == sender && contextOf(s.StreamKind) == kind && (s.until.IsZero() || now.Before(s.until))
	}
	if fits(slot.current) {
		return slot.current, true
	}
	if now.Before(slot.beforeUntil) && fits(slot.before) {
		return slot.before, true
	}
	return 0, false
}

// contextOf returns the SFrame context of a kind of stream.
func contextOf(k meeting.StreamKind) sframe.Context {
	switch k {
	case meeting.Microphone:
		return sframe.Microphone
	case meeting.Camera:
		return sframe.Camera
	case meeting.Screen:
		return sframe.Screen
	case meeting.ScreenAudio:
		return sframe.ScreenAudio
	}
	return contextNone
}
