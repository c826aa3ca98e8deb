package layer

import (
	"time"

	"conclave/sfu/codec"
	"conclave/sfu/dd"
)

// videoClock is the RTP clock rate of every video payload format here.
const videoClock = 90000 // ticks a second

// A Header is what a Reader needs of an RTP header.
type Header struct {
	Sequence    uint64 // extended
	Timestamp   uint32
	Marker      bool
	PayloadType uint8
}

// A Reader reads the packets of one Source. It belongs to one goroutine.
//
// Packets with a dependency descriptor are understood by it alone, for it is
// what Chromium sends for every codec, with the payload descriptor then partly
// empty. Packets without are understood by the payload descriptor: VP9 tells
// all layers, VP8 temporal ones, AV1 and H264 none.
type Reader struct {
	// Constant after NewReader.
	codec    codec.Codec
	source   Source
	encoding uint8

	structure   *dd.Structure // replaced, never changed in place: Packets keep it
	structureAt uint64        // sequence number that brought it
	scratch     dd.Structure

	spatialCount uint8 // by the last VP9 scalability structure
	resolutions  [codec.MaxSpatial]codec.Resolution

	newest     uint64 // highest sequence number read
	newestTime uint32 // its timestamp

	reported  bool // a sender report has come:
	captured  time.Time
	timestamp uint32
}

// NewReader returns a Reader of source, which is the stream's encoding with the
// given index.
func NewReader(c codec.Codec, source Source, encoding uint8) *Reader {
	return &Reader{codec: c, source: source, encoding: encoding}
}

// Read fills p from a packet that is not a duplicate. descriptor is the
// dependency descriptor header extension or nil; payload is without padding, and
// empty for a padding-only packet. Selectors must be given those too: else they
// take them for lost, and every receiver asks for them.
//
// An error means that the packet cannot be forwarded: count it, drop it, and
// ask for a key frame if it is dd.ErrNoStructure, which is normal after loss. The
// others are dd.ErrMalformed, codec.ErrMalformed and codec.ErrUnsupported. A packet
// refused for its structure may be read again when a receiver asks for it, if the
// structure has come meanwhile; give it to Selector.Resend then, not to Forward.
//
// Read allocates only when a new dependency structure comes.
func (r *Reader) Read(p *Packet, h Header, descriptor, payload []byte) error {
	*p = Packet{
		Source: r.source, Encoding: r.encoding,
		Sequence: h.Sequence, Timestamp: h.Timestamp, Marker: h.Marker, PayloadType: h.PayloadType,
		Payload: payload,
	}
	if len(payload) == 0 {
		return nil
	}
	if r.reported {
		ticks := int64(int32(h.Timestamp - r.timestamp))
		p.Captured = r.captured.Add(time.Duration(ticks * int64(time.Second) / videoClock))
	}
	if err := codec.Parse(r.codec, payload, &p.Info); err != nil {
		return err // not wrapped: a peer can cause it with every packet
	}
	if p.Info.SpatialCount > 0 && h.Sequence >= r.newest {
		r.spatialCount, r.resolutions = p.Info.SpatialCount, p.Info.Resolutions
	}
	if len(descriptor) > 0 {
		if err := r.readDescriptor(p, descriptor); err != nil {
			return err
		}
	} else {
		r.describe(p)
	}
	if h.Sequence > r.newest {
		r.newest, r.newestTime = h.Sequence, h.Timestamp
	}
	return nil
}

// readDescriptor fills in what a dependency descriptor says.
func (r *Reader) readDescriptor(p *Packet, b []byte) error {
	if err := dd.Parse(b, r.structure, &r.scratch, &p.Descriptor); err != nil {
		return err
	}
	d := &p.Descriptor
	p.DD, p.Structure = b, r.structure
	if d.Attached && (r.structure == nil || *r.structure != r.scratch) {
		s := r.scratch
		p.Structure = &s
		if p.Sequence >= r.structureAt {
			r.structure, r.structureAt = &s, p.Sequence
		}
	}
	p.Spatial, p.Temporal = d.Spatial, d.Temporal
	p.First, p.Last = d.StartOfFrame, d.EndOfFrame
	p.Key = d.Attached && d.StartOfFrame && d.Spatial == 0
	p.SpatialCount = p.Structure.SpatialCount
	return nil
}

// describe fills in what the payload descriptor says.
func (r *Reader) describe(p *Packet) {
	p.Spatial, p.Temporal = p.Info.Spatial, p.Info.Temporal
	p.First, p.Last = p.Info.First, p.Info.Last
	if !p.Info.HasFirst { // H264: a picture begins where the timestamp changes
		p.First = p.Sequence > r.newest && (r.newest == 0 || p.Timestamp != r.newestTime)
	}
	if !p.Info.HasLast {
		p.Last = p.Marker
	}
	p.Key = p.Info.Key && p.First
	p.SpatialCount = r.spatialCount
	if !p.Info.HasLayers {
		p.SpatialCount = 1
	}
}

// SenderReport ties an RTP timestamp to the sender's clock.
func (r *Reader) SenderReport(captured time.Time, timestamp uint32) {
	r.reported, r.captured, r.timestamp = true, captured, timestamp
}

// Resolution returns the size of a spatial layer's pictures in pixels, if the
// stream tells.
func (r *Reader) Resolution(spatial int) (width, height int, ok bool) {
	switch {
	case spatial < 0 || spatial >= MaxSpatial:
	case r.structure != nil && r.structure.HasResolutions && spatial < int(r.structure.SpatialCount):
		s := r.structure.Resolutions[spatial]
		return int(s.Width), int(s.Height), true
	case spatial < int(r.spatialCount) && r.resolutions[spatial].Width > 0:
		s := r.resolutions[spatial]
		return int(s.Width), int(s.Height), true
	}
	return 0, 0, false
}
