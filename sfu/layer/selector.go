package layer

import (
	"time"

	"conclave/sfu/dd"
	"conclave/sfu/seqmap"
)

// A Selector decides what one receiver gets in one slot. It belongs to one
// goroutine.
//
// # Layers
//
// Forwarding starts at a key frame. A layer is forwarded with all below it, so
// the spatial layer falls at any picture boundary and rises at key frames; the
// temporal layer falls at any picture boundary and rises where the stream says
// that it may. A simulcast encoding begins at its own key frame.
//
// # Numbers
//
// Packets that are dropped on purpose must leave no gap in the outgoing numbers,
// lost ones must. When a packet is missing its layer is unknown. So:
//
//   - Nothing is decided about a missing packet while only dropped packets
//     follow. If it comes, it is forwarded with the next number or dropped, as if
//     it had come in order.
//   - As soon as a later packet is forwarded, each missing one is promised a
//     number of its own: the receiver sees the gap and asks.
//   - If a promised packet comes and is to be forwarded, it takes its number. If
//     it is to be dropped, padding takes it (Out.Padding).
//   - A missing packet that lies between two packets of a frame, picture or layer
//     that is dropped is itself dropped, and promised nothing.
//
// # End of picture
//
// The last packet of a picture must have the marker. It is the last packet of
// the highest layer forwarded, or the one with the publisher's marker. But a
// picture may lack that layer, and then neither comes. So the last packet of a
// lower layer is held until the next packet tells (Out.Held). The receiver could
// not decode the picture earlier anyway.
type Selector struct {
	config Config

	stream Stream
	target Layer

	active   bool // the newest segment is being forwarded
	segments segments
	numbers  *seqmap.Map
	in       incoming // of the newest segment's source
	picture  picture
	last     sighting // the newest packet of the source
	frames   frameSet // forwarded of the source
	mask     uint32   // decode targets that the publisher says are active
	announce int      // pictures in which to name the active decode targets
	trail    trail
	held     held
	presence presence

	outs    [2]Out // at most: a held packet and the one just given
	count   int
	buffers [2][dd.MaxSize]byte // descriptors of outs
}

// A picture is the newest one of the source.
type picture struct {
	timestamp uint32
	marked    bool   // its marker was sent
	sent      bool   // a packet of it was
	dropped   bool   // a packet of it was dropped
	above     uint64 // lowest sequence number of it above the highest layer forwarded, or 0
}

// drop notes that p is dropped, which belongs to the segment g or to none.
func (c *picture) drop(p *Packet, g *segment) {
	if p.Timestamp != c.timestamp || g == nil {
		return
	}
	c.dropped = true
	if int8(p.Spatial) > g.layer.Spatial && (c.above == 0 || p.Sequence < c.above) {
		c.above = p.Sequence
	}
}

// A sighting is what infer needs of the newest packet.
type sighting struct {
	valid             bool
	dropped           bool
	timestamp         uint32
	spatial, temporal uint8
	hasFrame          bool
	frameNumber       uint16
	hasPicture        bool
	pictureID         uint16
}

// announcePictures is in how many pictures a new set of active decode targets is
// named, as it holds from then on and one loss must not hide it (AV1 RTP
// specification, Section A.4).
const announcePictures = 16

// maxGap is how many packets may be missing in a row. After more the stream is
// taken to begin again, because no receiver would ask for so many.
const maxGap = 512

// NewSelector returns a Selector that shows nothing yet.
func NewSelector(c Config) *Selector {
	return &Selector{config: c, target: None, numbers: seqmap.New(c.Sequence)}
}

// SwitchSource makes the slot carry another stream, or none. Numbers and
// timestamps go on without a gap. Nothing is forwarded until the new stream's
// next key frame. The same stream again changes nothing.
func (s *Selector) SwitchSource(stream Stream) {
	if stream == s.stream {
		return
	}
	s.stream = stream
	s.active = false
	s.presence = presence{}
	s.trail.captured = time.Time{} // another publisher, another clock
}

// SetTarget sets the highest layer to forward. It is reached as soon as the
// stream allows; None stops at the next picture.
func (s *Selector) SetTarget(target Layer) {
	if target.IsNone() {
		target = None
	}
	s.target = Layer{min(target.Spatial, MaxSpatial-1), min(target.Temporal, MaxTemporal-1)}
}

// Target returns what SetTarget set.
func (s *Selector) Target() Layer { return s.target }

// Forward takes the next packet of any source of the stream, or a late one of a
// stream before, and returns what to send now, in order: at most two packets.
// The slice is valid until the next call of a method of the Selector.
func (s *Selector) Forward(now time.Time, p *Packet) []Out {
	s.count = 0
	if p.Spatial >= MaxSpatial || p.Temporal >= MaxTemporal {
		return nil
	}
	ours := s.isOurs(p)
	if ours {
		s.presence.see(now, p, s.isSimulcast())
	}
	open := s.active && s.segments.newest().source == p.Source
	if !open || p.Sequence <= s.in.decided {
		if s.late(now, p, open) || !ours {
			return s.outs[:s.count]
		}
	}
	if open && p.Sequence > s.in.highest+maxGap {
		s.stop()
		open = false
	}
	switch {
	case open && p.Sequence <= s.in.decided: // dropped before
	case open:
		s.next(now, p)
	case s.mayStartAt(p):
		s.start(now, p)
		s.next(now, p)
	}
	return s.outs[:s.count]
}

// isOurs reports whether p is of the stream of the slot.
func (s *Selector) isOurs(p *Packet) bool {
	return int(p.Encoding) < min(s.stream.Count, MaxEncodings) && s.stream.Sources[p.Encoding] == p.Source
}

func (s *Selector) isSimulcast() bool { return s.stream.Count > 1 }

// stop ends the newest segment. A packet still held goes now: without a marker,
// as nothing tells that its picture is complete.
func (s *Selector) stop() {
	s.release(false)
	s.active = false
}

// start begins a segment with p, the first packet of a key frame.
func (s *Selector) start(now time.Time, p *Packet) {
	s.release(false)
	g := segment{
		source: p.Source, encoding: p.Encoding, simulcast: s.isSimulcast(),
		from: p.Timestamp, layer: s.target,
	}
	if g.simulcast {
		g.layer.Spatial = MaxSpatial - 1 // whatever layers the encoding has
	} else {
		s.thin(p, &g)
	}
	s.trail.align(now, p, &g, s.segments.newest(), s.config.Timestamp)
	s.segments.push(g)
	s.active = true
	s.in.start(p.Sequence)
	s.picture = picture{timestamp: p.Timestamp}
	s.last = sighting{}
	s.frames = frameSet{}
	s.mask = ^uint32(0)
	s.announce = 0
}

// next handles a packet of the source being forwarded that is not decided yet.
func (s *Selector) next(now time.Time, p *Packet) {
	if len(p.Payload) == 0 {
		s.settlePadding(p)
		s.in.drop(p.Sequence)
		return
	}
	if p.DD != nil && (p.Descriptor.Attached || p.Descriptor.HasActive) && p.Sequence > s.in.highest {
		s.mask = p.Descriptor.Active
	}
	s.settleBefore(p)
	if isOlder(s.picture.timestamp, p.Timestamp) && !s.turn(p) {
		return
	}
	s.raise(p)
	g := s.segments.of(p)
	keep := g != nil && g.wants(p)
	s.settle(p, keep)
	s.infer(p, keep)
	if !keep {
		s.picture.drop(p, g)
		s.in.drop(p.Sequence)
		return
	}
	s.send(now, p, g)
}

// turn begins a new picture, and with it what may change between pictures. It
// reports whether forwarding goes on.
func (s *Selector) turn(p *Packet) bool {
	s.picture = picture{timestamp: p.Timestamp}
	if s.target.IsNone() {
		s.stop()
		return false
	}
	s.announce = max(s.announce-1, 0)
	s.lower(p.Timestamp)
	return true
}

// send forwards p, after promising numbers to the packets missing before it.
func (s *Selector) send(now time.Time, p *Packet, g *segment) {
	for n := s.in.decided + 1; n < p.Sequence; n++ {
		if !s.in.isDropped(n) {
			s.numbers.Append(seqmap.Origin{Source: p.Source, Sequence: n}, seqmap.Missing)
		}
	}
	newest := p.Sequence > s.in.highest
	s.in.decide(p.Sequence)
	marker := p.Marker || p.Last && (g.isTop(p) || s.picture.above == p.Sequence+1)
	state := seqmap.Sent
	if marker {
		state = seqmap.SentMarker
		s.picture.marked = s.picture.marked || p.Timestamp == s.picture.timestamp
	}
	number := s.numbers.Append(seqmap.Origin{Source: p.Source, Sequence: p.Sequence}, state)
	s.emit(now, p, g, number, marker)
	if newest && !marker && p.Last && s.mayEndAt(p, g) {
		s.hold(p)
	}
}

// emit adds an Out for p.
func (s *Selector) emit(now time.Time, p *Packet, g *segment, number uint16, marker bool) {
	s.fill(&s.outs[s.count], p, g, number, marker, s.buffers[s.count][:0])
	s.count++
	s.trail.add(now, p, g)
	s.picture.sent = s.picture.sent || p.Timestamp == s.picture.timestamp
	if p.DD != nil && s.active && p.Source == s.segments.newest().source {
		s.frames.add(p.Descriptor.FrameNumber)
	}
}

// fill makes o the Out of p in the segment g.
func (s *Selector) fill(o *Out, p *Packet, g *segment, number uint16, marker bool, buffer []byte) {
	o.Source, o.Incoming, o.Held, o.Padding = p.Source, p.Sequence, false, false
	o.Sequence, o.Timestamp, o.Marker = number, p.Timestamp+g.timestamp, marker
	o.Rewrite, o.DD = g.rewrite(p), nil
	if s.config.Descriptor && p.DD != nil {
		n := p.Descriptor.FrameNumber + g.frameNumber
		mask, set := s.targets(p, g)
		b, err := dd.AppendPatched(buffer, p.DD, &p.Descriptor, n, set, mask)
		if err != nil { // no room for the mask
			b, _ = dd.AppendPatched(buffer, p.DD, &p.Descriptor, n, false, 0)
		}
		o.DD = b
	}
}

// targets returns the decode targets that are active for the receiver, and
// whether this packet is to say so.
func (s *Selector) targets(p *Packet, g *segment) (mask uint32, set bool) {
	d := &p.Descriptor
	active := s.mask
	if d.Attached || d.HasActive {
		active = d.Active
	}
	within := dd.Layer{Spatial: uint8(g.layer.Spatial), Temporal: uint8(g.layer.Temporal)}
	mask = p.Structure.TargetsWithin(within) & active
	if g.sparse {
		mask &= targetsOf(p.Structure, within.Spatial)
	}
	set = d.HasActive || s.announce > 0 || d.Attached && mask != d.Active
	return mask, set && mask != 0
}

// LastSent returns the RTP timestamp of the newest forwarded picture and when
// its first packet was forwarded, for sender reports. ok is false before that.
func (s *Selector) LastSent() (timestamp uint32, at time.Time, ok bool) {
	return s.trail.timestamp, s.trail.at, s.trail.sent
}
