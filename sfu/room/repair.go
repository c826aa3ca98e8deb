package room

import (
	"encoding/binary"
	"time"

	"conclave/sfu/rtp"
)

// nack sends lost packets again, from the publisher's cache (RFC 4585, Section
// 6.2.1). left is how many may be asked for.
func (rc *receiver) nack(now time.Time, p *report, left *int, out *rtp.Output) {
	if len(p.body) < 4 {
		return
	}
	stats := rc.room.stats
	t := rc.bySSRC[binary.BigEndian.Uint32(p.body)]
	for at := 4; at+4 <= len(p.body); at += 4 {
		first := binary.BigEndian.Uint16(p.body[at:])
		mask := uint32(binary.BigEndian.Uint16(p.body[at+2:]))<<1 | 1
		for i := range uint16(17) {
			if mask>>i&1 == 0 {
				continue
			}
			if *left--; *left < 0 || !rc.asked.take(now, 1, asks) {
				rc.room.stats.Excess.Add(1)
				return
			}
			stats.NACKs.Add(1)
			if t == nil || !t.resend(now, first+i, out) {
				stats.NACKsMissed.Add(1)
			}
		}
	}
}

// resend sends one packet again, as RTX (RFC 4588, Section 4): the original
// sequence number goes before the payload.
func (t *slot) resend(now time.Time, sequence uint16, out *rtp.Output) bool {
	rc, s := t.receiver, t.stream
	if s == nil || t.selector == nil || !t.canPad() {
		return false
	}
	if t.resent == nil {
		t.resent = &resentLog{began: now}
	}
	if !t.resent.due(now, sequence, rc.roundTrip()) {
		return false
	}
	source, incoming, ok := t.selector.Lookup(sequence)
	if !ok {
		return false
	}
	p := s.packet(source, incoming)
	if p == nil {
		t.mending.isGone(source, incoming)
		return false
	}
	if !rc.isWorthRepair(now, t, sequence, p) || !rc.resends.take(now, len(p.Payload)+perPacket, resends) {
		return false
	}
	o, ok := t.selector.Resend(sequence, p)
	if !ok {
		return false
	}
	const prefix = 2 // bytes of the original number
	h := rtp.Header{
		Marker: o.Marker, PayloadType: t.binding.RepairTypes[t.codec],
		Sequence: t.repair.following(), Timestamp: o.Timestamp, SSRC: t.repairSSRC,
	}
	var payload []byte
	if o.Padding {
		payload = out.Alloc(prefix + 1)
		payload[prefix], h.Padding = 1, true
	} else {
		payload = out.Alloc(prefix + len(p.Payload))
		copy(payload[prefix:], p.Payload)
		o.Rewrite.Apply(payload[prefix:], &p.Info)
	}
	binary.BigEndian.PutUint16(payload, sequence)
	index, _ := t.repair.next(h.Sequence)
	t.send(now, &h, sending{descriptor: o.DD, payload: payload, index: index}, out)
	if rc.repairsTwice(p) && rc.resends.take(now, len(p.Payload)+perPacket, resends) {
		h.Sequence = t.repair.following()
		index, _ = t.repair.next(h.Sequence)
		t.send(now, &h, sending{descriptor: o.DD, payload: payload, index: index}, out)
	}
	rc.room.stats.Retransmitted.Add(1)
	return true
}

// roundTrip returns the best guess of the round trip time, or 0.
func (rc *receiver) roundTrip() time.Duration {
	if rtt := rc.estimator.Stats().RTT; rtt > 0 && (rc.rtt == 0 || rtt < rc.rtt) {
		return rtt
	}
	return rc.rtt
}

// A resentLog keeps a receiver from getting the same packet twice within the
// time that the first needs to arrive.
type resentLog struct {
	began   time.Time
	entries [resentEntries]resentEntry
}

const (
	resentEntries  = 256
	leastResend    = 15 * time.Millisecond
	greatestResend = 200 * time.Millisecond
)

// A resentEntry is a packet that was sent again.
type resentEntry struct {
	at       uint32 // ms since the log began, plus 1; 0: none
	sequence uint16
}

// due reports whether a packet may be sent again now, and if so notes it.
func (l *resentLog) due(now time.Time, sequence uint16, rtt time.Duration) bool {
	e := &l.entries[sequence%resentEntries]
	wait := min(max(rtt, leastResend), greatestResend)
	at := uint32(now.Sub(l.began).Milliseconds()) + 1
	if e.at != 0 && e.sequence == sequence && at-e.at < uint32(wait.Milliseconds()) {
		return false
	}
	*e = resentEntry{at, sequence}
	return true
}
