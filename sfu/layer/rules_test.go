package layer

import (
	"testing"
	"time"

	"conclave/sfu/codec"
	"conclave/sfu/dd"
	"conclave/sfu/seqmap"
)

// ladder returns the packets of pictures of three spatial layers, three packets
// a frame, key first, on one list.
func ladder(t *testing.T, mode string, c codec.Codec, descriptor bool, pictures int) []*wire {
	t.Helper()
	pub := newPublisher(t, 1, mode, c, descriptor)
	pub.packets = func(*frame) int { return 3 }
	var all []*wire
	for n := range pictures {
		all = append(all, pub.picture(t, n, epoch.Add(time.Duration(n)*interval), n == 0)...)
	}
	return all
}

// TestLossInDroppedLayers: what is missing inside layers that are not forwarded
// leaves no gap, whichever packet it is, as long as the rest says so.
func TestLossInDroppedLayers(t *testing.T) {
	for _, descriptor := range []bool{true, false} {
		all := ladder(t, "L3T3_KEY", codec.VP9, descriptor, 3)
		for lost := 9 + 4; lost < 18; lost++ { // the second picture, but the first packet of S1
			s := newServer(t, Config{Descriptor: descriptor}, single(codec.VP9))
			s.selector.SetTarget(Layer{0, 2})
			for i, w := range all {
				if i != lost {
					s.receive(w.sent, w)
				}
			}
			if got := len(s.outs); got != 9 {
				t.Fatalf("%d packets are sent, want 9", got)
			}
			for i, o := range s.outs {
				if int(o.Sequence) != i {
					t.Errorf("descriptor %v: with packet %d (%s, %d) lost, number %d is at place %d",
						descriptor, lost, all[lost].frame.name, all[lost].index, o.Sequence, i)
				}
			}
		}
	}
}

// TestLossLeavesGap: what is missing from layers that are forwarded leaves a gap,
// which is closed when it comes.
func TestLossLeavesGap(t *testing.T) {
	for _, descriptor := range []bool{true, false} {
		all := ladder(t, "L3T3_KEY", codec.VP9, descriptor, 3)
		for lost := 9; lost < 12; lost++ { // S0 of the second picture
			s := newServer(t, Config{Descriptor: descriptor}, single(codec.VP9))
			s.selector.SetTarget(Layer{0, 2})
			for i, w := range all {
				if i != lost {
					s.receive(w.sent, w)
				}
			}
			number := uint16(lost - 9 + 3)
			source, incoming, ok := s.selector.Lookup(number)
			if !ok || source != 1 || uint16(incoming) != all[lost].sequence {
				t.Fatalf("number %d stands for %d, %d, %v, want packet %d", number, source, incoming, ok, all[lost].sequence)
			}
			if s.have[number] {
				t.Fatalf("number %d is given to another packet", number)
			}
			s.receive(s.now, all[lost])
			if !s.have[number] || len(s.outs) != 9 {
				t.Errorf("packet %d is not sent when it comes late", lost)
			}
			s.verify(check{complete: true, descriptor: descriptor})
		}
	}
}

// TestUnwantedLatePacket: a promised number is filled when the packet turns out
// to be of a layer that is dropped.
func TestUnwantedLatePacket(t *testing.T) {
	all := ladder(t, "L3T3_KEY", codec.VP9, true, 3)
	s := newServer(t, Config{Descriptor: true}, single(codec.VP9))
	s.selector.SetTarget(Layer{0, 2})
	lost := 12 // the first packet of S1: could have been one more of S0
	for i, w := range all {
		if i != lost {
			s.receive(w.sent, w)
		}
	}
	if s.have[6] {
		t.Fatal("no number is promised to a packet between S0 and S1")
	}
	s.receive(s.now, all[lost])
	last := s.outs[len(s.outs)-1]
	if !last.Padding || last.Sequence != 6 || last.Marker || last.DD != nil {
		t.Errorf("the late packet of S1 makes %+v, want padding with number 6", last.Out)
	}
	p := s.cache[seqmap.Origin{Source: last.Source, Sequence: last.Incoming}]
	if o, ok := s.selector.Resend(6, p); !ok || !o.Padding {
		t.Errorf("Resend of filled number = %+v, %v, want padding", o, ok)
	}
}

// TestReorderedDrops: packets of dropped layers that change places leave no gap.
func TestReorderedDrops(t *testing.T) {
	all := ladder(t, "L3T3_KEY", codec.VP9, true, 4)
	s := newServer(t, Config{Descriptor: true}, single(codec.VP9))
	s.selector.SetTarget(Layer{0, 2})
	for _, w := range all[:9] {
		s.receive(w.sent, w)
	}
	// S1 and S2 of the second picture backwards, then S0 of the third between them.
	order := []int{9, 10, 11, 17, 16, 15, 13, 12, 14, 18, 20, 19}
	for _, i := range order {
		s.receive(all[i].sent, all[i])
	}
	for n := range uint16(9) {
		if !s.have[n] {
			t.Errorf("number %d is missing", n)
		}
	}
	if len(s.outs) != 9 {
		t.Errorf("%d packets are sent, want 9", len(s.outs))
	}
}

// TestMiddleLayerMissing: a picture has S0 and S2, the target is S1.
func TestMiddleLayerMissing(t *testing.T) {
	send := func(order ...int) *server {
		pub := newPublisher(t, 1, "L3T3_KEY", codec.VP9, true)
		pub.drop = func(picture int, spatial uint8) bool { return picture == 1 && spatial == 1 }
		var all []*wire
		for n := range 3 {
			all = append(all, pub.picture(t, n, epoch.Add(time.Duration(n)*interval), n == 0)...)
		}
		s := newServer(t, Config{Descriptor: true}, single(codec.VP9))
		s.selector.SetTarget(Layer{1, 2})
		for i := range all {
			if i < len(order) {
				i = order[i]
			}
			s.receive(all[i].sent, all[i])
		}
		return s
	}
	s := send() // 0-5: key picture; 6, 7: S0; 8, 9: S2
	s.verify(check{complete: true, descriptor: true})
	if o := s.outs[5]; !o.Held || !o.Marker || o.wire.frame.spatial != 0 {
		t.Errorf("the last packet of S0 is sent as %+v", o.Out)
	}
	// S2 overtakes the last packet of S0.
	s = send(0, 1, 2, 3, 4, 5, 6, 8, 7, 9)
	s.verify(check{complete: true, descriptor: true})
	if o := s.outs[5]; o.Held || !o.Marker || o.wire.frame.spatial != 0 {
		t.Errorf("after S2 the last packet of S0 is sent as %+v", o.Out)
	}
}

// TestMarkerMissing: the publisher sets no marker because a layer it meant to send
// is missing.
func TestMarkerMissing(t *testing.T) {
	for _, descriptor := range []bool{true, false} {
		pub := newPublisher(t, 1, "L3T3", codec.VP9, descriptor)
		pub.drop = func(picture int, spatial uint8) bool { return picture == 1 && spatial == 2 }
		s := newServer(t, Config{Descriptor: descriptor}, single(codec.VP9))
		s.selector.SetTarget(Top)
		for n := range 3 {
			for _, w := range pub.picture(t, n, epoch.Add(time.Duration(n)*interval), n == 0) {
				w.marker = w.marker && n != 1
				s.receive(w.sent, w)
			}
		}
		s.verify(check{complete: true, descriptor: descriptor})
	}
}

// TestHoldOnlyWhereNeeded: nothing of the highest layer waits.
func TestHoldOnlyWhereNeeded(t *testing.T) {
	for _, descriptor := range []bool{true, false} {
		for _, target := range []Layer{{0, 2}, {1, 2}, {2, 2}, Top} {
			s := newServer(t, Config{Descriptor: descriptor}, single(codec.VP9))
			s.selector.SetTarget(target)
			for _, w := range ladder(t, "L3T3_KEY", codec.VP9, descriptor, 8) {
				before := len(s.outs)
				s.receive(w.sent, w)
				top := w.frame.spatial == uint8(min(target.Spatial, 2))
				if n := len(s.outs); top && (n == before || s.outs[n-1].Incoming&0xffff != uint64(w.sequence)) {
					t.Errorf("with target %v, a packet of %s waits", target, w.frame.name)
				}
			}
			for _, o := range s.outs {
				if o.Held && (o.wire.index != o.wire.frame.packets-1 || int8(o.wire.frame.spatial) >= min(target.Spatial, 2)) {
					t.Errorf("with target %v, packet %d of %s was held", target, o.wire.index, describe(o))
				}
			}
		}
	}
}

// TestBeginsAgain: after a long gap forwarding waits for a key frame.
func TestBeginsAgain(t *testing.T) {
	pub := newPublisher(t, 1, "L1T3", codec.VP8, true)
	s := newServer(t, Config{Descriptor: true}, single(codec.VP8))
	s.selector.SetTarget(Top)
	number := 0
	play := func(pictures int, key bool) {
		for i := range pictures {
			now := epoch.Add(time.Duration(number) * interval)
			for _, w := range pub.picture(t, number, now, key && i == 0) {
				s.receive(now, w)
			}
			number++
		}
	}
	play(8, true)
	pub.sequence += maxGap + 1
	play(8, false)
	if _, needs := s.selector.NeedsKeyFrame(); !needs || !s.selector.Current().IsNone() {
		t.Error("forwarding goes on over a gap that nobody can fill")
	}
	if len(s.outs) != 16 {
		t.Errorf("%d packets are sent, want 16", len(s.outs))
	}
	play(8, true)
	s.verify(check{complete: true, descriptor: true})
	if last := s.outs[len(s.outs)-1]; last.Sequence != 31 {
		t.Errorf("the last number is %d, want 31", last.Sequence)
	}
	pub.base += 1 << 30 // and begins with other timestamps
	pub.sequence += 20000
	number += 100
	play(8, true)
	play(8, true)
	s.verify(check{complete: true, descriptor: true})
}

// TestActiveTargets: a receiver of fewer layers is told so, and a publisher's
// own set is kept.
func TestActiveTargets(t *testing.T) {
	m, _ := dd.ParseMode("L3T3_KEY")
	w, err := dd.NewWriter(m, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(codec.VP9, 1, 0)
	s := NewSelector(Config{Descriptor: true})
	s.SwitchSource(single(codec.VP9))
	s.SetTarget(Layer{1, 2})
	var known, attached dd.Structure
	sequence := uint64(1 << 16)
	// send forwards S0 of a picture and returns its descriptor as the receiver has it.
	send := func(picture int, key bool, active uint32) dd.Descriptor {
		t.Helper()
		var temporal uint8
		if !key {
			temporal = m.Pattern()[picture%4]
		}
		if err := w.Begin(0, temporal, key); err != nil {
			t.Fatal(err)
		}
		raw, err := w.Append(nil, true, true)
		if err != nil {
			t.Fatal(err)
		}
		if active != 0 { // as a browser's encoder does while it ramps up
			var d dd.Descriptor
			if err := dd.Parse(raw, r.structure, &attached, &d); err != nil {
				t.Fatal(err)
			}
			if raw, err = dd.AppendPatched(nil, raw, &d, d.FrameNumber, true, active); err != nil {
				t.Fatal(err)
			}
		}
		var p Packet
		payload := []byte{0b0000_1100, 1}
		h := Header{Sequence: sequence, Timestamp: uint32(picture) * 3000, Marker: true}
		sequence++
		if err := r.Read(&p, h, raw, payload); err != nil {
			t.Fatal(err)
		}
		outs := s.Forward(epoch, &p)
		if len(outs) != 1 {
			t.Fatalf("picture %d makes %d packets", picture, len(outs))
		}
		var d dd.Descriptor
		if err := dd.Parse(outs[0].DD, &known, &attached, &d); err != nil {
			t.Fatal(err)
		}
		if d.Attached {
			known = attached
		}
		return d
	}
	expect := func(step string, d dd.Descriptor, has bool, active uint32) {
		t.Helper()
		if d.HasActive != has || has && d.Active != active {
			t.Errorf("%s: active targets %v %09b, want %v %09b", step, d.HasActive, d.Active, has, active)
		}
	}
	expect("key picture", send(0, true, 0), true, 0b000_111_111)
	expect("next", send(1, false, 0), false, 0)
	s.SetTarget(Layer{0, 0})
	expect("lowered", send(4, false, 0), true, 0b000_000_001)
	for i := range announcePictures - 1 {
		expect("lowered, later", send(4*(i+2), false, 0), true, 0b000_000_001)
	}
	expect("lowered, long ago", send(400, false, 0), false, 0)
	s.SetTarget(Top)
	expect("raised", send(404, false, 0), true, 0b000_000_111)
	expect("key picture with all", send(500, true, 0), true, 0b111_111_111)
	expect("key picture while ramping up", send(600, true, 0b000_111_111), true, 0b000_111_111)
	s.SetTarget(Layer{0, 1})
	expect("lowered below it", send(604, false, 0), true, 0b000_000_011)
	s.SetTarget(Top)
	expect("raised again", send(608, false, 0), true, 0b000_000_111)
	expect("the publisher's set rises", send(612, false, 0b111_111_111), true, 0b000_000_111)
	s.SetTarget(None)
	if outs := s.Forward(epoch, &Packet{Source: 1, Sequence: sequence, Timestamp: 650 * 3000, Payload: []byte{1}}); len(outs) != 0 {
		t.Error("None forwards")
	}
	sequence++
	s.SetTarget(Top)
	expect("begun again with a set", send(700, true, 0b000_000_111), true, 0b000_000_111)
	expect("begun again with all", send(800, true, 0), false, 0)
}

// TestSyncFrames: a temporal layer begins at a frame that refers only to what was
// forwarded (VP8 streams, where T1 frames may refer to older T1 frames).
func TestSyncFrames(t *testing.T) {
	structure, err := dd.NewStructure(dd.Mode{Spatial: 1, Temporal: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := NewSelector(Config{})
	s.SwitchSource(single(codec.VP8))
	s.SetTarget(Layer{0, 0})
	n := uint16(0)
	forward := func(temporal uint8, indications string, diffs ...uint16) bool {
		t.Helper()
		p := Packet{
			Source: 1, Sequence: 1<<16 + uint64(n), Timestamp: uint32(n) * 3000, Marker: true, Payload: []byte{1},
			DD: []byte{0, 0, 0}, First: true, Last: true, Key: n == 0, Temporal: temporal, SpatialCount: 1,
			Structure: structure, Descriptor: dd.Descriptor{FrameNumber: n, FrameDiffCount: uint8(len(diffs))},
		}
		for i, c := range indications {
			p.Descriptor.DTIs[i] = map[rune]dd.DTI{'-': dd.NotPresent, 'S': dd.Switch, 'R': dd.Required, 'D': dd.Discardable}[c]
		}
		copy(p.Descriptor.FrameDiffs[:], diffs)
		n++
		return len(s.Forward(epoch, &p)) == 1
	}
	for i, tt := range []struct {
		target      int8
		temporal    uint8
		indications string
		diffs       []uint16
		want        bool
	}{
		{0, 0, "SS", nil, true},
		{0, 1, "-S", []uint16{1}, false}, // T1 is not wanted
		{1, 0, "SR", []uint16{2}, true},  // later T1 frames may need the one before
		{1, 1, "-S", []uint16{2}, false}, // a Switch for those who have that one
		{1, 0, "SR", []uint16{2}, true},
		{1, 1, "-S", []uint16{1}, true}, // refers to T0 only: T1 begins
		{1, 0, "SR", []uint16{2}, true},
		{1, 1, "-R", []uint16{1, 2}, true},
	} {
		s.SetTarget(Layer{0, tt.target})
		if got := forward(tt.temporal, tt.indications, tt.diffs...); got != tt.want {
			t.Errorf("frame %d: forwarded %v, want %v", i, got, tt.want)
		}
	}
}

// TestVP8WithoutDescriptor: temporal layers by the payload descriptor.
func TestVP8WithoutDescriptor(t *testing.T) {
	r := NewReader(codec.VP8, 1, 0)
	s := NewSelector(Config{Descriptor: true})
	s.SwitchSource(single(codec.VP8))
	n := 0
	forward := func(temporal, sync byte, key bool) bool {
		t.Helper()
		payload := []byte{0x90, 0x20, temporal<<6 | sync<<5, 1}
		if key {
			payload[3] = 0
		}
		var p Packet
		h := Header{Sequence: 1<<16 + uint64(n), Timestamp: uint32(n) * 3000, Marker: true}
		n++
		if err := r.Read(&p, h, nil, payload); err != nil {
			t.Fatal(err)
		}
		return len(s.Forward(epoch, &p)) == 1
	}
	for i, tt := range []struct {
		target         int8
		temporal, sync byte
		key, want      bool
	}{
		{0, 0, 0, true, true},
		{0, 2, 1, false, false},
		{2, 0, 0, false, true},
		{2, 2, 0, false, false}, // may refer to frames that were dropped
		{2, 1, 1, false, true},  // refers to T0 only
		{2, 2, 0, false, false}, // T2 has not begun
		{2, 2, 1, false, true},
		{2, 0, 0, false, true},
		{2, 2, 0, false, true},
	} {
		s.SetTarget(Layer{0, tt.target})
		if got := forward(tt.temporal, tt.sync, tt.key); got != tt.want {
			t.Errorf("frame %d: forwarded %v, want %v", i, got, tt.want)
		}
	}
}
