package bwe

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Sizes in a feedback packet
// (draft-holmer-rmcat-transport-wide-cc-extensions-01, Section 3.1).
const (
	feedbackHeader = 20 // bytes before the first packet status chunk
	chunkSize      = 2
	deltaUnit      = 250 * time.Microsecond
)

// Packet status symbols (ibid., Section 3.1.1).
const (
	notReceived = iota
	smallDelta
	largeDelta
	withoutDelta
)

// DecodePacket is [Decoder.Decode] for an RTCP packet as it came, header included
// and padding removed, whose type the caller has looked at. It allocates only
// while the Decoder's memory grows to the size of the feedback.
func (d *Decoder) DecodePacket(b []byte) (Feedback, error) {
	if len(b) < feedbackHeader {
		return Feedback{}, fmt.Errorf("%w: %d bytes", ErrFeedback, len(b))
	}
	count := int(binary.BigEndian.Uint16(b[14:]))
	if count == 0 || count > MaxArrivals {
		return Feedback{}, fmt.Errorf("%w: %d packets", ErrFeedback, count)
	}
	chunks := b[feedbackHeader:]
	size, ok := chunksSize(chunks, count)
	if !ok {
		return Feedback{}, fmt.Errorf("%w: not every packet has a status", ErrFeedback)
	}
	reference := uint32(b[16])<<16 | uint32(b[17])<<8 | uint32(b[18])
	clock := d.unwrap(reference)
	r := packetReader{
		left: count, seq: binary.BigEndian.Uint16(b[12:]), at: time.Duration(clock) * referenceUnit,
		deltas: chunks[size:], arrivals: d.arrivals[:0],
	}
	for ; size > 0; size -= chunkSize {
		if !r.chunk(binary.BigEndian.Uint16(chunks)) {
			return Feedback{}, fmt.Errorf("%w: a receive delta is missing", ErrFeedback)
		}
		chunks = chunks[chunkSize:]
	}
	d.started, d.reference, d.clock = true, reference, clock
	d.arrivals = r.arrivals
	return Feedback{Arrivals: r.arrivals}, nil
}

// chunksSize returns how many bytes the chunks take that say the status of count
// packets.
func chunksSize(b []byte, count int) (size int, ok bool) {
	for count > 0 {
		if len(b) < size+chunkSize {
			return 0, false
		}
		c := binary.BigEndian.Uint16(b[size:])
		switch {
		case c&0x8000 == 0: // a run of one symbol
			count -= int(c & 0x1FFF)
		case c&0x4000 == 0:
			count -= 14
		default:
			count -= 7
		}
		size += chunkSize
	}
	return size, true
}

// A packetReader reads the chunks and deltas of one feedback packet.
type packetReader struct {
	left     int // packets still to come
	seq      uint16
	at       time.Duration
	deltas   []byte
	arrivals []Arrival
}

// chunk reads one packet status chunk: a run of one symbol, or fourteen symbols of
// one bit or seven of two.
func (r *packetReader) chunk(c uint16) bool {
	if c&0x8000 == 0 {
		for range min(int(c&0x1FFF), r.left) {
			if !r.status(c >> 13 & 3) {
				return false
			}
		}
		return true
	}
	bits := 1 + int(c>>14&1)
	for shift := 14 - bits; shift >= 0 && r.left > 0; shift -= bits {
		if !r.status(c >> shift & (1<<bits - 1)) {
			return false
		}
	}
	return true
}

// status takes the status of the next packet. One that came "without receive
// delta" is left out: it is neither lost nor timed.
func (r *packetReader) status(symbol uint16) bool {
	r.left--
	seq := r.seq
	r.seq++
	var delta int // in units of 250 µs
	switch symbol {
	case notReceived:
		r.arrivals = append(r.arrivals, Arrival{Seq: seq})
		return true
	case smallDelta:
		if len(r.deltas) < 1 {
			return false
		}
		delta, r.deltas = int(r.deltas[0]), r.deltas[1:]
	case largeDelta:
		if len(r.deltas) < 2 {
			return false
		}
		delta, r.deltas = int(int16(binary.BigEndian.Uint16(r.deltas))), r.deltas[2:]
	case withoutDelta:
		return true
	}
	r.at += time.Duration(delta) * deltaUnit
	r.arrivals = append(r.arrivals, Arrival{Seq: seq, At: r.at, Received: true})
	return true
}
