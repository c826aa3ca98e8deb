package room

// Bounds of what a publisher may negotiate. More is refused or ignored.
const (
	MaxSections = 32 // m-lines; a client publishes four streams
	MaxSSRCs    = 8  // of one m-line: three encodings with repair, and some
	MaxRIDs     = 3  // layer.MaxEncodings
)

// A Section is one m-line of a publishing connection as it was negotiated. The
// Room keeps it and does not change it; nor may its maker.
type Section struct {
	Mid    string
	Audio  bool
	Codecs map[uint8]Payload // by payload type
	First  string            // media type of the codec that is offered first
	RIDs   []string          // simulcast encodings, lowest resolution first
	SSRCs  map[uint32]uint32 // SSRC to itself, or to the one that it repairs

	// Ids of header extensions; 0: not negotiated.
	MidID, RidID, RepairedRidID, TransportID, DescriptorID, LevelID uint8
}

// A Slot is one m-line of a receiving connection. It carries one stream after
// another, under numbers that go on.
type Slot struct {
	Mid              string
	Audio            bool
	SSRC, RepairSSRC uint32 // RepairSSRC is 0 for sound
	Stream           uint32 // carried now; 0: none
}

// A Binding is what a client's answer says of a slot.
type Binding struct {
	Mid          string
	PayloadTypes [CodecCount]uint8 // 0: not negotiated
	RepairTypes  [CodecCount]uint8 // of RTX, by the codec that it repairs

	// Ids of header extensions; 0: not negotiated.
	TransportID, DescriptorID, LevelID uint8
}
