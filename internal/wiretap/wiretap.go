// Package wiretap proves that no frame leaves a sender in clear. A [Tap] gets
// every RTP packet that a server receives, from the first of every stream on and
// before anything is filtered, puts the frames together and opens each with the
// keys of the meeting. A frame that does not open is a failure.
//
// It is for tests only: the command in cmd/wiretap is a server that holds keys,
// which no server of the product may.
package wiretap

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"conclave/core/sframe"
)

// maxFailures bounds the failures that a report describes; all are counted.
const maxFailures = 20

// A Packet is one RTP packet of a publisher.
type Packet struct {
	SSRC     uint32
	Mid, RID string
	Kind     string // "microphone", "camera", "screen" or "screen-audio"
	Codec    string // "video/VP9"
	Sequence uint16
	Marker   bool
	Payload  []byte // without padding
}

// A Tap collects packets and opens frames. It may be used concurrently.
type Tap struct {
	mu      sync.Mutex
	openers map[sframe.Epoch]*sframe.Opener
	streams map[uint32]*stream
	pending []pending
	seen    map[counter][sha256.Size]byte // every frame that opened
	report  Report
}

// A counter is what may be used for one frame only: AES-GCM gives both frames
// away where it is used for two.
type counter struct {
	epoch sframe.Epoch
	kid   sframe.KID
	ctr   uint64
}

// maxPending bounds the frames that wait for a key.
const maxPending = 20_000

// A pending frame did not open when it came. It is judged once more when the
// report is made: the publisher may have had the key of an epoch first.
type pending struct {
	stream *stream
	frame  []byte
}

// A Report is what the tap saw until now.
type Report struct {
	Frames     int             `json:"frames"`
	Opened     int             `json:"opened"`
	Failed     int             `json:"failed"`
	Incomplete int             `json:"incomplete"` // a packet was lost, so the frame cannot be judged
	Streams    []*StreamReport `json:"streams"`
	Failures   []string        `json:"failures"`
}

// A StreamReport is what the tap saw of one RTP stream.
type StreamReport struct {
	Kind       string         `json:"kind"`
	Mid        string         `json:"mid"`
	RID        string         `json:"rid"`
	SSRC       uint32         `json:"ssrc"`
	Codecs     []string       `json:"codecs"`
	Packets    int            `json:"packets"`
	Opened     int            `json:"opened"`
	Failed     int            `json:"failed"`
	Incomplete int            `json:"incomplete"`
	Empty      int            `json:"empty"`    // padding and zero-length audio
	Repeated   int            `json:"repeated"` // the same bytes again, as when a sender probes
	Layers     map[string]int `json:"layers"`
}

// New returns a tap without keys.
func New() *Tap {
	return &Tap{
		openers: make(map[sframe.Epoch]*sframe.Opener),
		streams: make(map[uint32]*stream),
		seen:    make(map[counter][sha256.Size]byte),
	}
}

// AddKey gives the tap a key. Keys of all epochs are kept: a frame may be late,
// and none may go unjudged.
func (t *Tap) AddKey(epoch sframe.Epoch, key sframe.KeyMaterial) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	opener := t.openers[epoch]
	if opener == nil {
		opener = sframe.NewOpener()
		t.openers[epoch] = opener
	}
	return opener.Add(key)
}

// Add gives the tap a packet. The payload is copied.
func (t *Tap) Add(p Packet) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.streams[p.SSRC]
	if s == nil {
		s = newStream(p, t.judge)
		t.streams[p.SSRC] = s
	}
	s.add(p)
}

// Report returns what was seen until now. Frames still in parts are judged first.
func (t *Tap) Report() Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.streams {
		s.flush()
	}
	t.judgePending()
	r := t.report
	r.Failures = append([]string{}, r.Failures...)
	r.Streams = make([]*StreamReport, 0, len(t.streams))
	for _, ssrc := range slices.Sorted(maps.Keys(t.streams)) {
		one := t.streams[ssrc].report
		one.Codecs, one.Layers = slices.Clone(one.Codecs), maps.Clone(one.Layers)
		r.Streams = append(r.Streams, &one)
		r.Frames += one.Opened + one.Failed + one.Incomplete
		r.Opened += one.Opened
		r.Failed += one.Failed
		r.Incomplete += one.Incomplete
	}
	return r
}

// judge opens one sealed frame of a stream, with mu held.
func (t *Tap) judge(s *stream, frame []byte) {
	if reason := t.open(s, frame); reason == "" {
		return
	} else if len(t.pending) >= maxPending {
		t.fail(s, reason, frame)
		return
	}
	t.pending = append(t.pending, pending{s, slices.Clone(frame)})
}

// judgePending decides on the frames that waited for a key.
func (t *Tap) judgePending() {
	for _, p := range t.pending {
		if reason := t.open(p.stream, p.frame); reason != "" {
			t.fail(p.stream, reason, p.frame)
		}
	}
	t.pending = nil
}

// open opens a frame and counts it, or returns why it does not open.
func (t *Tap) open(s *stream, frame []byte) (reason string) {
	context, ok := contexts[s.report.Kind]
	if !ok {
		return fmt.Sprintf("stream of unknown kind %q", s.report.Kind)
	}
	h, _, err := sframe.ParseHeader(frame)
	if err != nil {
		return "no SFrame header"
	}
	c, _, low, err := h.KID.Split()
	if err != nil || c != context {
		return fmt.Sprintf("key id %#x is not one of %s", uint64(h.KID), s.report.Kind)
	}
	reason = "no key"
	for epoch, opener := range t.openers {
		if epoch%16 != low || !opener.Has(h.KID) {
			continue
		}
		_, fh, _, err := opener.OpenFrame(nil, frame)
		used := counter{epoch, h.KID, h.Counter}
		switch hash := sha256.Sum256(frame); {
		case err == nil:
			t.seen[used] = hash
			s.report.Opened++
			s.report.Layers[fmt.Sprintf("S%dT%d", fh.Spatial, fh.Temporal)]++
			return ""
		case !errors.Is(err, sframe.ErrReplay):
			reason = err.Error()
		case t.seen[used] == hash:
			s.report.Repeated++
			return ""
		default:
			reason = "the counter was used for another frame"
		}
	}
	return reason
}

func (t *Tap) fail(s *stream, reason string, frame []byte) {
	s.report.Failed++
	if len(t.report.Failures) < maxFailures {
		t.report.Failures = append(t.report.Failures, fmt.Sprintf("%s mid %s %s frame %d (%d bytes, begins %x): %s",
			s.report.Kind, s.report.Mid, s.codec, s.report.Opened+s.report.Failed, len(frame), frame[:min(8, len(frame))], reason))
	}
}

// contexts is which key context each kind of stream is sealed in.
var contexts = map[string]sframe.Context{
	"microphone":   sframe.Microphone,
	"camera":       sframe.Camera,
	"screen":       sframe.Screen,
	"screen-audio": sframe.ScreenAudio,
}
