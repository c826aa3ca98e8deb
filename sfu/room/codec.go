package room

import (
	"strings"

	"conclave/sfu/codec"
)

// A Codec is one of the codecs that are forwarded, as an index.
type Codec uint8

// The codecs.
const (
	Unknown Codec = iota
	VP8
	VP9
	AV1
	H264
	Opus
	RED
	CodecCount // number of values of Codec
)

// names are the media types of the codecs.
var names = [CodecCount]string{
	VP8: "video/VP8", VP9: "video/VP9", AV1: "video/AV1", H264: "video/H264", Opus: "audio/opus", RED: "audio/red",
}

// CodecOf returns the codec of a media type such as "video/VP9", or Unknown. SDP
// spells them in either case.
func CodecOf(mime string) Codec {
	for c, name := range names {
		if name != "" && strings.EqualFold(name, mime) {
			return Codec(c)
		}
	}
	return Unknown
}

// String returns the media type, or "".
func (c Codec) String() string {
	if c >= CodecCount {
		return ""
	}
	return names[c]
}

// videoClock is the clock rate of the payload formats of video, in Hz.
const videoClock = 90_000

// A Payload is what a payload type stands for.
type Payload struct {
	MIME    string // "video/VP9"; of RTX "video/rtx"
	Codec   Codec  // Unknown for RTX
	Video   codec.Codec
	Repair  bool  // RTX (RFC 4588)
	Repairs uint8 // the payload type that RTX repairs
}
