package room

import (
	"encoding/binary"
	"fmt"
)

// A tag ends the payload of every packet of video: what it is, in truth.
type tag struct {
	seat              uint32
	encoding          uint8
	spatial, temporal uint8
	first, last, key  bool
	picture           uint32
	index             uint16 // of the packet in its frame
}

const tagSize = 15

func (g tag) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, g.seat)
	flags := byte(0)
	for i, f := range []bool{g.first, g.last, g.key} {
		if f {
			flags |= 1 << i
		}
	}
	b = append(b, g.encoding, g.spatial, g.temporal, flags)
	b = binary.BigEndian.AppendUint32(b, g.picture)
	b = binary.BigEndian.AppendUint16(b, g.index)
	return append(b, 0xA5)
}

func readTag(b []byte) (g tag, ok bool) {
	if len(b) < tagSize || b[len(b)-1] != 0xA5 {
		return tag{}, false
	}
	b = b[len(b)-tagSize:]
	return tag{
		seat: binary.BigEndian.Uint32(b), encoding: b[4], spatial: b[5], temporal: b[6],
		first: b[7]&1 != 0, last: b[7]&2 != 0, key: b[7]&4 != 0,
		picture: binary.BigEndian.Uint32(b[8:]), index: binary.BigEndian.Uint16(b[12:]),
	}, true
}

func (g tag) String() string {
	return fmt.Sprintf("seat %d encoding %d picture %d S%dT%d packet %d", g.seat, g.encoding, g.picture, g.spatial, g.temporal, g.index)
}
