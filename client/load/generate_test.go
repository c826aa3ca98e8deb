package load

import (
	"fmt"
	"testing"
	"time"

	"github.com/pion/rtp"

	"conclave/sfu/codec"
	"conclave/sfu/dd"
)

var parsers = [...]codec.Codec{VP9: codec.VP9, AV1: codec.AV1, VP8: codec.VP8, H264: codec.H264}

// TestPackets reads what is generated with the parsers that the server has.
func TestPackets(t *testing.T) {
	for _, c := range []struct {
		codec  Codec
		layers string
	}{
		{VP9, "L1T1"},
		{VP9, "L1T3"},
		{VP9, "L3T3_KEY"},
		{VP9, "L3T3"},
		{VP9, "L2T1"},
		{AV1, "L1T1"},
		{AV1, "L3T3_KEY"},
		{VP8, "L1T1"},
		{VP8, "L1T3"},
		{H264, "L1T1"},
	} {
		t.Run(fmt.Sprintf("%v %s", c.codec, c.layers), func(t *testing.T) { checkPackets(t, c.codec, c.layers) })
	}
}

func checkPackets(t *testing.T, c Codec, layers string) {
	l, err := ParseLayers(layers)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Stream{Codec: c, Layers: l}.validate()
	if err != nil {
		t.Fatal(err)
	}
	withDD := c == VP9 || c == AV1
	g, err := newGenerator(c, l.Mode, sizes(l.Mode.Spatial), s.parts(), withDD)
	if err != nil {
		t.Fatal(err)
	}
	g.extra = []int{2}
	r := &packetReader{t: t, codec: c, mode: l.Mode, withDD: withDD}
	for n := range 60 {
		packets, err := g.picture(n%25 == 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(packets) != 10 {
			t.Fatalf("picture %d has %d packets, want 10", n, len(packets))
		}
		r.picture(n, packets)
	}
}

// A packetReader checks pictures.
type packetReader struct {
	t      *testing.T
	codec  Codec
	mode   dd.Mode
	withDD bool

	structure, attached dd.Structure
	frame               dd.Descriptor // of the last packet
	pictureID           uint16
	temporal            []uint8 // of pictures since the key picture
}

func (r *packetReader) picture(n int, packets []packet) {
	r.t.Helper()
	key := n%25 == 0
	if key {
		r.temporal = nil
	}
	for i := range packets {
		p := &packets[i]
		if p.marker != (i == len(packets)-1) {
			r.t.Fatalf("picture %d: marker of packet %d is %v", n, i, p.marker)
		}
		r.size(p)
		var info codec.Info
		if err := codec.Parse(parsers[r.codec], p.payload, &info); err != nil {
			r.t.Fatalf("picture %d, packet %d: %v", n, i, err)
		}
		r.info(n, i, key, &info)
		if r.withDD {
			r.descriptor(n, i, key, p.descriptor, &info)
		}
	}
}

// size checks how large the RTP packet is with the transport-wide number that
// an interceptor adds.
func (r *packetReader) size(p *packet) {
	r.t.Helper()
	out := rtp.Packet{Header: rtp.Header{Version: 2}, Payload: p.payload}
	if len(p.descriptor) > 0 {
		if err := out.SetExtension(5, p.descriptor); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := out.SetExtension(3, []byte{1, 2}); err != nil {
		r.t.Fatal(err)
	}
	if n := out.MarshalSize(); n != defaultSize {
		r.t.Fatalf("packet of %d bytes, want %d", n, defaultSize)
	}
}

// info checks the payload descriptor of packet i.
func (r *packetReader) info(n, i int, key bool, info *codec.Info) {
	r.t.Helper()
	if info.HasFirst && i == 0 && !info.First {
		r.t.Fatalf("picture %d: its first packet does not begin a frame", n)
	}
	if first := i == 0; first && info.Key != key {
		r.t.Fatalf("picture %d: key is %v, want %v", n, info.Key, key)
	}
	if !info.HasPictureID {
		return
	}
	want := r.pictureID
	if i == 0 {
		want = (want + 1) % pictureIDs
	}
	if n > 0 && info.PictureID != want {
		r.t.Fatalf("picture %d, packet %d: picture id %d, want %d", n, i, info.PictureID, want)
	}
	r.pictureID = info.PictureID
	if pattern := r.mode.Pattern(); info.HasLayers && info.Temporal != pattern[n%25%len(pattern)] {
		r.t.Fatalf("picture %d: temporal layer %d", n, info.Temporal)
	}
	if key && i == 0 && r.codec == VP9 && (int(info.SpatialCount) != r.mode.Spatial || info.Resolutions[info.SpatialCount-1].Width != 1280) {
		r.t.Fatalf("picture %d: structure has %d layers up to %v", n, info.SpatialCount, info.Resolutions)
	}
}

// descriptor checks the dependency descriptor of packet i against the payload's.
func (r *packetReader) descriptor(n, i int, key bool, b []byte, info *codec.Info) {
	r.t.Helper()
	var d dd.Descriptor
	if err := dd.Parse(b, &r.structure, &r.attached, &d); err != nil {
		r.t.Fatalf("picture %d, packet %d: %v", n, i, err)
	}
	if d.Attached != (key && i == 0) {
		r.t.Fatalf("picture %d, packet %d: structure attached is %v", n, i, d.Attached)
	}
	if d.Attached {
		r.structure = r.attached
	}
	if info.HasLayers && (info.Spatial != d.Spatial || info.Temporal != d.Temporal) {
		r.t.Fatalf("picture %d, packet %d: layers %d %d in the payload, %d %d in the descriptor", n, i, info.Spatial, info.Temporal, d.Spatial, d.Temporal)
	}
	if info.HasFirst && r.codec == VP9 && (info.First != d.StartOfFrame || info.Last != d.EndOfFrame) {
		r.t.Fatalf("picture %d, packet %d: payload and descriptor disagree about where the frame begins or ends", n, i)
	}
	if d.StartOfFrame && n > 0 && d.FrameNumber != r.frame.FrameNumber+1 || !d.StartOfFrame && d.FrameNumber != r.frame.FrameNumber {
		r.t.Fatalf("picture %d, packet %d: frame %d after %d", n, i, d.FrameNumber, r.frame.FrameNumber)
	}
	r.frame = d
}

// TestVP9References checks that no picture is predicted from one of a higher or
// equal temporal layer, but for the lowest.
func TestVP9References(t *testing.T) {
	mode := dd.Mode{Spatial: 1, Temporal: 3}
	g, err := newGenerator(VP9, mode, sizes(1), []part{{1, 200}}, false)
	if err != nil {
		t.Fatal(err)
	}
	var temporal []uint8
	for n := range 40 {
		packets, err := g.picture(n == 0)
		if err != nil {
			t.Fatal(err)
		}
		temporal = append(temporal, mode.Pattern()[n%4])
		if n == 0 {
			continue
		}
		back := int(packets[0].payload[4] >> 1) // P_DIFF, after flags, picture id and layers
		if back == 0 || back > n {
			t.Fatalf("picture %d is predicted from %d pictures back", n, back)
		}
		if from := temporal[n-back]; from >= max(temporal[n], 1) {
			t.Errorf("picture %d of layer %d is predicted from layer %d", n, temporal[n], from)
		}
	}
}

func TestParts(t *testing.T) {
	for _, c := range []struct {
		layers  string
		pattern Pattern
		rate    int
		packets int
	}{
		{"L1T1", Burst10, 0, 10},
		{"L3T3_KEY", Burst10, 0, 10},
		{"L3T3_KEY", Burst20, 0, 20},
		{"simulcast", Spaced, 0, 10},
		{"L1T1", Burst10, 2_500_000, 11},
		{"L1T1", Burst10, 100_000, 1},
		{"L3T1", Burst20, 600_000, 4},
	} {
		l, err := ParseLayers(c.layers)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Stream{Layers: l, Pattern: c.pattern, Rate: c.rate}.validate()
		if err != nil {
			t.Fatal(err)
		}
		packets, bytes := 0, 0
		for _, p := range s.parts() {
			packets += p.packets
			bytes += p.packets * p.size
		}
		if packets != c.packets {
			t.Errorf("%+v: %d packets a picture", c, packets)
		}
		if got := float64(bytes) * 8 * s.FPS; c.rate > 0 && (got < 0.97*float64(c.rate) || got > 1.03*float64(c.rate)) {
			t.Errorf("%+v: %.0f bit/s", c, got)
		}
	}
}

func TestStamp(t *testing.T) {
	b := make([]byte, 100)
	now := time.Now()
	stamp(b, now)
	if got := age(b, now.Add(3*time.Millisecond)); got != 3*time.Millisecond {
		t.Errorf("age = %v, want 3 ms", got)
	}
}

func TestStreamsThatMakeNoSense(t *testing.T) {
	for _, s := range []Stream{
		{Size: 100},
		{Size: 5000},
		{FPS: 0.5},
		{Rate: -1},
		{Codec: VP8, Layers: Layers{dd.Mode{Spatial: 3, Temporal: 1}, 1}},
		{Codec: H264, Layers: Layers{dd.Mode{Spatial: 1, Temporal: 3}, 1}},
	} {
		if _, err := s.validate(); err == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}
