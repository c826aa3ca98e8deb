package rtc

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"conclave/sfu/dd"
	"conclave/sfu/layer"
)

// A slot is one m-line of a receiving peer connection. It carries one stream
// after another, with numbers that go on: the receiver's decoder sees one
// stream that begins anew with a key frame.
//
// A slot is the TrackLocal that pion asks what it sends. It writes its own
// headers: pion's ready-made tracks pass on the publisher's extension ids.
type slot struct {
	// Constant after newSlot.
	egress *egress
	audio  bool
	id     string

	// Owned by the control goroutine of the receiver.
	transceiver *webrtc.RTPTransceiver
	carries     *stream   // what the client is told; nil: idle
	wanted      bool      // carries is to be sent
	wantedAt    time.Time // when it last was
	attached    bool      // carries sends to the slot
	want        layer.Layer

	// egress.mu guards the fields below.
	writer        webrtc.TrackLocalWriter // nil before Bind
	ssrc, rtxSSRC uint32
	negotiated    bool
	payloadTypes  [codecCount]uint8 // 0: not negotiated
	repairTypes   [codecCount]uint8 // of RTX, by the codec that it repairs
	twccID        uint8             // header extensions; 0: not negotiated
	ddID          uint8
	levelID       uint8
	twoByte       bool // an id is above 14, which only the two-byte form can say

	stream   *stream // whose packets are taken; nil: none
	codec    codecID // of the stream
	selector *layer.Selector
	sound    renumberer
	repair   uint16 // sequence number of the last RTX packet

	packets, octets uint32 // sent, for sender reports
	lastTimestamp   uint32 // of the last packet, and when it was sent
	lastSent        time.Time
	last            layer.Layer // to count switches
	resent          resentLog
}

var _ webrtc.TrackLocal = (*slot)(nil)

func newSlot(e *egress, audio bool, number int) *slot {
	kind := "video"
	if audio {
		kind = "audio"
	}
	return &slot{egress: e, audio: audio, id: kind + strconv.Itoa(number), want: layer.None, last: layer.None}
}

// ID implements webrtc.TrackLocal.
func (t *slot) ID() string { return t.id }

// RID implements webrtc.TrackLocal: a slot has one encoding.
func (t *slot) RID() string { return "" }

// StreamID implements webrtc.TrackLocal. Each slot is a media stream of its own,
// since what it carries changes.
func (t *slot) StreamID() string { return "slot-" + t.id }

// Kind implements webrtc.TrackLocal.
func (t *slot) Kind() webrtc.RTPCodecType {
	if t.audio {
		return webrtc.RTPCodecTypeAudio
	}
	return webrtc.RTPCodecTypeVideo
}

// Bind implements webrtc.TrackLocal: pion calls it when the m-line is
// negotiated.
func (t *slot) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	codecs := c.CodecParameters()
	if len(codecs) == 0 {
		return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
	}
	e := t.egress
	e.mu.Lock()
	defer e.mu.Unlock()
	t.writer, t.ssrc, t.rtxSSRC = c.WriteStream(), uint32(c.SSRC()), uint32(c.SSRCRetransmission())
	e.bySSRC[t.ssrc] = t
	if t.rtxSSRC != 0 {
		e.bySSRC[t.rtxSSRC] = t
	}
	t.bindCodecs(codecs)
	t.twoByte = false
	for _, x := range c.HeaderExtensions() {
		if x.ID < 1 || x.ID > 255 {
			continue
		}
		id := uint8(x.ID)
		switch x.URI {
		case sdp.TransportCCURI:
			t.twccID = id
		case dd.URI:
			t.ddID = id
		case sdp.AudioLevelURI:
			t.levelID = id
		default:
			continue
		}
		t.twoByte = t.twoByte || id > 14
	}
	if t.selector == nil && !t.audio {
		t.selector = layer.NewSelector(layer.Config{
			Descriptor: t.ddID != 0,
			Sequence:   uint16(rand.Uint32()), //nolint:gosec // as in newEgress
			Timestamp:  rand.Uint32(),         //nolint:gosec // as in newEgress
		})
	}
	return codecs[0], nil
}

// bindCodecs notes what payload types the receiver gave the codecs. Of one in
// several variants the first counts.
func (t *slot) bindCodecs(codecs []webrtc.RTPCodecParameters) {
	t.negotiated = true
	t.payloadTypes, t.repairTypes = [codecCount]uint8{}, [codecCount]uint8{}
	for _, c := range codecs {
		if id := codecOf(c.MimeType); id != codecUnknown && t.payloadTypes[id] == 0 {
			t.payloadTypes[id] = uint8(c.PayloadType)
		}
	}
	for _, c := range codecs {
		apt, ok := strings.CutPrefix(c.SDPFmtpLine, "apt=")
		pt, err := strconv.ParseUint(apt, 10, 7)
		if !ok || err != nil {
			continue
		}
		for id, main := range t.payloadTypes {
			if main != 0 && main == uint8(pt) {
				t.repairTypes[id] = uint8(c.PayloadType)
			}
		}
	}
}

// Unbind implements webrtc.TrackLocal.
func (t *slot) Unbind(webrtc.TrackLocalContext) error {
	e := t.egress
	e.mu.Lock()
	defer e.mu.Unlock()
	t.writer = nil
	delete(e.bySSRC, t.ssrc)
	delete(e.bySSRC, t.rtxSSRC)
	return nil
}

// canReceive reports whether the receiver took a codec, and whether it has
// answered at all.
func (t *slot) canReceive(mime string) (can, negotiated bool) {
	t.egress.mu.Lock()
	defer t.egress.mu.Unlock()
	return t.payloadTypes[codecOf(mime)] != 0, t.negotiated
}

// show makes the slot take the packets of a stream. The stream's mu is held.
func (t *slot) show(s *stream, d layer.Stream) {
	t.egress.mu.Lock()
	defer t.egress.mu.Unlock()
	t.stream, t.codec = s, codecOf(*s.codecName.Load())
	if t.audio {
		t.sound.switchSource()
		return
	}
	if t.selector != nil {
		t.selector.SwitchSource(d)
	}
}

// hide makes the slot take no more packets of a stream.
func (t *slot) hide(s *stream) {
	t.egress.mu.Lock()
	defer t.egress.mu.Unlock()
	if t.stream != s {
		return
	}
	t.stream = nil
	if t.selector != nil {
		t.selector.SwitchSource(layer.Stream{})
		t.last = layer.None
	}
}

// forwardVideo sends what a packet of the stream makes due. The stream's mu is
// held.
func (t *slot) forwardVideo(now time.Time, s *stream, p *layer.Packet) {
	e := t.egress
	e.mu.Lock()
	defer e.mu.Unlock()
	pt := t.payloadTypes[t.codec]
	if t.stream != s || t.writer == nil || t.selector == nil || pt == 0 {
		return
	}
	for _, o := range t.selector.Forward(now, p) {
		from := p
		if o.Held {
			if from = s.packetLocked(o.Source, o.Incoming); from == nil {
				continue
			}
		}
		out := outgoing{
			slot: t, ssrc: t.ssrc, payloadType: pt, sequence: o.Sequence, timestamp: o.Timestamp,
			marker: o.Marker, descriptor: o.DD,
		}
		t.fill(&out, &o, from, 0)
		e.sendLocked(now, &out)
		t.count(now, &out)
	}
	if l := t.selector.Current(); l != t.last {
		t.last = l
		e.seat.room.engine.stats.LayerSwitches.Add(1)
	}
	if t.rtxSSRC != 0 {
		e.padding = t
	}
}

// fill sets the payload of an outgoing packet, after room for a prefix.
func (t *slot) fill(out *outgoing, o *layer.Out, from *layer.Packet, prefix int) {
	e := t.egress
	switch {
	case o.Padding:
		out.payload, out.padding = e.body[:prefix], 1
	case prefix == 0 && !o.Rewrite.Set:
		out.payload = from.Payload // shared by all receivers, and not changed
	default:
		n := copy(e.body[prefix:], from.Payload)
		o.Rewrite.Apply(e.body[prefix:prefix+n], &from.Info)
		out.payload = e.body[:prefix+n]
	}
}

// forwardAudio sends a packet of sound. The stream's mu is held.
func (t *slot) forwardAudio(now time.Time, s *stream, c codecID, extended uint64, level, b []byte, p *packet) {
	e := t.egress
	e.mu.Lock()
	defer e.mu.Unlock()
	pt := t.payloadTypes[c]
	if t.stream != s || t.writer == nil || pt == 0 {
		return
	}
	sequence, timestamp, begins, ok := t.sound.next(now, extended, p.timestamp)
	if !ok {
		return
	}
	out := outgoing{
		slot: t, ssrc: t.ssrc, payloadType: pt, sequence: sequence, timestamp: timestamp,
		marker: p.marker || begins, payload: p.payload.in(b),
	}
	if len(level) > 0 {
		out.level = level
	}
	e.sendLocked(now, &out)
	t.count(now, &out)
}

// skipAudio closes the gap that a packet which is not forwarded would leave.
func (t *slot) skipAudio(s *stream, extended uint64) {
	t.egress.mu.Lock()
	defer t.egress.mu.Unlock()
	if t.stream == s {
		t.sound.skip(extended)
	}
}

// count keeps what sender reports say. egress.mu is held.
func (t *slot) count(now time.Time, o *outgoing) {
	t.packets++
	t.octets += uint32(len(o.payload))
	if t.lastSent.IsZero() || o.timestamp != t.lastTimestamp {
		t.lastTimestamp, t.lastSent = o.timestamp, now
	}
}
