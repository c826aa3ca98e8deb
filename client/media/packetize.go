package media

import (
	"encoding/binary"
	"errors"
	"fmt"

	"conclave/client/clip"
	"conclave/sfu/dd"
)

// Sizes of RTP packets.
const (
	maxPacket   = 1200 // bytes of an RTP packet before encryption, as browsers send
	rtpHeader   = 12
	otherExtras = 4 + 2 + 2 + 2 + 16 + 3 // extension head, transport-wide number, mid, padding
	ddExtra     = 2                      // extension id and length
)

// Limits of the VP9 payload descriptor.
const (
	maxPDiff       = 127 // pictures back that P_DIFF can tell
	maxPDiffs      = 3
	maxDescriptor  = 1 + 2 + 1 + maxPDiffs
	pictureIDs     = 1 << 15
	maxSizeInBytes = clip.MaxFrameSize + 64 // sealed
)

// errPicture means that a picture breaks the rules of its stream.
var errPicture = errors.New("picture cannot be sent")

// A layerFrame is one sealed spatial layer of a picture that is to be sent.
type layerFrame struct {
	spatial, temporal uint8
	key               bool    // belongs to a key picture
	interLayer        bool    // predicted from the layer below
	pictures          []uint8 // predicted from these pictures, as distances back
	sealed            []byte
}

// A packet is what a packetizer makes of a part of a layer frame.
type packet struct {
	payload    []byte
	descriptor []byte // dependency descriptor
	marker     bool   // last of its picture
}

// A vp9Packetizer writes RTP payloads of VP9 in flexible mode (RFC 9628,
// Section 4.2) with layer indices, a scalability structure on key pictures and
// a dependency descriptor, as browsers do for SVC. The frames themselves are
// sealed: nothing but the descriptors can be read. It belongs to one goroutine.
type vp9Packetizer struct {
	// Constant after newVP9Packetizer.
	sizes []dd.Resolution

	writer    *dd.Writer
	pictureID uint16 // of the next picture
}

// newVP9Packetizer returns a packetizer for a stream of the given scalability
// mode, such as "L3T3_KEY".
func newVP9Packetizer(mode string, sizes []dd.Resolution, pictureID, frameNumber uint16) (*vp9Packetizer, error) {
	m, err := dd.ParseMode(mode)
	if err != nil {
		return nil, err
	}
	w, err := dd.NewWriter(m, sizes, frameNumber)
	if err != nil {
		return nil, err
	}
	return &vp9Packetizer{sizes: sizes, writer: w, pictureID: pictureID % pictureIDs}, nil
}

// picture returns the packets of one picture, whose layers come lowest first.
func (p *vp9Packetizer) picture(layers []layerFrame) ([]packet, error) {
	var out []packet
	for i := range layers {
		var err error
		if out, err = p.appendFrame(out, &layers[i]); err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: it is empty", errPicture)
	}
	out[len(out)-1].marker = true
	p.pictureID = (p.pictureID + 1) % pictureIDs
	return out, nil
}

func (p *vp9Packetizer) appendFrame(out []packet, f *layerFrame) ([]packet, error) {
	if len(f.sealed) == 0 || len(f.sealed) > maxSizeInBytes || len(f.pictures) > maxPDiffs {
		return nil, fmt.Errorf("%w: frame of %d bytes, predicted from %d pictures", errPicture, len(f.sealed), len(f.pictures))
	}
	if err := p.writer.Begin(f.spatial, f.temporal, f.key); err != nil {
		return nil, fmt.Errorf("%w: %v", errPicture, err)
	}
	// The first packet has the largest descriptors. All get the size that fits
	// there, evenly filled: one packet more in a key picture is no matter.
	first, err := p.writer.Append(nil, true, true)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", errPicture, err)
	}
	structure := f.key && f.spatial == 0
	room := maxPacket - rtpHeader - otherExtras - ddExtra - len(first) - maxDescriptor
	if structure {
		room -= len(p.appendStructure(nil))
	}
	packets := (len(f.sealed) + room - 1) / room
	for i := range packets {
		begin, end := i*len(f.sealed)/packets, (i+1)*len(f.sealed)/packets
		b, e := i == 0, i == packets-1
		payload := p.appendDescriptor(make([]byte, 0, maxPacket), f, b, e)
		if structure && b {
			payload = p.appendStructure(payload)
		}
		descriptor, err := p.writer.Append(nil, b, e)
		if err != nil {
			return nil, fmt.Errorf("%w: %v", errPicture, err)
		}
		out = append(out, packet{payload: append(payload, f.sealed[begin:end]...), descriptor: descriptor})
	}
	return out, nil
}

// The VP9 payload descriptor in flexible mode (RFC 9628, Section 4.2):
//
//	 0 1 2 3 4 5 6 7
//	+-+-+-+-+-+-+-+-+
//	|I|P|L|F|B|E|V|Z|
//	+-+-+-+-+-+-+-+-+
//	|1| PICTURE ID  |
//	+-+-+-+-+-+-+-+-+
//	|  PICTURE ID   |
//	+-+-+-+-+-+-+-+-+
//	| TID |U| SID |D|
//	+-+-+-+-+-+-+-+-+
//	|   P_DIFF    |N|  up to three times, if P
//	+-+-+-+-+-+-+-+-+
//	|   structure   |  if V
//	+-+-+-+-+-+-+-+-+
const (
	bitI = 0x80 // picture id present
	bitP = 0x40 // predicted from other pictures
	bitL = 0x20 // layer indices present
	bitF = 0x10 // flexible mode
	bitB = 0x08 // start of a layer frame
	bitE = 0x04 // end of a layer frame
	bitV = 0x02 // scalability structure present
	bitZ = 0x01 // not a reference for upper layers

	bitM = 0x80 // the picture id has 15 bits
	bitU = 0x10 // higher temporal layers may be switched up to from here
	bitD = 0x01 // predicted from the layer below
	bitN = 0x01 // another P_DIFF follows
	bitY = 0x10 // the structure has resolutions
)

func (p *vp9Packetizer) appendDescriptor(b []byte, f *layerFrame, first, last bool) []byte {
	flags := byte(bitI | bitL | bitF)
	set := func(bit byte, on bool) {
		if on {
			flags |= bit
		}
	}
	set(bitP, len(f.pictures) > 0)
	set(bitB, first)
	set(bitE, last)
	set(bitV, first && f.key && f.spatial == 0)
	set(bitZ, !f.key || int(f.spatial) == len(p.sizes)-1)
	// Every frame of the regular modes is a switching point (U).
	layer := f.temporal<<5 | bitU | f.spatial<<1
	if f.interLayer {
		layer |= bitD
	}
	b = append(b, flags, bitM|byte(p.pictureID>>8), byte(p.pictureID), layer)
	for i, d := range f.pictures {
		d <<= 1
		if i < len(f.pictures)-1 {
			d |= bitN
		}
		b = append(b, d)
	}
	return b
}

// appendStructure appends the scalability structure (RFC 9628, Section 4.2.1)
// with the resolutions of all layers and no description of pictures, which
// flexible mode does not have.
func (p *vp9Packetizer) appendStructure(b []byte) []byte {
	b = append(b, byte(len(p.sizes)-1)<<5|bitY)
	for _, s := range p.sizes {
		b = binary.BigEndian.AppendUint16(b, uint16(s.Width))
		b = binary.BigEndian.AppendUint16(b, uint16(s.Height))
	}
	return b
}
