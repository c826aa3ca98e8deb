package load

import (
	"errors"
	"fmt"
	"strings"

	"conclave/sfu/dd"
)

// ErrStream means that a Stream is not one that can be generated.
var ErrStream = errors.New("load: cannot generate such a stream")

// A Codec is what the packets of a stream look like.
type Codec uint8

// The codecs.
const (
	VP9 Codec = iota
	AV1
	VP8
	H264
	Opus
)

var codecNames = [...]string{VP9: "vp9", AV1: "av1", VP8: "vp8", H264: "h264", Opus: "opus"}

// ParseCodec reads a name such as "vp9". The error is ErrStream.
func ParseCodec(name string) (Codec, error) {
	for c, n := range codecNames {
		if strings.EqualFold(n, name) {
			return Codec(c), nil
		}
	}
	return 0, fmt.Errorf("%w: codec %.20q; use %s", ErrStream, name, strings.Join(codecNames[:], ", "))
}

// String returns the codec's name.
func (c Codec) String() string { return codecNames[c] }

// MIME returns the codec's SDP media type, such as "video/VP9".
func (c Codec) MIME() string {
	return [...]string{VP9: "video/VP9", AV1: "video/AV1", VP8: "video/VP8", H264: "video/H264", Opus: "audio/opus"}[c]
}

// A Pattern says how the packets of a frame leave.
type Pattern uint8

// The patterns. Bursts of 10 or 20 packets leave at once; Spaced packets leave
// one by one, evenly over the frame's time.
const (
	Burst10 Pattern = iota
	Burst20
	Spaced
)

var patternNames = [...]string{Burst10: "burst10", Burst20: "burst20", Spaced: "spaced"}

// ParsePattern reads a name such as "burst10". The error is ErrStream.
func ParsePattern(name string) (Pattern, error) {
	for p, n := range patternNames {
		if n == name {
			return Pattern(p), nil
		}
	}
	return 0, fmt.Errorf("%w: pattern %.20q; use %s", ErrStream, name, strings.Join(patternNames[:], ", "))
}

// String returns the pattern's name.
func (p Pattern) String() string { return patternNames[p] }

// Layers are the layers of a video stream: those of one encoding that are
// predicted from each other, or several encodings.
type Layers struct {
	Mode      dd.Mode // of each encoding
	Encodings int     // 1, or 3 for simulcast
}

// ParseLayers reads a scalability mode such as "L3T3_KEY", or "simulcast" for
// three encodings of three temporal layers. The error is ErrStream.
func ParseLayers(name string) (Layers, error) {
	if name == "simulcast" {
		return Layers{Mode: dd.Mode{Spatial: 1, Temporal: 3}, Encodings: simulcastEncodings}, nil
	}
	m, err := dd.ParseMode(name)
	if err != nil {
		return Layers{}, fmt.Errorf("%w: layers %.20q; use L1T1, L1T3, L3T3_KEY and the like, or simulcast", ErrStream, name)
	}
	return Layers{Mode: m, Encodings: 1}, nil
}

const simulcastEncodings = 3

// A Stream says what one m-line of a publisher carries.
type Stream struct {
	Codec   Codec
	Layers  Layers // zero: L1T1
	Pattern Pattern
	// FPS is frames a second; 26. Opus has 50.
	FPS float64
	// Size is the bytes of a full RTP packet without SRTP's tag, its header and
	// extensions included; 1200.
	Size int
	// Rate is the bits a second of all layers and encodings together, counted in
	// RTP packets. Zero means one whole burst a frame: 10 or 20 packets; 10 also
	// if they are spaced; 60 kbit/s for Opus.
	Rate int
}
