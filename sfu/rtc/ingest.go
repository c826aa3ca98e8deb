package rtc

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// receiveMTU is the largest packet that is read.
const receiveMTU = 1500

// An ingest reads one track of a publisher. It belongs to the goroutine of
// readPackets.
type ingest struct {
	// Constant.
	pub      *publisher
	mid, rid string
	ssrc     uint32
	stats    *Stats

	layout   *layout // section, stream and encoding are of this one
	section  *section
	stream   *stream
	encoding *encoding
	index    int // of the encoding
}

// readPackets reads until the track ends.
func (in *ingest) readPackets(t *webrtc.TrackRemote) {
	b := make([]byte, receiveMTU)
	for {
		n, _, err := t.Read(b)
		switch {
		case err == nil:
			in.packet(time.Now(), b[:n])
		case n == 0:
			return
			// With n > 0 the packet came but its payload type is unknown.
		default:
			in.stats.Unknown.Add(1)
		}
	}
}

// packet takes one packet.
func (in *ingest) packet(now time.Time, b []byte) {
	in.stats.PacketsReceived.Add(1)
	in.stats.BytesReceived.Add(uint64(len(b)))
	var p packet
	if !parsePacket(b, &p) {
		in.stats.Malformed.Add(1)
		return
	}
	in.bind()
	if in.stream == nil || in.encoding == nil {
		in.stats.Unknown.Add(1)
		return
	}
	c, known := in.section.codecs[p.payloadType]
	if !known || c.repair {
		in.stats.Unknown.Add(1)
		return
	}
	changed := false
	if in.stream.isAudio() {
		level := p.extension(b, in.section.levelID)
		if !level.empty() {
			in.stream.level.add(now, b[level.from])
		}
		changed = in.stream.receiveAudio(now, c, level, b, &p)
	} else {
		changed = in.stream.receiveVideo(now, in.encoding, in.index, c, in.section.ddID, b, &p)
	}
	if changed {
		in.pub.seat.room.streamsChanged()
	}
}

// bind finds the stream that the track carries after each negotiation.
func (in *ingest) bind() {
	l := in.pub.layout.Load()
	if l == in.layout || l == nil {
		return
	}
	in.layout, in.section, in.stream, in.encoding = l, l.sections[in.mid], nil, nil
	if in.section == nil || in.section.stream == nil {
		return
	}
	in.stream = in.section.stream
	in.stream.mu.Lock()
	defer in.stream.mu.Unlock()
	in.encoding, in.index = in.stream.encodingLocked(in.rid)
	if in.encoding != nil {
		in.encoding.ssrc = in.ssrc
	}
}

// readReports reads the publisher's sender reports until the track ends. pion's
// receiver reports need somebody to read them, too.
func (in *ingest) readReports(r *webrtc.RTPReceiver) {
	b := make([]byte, receiveMTU)
	for {
		var n int
		var err error
		if in.rid == "" {
			n, _, err = r.Read(b)
		} else {
			n, _, err = r.ReadSimulcast(b, in.rid)
		}
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(b[:n])
		if err != nil {
			in.stats.MalformedRTCP.Add(1)
			continue
		}
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok {
				in.report(sr)
			}
		}
	}
}

func (in *ingest) report(sr *rtcp.SenderReport) {
	l := in.pub.layout.Load()
	if l == nil {
		return
	}
	if sec := l.sections[in.mid]; sec != nil && sec.stream != nil {
		sec.stream.senderReport(sr.SSRC, fromNTP(sr.NTPTime), sr.RTPTime)
	}
}

// ntpEpoch is 1900-01-01 in seconds before 1970-01-01 (RFC 5905, Section 6).
const ntpEpoch = 2_208_988_800

// fromNTP returns the time of a 64-bit NTP timestamp.
func fromNTP(t uint64) time.Time {
	return time.Unix(int64(t>>32)-ntpEpoch, int64((t&0xFFFFFFFF)*1e9>>32))
}

// toNTP returns the 64-bit NTP timestamp of a time.
func toNTP(t time.Time) uint64 {
	return uint64(t.Unix()+ntpEpoch)<<32 | uint64(t.Nanosecond())<<32/1e9
}
