package room_test

import (
	"encoding/binary"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"

	"conclave/api"
	"conclave/internal/netem/link"
	"conclave/sfu/room"
	"conclave/sfu/rtp"
)

// Header extensions of the viewers.
const (
	viewTransport, viewDD, viewLevel = 3, 4, 1
)

// A viewer is a receiver that behaves like libwebrtc's.
type viewer struct {
	w    *world
	seat uint32
	pipe *pipe
	up   *link.Link[[]byte]

	interval int           // ms between transport-wide feedbacks
	rtt      time.Duration // without queues, as NACKs are repeated
	patience time.Duration // without a picture, until it asks for a key picture

	answerAt time.Time
	bySSRC   map[uint32]*screenSlot
	byRTX    map[uint32]*screenSlot
	slots    []*screenSlot
	voices   map[uint32]*heardVoice // by SSRC
	recorder *twcc.Recorder
	states   []*api.StreamState
	sent     tally // by the room
	contents map[numbered][tagSize]byte
	trace    []viewerSample
	arrived  int // bytes since the last sample
}

// numbered names a packet by what it is sent as.
type numbered struct {
	ssrc     uint32
	sequence uint16
	cycle    int64 // timestamp >> 26: the same number comes again after a while
}

// A tally counts bytes sent by kind.
type tally struct {
	video, repair, probes, audio int
}

// A heardVoice is what arrived of one slot for sound.
type heardVoice struct {
	packets  int
	last     time.Duration
	gap      time.Duration // longest between packets, since gapFrom
	sequence uint16
	lost     int
}

// A viewerSample is what a viewer is like in 100 ms.
type viewerSample struct {
	at       time.Duration
	target   float64 // kbit/s
	received float64
	queue    time.Duration
	loss     float64
	draining bool
	spatial  int8 // of the first slot, decoded last
	temporal int8
	decoded  int
}

// newViewer makes a seat that receives over a pipe. delay is one way.
func newViewer(w *world, seat uint32, p *pipe, back link.Profile) *viewer {
	v := &viewer{
		w: w, seat: seat, pipe: p, up: link.New[[]byte](back, w.rng.Uint64()),
		interval: 100, rtt: p.link.Profile().Delay + back.Delay, patience: 3 * time.Second,
		bySSRC: map[uint32]*screenSlot{}, byRTX: map[uint32]*screenSlot{}, voices: map[uint32]*heardVoice{},
		recorder: twcc.NewRecorder(seat), contents: map[numbered][tagSize]byte{},
	}
	w.viewers = append(w.viewers, v)
	w.room.Join(seat)
	w.room.Connect(seat, v)
	w.room.Ready(w.now, seat, true, &w.out)
	w.room.Sync(w.now, seat)
	w.flush()
	return v
}

// show says what the viewer shows: streams of video by the seats that send them.
func (v *viewer) show(priority uint32, width, height uint32, seats ...uint32) {
	var items []*api.ViewItem
	for _, seat := range seats {
		for id, s := range v.w.streams {
			if s.GetSeat() == seat && s.GetKind() != api.StreamKind_STREAM_KIND_MICROPHONE {
				items = append(items, &api.ViewItem{Stream: id, Width: width, Height: height, Priority: priority})
			}
		}
	}
	v.view(items)
}

func (v *viewer) view(items []*api.ViewItem) {
	v.w.room.View(v.w.now, v.seat, items, &v.w.out)
	v.w.flush()
}

// told takes what the room tells the client.
func (v *viewer) told(f *api.ServerFrame) {
	if s := f.GetStreamStates(); s != nil {
		v.states = s.GetStates()
	}
}

// answer binds the slots that were offered.
func (v *viewer) answer() {
	v.answerAt = time.Time{}
	var bindings []room.Binding
	for _, s := range v.w.room.Slots(v.seat) {
		b := room.Binding{Mid: s.Mid, TransportID: viewTransport}
		if s.Audio {
			b.PayloadTypes[room.Opus], b.LevelID = 111, viewLevel
			v.voices[s.SSRC] = &heardVoice{}
		} else {
			b.PayloadTypes[room.VP8], b.RepairTypes[room.VP8] = 96, 97
			b.PayloadTypes[room.VP9], b.RepairTypes[room.VP9] = 98, 99
			b.DescriptorID = viewDD
			if v.bySSRC[s.SSRC] == nil {
				t := newScreenSlot(v, s.SSRC)
				v.slots = append(v.slots, t)
				v.bySSRC[s.SSRC], v.byRTX[s.RepairSSRC] = t, t
			}
		}
		bindings = append(bindings, b)
	}
	v.w.room.Bind(v.w.now, v.seat, bindings, &v.w.out)
	v.w.flush()
}

// send puts a packet of the room into the pipe, and checks what holds for all.
func (v *viewer) send(o *rtp.Outbound) {
	b := append(append([]byte(nil), o.Header...), o.Payload...)
	var p rtp.Packet
	if !rtp.Parse(b, &p) {
		v.w.t.Fatalf("seat %d is sent a packet that does not parse: %x", v.seat, b)
	}
	size := len(b) + perPacket
	switch t := v.bySSRC[p.SSRC]; {
	case t != nil:
		v.sent.video += size
		t.isSent(&p, b)
		v.check(t, p.Sequence, p.Timestamp, p.Payload.In(b))
	case v.byRTX[p.SSRC] != nil && p.Payload.Empty():
		v.sent.probes += size
	case v.byRTX[p.SSRC] != nil:
		v.sent.repair += size
		payload := p.Payload.In(b)
		v.check(v.byRTX[p.SSRC], binary.BigEndian.Uint16(payload), p.Timestamp, payload[2:])
	case v.voices[p.SSRC] != nil:
		v.sent.audio += size
	default:
		v.w.t.Errorf("seat %d is sent SSRC %d, which was not offered", v.seat, p.SSRC)
	}
	v.pipe.link.Push(v.w.now, size, datagram{v, b})
}

// check holds that one number never stands for two contents.
func (v *viewer) check(t *screenSlot, sequence uint16, timestamp uint32, payload []byte) {
	if len(payload) < tagSize {
		return
	}
	key := numbered{t.ssrc, sequence, int64(timestamp >> 26)}
	content := [tagSize]byte(payload[len(payload)-tagSize:])
	if had, ok := v.contents[key]; ok && had != content {
		v.w.t.Errorf("at %v: number %d of SSRC %d stands for %+v and for %+v", v.w.at(), sequence, t.ssrc, readTag(had[:]), readTag(content[:]))
	}
	v.contents[key] = content
}

// receive takes a packet that has come through the pipe.
func (v *viewer) receive(b []byte) {
	var p rtp.Packet
	rtp.Parse(b, &p)
	v.arrived += len(b) + perPacket
	if e := p.Extension(b, viewTransport); !e.Empty() {
		at := (v.w.at() + 12345*time.Second).Truncate(250 * time.Microsecond)
		v.recorder.Record(1, binary.BigEndian.Uint16(e.In(b)), at.Microseconds())
	}
	payload := p.Payload.In(b)
	switch {
	case v.bySSRC[p.SSRC] != nil:
		v.bySSRC[p.SSRC].receive(p.Sequence, p.Timestamp, p.Marker, payload, false)
	case v.byRTX[p.SSRC] != nil && len(payload) >= 2:
		v.byRTX[p.SSRC].receive(binary.BigEndian.Uint16(payload), p.Timestamp, p.Marker, payload[2:], true)
	case v.voices[p.SSRC] != nil:
		v.voices[p.SSRC].hear(v.w.at(), p.Sequence)
	}
}

func (h *heardVoice) hear(at time.Duration, sequence uint16) {
	if h.packets > 0 {
		h.gap = max(h.gap, at-h.last)
		if d := int16(sequence - h.sequence); d > 1 {
			h.lost += int(d) - 1
		}
	}
	h.packets++
	h.last, h.sequence = at, sequence
}

// step lets a millisecond pass.
func (v *viewer) step(ms int) {
	if !v.answerAt.IsZero() && !v.w.now.Before(v.answerAt) {
		v.answer()
	}
	for _, t := range v.slots {
		t.step(ms)
	}
	if ms%v.interval == int(v.seat*13)%v.interval {
		for _, p := range v.recorder.BuildFeedbackPacket() {
			v.report(p)
		}
	}
	var in []rtp.Inbound
	for {
		b, ok := v.up.Pop(v.w.now)
		if !ok {
			break
		}
		in = append(in, rtp.Inbound{Data: b, RTCP: true})
	}
	if len(in) > 0 {
		v.w.room.Feedback(v.w.now, v.seat, in, &v.w.out)
		v.w.flush()
	}
	if ms%100 == 0 {
		v.sample()
	}
}

// report sends RTCP.
func (v *viewer) report(p rtcp.Packet) {
	b, err := p.Marshal()
	if err != nil {
		v.w.t.Fatal(err)
	}
	v.up.Push(v.w.now, len(b)+perPacket, b)
}

func (v *viewer) sample() {
	s := viewerSample{at: v.w.at(), received: float64(v.arrived) * 8 / 100, spatial: -1, temporal: -1}
	v.arrived = 0
	if e := v.w.room.Bandwidth(v.seat); e != nil {
		stats := e.Stats()
		s.target, s.queue, s.loss, s.draining = float64(stats.Target)/1000, stats.Queue, stats.Loss, stats.Draining
	}
	if len(v.slots) > 0 {
		t := v.slots[0]
		s.decoded = t.countSince(v.w.at() - 100*time.Millisecond)
	}
	for _, st := range v.states {
		s.spatial, s.temporal = int8(st.GetSpatial()), int8(st.GetTemporal())
	}
	v.trace = append(v.trace, s)
}
