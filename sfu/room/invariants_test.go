package room_test

import (
	"hash/maphash"
	"testing"

	"conclave/sfu/rtp"
)

// invariants checks what must hold for all that a Room puts out, whatever came
// in. The zero value is ready; give check every Output before it is reset.
//
//   - Each packet has a header that parses and that SRTP can seal, and its index
//     fits its sequence number.
//   - No two packets to a connection have the same SSRC and index, unless they are
//     the same byte for byte: sealing both would give away keys.
//   - RTCP is made of whole packets.
//   - Transport-wide numbers of a connection follow each other.
type invariants struct {
	// TransportID is the header extension of the transport-wide numbers; 0: not
	// looked at.
	TransportID uint8

	sealed  map[sealedIndex]uint64 // to a hash of the packet
	numbers map[any]uint16         // last transport-wide number of a connection
	seed    maphash.Seed

	Packets, RTCP int // seen
	Bytes         int // of RTP
}

// A sealedIndex is what an SRTP nonce is made of, beside the connection's keys.
type sealedIndex struct {
	to    any
	ssrc  uint32
	index uint64
}

// check looks at all packets of out.
func (v *invariants) check(t testing.TB, out *rtp.Output) {
	t.Helper()
	if v.sealed == nil {
		v.sealed, v.numbers, v.seed = make(map[sealedIndex]uint64), make(map[any]uint16), maphash.MakeSeed()
	}
	for i := range out.Packets {
		switch o := &out.Packets[i]; {
		case o.To == nil:
			t.Fatalf("packet %d is to nobody", i)
		case o.RTCP:
			v.checkRTCP(t, o)
		default:
			v.checkRTP(t, o)
		}
	}
}

func (v *invariants) checkRTCP(t testing.TB, o *rtp.Outbound) {
	t.Helper()
	v.RTCP++
	b := o.Payload
	if len(o.Header) != 0 || len(b) < 8 || len(b) > 1500 {
		t.Fatalf("RTCP with a header of %d bytes and %d bytes", len(o.Header), len(b))
	}
	for len(b) > 0 {
		if len(b) < 4 || b[0]>>6 != 2 || !rtp.IsRTCP(b) {
			t.Fatalf("not RTCP: %x", o.Payload)
		}
		size := 4 * (1 + int(b[2])<<8 + int(b[3]))
		if size > len(b) {
			t.Fatalf("RTCP is cut: %x", o.Payload)
		}
		b = b[size:]
	}
}

func (v *invariants) checkRTP(t testing.TB, o *rtp.Outbound) {
	t.Helper()
	v.Packets++
	v.Bytes += len(o.Header) + len(o.Payload)
	var bare, h rtp.Packet
	if !rtp.Parse(withoutPadding(o.Header), &bare) || !bare.Payload.Empty() {
		t.Fatalf("this is no header: %x", o.Header)
	}
	packet := append(append([]byte(nil), o.Header...), o.Payload...)
	if !rtp.Parse(packet, &h) {
		t.Fatalf("packet does not parse: %x", packet)
	}
	if uint16(o.Index) != h.Sequence || o.Index >= 1<<48 {
		t.Fatalf("sequence number %d has index %#x", h.Sequence, o.Index)
	}
	sum := maphash.Bytes(v.seed, packet)
	key := sealedIndex{o.To, h.SSRC, o.Index}
	if before, ok := v.sealed[key]; ok && before != sum {
		t.Fatalf("SSRC %#x: index %#x (sequence number %d) has two packets", h.SSRC, o.Index, h.Sequence)
	}
	v.sealed[key] = sum
	v.checkNumber(t, o.To, packet, &h)
}

// withoutPadding returns a header whose padding bit is not set: there is no
// payload that could end in padding.
func withoutPadding(header []byte) []byte {
	b := append([]byte(nil), header...)
	if len(b) > 0 {
		b[0] &^= 0x20
	}
	return b
}

func (v *invariants) checkNumber(t testing.TB, to any, packet []byte, h *rtp.Packet) {
	t.Helper()
	b := h.Extension(packet, v.TransportID).In(packet)
	if len(b) != 2 {
		return
	}
	number := uint16(b[0])<<8 | uint16(b[1])
	if last, ok := v.numbers[to]; ok && number != last+1 {
		t.Fatalf("transport-wide number %d follows %d", number, last)
	}
	v.numbers[to] = number
}
