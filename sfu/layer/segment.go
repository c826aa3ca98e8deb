package layer

import (
	"time"

	"conclave/sfu/codec"
)

// maxSegments is how many changes of layer or source are remembered for late
// and repeated packets.
const maxSegments = 16

// minStep is the least time between the pictures before and after a change of
// source, in ticks: a millisecond.
const minStep = videoClock / 1000

// A segment is a stretch of pictures of one source that are forwarded by the
// same rule: which layers, and what is added to their numbers. A packet belongs
// to the newest segment of its source that begins at or before its timestamp,
// so late and repeated packets are treated like those they belong with.
type segment struct {
	source    Source
	encoding  uint8
	simulcast bool
	from      uint32 // RTP timestamp of the first picture

	layer  Layer // the highest forwarded
	sparse bool  // only what layer needs is forwarded

	timestamp   uint32 // these are added, modulo their size
	frameNumber uint16
	pictureID   uint16
	tl0         uint8
}

// wants reports whether the packet is of a layer that is forwarded.
func (g *segment) wants(p *Packet) bool {
	if int8(p.Spatial) > g.layer.Spatial || int8(p.Temporal) > g.layer.Temporal {
		return false
	}
	return !g.sparse || isPart(p, g.layer)
}

// isTop reports whether p is of the highest layer forwarded, so that the picture
// ends with it whether or not it ended there for the publisher.
func (g *segment) isTop(p *Packet) bool { return !g.simulcast && int8(p.Spatial) == g.layer.Spatial }

// A segments holds the last segments, newest last.
type segments struct {
	ring  [maxSegments]segment
	count uint64 // ever begun
}

// newest returns the newest segment, or nil.
func (l *segments) newest() *segment {
	if l.count == 0 {
		return nil
	}
	return &l.ring[(l.count-1)%maxSegments]
}

// push begins a segment.
func (l *segments) push(g segment) *segment {
	l.ring[l.count%maxSegments] = g
	l.count++
	return l.newest()
}

// at returns the newest segment from the given picture on, for changing it: the
// newest one if it begins there, else a copy that does.
func (l *segments) at(timestamp uint32) *segment {
	g := l.newest()
	if g.from == timestamp {
		return g
	}
	next := *g
	next.from = timestamp
	return l.push(next)
}

// of returns the segment that a packet belongs to, or nil.
func (l *segments) of(p *Packet) *segment {
	for i := l.count; i > 0 && i+maxSegments > l.count; i-- {
		g := &l.ring[(i-1)%maxSegments]
		if g.source == p.Source && !isOlder(p.Timestamp, g.from) {
			return g
		}
	}
	return nil
}

// isOlder reports whether timestamp a is before b.
func isOlder(a, b uint32) bool { return int32(a-b) < 0 }

// A trail is what was sent last, from which numbers go on after a change of
// source. Each part is the highest sent, not the last.
type trail struct {
	sent      bool
	timestamp uint32
	at        time.Time // when the first packet of that picture was forwarded
	captured  time.Time // when that picture was captured, or zero

	hasFrame    bool
	frameNumber uint16
	hasPicture  bool
	pictureID   uint16
	tl0         uint8
}

// add notes that p was forwarded by the rule of g.
func (t *trail) add(now time.Time, p *Packet, g *segment) {
	if timestamp := p.Timestamp + g.timestamp; !t.sent || isOlder(t.timestamp, timestamp) {
		t.sent, t.timestamp, t.at, t.captured = true, timestamp, now, p.Captured
	}
	if p.DD != nil {
		if n := p.Descriptor.FrameNumber + g.frameNumber; !t.hasFrame || int16(n-t.frameNumber) > 0 {
			t.hasFrame, t.frameNumber = true, n
		}
	}
	if p.Info.HasPictureID {
		if id := (p.Info.PictureID + g.pictureID) & pictureIDMask; !t.hasPicture || isLaterPicture(id, t.pictureID) {
			t.hasPicture, t.pictureID = true, id
			t.tl0 = p.Info.TL0PICIDX + g.tl0
		}
	}
}

// pictureIDMask is for the 15 bits of a picture id.
const pictureIDMask = 1<<15 - 1

// isLaterPicture reports whether picture id a is after b, modulo 15 bits.
func isLaterPicture(a, b uint16) bool {
	diff := (a - b) & pictureIDMask
	return diff != 0 && diff < 1<<14
}

// align sets what is added to the numbers in g, which begins with p, so that
// they go on from what was sent. last is the segment before, or nil: while the
// source stays the same its own numbers go on, if they can.
func (t *trail) align(now time.Time, p *Packet, g, last *segment, first uint32) {
	same := last != nil && last.source == g.source
	g.timestamp = first - p.Timestamp
	if t.sent {
		next := t.timestamp + t.elapsed(now, p)
		if same {
			own := p.Timestamp + last.timestamp
			if off := int32(own - next); isOlder(t.timestamp, own) && off < maxDrift && off > -maxDrift {
				next = own
			}
		}
		g.timestamp = next - p.Timestamp
	}
	if t.hasFrame && p.DD != nil {
		g.frameNumber = t.frameNumber + 1 - p.Descriptor.FrameNumber
		if same && int16(p.Descriptor.FrameNumber+last.frameNumber-t.frameNumber) > 0 {
			g.frameNumber = last.frameNumber
		}
	}
	if t.hasPicture && p.Info.HasPictureID {
		g.pictureID = t.pictureID + 1 - p.Info.PictureID
		g.tl0 = t.tl0 + 1 - p.Info.TL0PICIDX
		if same && isLaterPicture((p.Info.PictureID+last.pictureID)&pictureIDMask, t.pictureID) {
			g.pictureID, g.tl0 = last.pictureID, last.tl0
		}
	}
}

// Bounds on what clocks may say.
const (
	maxDrift   = 5 * videoClock   // ticks between a source's own clock and ours
	maxSkew    = 10 * time.Second // between capture times and arrival times
	maxElapsed = 3 * time.Hour    // keeps the step of timestamps below half a circle
)

// elapsed returns the time from the newest picture sent to p, in ticks: by the
// publisher's clock if it told, else by when the packets came.
func (t *trail) elapsed(now time.Time, p *Packet) uint32 {
	d := now.Sub(t.at)
	if !t.captured.IsZero() && !p.Captured.IsZero() {
		if c := p.Captured.Sub(t.captured); c-d < maxSkew && d-c < maxSkew {
			d = c
		}
	}
	d = min(max(d, 0), maxElapsed)
	return max(uint32(d.Microseconds()*(videoClock/1000)/1000), minStep)
}

// rewrite returns what to change in p's payload descriptor.
func (g *segment) rewrite(p *Packet) codec.Rewrite {
	if g.pictureID == 0 && g.tl0 == 0 {
		return codec.Rewrite{}
	}
	return codec.Rewrite{
		Set:       true,
		PictureID: (p.Info.PictureID + g.pictureID) & pictureIDMask,
		TL0PICIDX: p.Info.TL0PICIDX + g.tl0,
	}
}
