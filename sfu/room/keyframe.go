package room

import (
	"encoding/binary"
	"time"

	"conclave/sfu/rtp"
)

// keyFrameInterval is the least time between two requests to one encoder.
const keyFrameInterval = 400 * time.Millisecond

// ask asks the publisher for a key frame of an encoding. Requests of all
// receivers are merged: at most one goes out in keyFrameInterval.
func (s *stream) ask(now time.Time, index int, out *rtp.Output) {
	if s.isAudio() || index < 0 || index >= s.count {
		return
	}
	e := s.encodings[index]
	if e.ssrc == 0 || now.Sub(e.askedAt) < keyFrameInterval {
		s.publisher.room.stats.KeyFrameMerged.Add(1)
		e.asked = true // flushAsked sends it when it is time
		s.publisher.room.soon(now.Add(tickInterval))
		return
	}
	e.asked, e.askedAt = false, now
	s.publisher.room.stats.KeyFrameAsks.Add(1)
	s.publisher.pictureLoss(e.ssrc, out)
}

// flushAsked sends the key frame requests that had to wait, and reports whether
// some still have to.
func (s *stream) flushAsked(now time.Time, out *rtp.Output) (waiting bool) {
	for _, e := range s.encodings[:s.count] {
		if !e.asked {
			continue
		}
		if e.ssrc != 0 && now.Sub(e.askedAt) >= keyFrameInterval {
			s.ask(now, e.index, out)
		} else {
			waiting = true
		}
	}
	return waiting
}

// pictureLoss sends a picture loss indication (RFC 4585, Section 6.3.1).
func (p *publisher) pictureLoss(ssrc uint32, out *rtp.Output) {
	b := out.Alloc(12)
	b[0], b[1], b[2], b[3] = 2<<6|formatPLI, typePayload, 0, 2
	binary.BigEndian.PutUint32(b[4:], p.ssrc)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	out.Packets = append(out.Packets, rtp.Outbound{To: p.to, Payload: b, RTCP: true})
}
