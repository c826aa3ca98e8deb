package media

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"conclave/client/clip"
	"conclave/sfu/codec"
	"conclave/sfu/dd"
)

func mustDemo(t testing.TB) *clip.Clip {
	t.Helper()
	c, err := clip.Demo()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// demoPackets packetises n pictures of the demo clip, unsealed.
func demoPackets(t testing.TB, n int, pictureID, frameNumber uint16) ([]*rtp.Packet, []packet, []clip.Frame) {
	t.Helper()
	c := mustDemo(t)
	source, err := newVP9Source(c.Video)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newVP9Packetizer(source.mode, source.sizes, pictureID, frameNumber)
	if err != nil {
		t.Fatal(err)
	}
	player := clip.NewPlayer(c, c.Video, time.Time{})
	var out []*rtp.Packet
	var parts []packet
	var frames []clip.Frame
	sequence := uint16(65000)
	for range n {
		pic := player.Next()
		var layers []layerFrame
		for i, f := range pic.Frames {
			info := source.frames[pic.Index+i]
			layers = append(layers, layerFrame{f.Spatial, f.Temporal, info.key, info.interLayer, info.pictures, f.Data})
			frames = append(frames, f)
		}
		packets, err := p.picture(layers)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range packets {
			sequence++
			out = append(out, &rtp.Packet{
				Header:  rtp.Header{Version: 2, SequenceNumber: sequence, Timestamp: uint32(pic.Ticks), Marker: part.marker},
				Payload: part.payload,
			})
		}
		parts = append(parts, packets...)
	}
	return out, parts, frames
}

// TestPacketsSayWhatTheyCarry reads every packet with the parsers that the
// forwarding server uses, and with pion's.
func TestPacketsSayWhatTheyCarry(t *testing.T) {
	packets, parts, frames := demoPackets(t, 320, 32700, 65500)
	structure, attached := &dd.Structure{}, &dd.Structure{}
	frame, starts := -1, 0
	lastPicture := -1
	for i, p := range packets {
		if size := 12 + otherExtras + ddExtra + len(parts[i].descriptor) + len(p.Payload); size > maxPacket {
			t.Errorf("packet %d may take %d bytes, more than %d", i, size, maxPacket)
		}
		var info codec.Info
		if err := codec.Parse(codec.VP9, p.Payload, &info); err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
		if info.First {
			frame++
			starts++
		}
		want := frames[frame]
		if info.Spatial != want.Spatial || info.Temporal != want.Temporal || !info.HasLayers {
			t.Fatalf("packet %d: layer S%dT%d, want S%dT%d", i, info.Spatial, info.Temporal, want.Spatial, want.Temporal)
		}
		keyPicture := frames[frame-int(want.Spatial)].Key
		if info.Key != want.Key || info.InterPicture == keyPicture || info.InterLayer != (keyPicture && want.Spatial > 0) {
			t.Fatalf("packet %d of S%d: key %v, inter-picture %v, inter-layer %v", i, want.Spatial, info.Key, info.InterPicture, info.InterLayer)
		}
		if hasStructure := info.SpatialCount > 0; hasStructure != (want.Key && info.First) {
			t.Fatalf("packet %d: structure %v, want it on the first packet of key pictures", i, hasStructure)
		}
		if info.SpatialCount > 0 && (info.SpatialCount != 3 || info.Resolutions[2] != codec.Resolution{Width: 960, Height: 540}) {
			t.Fatalf("packet %d: structure %+v", i, info)
		}
		if info.First && want.Spatial == 0 {
			if lastPicture >= 0 && int(info.PictureID) != (lastPicture+1)%pictureIDs {
				t.Fatalf("packet %d: picture %d follows %d", i, info.PictureID, lastPicture)
			}
			lastPicture = int(info.PictureID)
		}
		if p.Marker != (info.Last && want.Spatial == 2) {
			t.Fatalf("packet %d: marker %v", i, p.Marker)
		}
		checkPion(t, p, info)

		var d dd.Descriptor
		if err := dd.Parse(parts[i].descriptor, structure, attached, &d); err != nil {
			t.Fatalf("packet %d: descriptor: %v", i, err)
		}
		if d.Attached {
			structure, attached = attached, structure
		}
		if d.Attached != (want.Key && info.First) || d.Spatial != want.Spatial || d.Temporal != want.Temporal ||
			d.StartOfFrame != info.First || d.EndOfFrame != info.Last || d.FrameNumber != uint16(65500+frame) {
			t.Fatalf("packet %d: descriptor %+v", i, d)
		}
		checkDependencies(t, frame, want, &d)
	}
	if starts != len(frames) {
		t.Errorf("%d layer frames started, want %d", starts, len(frames))
	}
}

// checkDependencies compares what the descriptor says a frame depends on with
// what the encoder said when the clip was recorded.
func checkDependencies(t *testing.T, frame int, want clip.Frame, d *dd.Descriptor) {
	t.Helper()
	var got []uint16
	got = append(got, d.FrameDiffs[:d.FrameDiffCount]...)
	if fmt.Sprint(got) != fmt.Sprint(want.References) && len(got)+len(want.References) > 0 {
		t.Fatalf("frame %d: depends on %v, the encoder said %v", frame, got, want.References)
	}
}

func checkPion(t *testing.T, p *rtp.Packet, info codec.Info) {
	t.Helper()
	var v codecs.VP9Packet
	if _, err := v.Unmarshal(p.Payload); err != nil {
		t.Fatalf("pion refuses packet %d: %v", p.SequenceNumber, err)
	}
	if v.SID != info.Spatial || v.TID != info.Temporal || v.PictureID != info.PictureID || v.B != info.First || v.E != info.Last || !v.F {
		t.Fatalf("pion reads %+v, we %+v", v, info)
	}
	for _, d := range v.PDiff {
		if d == 0 || d > 4 {
			t.Fatalf("P_DIFF %d; the demo clip needs 1 to 4", d)
		}
	}
}

// assemble feeds packets to an assembler as they are, 1 ms apart.
func assemble(packets []*rtp.Packet, wait time.Duration) []sealedFrame {
	a := newAssembler(true)
	var out []sealedFrame
	now := time.Unix(1000, 0)
	for _, p := range packets {
		now = now.Add(time.Millisecond)
		a.push(now, p, func(f sealedFrame) { out = append(out, f) })
	}
	a.push(now.Add(wait), nil, func(f sealedFrame) { out = append(out, f) })
	return out
}

func TestAssembleWhatWasPacketized(t *testing.T) {
	packets, _, frames := demoPackets(t, 170, 1, 1)
	reordered := slices.Clone(packets) // each block of five comes in another order
	for i := 0; i+5 <= len(reordered); i += 5 {
		reordered[i+1], reordered[i+4] = reordered[i+4], reordered[i+1]
	}
	tests := []struct {
		name    string
		packets []*rtp.Packet
	}{
		{"in order", packets},
		{"out of order", reordered},
		{"all twice", append(append([]*rtp.Packet{}, packets[:50]...), packets...)},
		{"with padding", withPadding(packets)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := assemble(tt.packets, 0)
			if len(got) != len(frames) {
				t.Fatalf("%d frames, want %d", len(got), len(frames))
			}
			for i, f := range got {
				if !bytes.Equal(f.data, frames[i].Data) || f.lost || f.end != (frames[i].Spatial == 2) {
					t.Fatalf("frame %d: %d bytes, lost %v, end %v; want %d bytes of S%d", i, len(f.data), f.lost, f.end, len(frames[i].Data), frames[i].Spatial)
				}
			}
		})
	}
}

// withPadding puts a packet without payload behind each tenth and renumbers.
func withPadding(packets []*rtp.Packet) []*rtp.Packet {
	var out []*rtp.Packet
	add := func(p rtp.Packet) {
		p.SequenceNumber = uint16(100 + len(out))
		out = append(out, &p)
	}
	for i, p := range packets {
		add(*p)
		if i%10 == 9 {
			add(rtp.Packet{Header: p.Header})
		}
	}
	return out
}

func TestAssembleAfterLoss(t *testing.T) {
	packets, _, frames := demoPackets(t, 60, 1, 1)
	for _, lost := range []int{0, 1, 7, 36, 37, 90, len(packets) - 60} {
		t.Run(fmt.Sprintf("packet %d", lost), func(t *testing.T) {
			left := append(append([]*rtp.Packet{}, packets[:lost]...), packets[lost+1:]...)
			got := assemble(left, time.Second)
			if len(got) != len(frames)-1 {
				t.Fatalf("%d frames, want all %d but one", len(got), len(frames))
			}
			shift, broken := 0, 0
			for i, f := range got {
				if shift == 0 && !bytes.Equal(f.data, frames[i].Data) {
					shift = 1
				}
				if !bytes.Equal(f.data, frames[i+shift].Data) {
					t.Fatalf("frame %d is not the one that was sent", i)
				}
				if f.lost {
					broken++
				}
			}
			// With the very first packet nothing before is known to be missing.
			if want := min(lost, 1); broken != want {
				t.Errorf("%d frames marked as after a loss, want %d", broken, want)
			}
		})
	}
}

func TestAssembleWaitsForRetransmission(t *testing.T) {
	packets, _, frames := demoPackets(t, 5, 1, 1)
	a := newAssembler(true)
	n := 0
	each := func(f sealedFrame) {
		if !bytes.Equal(f.data, frames[n].Data) || f.lost {
			t.Fatalf("frame %d is wrong", n)
		}
		n++
	}
	now := time.Unix(1000, 0)
	for i, p := range packets {
		if i != 20 {
			a.push(now, p, each)
		}
	}
	before := n
	if at, ok := a.reorder.wake(); !ok || at != now.Add(videoWait) {
		t.Errorf("wake() = %v, %v, want in %v", at, ok, videoWait)
	}
	a.push(now.Add(videoWait-1), packets[20], each)
	if before == len(frames) || n != len(frames) {
		t.Errorf("%d frames before and %d after the missing packet came, want fewer than all and all %d", before, n, len(frames))
	}
}

func TestReorderRestartsAfterJump(t *testing.T) {
	r := &reorderer{wait: videoWait}
	now := time.Unix(1000, 0)
	push := func(s uint16) { r.push(now, &rtp.Packet{Header: rtp.Header{SequenceNumber: s}}) }
	push(10)
	push(12)
	push(10 + 5000)
	var got []uint16
	for {
		p, lost, ok := r.pop(now)
		if !ok {
			break
		}
		if lost {
			got = append(got, 0)
		}
		got = append(got, p.SequenceNumber)
	}
	if fmt.Sprint(got) != "[0 5010]" {
		t.Errorf("handed out %v, want a loss (0) and 5010", got)
	}
}

func FuzzAssemble(f *testing.F) {
	packets, _, _ := demoPackets(f, 2, 1, 1)
	for _, p := range packets[:3] {
		f.Add(uint16(1), uint16(2), p.Payload[:40], p.Payload[len(p.Payload)-10:])
	}
	f.Fuzz(func(t *testing.T, s1, s2 uint16, p1, p2 []byte) {
		a := newAssembler(true)
		now := time.Unix(1000, 0)
		n := 0
		each := func(f sealedFrame) { n += len(f.data) }
		for i, p := range []*rtp.Packet{
			{Header: rtp.Header{SequenceNumber: s1}, Payload: p1},
			{Header: rtp.Header{SequenceNumber: s2}, Payload: p2},
			{Header: rtp.Header{SequenceNumber: s2 + 1}, Payload: p1},
		} {
			a.push(now.Add(time.Duration(i)*time.Second), p, each)
		}
		if n > 2*len(p1)+len(p2) {
			t.Errorf("%d bytes came out of %d", n, 2*len(p1)+len(p2))
		}
	})
}
