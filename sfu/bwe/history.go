package bwe

import "time"

// fate is what became of a sent packet.
type fate uint8

const (
	fateNone    fate = iota // the slot is empty
	fatePending             // nothing heard yet
	fateLost                // reported as not received
	fateAssumed             // its feedback was lost; counted as received
	fateReceived
)

// A sentPacket is what history keeps of a packet: 16 bytes.
type sentPacket struct {
	at    time.Duration
	size  uint16
	seq   uint16
	probe uint8 // low bits of the ProbeID; 0: none
	fate  fate
}

const (
	minHistory = 512  // packets, 8 kB
	maxHistory = 4096 // packets, 64 kB; two seconds of 2000 packets

	// A packet of which nothing is heard for historyTime does not count
	// any more.
	historyTime = 2 * time.Second
)

// A history remembers the packets sent lately, in a ring by sequence number. It
// grows from minHistory to maxHistory if more than that is in flight.
type history struct {
	ring    []sentPacket // length is a power of two
	last    uint16       // sequence number sent last
	started bool
}

// slot returns where seq is kept.
func (h *history) slot(seq uint16) *sentPacket { return &h.ring[int(seq)&(len(h.ring)-1)] }

// add records a packet. A sequence number that does not go up starts afresh.
func (h *history) add(p sentPacket) {
	if h.ring == nil {
		h.ring = make([]sentPacket, minHistory)
	}
	gap := p.seq - h.last
	switch {
	case !h.started:
	case gap == 0 || gap >= 1<<15 || int(gap) > len(h.ring):
		clear(h.ring)
	default:
		for seq := h.last + 1; seq != p.seq; seq++ {
			*h.slot(seq) = sentPacket{}
		}
	}
	old := h.slot(p.seq)
	if old.fate == fatePending && p.at-old.at < historyTime && len(h.ring) < maxHistory {
		h.grow()
	}
	h.last, h.started = p.seq, true
	p.fate = fatePending
	*h.slot(p.seq) = p
}

// grow doubles the ring.
func (h *history) grow() {
	old := h.ring
	h.ring = make([]sentPacket, 2*len(old))
	for _, p := range old {
		if p.fate != fateNone {
			*h.slot(p.seq) = p
		}
	}
}

// find returns the packet sent as seq, or nil if it is not remembered or never
// was sent.
func (h *history) find(seq uint16) *sentPacket {
	if !h.started || int(h.last-seq) >= len(h.ring) {
		return nil
	}
	p := h.slot(seq)
	if p.fate == fateNone || p.seq != seq {
		return nil
	}
	return p
}
