package rtc

import (
	"time"

	"github.com/pion/rtcp"
)

// probePadding is the padding of one probe packet: the most that RTP can say.
const probePadding = 255

// maxProbePackets bounds what one tick sends.
const maxProbePackets = 64

// probeLocked sends the padding that the estimator wants to measure with. It
// goes over the repair SSRC of a slot for video, whose receiver drops it.
func (e *egress) probeLocked(now time.Time) {
	t := e.padding
	if t == nil || t.writer == nil {
		return
	}
	pt := t.repairTypes[t.codec]
	if pt == 0 {
		return
	}
	p, due := e.estimator.Probe(now)
	if !due {
		return
	}
	left := p.Bytes
	for range maxProbePackets {
		if left <= 0 {
			return
		}
		t.repair++
		o := outgoing{
			slot: t, ssrc: t.rtxSSRC, payloadType: pt, sequence: t.repair,
			timestamp: t.lastTimestamp, padding: probePadding, probe: p.ID,
		}
		e.sendLocked(now, &o)
		left -= e.header.MarshalSize() + probePadding + perPacket
		e.seat.room.engine.stats.Probes.Add(1)
	}
}

// report sends a sender report for each slot that carries something, so that
// the receiver can tell time and measure the round trip (RFC 3550, Section 6.4.1).
func (b *subscriber) report(now time.Time) {
	var out []rtcp.Packet
	e := b.egress
	e.mu.Lock()
	for _, t := range b.slots {
		if !t.attached || t.writer == nil || t.lastSent.IsZero() {
			continue
		}
		clock := float64(videoClock)
		if t.audio {
			clock = audioClock
		}
		timestamp, at := t.lastTimestamp, t.lastSent
		if t.selector != nil {
			if ts, sent, ok := t.selector.LastSent(); ok {
				timestamp, at = ts, sent
			}
		}
		out = append(out, &rtcp.SenderReport{
			SSRC: t.ssrc, NTPTime: toNTP(now), RTPTime: timestamp + uint32(now.Sub(at).Seconds()*clock),
			PacketCount: t.packets, OctetCount: t.octets,
		})
	}
	e.mu.Unlock()
	for len(out) > 0 {
		n := min(len(out), 16)      // reports that fit into one datagram
		_ = b.pc.WriteRTCP(out[:n]) // an error means that there is no connection yet
		out = out[n:]
	}
}
