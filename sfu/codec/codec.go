// Package codec reads the part of video payloads that stays in clear when the
// frames themselves are sealed: RTP payload descriptors of VP8, VP9, AV1 and
// H264, and the constant bytes around a sealed frame.
//
// Call [Parse] for each packet; [Info] says which layer it belongs to, whether
// a frame begins or ends there, and whether a decoder may start at it. When a
// receiver's stream is switched to another source, [Rewrite] keeps the picture
// numbers in VP8 and VP9 descriptors continuous. Nothing here allocates, keeps
// a slice it was given, or panics on what a peer sent.
package codec

import (
	"errors"
	"strings"
)

// ErrMalformed means that a payload is too short for its descriptor or breaks a
// limit of its format.
var ErrMalformed = errors.New("codec: malformed payload")

// ErrUnsupported means that the codec, or this packetization of it, is not read.
var ErrUnsupported = errors.New("codec: unsupported payload")

// A Codec is one of the video codecs that are forwarded.
type Codec uint8

// The codecs.
const (
	Unknown Codec = iota
	VP8
	VP9
	AV1
	H264
)

// FromMIME returns the codec of an SDP media type such as "video/VP9", or Unknown.
func FromMIME(s string) Codec {
	switch strings.ToLower(s) {
	case "video/vp8":
		return VP8
	case "video/vp9":
		return VP9
	case "video/av1":
		return AV1
	case "video/h264":
		return H264
	}
	return Unknown
}

// String returns the SDP media type.
func (c Codec) String() string {
	switch c {
	case VP8:
		return "video/VP8"
	case VP9:
		return "video/VP9"
	case AV1:
		return "video/AV1"
	case H264:
		return "video/H264"
	default:
		return "unknown"
	}
}

// MaxSpatial is the most spatial layers a VP9 descriptor can tell.
const MaxSpatial = 8

// Info is what a payload descriptor says. Fields that the codec's descriptor
// does not have are zero.
type Info struct {
	// HasLayers reports whether Spatial and Temporal were in the descriptor.
	HasLayers         bool
	Spatial, Temporal uint8

	// First and Last report whether a layer frame begins and ends in this
	// packet. HasFirst and HasLast tell whether the format says so at all: H264
	// does not mark the beginning of a picture, and VP8, AV1 and H264 leave its
	// end to the RTP marker.
	HasFirst, First bool
	HasLast, Last   bool

	// Key reports whether a decoder can start at this frame. Formats which tell
	// only in a frame's first packet set it only there.
	Key bool
	// SwitchingPoint reports whether later pictures of higher temporal layers
	// depend on no such picture before this one: VP9's U bit, VP8's Y bit.
	SwitchingPoint bool
	// InterPicture and InterLayer report VP9's P and D bits: the frame depends on
	// an earlier picture; on the spatial layer below.
	InterPicture, InterLayer bool

	HasPictureID  bool
	PictureID     uint16
	PictureIDBits uint8 // 7 or 15
	HasTL0PICIDX  bool
	TL0PICIDX     uint8

	// SpatialCount is the number of layers in a VP9 scalability structure, or 0
	// when the packet has none; Resolutions are theirs where HasResolutions is set.
	SpatialCount   uint8
	HasResolutions bool
	Resolutions    [MaxSpatial]Resolution

	HeaderSize uint16 // bytes of payload descriptor before the frame

	pictureIDAt, tl0At uint8 // byte offsets in the payload
}

// A Resolution is the size of a spatial layer's pictures, in pixels.
type Resolution struct{ Width, Height uint16 }
