package rtc

import (
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"conclave/api"
	"conclave/sfu/codec"
	"conclave/sfu/dd"
	"conclave/sfu/layer"
)

// sent is a packet as a fake peer connection was given it.
type sent struct {
	header  rtp.Header
	payload []byte
}

// fakeWriter is the end of the packet path in a test.
type fakeWriter struct {
	keep    bool
	packets []sent
	count   int
}

func (w *fakeWriter) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	w.count++
	if w.keep {
		c := h.Clone()
		w.packets = append(w.packets, sent{c, append([]byte(nil), payload...)})
	}
	return 1, nil
}

func (w *fakeWriter) Write([]byte) (int, error) { panic("not used") }

// fakeContext is what pion binds a slot with.
type fakeContext struct{ w *fakeWriter }

func (fakeContext) CodecParameters() []webrtc.RTPCodecParameters {
	return []webrtc.RTPCodecParameters{
		{PayloadType: 98, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "video/VP9"}},
		{PayloadType: 99, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "video/rtx", SDPFmtpLine: "apt=98"}},
	}
}

func (fakeContext) HeaderExtensions() []webrtc.RTPHeaderExtensionParameter {
	return []webrtc.RTPHeaderExtensionParameter{{URI: sdp.TransportCCURI, ID: 3}, {URI: dd.URI, ID: 5}}
}
func (fakeContext) SSRC() webrtc.SSRC                       { return 1 }
func (fakeContext) SSRCRetransmission() webrtc.SSRC         { return 2 }
func (fakeContext) SSRCForwardErrorCorrection() webrtc.SSRC { return 0 }
func (c fakeContext) WriteStream() webrtc.TrackLocalWriter  { return c.w }
func (fakeContext) ID() string                              { return "x" }
func (fakeContext) RTCPReader() interceptor.RTCPReader      { return nil }

// wiring is a stream and a slot that shows it, without sockets.
type wiring struct {
	stream *stream
	slot   *slot
	writer *fakeWriter
	egress *egress
	now    time.Time

	writer9  *dd.Writer
	sequence uint16
	n        int
}

const testDD = 7 // the publisher's id of the dependency descriptor

func newWiring(t testing.TB) *wiring {
	t.Helper()
	r := &Room{engine: new(Engine)}
	publisher := &Seat{room: r, id: 1, wake: make(chan struct{}, 1)}
	publisher.pub = newPublisher(publisher)
	viewer := &Seat{room: r, id: 2, wake: make(chan struct{}, 1)}
	e, err := newEgress(viewer)
	if err != nil {
		t.Fatal(err)
	}
	source := layer.Source(0)
	w := &wiring{
		stream: newStream(publisher, 1, &section{mid: "0"}, api.StreamKind_STREAM_KIND_CAMERA,
			func() layer.Source { source++; return source }),
		slot: newSlot(e, false, 0), writer: new(fakeWriter), egress: e, now: testTime,
	}
	w.stream.encodings[0].ssrc = 4711
	if _, err := w.slot.Bind(fakeContext{w.writer}); err != nil {
		t.Fatal(err)
	}
	w.stream.attach(w.slot)
	if w.writer9, err = dd.NewWriter(dd.Mode{Spatial: 3, Temporal: 1, Key: true}, nil, 1); err != nil {
		t.Fatal(err)
	}
	return w
}

// next returns the next packet of a stream with one layer, a frame of its own.
func (w *wiring) next(t testing.TB) []byte {
	t.Helper()
	key := w.n == 0
	if err := w.writer9.Begin(0, 0, key); err != nil {
		t.Fatal(err)
	}
	d, err := w.writer9.Append(nil, true, true)
	if err != nil {
		t.Fatal(err)
	}
	flags := byte(0x80 | 0x20 | 0x10 | 0x08 | 0x04)
	rest := []byte{0x10}
	if !key {
		flags, rest = flags|0x40, append(rest, 1<<1)
	}
	payload := append([]byte{flags, 0x80 | byte(w.n>>8&0x7f), byte(w.n)}, rest...)
	payload = append(payload, make([]byte, 1000)...)
	w.sequence++
	p := &rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: 120, SequenceNumber: w.sequence, Timestamp: uint32(w.n) * 3000, Marker: true},
		Payload: payload,
	}
	profile := uint16(profileOneByte)
	if len(d) > 16 {
		profile = profileTwoByte
	}
	if err := p.SetExtensionWithProfile(testDD, d, profile); err != nil {
		t.Fatal(err)
	}
	w.n++
	return marshal(t, p)
}

// receive hands a packet to the stream as its ingest would.
func (w *wiring) receive(b []byte) {
	var p packet
	if !parsePacket(b, &p) {
		panic("test packet does not parse")
	}
	w.now = w.now.Add(33 * time.Millisecond)
	w.stream.receiveVideo(w.now, w.stream.encodings[0], 0, payload{mime: "video/VP9", video: codec.VP9}, testDD, b, &p)
}

func (w *wiring) show() {
	w.egress.mu.Lock()
	defer w.egress.mu.Unlock()
	w.slot.selector.SetTarget(layer.Top)
}

func TestForwardWritesOwnHeader(t *testing.T) {
	w := newWiring(t)
	w.writer.keep = true
	w.receive(w.next(t)) // tells the codec
	w.n = 0
	w.show()
	w.receive(w.next(t))
	for range 3 {
		w.receive(w.next(t))
	}
	if len(w.writer.packets) < 3 {
		t.Fatalf("%d packets were sent, want at least 3", len(w.writer.packets))
	}
	for i, s := range w.writer.packets {
		h := s.header
		if h.SSRC != 1 || h.PayloadType != 98 || !h.Marker || h.GetExtension(5) == nil || h.GetExtension(testDD) != nil {
			t.Errorf("packet %d: header = %+v", i, h)
		}
		want := uint16(profileOneByte)
		if i == 0 {
			want = profileTwoByte // the structure is long
		}
		if h.ExtensionProfile != want {
			t.Errorf("packet %d: extension profile %#x, want %#x", i, h.ExtensionProfile, want)
		}
		if i > 0 {
			last := w.writer.packets[i-1].header
			if h.SequenceNumber != last.SequenceNumber+1 || number(h) != number(last)+1 {
				t.Errorf("packet %d: number %d and transport-wide %d do not follow %d and %d", i,
					h.SequenceNumber, number(h), last.SequenceNumber, number(last))
			}
		}
	}
}

// number returns the transport-wide number.
func number(h rtp.Header) uint16 {
	b := h.GetExtension(3)
	return uint16(b[0])<<8 | uint16(b[1])
}

func TestNACKIsAnsweredOnce(t *testing.T) {
	w := newWiring(t)
	w.show()
	for range 10 {
		w.receive(w.next(t))
	}
	w.writer.keep = true
	w.receive(w.next(t))
	if len(w.writer.packets) != 1 {
		t.Fatalf("%d packets were sent, want 1", len(w.writer.packets))
	}
	lost := w.writer.packets[0]
	nack := &rtcp.TransportLayerNack{MediaSSRC: 1, Nacks: []rtcp.NackPair{{PacketID: lost.header.SequenceNumber}}}
	w.egress.nack(w.now, nack)
	w.egress.nack(w.now, nack)
	if len(w.writer.packets) != 2 {
		t.Fatalf("%d packets after two NACKs at once, want 2", len(w.writer.packets))
	}
	got := w.writer.packets[1]
	if got.header.SSRC != 2 || got.header.PayloadType != 99 || got.header.Timestamp != lost.header.Timestamp {
		t.Errorf("repair header = %+v", got.header)
	}
	if osn := uint16(got.payload[0])<<8 | uint16(got.payload[1]); osn != lost.header.SequenceNumber {
		t.Errorf("original number = %d, want %d", osn, lost.header.SequenceNumber)
	}
	if string(got.payload[2:]) != string(lost.payload) {
		t.Error("repair has another payload")
	}
	// Numbers that were never sent, and a flood, cost nothing.
	for i := range uint16(1000) {
		w.egress.nack(w.now, &rtcp.TransportLayerNack{MediaSSRC: 1, Nacks: []rtcp.NackPair{{PacketID: 30000 + i*17, LostPackets: 0xFFFF}}})
	}
	if n := len(w.writer.packets); n > 20 {
		t.Errorf("a flood of NACKs sent %d packets", n)
	}
}

func TestKeyFrameRequestsAreMerged(t *testing.T) {
	w := newWiring(t)
	asked := func() int { return len(w.stream.seat.pub.keyFrames) }
	for range 10 {
		w.stream.ask(w.now, 0)
	}
	if got := asked(); got != 1 {
		t.Errorf("%d requests went out at once, want 1", got)
	}
	if !w.stream.flush(w.now.Add(keyFrameInterval / 2)) {
		t.Error("nothing waits, want the merged request to")
	}
	if w.stream.flush(w.now.Add(keyFrameInterval)) || asked() != 2 {
		t.Errorf("%d requests after the interval, want 2", asked())
	}
	if w.stream.flush(w.now.Add(2*keyFrameInterval)) || asked() != 2 {
		t.Error("a request was repeated that nobody made")
	}
	w.stream.ask(w.now, -1) // not an encoding
	w.stream.ask(w.now, 3)
}

func TestDuplicatesAndPaddingAreDropped(t *testing.T) {
	w := newWiring(t)
	w.show()
	b := w.next(t)
	w.receive(b)
	before := w.writer.count
	w.receive(b)
	w.sequence++
	w.receive(marshal(t, &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 120, SequenceNumber: w.sequence, Padding: true, PaddingSize: 200}}))
	if w.writer.count != before {
		t.Errorf("%d packets were sent for a duplicate and padding", w.writer.count-before)
	}
	s := &w.stream.seat.room.engine.stats
	if s.Duplicates.Load() != 1 || s.PaddingReceived.Load() != 1 {
		t.Errorf("duplicates = %d, padding = %d, want 1 and 1", s.Duplicates.Load(), s.PaddingReceived.Load())
	}
}

// TestForwardAllocs holds rule 34: from the parsed packet to pion's writer,
// nothing is allocated.
func TestForwardAllocs(t *testing.T) {
	w := newWiring(t)
	w.show()
	var packets [][]byte
	for range 2000 {
		packets = append(packets, w.next(t))
	}
	i := 0
	for ; i < 900; i++ { // fill the cache once
		w.receive(packets[i])
	}
	before := w.writer.count
	if got := testing.AllocsPerRun(1000, func() {
		w.receive(packets[i])
		i++
	}); got != 0 {
		t.Errorf("forwarding allocates %v times a packet, want 0", got)
	}
	if w.writer.count-before < 900 {
		t.Errorf("%d of 1001 packets were forwarded", w.writer.count-before)
	}
}
