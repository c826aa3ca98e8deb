package room

import (
	"math/rand/v2"
	"time"
)

// audioClock is the RTP clock of Opus, alone and in RED (RFC 7587, Section 4.1).
const audioClock = 48000 // ticks a second

// A renumberer gives the packets of one stream of sound after another the
// numbers of one outgoing stream. Lost packets leave a gap, which the receiver
// conceals; packets that were left out on purpose do not.
type renumberer struct {
	started bool
	sending bool // packets of the current source have been numbered

	offset  uint64 // outgoing = incoming + offset, modulo 2^16
	from    uint64 // the offset holds for incoming numbers from here on
	highest uint64 // incoming

	out      uint16 // highest outgoing number
	stamp    uint32 // outgoing timestamp = incoming + stamp
	lastOut  uint32 // outgoing timestamp of the highest packet
	lastTime time.Time
}

// maxAhead is how far a number may be ahead of the last one. One that is farther
// away is of a sender that began again (see rtpbuf.Window): with a gap that wide
// the outgoing numbers would come round and meet those before.
const maxAhead = 1 << 13

// switchSource says that the next packet is of another stream, or comes after a
// time in which the stream was not forwarded.
func (r *renumberer) switchSource() { r.sending = false }

// next numbers a packet. begins reports whether it is the first of its stream,
// which receivers take as the beginning of a talk spurt. It reports false for a
// packet that is too late to be numbered.
func (r *renumberer) next(now time.Time, incoming uint64, timestamp uint32) (sequence uint16, stamp uint32, begins, ok bool) {
	if !r.sending || incoming > r.highest+maxAhead {
		r.begin(now, incoming, timestamp)
		begins = true
	}
	if incoming < r.from {
		return 0, 0, false, false
	}
	sequence = uint16(incoming + r.offset)
	stamp = timestamp + r.stamp
	if incoming >= r.highest {
		r.highest = incoming
		r.out, r.lastOut, r.lastTime = sequence, stamp, now
	}
	return sequence, stamp, begins, true
}

// begin continues the outgoing numbers with another stream. The time since the
// last packet becomes timestamp, so that the receiver's clock goes on.
func (r *renumberer) begin(now time.Time, incoming uint64, timestamp uint32) {
	if !r.started {
		r.started = true
		r.out, r.lastOut = firstSequence(rand.Uint32()), rand.Uint32() //nolint:gosec // RFC 3550, Section 5.1: against attacks on weak ciphers, not a secret
		r.lastTime = now
	}
	gap := max(now.Sub(r.lastTime), 20*time.Millisecond) // one packet of Opus
	stamp := r.lastOut + uint32(gap.Seconds()*audioClock)
	r.stamp = stamp - timestamp
	r.offset = uint64(r.out) + 1 - incoming
	r.from, r.highest = incoming, incoming
	r.sending = true
}

// skip says that an incoming packet is not forwarded and leaves no gap.
func (r *renumberer) skip(incoming uint64) {
	if !r.sending || incoming <= r.highest {
		return
	}
	// Numbers between highest and incoming are lost or late; they can no longer
	// be told apart from those after the gap.
	r.offset--
	r.from = incoming + 1
	r.highest = incoming
}
