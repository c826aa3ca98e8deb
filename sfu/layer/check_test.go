package layer

import (
	"slices"

	"conclave/sfu/dd"
)

// A check says what to hold against what a receiver got.
type check struct {
	complete   bool // nothing was lost for good: pictures and their dependencies are whole
	descriptor bool // the receiver has dependency descriptors
	anyPace    bool // packets were not received as evenly as they were made
}

// received returns what the receiver has, by rising outgoing number.
func received(t tester, outs []sent) []sent {
	t.Helper()
	if len(outs) == 0 {
		return nil
	}
	type numbered struct {
		n int
		sent
	}
	list := make([]numbered, 0, len(outs))
	at, first := 1<<17, outs[0].Sequence // the first one sent may be followed by lower ones
	at += int(first)
	for _, o := range outs {
		n := at + int(int16(o.Sequence-uint16(at)))
		at = max(at, n)
		list = append(list, numbered{n, o})
	}
	slices.SortStableFunc(list, func(a, b numbered) int { return a.n - b.n })
	var all []sent
	for i, o := range list {
		if i > 0 && list[i-1].n == o.n {
			t.Fatalf("number %d was sent twice: %s and %s", o.Sequence, describe(list[i-1].sent), describe(o.sent))
		}
		all = append(all, o.sent)
	}
	return all
}

func describe(o sent) string {
	switch {
	case o.Padding:
		return "padding"
	case o.wire == nil || o.wire.frame == nil:
		return "nothing"
	}
	return o.wire.frame.name
}

// verify holds the rules of forwarding against what was sent.
func (s *server) verify(c check) {
	s.t.Helper()
	all := received(s.t, s.outs)
	s.verifyNumbers(all)
	s.verifyOrder(all, c)
	if c.descriptor {
		s.verifyDescriptors(all)
	} else {
		for _, o := range all {
			if o.DD != nil {
				s.t.Fatalf("%s has a descriptor for a receiver without", describe(o))
			}
		}
	}
	s.verifyPictures(all, c)
	if c.complete {
		s.verifyFrames(all)
	}
}

// verifyNumbers: a number that was not sent stands for a packet that did not
// arrive.
func (s *server) verifyNumbers(all []sent) {
	s.t.Helper()
	for i := 1; i < len(all); i++ {
		for n := all[i-1].Sequence + 1; n != all[i].Sequence; n++ {
			source, incoming, ok := s.selector.Lookup(n)
			if !ok {
				if s.asked[n] {
					continue // forgotten since
				}
				s.t.Fatalf("number %d between %s and %s stands for nothing", n, describe(all[i-1]), describe(all[i]))
			}
			for o, w := range s.wires {
				if o.Source == source && o.Sequence == incoming && s.seen[w] && !s.unread[w] {
					s.t.Fatalf("number %d was not sent but its packet %s arrived", n, w.frame.name)
				}
			}
		}
	}
}

// verifyOrder: packets are in the publisher's order and timestamps do not go back.
func (s *server) verifyOrder(all []sent, c check) {
	s.t.Helper()
	var last *sent
	for i := range all {
		o := &all[i]
		if o.Padding {
			continue
		}
		if last != nil {
			if o.Source == last.Source && o.Incoming <= last.Incoming {
				s.t.Fatalf("%s (%d) is sent after %s (%d)", describe(*o), o.Incoming, describe(*last), last.Incoming)
			}
			if isOlder(o.Timestamp, last.Timestamp) {
				s.t.Fatalf("the timestamp goes back from %s to %s: %d to %d", describe(*last), describe(*o), last.Timestamp, o.Timestamp)
			}
			same := o.Source == last.Source && o.wire.timestamp == last.wire.timestamp
			if same != (o.Timestamp == last.Timestamp) {
				s.t.Fatalf("timestamps of %s and %s: %d and %d", describe(*last), describe(*o), last.Timestamp, o.Timestamp)
			}
			// The receiver's pictures are as far apart as the publishers'.
			step := int(o.Timestamp - last.Timestamp)
			took := int(o.wire.sent.Sub(last.wire.sent).Microseconds() * 9 / 100)
			if !c.anyPace && (step-took > videoClock/4 || took-step > videoClock/4) {
				s.t.Fatalf("from %s to %s are %d ticks, want %d", describe(*last), describe(*o), step, took)
			}
		}
		last = o
	}
}

// verifyDescriptors: descriptors parse, frame numbers rise, and what is sent is
// part of an active decode target.
func (s *server) verifyDescriptors(all []sent) {
	s.t.Helper()
	var structure, attached dd.Structure
	var d dd.Descriptor
	var last *sent
	lastNumber := uint16(0)
	for i := range all {
		o := &all[i]
		if o.Padding {
			continue
		}
		if o.DD == nil {
			s.t.Fatalf("%s lost its descriptor", describe(*o))
		}
		if err := dd.Parse(o.DD, &structure, &attached, &d); err != nil {
			if structure.TemplateCount == 0 {
				continue // the packet with the structure was lost
			}
			s.t.Fatalf("descriptor %x of %s: %v", o.DD, describe(*o), err)
		}
		if d.Attached {
			structure = attached
		}
		f := o.wire.frame
		if d.Spatial != f.spatial || d.Temporal != f.temporal {
			s.t.Fatalf("descriptor of %s says S%dT%d", f.name, d.Spatial, d.Temporal)
		}
		if last != nil {
			step := int16(d.FrameNumber - lastNumber)
			if (step == 0) != (f == last.wire.frame) || step < 0 {
				s.t.Fatalf("frame numbers of %s and %s: %d and %d", describe(*last), describe(*o), lastNumber, d.FrameNumber)
			}
		}
		if (d.Attached || d.HasActive) && d.Active == 0 {
			s.t.Fatalf("%s says that nothing is active", f.name)
		}
		if d.HasActive {
			inActive := false
			for t := range structure.TargetCount {
				inActive = inActive || d.Active>>t&1 == 1 && structure.Targets[t].Spatial >= f.spatial &&
					structure.Targets[t].Temporal >= f.temporal
			}
			if !inActive {
				s.t.Fatalf("%s is sent but no active target %b reaches it", f.name, d.Active)
			}
		}
		last, lastNumber = o, d.FrameNumber
	}
}

// verifyPictures: a picture has its marker once, on its last packet.
func (s *server) verifyPictures(all []sent, c check) {
	s.t.Helper()
	var media []sent
	for _, o := range all {
		if o.Padding {
			if o.Marker {
				s.t.Fatal("padding has the marker")
			}
			continue
		}
		media = append(media, o)
	}
	lastID := uint16(0)
	for i := 0; i < len(media); {
		j := i
		for j < len(media) && media[j].Timestamp == media[i].Timestamp {
			j++
		}
		markers := 0
		for k, o := range media[i:j] {
			if o.Marker {
				markers++
				if k != j-i-1 {
					s.t.Fatalf("the marker is on %s, packet %d of %d of the picture", describe(o), k+1, j-i)
				}
			}
			if o.info.HasPictureID != media[0].info.HasPictureID {
				continue
			}
			if step := (o.info.PictureID - lastID) & pictureIDMask; o.info.HasPictureID && i > 0 && (step == 0) != (k > 0) {
				s.t.Fatalf("picture id of %s: %d after %d", describe(o), o.info.PictureID, lastID)
			} else if step >= 1<<14 && i > 0 {
				s.t.Fatalf("picture id of %s goes back: %d after %d", describe(o), o.info.PictureID, lastID)
			}
			lastID = o.info.PictureID
		}
		// The last picture before the end, a pause or another source may be unfinished.
		cut := j == len(media) || media[j].Source != media[i].Source || s.cut[media[i].Timestamp]
		if c.complete && !cut && markers != 1 {
			s.t.Fatalf("the picture that ends with %s has %d markers", describe(media[j-1]), markers)
		}
		if markers > 1 {
			s.t.Fatalf("the picture that ends with %s has %d markers", describe(media[j-1]), markers)
		}
		i = j
	}
}

// verifyFrames: frames are whole, and all they need came before.
func (s *server) verifyFrames(all []sent) {
	s.t.Helper()
	have, cut := map[*frame]int{}, map[*frame]bool{}
	var order []*frame
	for _, o := range all {
		if o.Padding {
			continue
		}
		f := o.wire.frame
		if have[f] != o.wire.index {
			s.t.Fatalf("%s: packet %d follows packet %d", f.name, o.wire.index, have[f]-1)
		}
		have[f]++
		cut[f] = s.cut[o.Timestamp]
		if have[f] == 1 {
			order = append(order, f)
		}
	}
	done := map[*frame]bool{}
	for i, f := range order {
		if have[f] != f.packets {
			// Unfinished at the end, before a pause, or cut off by another source.
			if i+3 < len(order) && order[i+1].source == f.source && !cut[f] {
				s.t.Fatalf("%s has %d of %d packets", f.name, have[f], f.packets)
			}
			continue
		}
		for _, on := range f.needs {
			if !done[on] {
				s.t.Fatalf("%s needs %s, which was not sent before", f.name, on.name)
			}
		}
		done[f] = true
	}
}

// frames counts the frames sent by layer.
func (s *server) frames() map[Layer]int {
	n := map[Layer]int{}
	for _, o := range s.outs {
		if !o.Padding && o.wire.index == 0 {
			n[Layer{int8(o.wire.frame.spatial), int8(o.wire.frame.temporal)}]++
		}
	}
	return n
}
