package room

import (
	"encoding/binary"
	"time"

	"conclave/sfu/rtp"
)

// maxAsked bounds the packets, and the key frames, that one datagram of a receiver
// can ask for.
const maxAsked = 256

// Feedback takes RTCP from the receiving connection of a seat. Anything else in
// the batch is ignored.
func (r *Room) Feedback(now time.Time, seat uint32, in []rtp.Inbound, out *rtp.Output) {
	now = r.advance(now)
	s := r.seats[seat]
	if s == nil || !s.receiver.ready {
		return
	}
	for i := range in {
		if in[i].RTCP {
			s.receiver.feedback(now, in[i].Data, out)
		}
	}
	r.sender.count(r.stats)
}

// feedback takes one datagram of RTCP.
func (rc *receiver) feedback(now time.Time, b []byte, out *rtp.Output) {
	all := reports{b}
	asked := maxAsked
	for {
		p, ok := all.next()
		if !ok {
			break
		}
		switch {
		case p.kind == typeTransport && p.count == formatTransport:
			rc.congestion(now, &p, out)
		case p.kind == typeTransport && p.count == formatNACK:
			rc.nack(now, &p, &asked, out)
		case p.kind == typePayload && p.count == formatPLI && len(p.body) >= 4:
			rc.pictureLost(now, binary.BigEndian.Uint32(p.body), out)
		case p.kind == typePayload && p.count == formatFIR:
			// Entries of eight bytes, after the media SSRC, which is 0
			// (RFC 5104, Section 4.3.1.1).
			for at := 4; at+8 <= len(p.body) && asked > 0; at += 8 {
				asked--
				rc.pictureLost(now, binary.BigEndian.Uint32(p.body[at:]), out)
			}
		case p.kind == typeReceiverReport:
			rc.measure(now, &p)
		}
	}
	if len(all.rest) > 0 {
		rc.room.stats.MalformedRTCP.Add(1)
	}
}

// congestion hands what arrived to the estimator.
func (rc *receiver) congestion(now time.Time, p *report, out *rtp.Output) {
	const countAt = 14 // where the number of packets is (draft-holmer, Section 3.1)
	if len(p.whole) < countAt+2 {
		rc.room.stats.MalformedRTCP.Add(1)
		return
	}
	if count := binary.BigEndian.Uint16(p.whole[countAt:]); !rc.reported.take(now, int(count)+statusesExtra, statuses) {
		rc.room.stats.Excess.Add(1)
		return
	}
	f, err := rc.decoder.DecodePacket(p.whole)
	if err != nil {
		rc.room.stats.MalformedRTCP.Add(1)
		return
	}
	rc.room.stats.Feedbacks.Add(1)
	rc.estimator.OnFeedback(now, f)
	rc.heardBack(now, out)
}

// pictureLost asks the publisher for a key frame of what the slot shows.
func (rc *receiver) pictureLost(now time.Time, ssrc uint32, out *rtp.Output) {
	if t := rc.bySSRC[ssrc]; t != nil && t.stream != nil && t.selector != nil {
		t.stream.ask(now, t.encoding(), out)
	}
}

// measure takes the round trip time from a receiver report (RFC 3550, Section
// 6.4.1).
func (rc *receiver) measure(now time.Time, p *report) {
	for n := range maxAsked {
		b, ok := p.block(n)
		if !ok {
			return
		}
		if b.lastReport == 0 || rc.bySSRC[b.ssrc] == nil {
			continue
		}
		passed := int32(uint32(toNTP(now)>>16) - b.lastReport - b.delay)
		if rtt := time.Duration(passed) * time.Second >> 16; rtt > 0 && rtt < maxRTT {
			rc.rtt = rtt
			if own := rc.room.seats[rc.seat]; own != nil && own.publisher != nil {
				own.publisher.recorder.SetRTT(rtt)
			}
		}
	}
}

// maxRTT is the longest round trip that is believed.
const maxRTT = 10 * time.Second
