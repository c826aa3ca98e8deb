package codec

// Parse reads the descriptor at the start of an RTP payload into info, which it
// overwrites. The errors are ErrMalformed and ErrUnsupported.
func Parse(c Codec, payload []byte, info *Info) error { return ErrUnsupported }

// A Rewrite holds the picture numbers that a payload descriptor is to carry.
// The zero Rewrite changes nothing.
type Rewrite struct {
	Set       bool
	PictureID uint16
	TL0PICIDX uint8
}

// Apply changes the picture numbers in payload, a copy of the payload that info
// was parsed from. Numbers the descriptor lacks are not added.
func (r Rewrite) Apply(payload []byte, info *Info) {}
