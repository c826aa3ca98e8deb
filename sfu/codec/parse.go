package codec

import "encoding/binary"

// Parse reads the descriptor at the start of an RTP payload into info, which it
// overwrites. The errors are ErrMalformed and ErrUnsupported.
func Parse(c Codec, payload []byte, info *Info) error {
	*info = Info{}
	if len(payload) == 0 {
		return ErrMalformed
	}
	switch c {
	case VP8:
		return info.parseVP8(payload)
	case VP9:
		return info.parseVP9(payload)
	case AV1:
		return info.parseAV1(payload)
	case H264:
		return info.parseH264(payload)
	default:
		return ErrUnsupported
	}
}

// A reader takes bytes from the front of a payload. After taking too many,
// failed is set and all is zero.
type reader struct {
	b      []byte
	at     int
	failed bool
}

func (r *reader) byte() byte {
	if r.at >= len(r.b) {
		r.failed = true
		return 0
	}
	r.at++
	return r.b[r.at-1]
}

func (r *reader) uint16() uint16 { return uint16(r.byte())<<8 | uint16(r.byte()) }

// pictureID reads a picture id of 7 or 15 bits; the first bit says which (RFC
// 7741, Section 4.2; RFC 9628, Section 4.2).
func (i *Info) readPictureID(r *reader) {
	i.HasPictureID, i.pictureIDAt = true, uint8(r.at)
	first := r.byte()
	i.PictureID, i.PictureIDBits = uint16(first&0x7f), 7
	if first&0x80 != 0 {
		i.PictureID, i.PictureIDBits = i.PictureID<<8|uint16(r.byte()), 15
	}
}

func (i *Info) readTL0PICIDX(r *reader) {
	i.HasTL0PICIDX, i.tl0At = true, uint8(r.at)
	i.TL0PICIDX = r.byte()
}

// done ends a descriptor, after which at least one byte of the frame must follow.
func (i *Info) done(r *reader) error {
	if r.failed || r.at >= len(r.b) {
		return ErrMalformed
	}
	i.HeaderSize = uint16(r.at)
	return nil
}

// parseVP8 reads a VP8 payload descriptor (RFC 7741, Section 4.2). With the
// dependency descriptor negotiated, browsers send only its first byte.
//
//	|X|R|N|S|R| PID |
//	|I|L|T|K|  RSV  |  if X
//	|M|  PictureID  |  if I, and one more byte if M
//	|   TL0PICIDX   |  if L
//	|TID|Y| KEYIDX  |  if T or K
func (i *Info) parseVP8(payload []byte) error {
	r := reader{b: payload}
	first := r.byte()
	i.HasFirst, i.First = true, first&0x17 == 0x10 // S, and partition 0
	if first&0x80 != 0 {
		extension := r.byte()
		if extension&0x80 != 0 {
			i.readPictureID(&r)
		}
		if extension&0x40 != 0 {
			i.readTL0PICIDX(&r)
		}
		if extension&0x30 != 0 {
			b := r.byte()
			if extension&0x20 != 0 {
				i.HasLayers = true
				i.Temporal = b >> 6
				i.SwitchingPoint = b&0x20 != 0
			}
		}
	}
	if err := i.done(&r); err != nil {
		return err
	}
	// The first byte of a frame: in clear the frame tag, whose lowest bit is 0
	// for key frames (RFC 6386, Section 9.1). Sealed, the sender puts 0 or 1 there.
	i.Key = i.First && payload[i.HeaderSize]&1 == 0
	return nil
}

// parseVP9 reads a VP9 payload descriptor (RFC 9628, Section 4.2).
//
//	|I|P|L|F|B|E|V|Z|
//	|M| PICTURE ID  |  if I, and one more byte if M
//	| TID |U| SID |D|  if L
//	|   TL0PICIDX   |  if L and not F
//	|    P_DIFF   |N|  if P and F; again while N, at most three
//	| SS ...           if V
func (i *Info) parseVP9(payload []byte) error {
	r := reader{b: payload}
	first := r.byte()
	hasID, hasLayers, flexible := first&0x80 != 0, first&0x20 != 0, first&0x10 != 0
	i.InterPicture = first&0x40 != 0
	i.HasFirst, i.First = true, first&0x08 != 0
	i.HasLast, i.Last = true, first&0x04 != 0
	if flexible && !hasID {
		return ErrMalformed
	}
	if hasID {
		i.readPictureID(&r)
	}
	if hasLayers {
		b := r.byte()
		i.HasLayers = true
		i.Temporal = b >> 5
		i.SwitchingPoint = b&0x10 != 0
		i.Spatial = b >> 1 & 7
		i.InterLayer = b&1 != 0
		if !flexible {
			i.readTL0PICIDX(&r)
		}
	}
	if flexible && i.InterPicture {
		for n := 1; r.byte()&1 != 0; n++ {
			if n == 3 { // a fourth P_DIFF is not allowed
				return ErrMalformed
			}
		}
	}
	if first&0x02 != 0 {
		i.parseStructure(&r)
	}
	i.Key = !i.InterPicture && i.Spatial == 0
	return i.done(&r)
}

// parseStructure reads a VP9 scalability structure (RFC 9628, Section 4.2.1).
//
//	| N_S |Y|G| RES |
//	|     WIDTH     |  if Y, 2 + 2 bytes for each of the N_S + 1 layers
//	|     HEIGHT    |
//	|      N_G      |  if G
//	|  T  |U| R |RES|  N_G times, followed by R bytes
func (i *Info) parseStructure(r *reader) {
	b := r.byte()
	i.SpatialCount = b>>5 + 1
	if b&0x10 != 0 {
		i.HasResolutions = true
		for n := range i.SpatialCount {
			i.Resolutions[n] = Resolution{r.uint16(), r.uint16()}
		}
	}
	if b&0x08 != 0 {
		for n := r.byte(); n > 0 && !r.failed; n-- {
			for diffs := r.byte() >> 2 & 3; diffs > 0; diffs-- {
				r.byte()
			}
		}
	}
}

// parseAV1 reads an AV1 aggregation header (AV1 RTP specification, Section 4.4).
//
//	|Z|Y| W |N|-|-|-|
//
// A sealed frame is one OBU, so the packet where an OBU begins is the first of a
// frame. Firefox's packets tell no more than this; layers are in the
// dependency descriptor only.
func (i *Info) parseAV1(payload []byte) error {
	r := reader{b: payload}
	b := r.byte()
	continued, begins := b&0x80 != 0, b&0x08 != 0
	if continued && begins {
		return ErrMalformed
	}
	i.HasFirst, i.First = true, !continued
	i.Key = begins
	return i.done(&r)
}

// NAL unit types (RFC 6184, Section 5.2; ISO/IEC 14496-10, Table 7-1).
const (
	nalIDR   = 5
	nalSPS   = 7
	nalSTAPA = 24
	nalFUA   = 28
)

// parseH264 finds key frames in a NAL unit, a STAP-A or an FU-A (RFC 6184,
// Sections 5.6, 5.7.1 and 5.8). It does not tell where a picture begins.
func (i *Info) parseH264(payload []byte) error {
	switch kind := payload[0] & 0x1f; {
	case kind >= 1 && kind < nalSTAPA:
		i.Key = kind == nalIDR || kind == nalSPS
	case kind == nalSTAPA:
		return i.parseSTAPA(payload[1:])
	case kind == nalFUA:
		if len(payload) < 3 {
			return ErrMalformed
		}
		i.Key = payload[1]&0x1f == nalIDR
	default:
		return ErrUnsupported
	}
	return nil
}

// parseSTAPA looks into an aggregate: units preceded by their 16-bit sizes.
func (i *Info) parseSTAPA(b []byte) error {
	if len(b) == 0 {
		return ErrMalformed
	}
	for len(b) > 0 {
		if len(b) < 2 {
			return ErrMalformed
		}
		size := int(binary.BigEndian.Uint16(b))
		if size == 0 || size > len(b)-2 {
			return ErrMalformed
		}
		kind := b[2] & 0x1f
		i.Key = i.Key || kind == nalIDR || kind == nalSPS
		b = b[2+size:]
	}
	return nil
}
