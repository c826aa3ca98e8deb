package room

import (
	"time"

	"conclave/sfu/bwe"
	"conclave/sfu/layer"
	"conclave/sfu/rtp"
)

// A slot is one m-line of a receiver. It carries one stream after another, with
// numbers that go on: the receiver's decoder sees one stream that begins anew
// with a key frame.
type slot struct {
	receiver *receiver
	audio    bool
	mid      string

	carries  *stream   // what the client is told; nil: idle
	wanted   bool      // carries is to be sent
	wantedAt time.Time // when it last was
	attached bool      // carries sends to the slot

	ssrc, repairSSRC uint32
	bound            bool // the client has answered
	binding          Binding

	codec    Codec           // of the stream
	selector *layer.Selector // nil for sound, and before the first Bind
	sound    renumberer

	media, repair uint64 // highest SRTP index used of each SSRC

	packets, octets uint32 // sent, for sender reports
	lastTimestamp   uint32 // of the last packet, and when it was sent
	lastSent        time.Time
	last            layer.Layer // to count switches
}

// canReceive reports whether the receiver took a codec, and whether it has
// answered at all.
func (t *slot) canReceive(c Codec) (can, bound bool) {
	return t.binding.PayloadTypes[c] != 0, t.bound
}

// sendVideo sends a packet: o says how, p is what the publisher sent. fresh is
// p's payload in the batch being received, or nil if p came earlier, when
// the payload is copied. Its transport-wide number is given now.
func (t *slot) sendVideo(now time.Time, o *layer.Out, p *layer.Packet, fresh []byte, out *rtp.Output) {
}

// canPad reports whether padding can be sent over the slot's repair SSRC.
func (t *slot) canPad() bool { return t.repairSSRC != 0 && t.binding.RepairTypes[t.codec] != 0 }

// sendPadding sends one packet of padding only over the repair SSRC, whose
// receiver drops it, and returns its size as the estimate counts it. Call it
// only if canPad.
func (t *slot) sendPadding(now time.Time, bytes uint8, probe bwe.ProbeID, out *rtp.Output) int {
	return 0
}
