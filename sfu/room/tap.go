package room

import (
	"encoding/binary"

	"conclave/api"
	"conclave/sfu/rtp"
)

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

// tap shows one packet to Config.Tap. h is empty if b does not parse; s is nil if
// the packet belongs to no m-line.
func (p *publisher) tap(b []byte, h *rtp.Packet, s *source) {
	out := TapPacket{
		Seat: p.seat, SSRC: h.SSRC, Sequence: h.Sequence, Timestamp: h.Timestamp, Marker: h.Marker,
		Payload: h.Payload.In(b), Raw: b,
	}
	if s != nil {
		out.Mid, out.RID, out.SSRC = s.mid, s.rid, s.primary
		c := s.section.Codecs[h.PayloadType]
		out.Codec, out.Repair = c.MIME, c.Repair
		if s.section.stream != nil {
			out.Kind = s.section.stream.kind
		}
		if c.Repair {
			out.Codec = s.section.Codecs[c.Repairs].MIME
			if s.encoding != nil && s.encoding.ssrc != 0 {
				out.SSRC = s.encoding.ssrc
			}
			if len(out.Payload) >= 2 { // RFC 4588, Section 4
				out.Sequence, out.Payload = binary.BigEndian.Uint16(out.Payload), out.Payload[2:]
			}
		}
	}
	p.room.cfg.Tap(out)
}
