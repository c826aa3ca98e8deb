package layer

import (
	"time"

	"conclave/sfu/codec"
	"conclave/sfu/dd"
)

// absence is how long a layer must be missing from a stream that goes on before
// it is taken to be switched off. Static screens make one picture a second.
const absence = 1500 * time.Millisecond

// A presence knows which spatial layers, or which encodings with simulcast, the
// publisher sends at the moment.
type presence struct {
	seen        [MaxSpatial]time.Time
	latest      time.Time
	maxTemporal int8
}

func (r *presence) see(now time.Time, p *Packet, simulcast bool) {
	if len(p.Payload) == 0 {
		return
	}
	i := p.Spatial
	if simulcast {
		i = p.Encoding
	}
	r.seen[i], r.latest = now, now
	r.maxTemporal = max(r.maxTemporal, int8(p.Temporal))
}

func (r *presence) has(i int8) bool {
	return i < MaxSpatial && !r.seen[i].IsZero() && r.latest.Sub(r.seen[i]) < absence
}

// wanted returns the encoding to forward: the highest one present that is not
// above the target, or else the lowest one present.
func (s *Selector) wanted() uint8 {
	top := min(s.target.Spatial, int8(s.stream.Count)-1)
	for i := top; i >= 0; i-- {
		if s.presence.has(i) {
			return uint8(i)
		}
	}
	for i := top + 1; i < int8(s.stream.Count); i++ {
		if s.presence.has(i) {
			return uint8(i)
		}
	}
	return uint8(max(top, 0))
}

// mayStartAt reports whether a segment may begin with p, which is not of the
// source being forwarded.
func (s *Selector) mayStartAt(p *Packet) bool {
	return p.Key && len(p.Payload) > 0 && !s.target.IsNone() && (!s.isSimulcast() || p.Encoding == s.wanted())
}

// NeedsKeyFrame reports whether a key frame would bring the Selector nearer to
// its target, and of which encoding of the stream (an index into
// Stream.Sources). The caller throttles requests.
func (s *Selector) NeedsKeyFrame() (encoding int, ok bool) {
	if s.stream.Count == 0 || s.target.IsNone() {
		return 0, false
	}
	if s.isSimulcast() {
		want := s.wanted()
		return int(want), !s.active || s.segments.newest().encoding != want
	}
	if !s.active {
		return 0, true
	}
	if s.mustFall() {
		return 0, true
	}
	for i := s.segments.newest().layer.Spatial + 1; i <= s.target.Spatial; i++ {
		if s.presence.has(i) {
			return 0, true
		}
	}
	return 0, false
}

// Current returns the layer that is being forwarded now, or None: not what is
// allowed but what the stream has of it.
func (s *Selector) Current() Layer {
	if !s.active {
		return None
	}
	g := s.segments.newest()
	l := Layer{g.layer.Spatial, min(g.layer.Temporal, s.presence.maxTemporal)}
	if g.simulcast {
		l.Spatial = int8(g.encoding)
		return l
	}
	for l.Spatial > 0 && !s.presence.has(l.Spatial) {
		l.Spatial--
	}
	return l
}

// lower makes the layers fall to the target from a picture on.
func (s *Selector) lower(timestamp uint32) {
	g := s.segments.newest()
	l := Layer{g.layer.Spatial, min(g.layer.Temporal, s.target.Temporal)}
	if !g.simulcast && !g.sparse {
		l.Spatial = min(l.Spatial, s.target.Spatial)
	}
	s.change(timestamp, l)
}

// raise makes layers rise to the target with the picture of p, if they can: p is
// the first packet of its lowest layer, and all layers of a picture have one
// temporal id.
func (s *Selector) raise(p *Packet) {
	if !p.First || p.Spatial != 0 || p.Timestamp != s.picture.timestamp || s.target.IsNone() {
		return
	}
	g := s.segments.newest()
	l := g.layer
	if p.Key && !g.simulcast && s.picture.above == 0 && !s.picture.marked {
		l.Spatial = max(l.Spatial, s.target.Spatial)
		if s.config.Sparse && !s.picture.sent && !s.picture.dropped { // nothing of it is decided
			g, l.Spatial = s.rethin(p)
		}
	}
	if l.Temporal < s.target.Temporal {
		l.Temporal = max(l.Temporal, s.reachable(p, g))
	}
	s.change(p.Timestamp, l)
}

// change makes l the highest layer from a picture on.
func (s *Selector) change(timestamp uint32, l Layer) {
	if l == s.segments.newest().layer {
		return
	}
	s.segments.at(timestamp).layer = l
	s.announce = announcePictures
}

// reachable returns the highest temporal layer, up to the target, of which every
// later picture will be decodable if p's picture is forwarded.
func (s *Selector) reachable(p *Packet, g *segment) int8 {
	now := g.layer.Temporal
	kept := int8(p.Temporal) <= now
	switch {
	case p.Key:
		return s.target.Temporal
	case !kept && s.picture.dropped: // part of the picture is gone already
		return now
	case p.DD != nil:
		if !isSwitch(p, s.target.Temporal) || !kept && !s.frames.hasReferences(p) {
			return now
		}
		return s.target.Temporal
	case s.stream.Codec == codec.VP8 && p.Info.HasLayers:
		// Y: the frame depends on T0 only (RFC 7741, Section 4.2). A T0 frame says
		// nothing of the layers above, which may depend on older ones of their own.
		if kept || !p.Info.SwitchingPoint {
			return now
		}
		return min(int8(p.Temporal), s.target.Temporal)
	case s.stream.Codec == codec.VP9 && p.Temporal > 0 && !p.Info.SwitchingPoint:
		return now
	case !kept:
		return now
	}
	return s.target.Temporal
}

// isSwitch reports whether p's frame has a Switch indication for the decode
// target of its spatial layer and the highest temporal layer up to temporal
// (AV1 RTP specification, Section A.7).
func isSwitch(p *Packet, temporal int8) bool {
	best, found := -1, int8(-1)
	for i := range int(p.Structure.TargetCount) {
		l := p.Structure.Targets[i]
		if l.Spatial == p.Spatial && int8(l.Temporal) <= temporal && int8(l.Temporal) > found {
			best, found = i, int8(l.Temporal)
		}
	}
	if best < 0 {
		return p.Temporal == 0
	}
	return p.Descriptor.DTIs[best] == dd.Switch
}

// infer finds out whether the packets missing right before p, the newest one,
// must be of frames that are dropped, and notes p for the next time.
func (s *Selector) infer(p *Packet, keep bool) {
	if p.Sequence <= s.in.highest {
		return
	}
	if first := s.in.highest + 1; first < p.Sequence && s.last.valid && s.last.dropped && s.isBetweenDropped(p, keep) {
		s.in.dropAll(first, p.Sequence-1)
	}
	s.last = sighting{
		valid: true, dropped: !keep, timestamp: p.Timestamp, spatial: p.Spatial, temporal: p.Temporal,
		hasFrame: p.DD != nil, frameNumber: p.Descriptor.FrameNumber,
		hasPicture: p.Info.HasPictureID, pictureID: p.Info.PictureID,
	}
}

// isBetweenDropped reports whether every packet between the last one, which was
// dropped, and p belongs to frames that are dropped. Layers of a picture come in
// rising order, and all have its temporal id.
func (s *Selector) isBetweenDropped(p *Packet, keep bool) bool {
	a, g := &s.last, s.segments.newest()
	above := !g.simulcast && int8(a.spatial) > g.layer.Spatial
	if a.timestamp == p.Timestamp {
		sameTemporal := a.temporal == p.Temporal && int8(p.Temporal) > g.layer.Temporal
		nextFrame := p.First && a.hasFrame && p.DD != nil && p.Descriptor.FrameNumber == a.frameNumber+1
		return above || nextFrame || !keep && (a.spatial == p.Spatial || sameTemporal)
	}
	// The rest of the last frame, or of its picture, is all there is before p.
	if !p.First {
		return false
	}
	if a.hasFrame && p.DD != nil {
		return p.Descriptor.FrameNumber == a.frameNumber+1
	}
	return above && p.Spatial == 0 && a.hasPicture && p.Info.HasPictureID &&
		p.Info.PictureID == (a.pictureID+1)&(1<<p.Info.PictureIDBits-1)
}

// A frameSet is the set of frames forwarded lately, by their incoming frame
// numbers.
type frameSet struct {
	bits    [frameSetSize / 64]uint64
	highest uint16
	any     bool
}

const frameSetSize = 256 // more than any frame refers back in the structures we know

func (f *frameSet) add(n uint16) {
	if !f.any {
		f.any, f.highest = true, n
	}
	ahead := int16(n - f.highest)
	switch {
	case ahead <= -frameSetSize:
		return
	case ahead >= frameSetSize:
		clear(f.bits[:])
	default:
		for m := f.highest + 1; ahead > 0 && m != n+1; m++ {
			f.bits[m%frameSetSize/64] &^= 1 << (m % 64)
		}
	}
	if ahead > 0 {
		f.highest = n
	}
	f.bits[n%frameSetSize/64] |= 1 << (n % 64)
}

// hasReferences reports whether all frames that p's frame refers to are in the set.
func (f *frameSet) hasReferences(p *Packet) bool {
	d := &p.Descriptor
	for _, diff := range d.FrameDiffs[:d.FrameDiffCount] {
		n := d.FrameNumber - diff
		age := int16(f.highest - n)
		if !f.any || age < 0 || age >= frameSetSize || f.bits[n%frameSetSize/64]&(1<<(n%64)) == 0 {
			return false
		}
	}
	return true
}
