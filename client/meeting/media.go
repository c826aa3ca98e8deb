package meeting

import (
	"time"
	"unicode/utf8"

	"conclave/api"
)

var streamKinds = map[api.StreamKind]StreamKind{
	api.StreamKind_STREAM_KIND_MICROPHONE:   Microphone,
	api.StreamKind_STREAM_KIND_CAMERA:       Camera,
	api.StreamKind_STREAM_KIND_SCREEN:       Screen,
	api.StreamKind_STREAM_KIND_SCREEN_AUDIO: ScreenAudio,
}

var wireKinds = map[StreamKind]api.StreamKind{
	Microphone:  api.StreamKind_STREAM_KIND_MICROPHONE,
	Camera:      api.StreamKind_STREAM_KIND_CAMERA,
	Screen:      api.StreamKind_STREAM_KIND_SCREEN,
	ScreenAudio: api.StreamKind_STREAM_KIND_SCREEN_AUDIO,
}

var reasons = map[api.StreamState_Reason]string{
	api.StreamState_REASON_SENDING:        "sending",
	api.StreamState_REASON_BANDWIDTH:      "bandwidth",
	api.StreamState_REASON_NO_PACKETS:     "no-packets",
	api.StreamState_REASON_WAIT_KEY_FRAME: "wait-key-frame",
	api.StreamState_REASON_CODEC:          "codec",
}

// takeStreams keeps the list of streams; show maps it to members.
func (m *Meeting) takeStreams(in []*api.Stream) {
	if len(in) > maxStreams {
		m.stats.Malformed++
		return
	}
	out := make([]Stream, 0, len(in))
	for _, s := range in {
		kind, ok := streamKinds[s.GetKind()]
		if !ok || s.GetStream() == 0 || len(s.GetCodec()) > maxShort {
			m.stats.Malformed++
			continue
		}
		out = append(out, Stream{
			Stream: StreamID(s.GetStream()), Seat: SeatID(s.GetSeat()),
			StreamKind: kind, Codec: s.GetCodec(), Active: s.GetActive(),
		})
	}
	m.streams = out
}

func (m *Meeting) takeOffer(in *api.SubscribeOffer) {
	slots, ok := m.slots(in.GetSlots())
	if !ok || in.GetSdp() == "" || len(in.GetSdp()) > maxOffer {
		m.stats.Malformed++
		return
	}
	m.emit(SubscribeOffer{Generation: in.GetGeneration(), SDP: in.GetSdp(), Slots: slots})
}

func (m *Meeting) takeSlots(in []*api.Slot) {
	slots, ok := m.slots(in)
	if !ok {
		m.stats.Malformed++
		return
	}
	m.emit(Slots{Slots: slots})
}

func (m *Meeting) slots(in []*api.Slot) ([]Slot, bool) {
	if len(in) > maxStreams {
		return nil, false
	}
	out := make([]Slot, 0, len(in))
	for _, s := range in {
		if len(s.GetMid()) > maxShort {
			return nil, false
		}
		out = append(out, Slot{Mid: s.GetMid(), Stream: StreamID(s.GetStream())})
	}
	return out, true
}

func (m *Meeting) takeStreamStates(in []*api.StreamState) {
	if len(in) > maxStreams {
		m.stats.Malformed++
		return
	}
	out := make([]StreamState, 0, len(in))
	for _, s := range in {
		reason, ok := reasons[s.GetReason()]
		if !ok {
			reason = "unknown"
		}
		out = append(out, StreamState{
			Stream: StreamID(s.GetStream()), Reason: reason,
			Spatial: int(s.GetSpatial()), Temporal: int(s.GetTemporal()), Estimate: s.GetEstimate(),
		})
	}
	m.emit(StreamStates{States: out})
}

func (m *Meeting) takeSpeakers(in []uint32) {
	if len(in) > maxMembers {
		m.stats.Malformed++
		return
	}
	out := make([]Index, 0, len(in))
	for _, seat := range in {
		if i, ok := m.indexOf(SeatID(seat)); ok {
			out = append(out, i)
		}
	}
	m.emit(Speakers{Indexes: out})
}

// isText reports whether s is UTF-8 of 1 to limit bytes.
func isText(s string, limit int) bool {
	return s != "" && len(s) <= limit && utf8.ValidString(s)
}

// ready returns why a command about media cannot be sent now.
func (m *Meeting) ready() error {
	switch {
	case m.phase == phaseOver:
		return ErrOver
	case m.phase != phaseSeated || !m.canAsk():
		return ErrAway
	default:
		return nil
	}
}

// Publish offers the sending peer connection; Published or PublishFailed
// answers, or neither if the connection is lost before: publish again after
// Joined. It returns ErrOver, ErrAway or ErrTooLarge.
func (m *Meeting) Publish(now time.Time, sdp string, streams []PublishedStream) error {
	if err := m.ready(); err != nil {
		return err
	}
	if !isText(sdp, maxSDP) || len(streams) > maxOwnStreams {
		return ErrTooLarge
	}
	p := &api.Publish{Sdp: sdp}
	for _, s := range streams {
		kind, ok := wireKinds[s.Kind]
		if !ok || !isText(s.Mid, maxShort) {
			return ErrTooLarge
		}
		p.Streams = append(p.Streams, &api.PublishedStream{Mid: s.Mid, Kind: kind, Active: s.Active})
	}
	m.ask(now, request{kind: requestPublish}, &api.ClientFrame{Body: &api.ClientFrame_Publish{Publish: p}})
	return nil
}

func (m *Meeting) publishReply(p *api.Published, refusal *api.Error) {
	switch {
	case refusal != nil:
		m.emit(PublishFailed{Message: shorten(refusal.GetMessage())})
	case p == nil || p.GetSdp() == "" || len(p.GetSdp()) > maxOffer:
		m.stats.Malformed++
		m.emit(PublishFailed{Message: "the answer of the server cannot be used"})
	default:
		m.emit(Published{SDP: p.GetSdp()})
	}
}

func shorten(s string) string {
	if len(s) > maxShort {
		s = s[:maxShort]
	}
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

// AnswerSubscribe answers the SubscribeOffer of the same generation.
func (m *Meeting) AnswerSubscribe(_ time.Time, generation uint64, sdp string) error {
	if err := m.ready(); err != nil {
		return err
	}
	if !isText(sdp, maxSDP) {
		return ErrTooLarge
	}
	m.send(&api.ClientFrame{Body: &api.ClientFrame_SubscribeAnswer{
		SubscribeAnswer: &api.SubscribeAnswer{Generation: generation, Sdp: sdp},
	}})
	return nil
}

// View says what is shown; streams that are not listed are not sent. It may be
// called at any time: the last one is sent again with every new connection.
func (m *Meeting) View(_ time.Time, items []ViewItem) error {
	if m.phase == phaseOver {
		return ErrOver
	}
	if len(items) > maxViewItems {
		return ErrTooLarge
	}
	view := make([]ViewItem, len(items))
	for i, v := range items {
		view[i] = ViewItem{
			Stream: v.Stream, Priority: min(max(v.Priority, 0), maxPriority),
			Width: min(max(v.Width, 0), maxPixels), Height: min(max(v.Height, 0), maxPixels),
		}
	}
	m.view = view
	if m.phase == phaseSeated {
		m.sendView()
	}
	return nil
}

func (m *Meeting) sendView() {
	v := &api.View{}
	for _, i := range m.view {
		v.Items = append(v.Items, &api.ViewItem{
			Stream: uint32(i.Stream), Width: uint32(i.Width), Height: uint32(i.Height), Priority: uint32(i.Priority),
		})
	}
	m.send(&api.ClientFrame{Body: &api.ClientFrame_View{View: v}})
}

// RequestKeyFrame asks for a key frame of a stream.
func (m *Meeting) RequestKeyFrame(_ time.Time, stream StreamID) error {
	if err := m.ready(); err != nil {
		return err
	}
	m.send(&api.ClientFrame{Body: &api.ClientFrame_KeyFrameRequest{
		KeyFrameRequest: &api.KeyFrameRequest{Stream: uint32(stream)},
	}})
	return nil
}

// RestartSubscribe asks for a SubscribeOffer with new ICE credentials.
func (m *Meeting) RestartSubscribe(time.Time) error {
	if err := m.ready(); err != nil {
		return err
	}
	m.send(&api.ClientFrame{Body: &api.ClientFrame_RestartSubscribe{RestartSubscribe: &api.RestartSubscribe{}}})
	return nil
}

// A PublishedStream describes an m-line of the sending peer connection.
type PublishedStream struct {
	Mid    string
	Kind   StreamKind
	Active bool
}

// A ViewItem says how large a stream is shown.
type ViewItem struct {
	Stream        StreamID
	Width, Height int // device pixels
	Priority      int // 1 thumbnail, 2 large tile, 3 screen share
}
