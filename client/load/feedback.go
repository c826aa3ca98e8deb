package load

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/pion/rtcp"
)

const (
	nackEvery    = 100 * time.Millisecond // for one packet, as long as the round trip is not known
	mostNACKs    = 10                     // for one packet
	mostMissing  = 1000                   // packets that are waited for; with more a key frame is asked for
	reportEvery  = time.Second
	pictureEvery = 500 * time.Millisecond // for one stream
	mostReports  = 31                     // in one packet (RFC 3550, Section 6.4.2)
)

// giveFeedback tells the server what arrives until the subscriber is closed.
func (s *Subscriber) giveFeedback() {
	self := chance32()
	tick := time.NewTicker(s.cfg.Feedback)
	defer tick.Stop()
	var reported time.Time
	for {
		var packets []rtcp.Packet
		select {
		case <-s.closing:
			return
		case <-s.lost:
			packets = s.requests(time.Now(), self)
		case now := <-tick.C:
			if now.Sub(reported) >= reportEvery {
				reported = now
				packets = s.receptionReports(now, self)
			}
			packets = append(packets, s.requests(now, self)...)
			packets = append(packets, s.arrivalReports()...)
		}
		if len(packets) > 0 {
			_ = s.pc.WriteRTCP(packets) // before the connection stands, and after it, nothing can be sent
		}
	}
}

// arrivalReports returns transport-wide feedback
// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
func (s *Subscriber) arrivalReports() []rtcp.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.arrivals.PacketsHeld() == 0 {
		return nil
	}
	return s.arrivals.BuildFeedbackPacket()
}

// requests returns what asks for missing packets and key frames.
func (s *Subscriber) requests(now time.Time, self uint32) []rtcp.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []rtcp.Packet
	for _, x := range s.sources {
		numbers, hopeless := x.due(now)
		if len(numbers) > 0 && x.payload.nack {
			out = append(out, &rtcp.TransportLayerNack{SenderSSRC: self, MediaSSRC: x.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(numbers)})
		}
		if hopeless && x.payload.pli && now.Sub(x.askedAt) >= pictureEvery {
			x.askedAt = now
			out = append(out, &rtcp.PictureLossIndication{SenderSSRC: self, MediaSSRC: x.ssrc})
		}
	}
	return out
}

// due returns the numbers that are to be asked for now, and whether some were
// given up.
func (x *source) due(now time.Time) (numbers []uint16, hopeless bool) {
	if len(x.missing) > mostMissing {
		x.missing = x.missing[:0]
		return nil, true
	}
	x.missing = slices.DeleteFunc(x.missing, func(g gap) bool {
		gone := g.tries >= mostNACKs && now.Sub(g.asked) >= nackEvery
		hopeless = hopeless || gone
		return gone
	})
	for i := range x.missing {
		if g := &x.missing[i]; g.tries < mostNACKs && now.Sub(g.asked) >= nackEvery {
			g.tries++
			g.asked = now
			numbers = append(numbers, uint16(g.number))
		}
	}
	return numbers, hopeless
}

// receptionReports returns receiver reports of all sources.
func (s *Subscriber) receptionReports(now time.Time, self uint32) []rtcp.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []rtcp.Packet
	r := &rtcp.ReceiverReport{SSRC: self}
	for _, x := range s.sources {
		if !x.started {
			continue
		}
		if len(r.Reports) == mostReports {
			out = append(out, r)
			r = &rtcp.ReceiverReport{SSRC: self}
		}
		r.Reports = append(r.Reports, x.reception(now))
	}
	if len(r.Reports) > 0 {
		out = append(out, r)
	}
	return out
}

// reception is a report block (RFC 3550, Section 6.4.1 and Appendix A.3).
func (x *source) reception(now time.Time) rtcp.ReceptionReport {
	expected := x.highest - x.first + 1
	lost := max(0, int64(expected)-int64(x.received))
	r := rtcp.ReceptionReport{
		SSRC: x.ssrc, TotalLost: uint32(min(lost, 1<<23-1)), LastSequenceNumber: uint32(x.highest), Jitter: uint32(x.jitter),
	}
	interval := expected - x.expectedBefore
	if missed := int64(interval) - int64(x.received-x.receivedBefore); interval > 0 && missed > 0 {
		r.FractionLost = uint8(min(missed*256/int64(interval), 255))
	}
	x.expectedBefore, x.receivedBefore = expected, x.received
	if !x.reportAt.IsZero() {
		r.LastSenderReport = x.report
		r.Delay = uint32(now.Sub(x.reportAt) * (1 << 16) / time.Second)
	}
	return r
}

// report takes a sender report, which is the first of a compound packet
// (RFC 3550, Section 6.4.1). Nothing else of the server's is of interest.
func (s *Subscriber) report(now time.Time, b []byte) {
	const senderReport = 200
	if len(b) < 16 || b[1] != senderReport {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.sources[binary.BigEndian.Uint32(b[4:])]; x != nil {
		x.report, x.reportAt = binary.BigEndian.Uint32(b[10:]), now
	}
}
