package room

import "conclave/api"

// A TapPacket is one RTP packet of a publisher as a test sees it. Its slices are
// valid during the call only.
type TapPacket struct {
	Seat uint32
	// SSRC is that of the media: of a repaired packet, the one it repairs, if known.
	SSRC uint32
	Mid  string // "" if the packet belongs to no m-line
	RID  string
	// Kind is STREAM_KIND_UNSPECIFIED if the m-line was not announced.
	Kind      api.StreamKind
	Codec     string // "video/VP9"; "" if the payload type is unknown
	Repair    bool   // came as a retransmission
	Sequence  uint16
	Timestamp uint32
	Marker    bool
	Payload   []byte // without padding; empty for padding-only packets
	Raw       []byte // the whole packet as it came
}
