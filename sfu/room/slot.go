package room

import (
	"time"

	"conclave/sfu/layer"
)

// A slot is one m-line of a receiver. It carries one stream after another, with
// numbers that go on: the receiver's decoder sees one stream that begins anew
// with a key frame.
type slot struct {
	// Constant after newSlot.
	receiver *receiver
	audio    bool
	mid      string

	carries  *stream   // what the client is told; nil: idle
	wanted   bool      // carries is to be sent
	wantedAt time.Time // when it last was
	attached bool      // carries sends to the slot
	offered  bool      // the m-line is in an offer

	ssrc, repairSSRC uint32
	bound            bool // the client has answered
	binding          Binding

	stream   *stream         // whose packets are taken; nil: none
	codec    Codec           // of stream
	selector *layer.Selector // nil for sound, and before the first bind
	queue    queue           // what waits: pace.go
	mending  mending         // holes in what was sent: mend.go
	sound    renumberer

	media, repair index // of SRTP, for each SSRC
	resent        *resentLog

	packets, octets uint32 // sent, for sender reports
	lastTimestamp   uint32 // of the last packet, and when it was sent
	lastSent        time.Time
	last            layer.Layer // to count switches
}

// newSlot makes an m-line with SSRCs that the receiver does not have yet.
func newSlot(rc *receiver, audio bool, mid string) *slot {
	t := &slot{receiver: rc, audio: audio, mid: mid}
	t.renew()
	return t
}

// renew gives the slot new SSRCs and forgets what was negotiated and sent: for the
// first connection, or another.
func (t *slot) renew() {
	random := t.receiver.room.cfg.Random
	t.offered, t.bound, t.binding = false, false, Binding{}
	t.ssrc, t.repairSSRC = t.receiver.newSSRC(t), 0
	if !t.audio {
		t.repairSSRC = t.receiver.newSSRC(t)
	}
	t.selector, t.sound, t.resent = nil, renumberer{}, nil
	t.media, t.repair = index{}, index{}
	t.repair.begin(firstSequence(random()))
	t.packets, t.octets, t.lastSent, t.last = 0, 0, time.Time{}, layer.None
}

// firstSequence makes a random first sequence number. It is small, so that the
// receiver cannot take the number after a wrap for the first and then have another
// rollover counter than we (RFC 3711, Section 3.3.1).
func firstSequence(random uint32) uint16 { return uint16(random) >> 1 }

// bind takes what the client answered.
func (t *slot) bind(b *Binding) {
	t.binding, t.bound = *b, true
	if t.selector == nil && !t.audio {
		random := t.receiver.room.cfg.Random
		t.selector = layer.NewSelector(layer.Config{
			Descriptor: b.DescriptorID != 0,
			Sparse:     t.receiver.room.cfg.Sparse,
			Sequence:   firstSequence(random()),
			Timestamp:  random(),
		})
	}
	if t.attached {
		t.show(t.carries)
	}
}

// canReceive reports whether the receiver took a codec, and whether it has
// answered at all.
func (t *slot) canReceive(c Codec) (can, bound bool) {
	return t.binding.PayloadTypes[c] != 0, t.bound
}

// attach makes the slot take the packets of what it carries.
func (t *slot) attach() {
	t.attached = true
	t.carries.slots = append(t.carries.slots, t)
	t.show(t.carries)
}

// detach makes it take no more of them.
func (t *slot) detach() {
	if !t.attached {
		return
	}
	t.attached = false
	s := t.carries
	for i, o := range s.slots {
		if o == t {
			last := len(s.slots) - 1
			s.slots[i], s.slots[last] = s.slots[last], nil
			s.slots = s.slots[:last]
			break
		}
	}
	t.stream = nil
	if t.selector != nil {
		t.selector.SwitchSource(layer.Stream{})
		t.last = layer.None
	}
	t.receiver.unpace(t)
}

// show makes the slot take the packets of a stream as it is now. The same again
// changes nothing.
func (t *slot) show(s *stream) {
	t.codec = CodecOf(s.codecName)
	switch {
	case !t.audio && t.selector != nil:
		t.selector.SwitchSource(s.describe())
	case t.audio && t.stream != s:
		t.sound.switchSource()
	}
	t.stream = s
}
