package room

import (
	"encoding/binary"
	"time"

	"conclave/sfu/rtp"
)

const (
	senderReportSize = 28 // without report blocks
	reportsTogether  = 32 // in one datagram
)

// report sends a sender report for each slot that carries something, so that the
// receiver can tell time and measure the round trip (RFC 3550, Section 6.4.1).
func (rc *receiver) report(now time.Time, out *rtp.Output) {
	var b []byte
	for _, t := range rc.slots {
		if !t.attached || t.lastSent.IsZero() {
			continue
		}
		if b == nil {
			b = out.Alloc(reportsTogether * senderReportSize)[:0]
		}
		if b = t.appendReport(now, b); len(b) == cap(b) {
			out.Packets = append(out.Packets, rtp.Outbound{To: rc.to, Payload: b, RTCP: true})
			b = nil
		}
	}
	if len(b) > 0 {
		out.Packets = append(out.Packets, rtp.Outbound{To: rc.to, Payload: b, RTCP: true})
	}
}

// appendReport appends the slot's sender report.
func (t *slot) appendReport(now time.Time, b []byte) []byte {
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
	b = append(b, 2<<6, typeSenderReport, 0, senderReportSize/4-1)
	b = binary.BigEndian.AppendUint32(b, t.ssrc)
	b = binary.BigEndian.AppendUint64(b, toNTP(now))
	b = binary.BigEndian.AppendUint32(b, timestamp+uint32(int64(now.Sub(at).Seconds()*clock)))
	b = binary.BigEndian.AppendUint32(b, t.packets)
	return binary.BigEndian.AppendUint32(b, t.octets)
}

// reports takes RTCP of a publisher: its sender reports tie its clock to the
// timestamps.
func (p *publisher) reports(now time.Time, b []byte) {
	all := reports{b}
	for {
		r, ok := all.next()
		if !ok {
			break
		}
		if r.kind != typeSenderReport || len(r.whole) < senderReportSize {
			continue
		}
		s := p.sources[binary.BigEndian.Uint32(r.whole[4:])]
		if s == nil {
			continue
		}
		ntp := binary.BigEndian.Uint64(r.whole[8:])
		p.recorder.SenderReport(now, s.account, ntp)
		if e := s.encoding; e != nil && e.ssrc == s.ssrc && e.reader != nil {
			e.reader.SenderReport(fromNTP(ntp), binary.BigEndian.Uint32(r.whole[16:]))
		}
	}
	if len(all.rest) > 0 {
		p.room.stats.MalformedRTCP.Add(1)
	}
}
