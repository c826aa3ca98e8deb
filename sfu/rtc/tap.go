package rtc

import (
	"encoding/binary"

	"conclave/api"
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

// A tap names the packets of one publisher for Config.Tap. It belongs to the
// goroutine that receives from the publisher's SRTP session.
type tap struct {
	seat  uint32
	call  func(TapPacket)
	names map[uint32]tapName // by SSRC: later packets of a stream name nothing
}

type tapName struct {
	mid, rid string
	primary  uint32
	repair   bool // carries retransmissions
}

// add hands one packet on.
func (t *tap) add(l *layout, b []byte) {
	var p packet
	if l == nil || !parsePacket(b, &p) {
		t.call(TapPacket{Seat: t.seat, Raw: b})
		return
	}
	out := TapPacket{
		Seat: t.seat, SSRC: p.ssrc, Sequence: p.sequence, Timestamp: p.timestamp, Marker: p.marker,
		Payload: p.payload.in(b), Raw: b,
	}
	name, known := t.names[p.ssrc]
	if !known {
		s, primary, rid := l.find(b, &p)
		name = tapName{rid: rid, primary: primary}
		if s != nil {
			name.mid, name.repair = s.mid, s.codecs[p.payloadType].repair
			t.names[p.ssrc] = name
		}
	}
	out.Mid, out.RID = name.mid, name.rid
	if s := l.sections[name.mid]; s != nil {
		c := s.codecs[p.payloadType]
		out.Codec, out.Repair = c.mime, c.repair
		if s.stream != nil {
			out.Kind = s.stream.kind
		}
		if c.repair {
			out.Codec = s.codecs[c.apt].mime
			t.repair(name, &out)
		}
	}
	t.call(out)
}

// repair unwraps a retransmission (RFC 4588, Section 4): its payload begins
// with the sequence number of the packet it repeats.
func (t *tap) repair(name tapName, out *TapPacket) {
	out.SSRC = name.primary
	for ssrc, n := range t.names { // simulcast: the encoding with the same rid
		if name.rid != "" && n.mid == name.mid && n.rid == name.rid && !n.repair {
			out.SSRC = ssrc
		}
	}
	if len(out.Payload) >= 2 {
		out.Sequence = binary.BigEndian.Uint16(out.Payload)
		out.Payload = out.Payload[2:]
	}
}
