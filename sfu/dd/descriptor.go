// Package dd reads, writes and patches the AV1 Dependency Descriptor, the RTP
// header extension that tells a forwarding server which layer a packet belongs
// to and what its frame depends on, for AV1, VP9 and VP8 alike.
//
// It implements Appendix A of the RTP Payload Format For AV1, version 1.0.0
// (https://aomediacodec.github.io/av1-rtp-spec/v1.0.0.html).
//
// A reader keeps the last [Structure] of each source and calls [Parse] for
// every packet. A publisher writes its own with a [Writer]. A forwarder changes frame numbers and active
// decode targets of received bytes with [AppendPatched]. Parsing and patching do
// not allocate, keep a slice they were given, or panic on what a peer sent.
package dd

import "errors"

// URI names the header extension in SDP (Section A.9).
const URI = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"

// Limits of what this package reads and writes.
const (
	MaxTemplates  = 64  // frame_dependency_template_id has 6 bits
	MaxTargets    = 32  // dt_cnt_minus_one has 5 bits
	MaxChains     = 32  // chain_cnt is at most the number of decode targets
	MaxSpatial    = 8   // spatial ids in use anywhere: VP9's three bits; AV1 has two
	MaxTemporal   = 8   // temporal ids in use anywhere: three bits
	MaxFrameDiffs = 16  // dependencies of one frame; codecs have at most 8 reference buffers
	MaxSize       = 255 // bytes in a two-byte header extension, RFC 8285, Section 4.3
)

// Errors that [Parse] and [AppendPatched] return.
var (
	// ErrMalformed means that the bytes are not a descriptor, or break a limit.
	ErrMalformed = errors.New("dd: malformed dependency descriptor")
	// ErrNoStructure means that the structure which the descriptor refers to is
	// not known: its packet was lost, is late, or has been replaced.
	ErrNoStructure = errors.New("dd: no structure for this template")
	// ErrTooLong means that a descriptor does not fit into a header extension.
	ErrTooLong = errors.New("dd: descriptor too long")
)

// A DTI is a decode target indication: what a frame is to a decode target
// (Table A.1).
type DTI uint8

// The four indications.
const (
	NotPresent  DTI = iota // '-': the frame is not part of the target
	Discardable            // 'D': no frame of the target refers to it
	Switch                 // 'S': all later frames of the target are decodable if this one is
	Required               // 'R': none of these
)

// A Template holds what many frames have in common.
type Template struct {
	Spatial, Temporal uint8
	DTIs              [MaxTargets]DTI      // by decode target
	FrameDiffs        [MaxFrameDiffs]uint8 // the first FrameDiffCount are set
	FrameDiffCount    uint8
	ChainDiffs        [MaxChains]uint8 // by chain
}

// A Structure is the template dependency structure of a coded video sequence.
// The zero Structure is empty: no descriptor refers to it.
type Structure struct {
	IDOffset      uint8 // template id of the first template
	TemplateCount uint8
	TargetCount   uint8 // decode targets
	ChainCount    uint8
	SpatialCount  uint8 // one more than the highest spatial id

	Templates   [MaxTemplates]Template
	ProtectedBy [MaxTargets]uint8 // chain of each decode target
	Targets     [MaxTargets]Layer // highest layer of each decode target

	HasResolutions bool
	Resolutions    [MaxSpatial]Resolution
}

// A Layer names a spatial and a temporal layer.
type Layer struct{ Spatial, Temporal uint8 }

// A Resolution is the largest picture of a spatial layer, in pixels.
type Resolution struct{ Width, Height uint32 }

// A Descriptor says what one packet belongs to. Its fields are resolved: they
// come from the template or from what the packet says instead.
type Descriptor struct {
	StartOfFrame, EndOfFrame bool
	TemplateID               uint8
	FrameNumber              uint16

	Spatial, Temporal uint8
	DTIs              [MaxTargets]DTI
	FrameDiffs        [MaxFrameDiffs]uint16
	FrameDiffCount    uint8
	ChainDiffs        [MaxChains]uint8
	TargetCount       uint8
	ChainCount        uint8

	// Attached reports whether the packet carries a structure: it is the first
	// of a coded video sequence.
	Attached bool
	// HasActive reports whether the packet itself says which decode targets are
	// active. Active is their mask; with a structure attached and no mask, all.
	HasActive bool
	Active    uint32

	activeAt uint16 // bit offset of the mask, or of where it would be
	bits     uint16 // bits of the descriptor without padding
}
