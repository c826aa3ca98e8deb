package feedback

import (
	"encoding/binary"
	"slices"
)

// Packet status symbols
// (draft-holmer-rmcat-transport-wide-cc-extensions-01, Section 3.1.1).
const (
	symbolLost  = 0
	symbolSmall = 1 // a delta of one byte without sign follows
	symbolLarge = 2 // a delta of two bytes with sign follows
)

const (
	wideHeader = feedbackHeader + 8

	vectorChunk = 1 << 15
	twoBits     = 1 << 14
	oneBitCount = 14 // symbols in a vector chunk of one bit each
	twoBitCount = 7
	maxRun      = 1<<13 - 1

	// leastTransport is enough for one arrival, however many were lost before it.
	leastTransport = wideHeader + 2*(ringSize/twoBitCount+1) + 2 + 3
)

// append adds one transport-wide feedback message of what was not told yet, as far
// as it fits below end bytes. What does not fit stays due. It must be the last in
// a compound packet, for it may end in padding.
//
//	V P FMT=15 | PT=205 | length
//	SSRC of packet sender
//	SSRC of media source
//	base sequence number | packet status count
//	reference time (24 bits, of 64 ms) | feedback packet count
//	packet status chunks (16 bits each)
//	receive deltas (8 or 16 bits each, of 250 µs)
//	zero padding
func (a *arrivals) append(at moment, b []byte, end int, sender, media uint32) []byte {
	var symbols [ringSize]uint8
	start := len(b)
	count, reference := a.choose(&symbols, end-start)
	if count == 0 {
		a.finished(at)
		return b
	}
	b = appendFeedbackHeader(b, formatWide, sender, media)
	b = binary.BigEndian.AppendUint16(b, uint16(a.next))
	b = binary.BigEndian.AppendUint16(b, uint16(count))
	b = binary.BigEndian.AppendUint32(b, reference<<8|uint32(a.messages))
	a.messages++
	b = appendChunks(b, symbols[:count])
	last := reference << 8
	for i, symbol := range symbols[:count] {
		t := a.ring[(a.next+uint64(i))%ringSize]
		switch symbol {
		case symbolSmall:
			b = append(b, uint8(t-last))
		case symbolLarge:
			b = binary.BigEndian.AppendUint16(b, uint16(t-last))
		default:
			continue
		}
		last = t
	}
	if rest := (len(b) - start) % 4; rest != 0 {
		for range 3 - rest {
			b = append(b, 0)
		}
		b = append(b, uint8(4-rest)) // RFC 3550, Section 6.4.1: the last byte counts the padding
		b[start] |= 1 << 5
	}
	setLength(b, start)
	a.next += uint64(count)
	if a.next == a.end {
		a.finished(at)
	}
	return b
}

// choose fills in the symbols of the numbers that one message of at most room
// bytes can tell of, and returns how many those are and its reference time. The
// last of them arrived.
func (a *arrivals) choose(symbols *[ringSize]uint8, room int) (count int, reference uint32) {
	var last uint32
	deltas, begun := 0, false
	for n := a.next; n < a.end; n++ {
		i := int(n - a.next)
		t := a.ring[n%ringSize]
		if t == unheard {
			continue // symbols is zero there
		}
		if !begun {
			begun, reference, last = true, t>>8, t&^0xff
		}
		delta := int32(t - last)
		switch {
		case delta >= 0 && delta <= 0xff:
			symbols[i] = symbolSmall
			deltas++
		case delta == int32(int16(delta)):
			symbols[i] = symbolLarge
			deltas += 2
		default:
			return count, reference // the next message has its own reference time
		}
		chunks := 2 * (i/twoBitCount + 1) // no chunk but the last has fewer symbols
		if wideHeader+chunks+deltas+3 > room {
			symbols[i] = symbolLost
			return count, reference
		}
		last, count = t, i+1
	}
	return count, reference
}

// appendChunks adds packet status chunks (ibid., Sections 3.1.3 and 3.1.4).
func appendChunks(b []byte, symbols []uint8) []byte {
	for len(symbols) > 0 {
		run := 1
		for run < len(symbols) && symbols[run] == symbols[0] {
			run++
		}
		var chunk uint16
		n := min(len(symbols), oneBitCount)
		switch small := !slices.Contains(symbols[:n], symbolLarge); {
		case run >= oneBitCount || run == len(symbols) || run >= twoBitCount && !small:
			n = min(run, maxRun)
			chunk = uint16(symbols[0])<<13 | uint16(n)
		case small:
			chunk = vectorChunk
			for i, s := range symbols[:n] {
				chunk |= uint16(s) << (oneBitCount - 1 - i)
			}
		default:
			n = min(n, twoBitCount)
			chunk = vectorChunk | twoBits
			for i, s := range symbols[:n] {
				chunk |= uint16(s) << (2 * (twoBitCount - 1 - i))
			}
		}
		b = binary.BigEndian.AppendUint16(b, chunk)
		symbols = symbols[n:]
	}
	return b
}
