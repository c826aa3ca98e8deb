package codec

import "encoding/binary"

// A Rewrite holds the picture numbers that a payload descriptor is to carry.
// The zero Rewrite changes nothing.
type Rewrite struct {
	Set       bool
	PictureID uint16 // its low 7 or 15 bits are used
	TL0PICIDX uint8
}

// Apply changes the picture numbers in payload, a copy of the payload that info
// was parsed from. Numbers the descriptor lacks are not added, and none changes
// its size.
func (r Rewrite) Apply(payload []byte, info *Info) {
	if !r.Set || len(payload) < int(info.HeaderSize) {
		return
	}
	if info.HasPictureID {
		at := payload[info.pictureIDAt:]
		if info.PictureIDBits == 15 {
			binary.BigEndian.PutUint16(at, r.PictureID|0x8000)
		} else {
			at[0] = byte(r.PictureID & 0x7f)
		}
	}
	if info.HasTL0PICIDX {
		payload[info.tl0At] = r.TL0PICIDX
	}
}
