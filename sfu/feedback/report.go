package feedback

import (
	"encoding/binary"
	"time"
)

const (
	reportInterval = time.Second
	firstReport    = 500 * time.Millisecond // after the first packet: tells the publisher the round trip time

	maxBlocks   = 31 // in one report
	blockLength = 24 // bytes
	maxLost     = 1<<23 - 1
	cname       = 1 // type of SDES item
	nameLength  = 8 // hexadecimal digits of the SSRC
)

// appendReports adds a receiver report with a block for each source that was
// heard, if reports are due, and the sender's name. If they are not, or nothing
// was heard, it adds a report without blocks where a packet needs one.
func (r *Recorder) appendReports(at moment, b []byte) (_ []byte, reported bool) {
	start := len(b)
	due := r.reportAt != 0 && at >= r.reportAt
	if !due && !r.compound {
		return b, false
	}
	b = append(b, versionBits, typeReceiver, 0, 0)
	b = binary.BigEndian.AppendUint32(b, r.ssrc)
	blocks := 0
	if due {
		r.reportAt = 0
		for _, s := range r.sources {
			if !s.heard {
				continue
			}
			if blocks == maxBlocks {
				r.reportAt = at // the rest goes in the next packet
				break
			}
			b = s.appendBlock(at, b)
			s.heard = false
			blocks++
		}
	}
	if blocks == 0 && !r.compound {
		return b[:start], false
	}
	if blocks > 0 && r.reportAt == 0 {
		r.reportAt = at + moment(reportInterval)
	}
	b[start] |= uint8(blocks)
	setLength(b, start)
	return r.appendName(b), blocks > 0
}

// appendBlock adds a report block (RFC 3550, Section 6.4.2).
//
//	0                   1                   2                   3
//	SSRC
//	fraction lost | cumulative number of packets lost
//	extended highest sequence number received
//	interarrival jitter
//	last SR
//	delay since last SR
func (s *Source) appendBlock(at moment, b []byte) []byte {
	expected := s.highest - s.base + 1
	lost := int64(expected) - int64(s.received)
	lost = min(max(lost, -maxLost-1), maxLost)

	// RFC 3550, Appendix A.3.
	interval := expected - s.expectedBefore
	lostNow := int64(interval) - int64(s.received-s.receivedBefore)
	s.expectedBefore, s.receivedBefore = expected, s.received
	fraction := uint32(0)
	if interval > 0 && lostNow > 0 {
		fraction = min(uint32(uint64(lostNow)<<8/interval), 255)
	}

	var delay uint32
	if s.senderReportAt != 0 {
		d := time.Duration(at - s.senderReportAt)
		delay = uint32(d/time.Second)<<16 | uint32(d%time.Second<<16/time.Second)
	}
	b = binary.BigEndian.AppendUint32(b, s.ssrc)
	b = binary.BigEndian.AppendUint32(b, fraction<<24|uint32(lost)&0xffffff)
	b = binary.BigEndian.AppendUint32(b, uint32(s.highest-turn))
	b = binary.BigEndian.AppendUint32(b, s.jitter.value())
	b = binary.BigEndian.AppendUint32(b, s.senderReport)
	return binary.BigEndian.AppendUint32(b, delay)
}

// appendName adds a source description with a canonical name, which a compound
// packet must have (RFC 3550, Section 6.5). The SSRC is random and says nothing.
func (r *Recorder) appendName(b []byte) []byte {
	start := len(b)
	b = append(b, versionBits|1, typeDescription, 0, 0)
	b = binary.BigEndian.AppendUint32(b, r.ssrc)
	b = append(b, cname, nameLength)
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, "0123456789abcdef"[r.ssrc>>shift&15])
	}
	b = append(b, 0, 0) // end of the items, to a whole word
	setLength(b, start)
	return b
}

// A jitter is the mean deviation of the spacing of packets
// (RFC 3550, Appendix A.8), in ticks of the source's clock.
type jitter struct {
	started bool
	transit uint32
	scaled  uint32 // 16 times
}

// mostDeviation is a deviation, in seconds, that no network causes: the source
// has set its clock anew.
const mostDeviation = 5

func (j *jitter) note(at moment, clock, timestamp uint32) {
	d := time.Duration(at)
	ticks := uint32(d/time.Second)*clock + uint32(d%time.Second*time.Duration(clock)/time.Second)
	transit := ticks - timestamp
	deviation := int32(transit - j.transit)
	j.transit = transit
	if !j.started {
		j.started = true
		return
	}
	if deviation < 0 {
		deviation = -deviation
	}
	if deviation < 0 || uint64(deviation) > uint64(clock)*mostDeviation {
		return
	}
	j.scaled += uint32(deviation) - (j.scaled+8)>>4
}

func (j *jitter) value() uint32 { return j.scaled >> 4 }
