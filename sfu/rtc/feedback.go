package rtc

import (
	"encoding/binary"
	"io"
	"sync"
	"time"

	"github.com/pion/rtcp"

	"conclave/sfu/layer"
)

// A feedbackSink takes the RTCP packets of a receiver where pion would queue
// them. That way feedback about a repair SSRC arrives too, which pion
// has no reader for, and no goroutine for each slot is needed.
type feedbackSink struct {
	egress *egress
	once   sync.Once
	closed chan struct{}
}

func newFeedbackSink(e *egress) *feedbackSink {
	return &feedbackSink{egress: e, closed: make(chan struct{})}
}

// Write takes one RTCP packet. It runs on the goroutine of the SRTCP session.
func (f *feedbackSink) Write(b []byte) (int, error) {
	e := f.egress
	e.seat.room.guard(func() { e.feedback(time.Now(), b) })
	return len(b), nil
}

// Read blocks until Close: there is nothing to be read.
func (f *feedbackSink) Read([]byte) (int, error) {
	<-f.closed
	return 0, io.EOF
}

// Close ends Read.
func (f *feedbackSink) Close() error {
	f.once.Do(func() { close(f.closed) })
	return nil
}

// feedback handles RTCP of the receiver.
func (e *egress) feedback(now time.Time, b []byte) {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		e.seat.room.engine.stats.MalformedRTCP.Add(1)
		return
	}
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.TransportLayerCC:
			e.congestion(now, p)
		case *rtcp.TransportLayerNack:
			e.nack(now, p)
		case *rtcp.PictureLossIndication:
			e.pictureLost(now, p.MediaSSRC)
		case *rtcp.FullIntraRequest:
			for i, f := range p.FIR {
				if i < maxResend {
					e.pictureLost(now, f.SSRC)
				}
			}
		}
	}
}

// congestion hands what arrived to the estimator.
func (e *egress) congestion(now time.Time, p *rtcp.TransportLayerCC) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f, err := e.decoder.Decode(p)
	if err != nil {
		e.seat.room.engine.stats.MalformedRTCP.Add(1)
		return
	}
	e.seat.room.engine.stats.Feedbacks.Add(1)
	e.estimator.OnFeedback(now, f)
}

// pictureLost asks the publisher for a key frame of what the slot shows.
func (e *egress) pictureLost(now time.Time, ssrc uint32) {
	e.mu.Lock()
	t := e.bySSRC[ssrc]
	var s *stream
	encoding := 0
	if t != nil && t.stream != nil && t.selector != nil {
		s = t.stream
		if s.simulcast() {
			encoding = int(max(0, t.selector.Current().Spatial))
		}
	}
	e.mu.Unlock()
	if s != nil {
		s.ask(now, encoding)
	}
}

// nack sends lost packets again, from the publisher's cache.
func (e *egress) nack(now time.Time, p *rtcp.TransportLayerNack) {
	stats := &e.seat.room.engine.stats
	left := maxResend
	for _, pair := range p.Nacks {
		mask := uint32(pair.LostPackets)<<1 | 1
		for i := range uint16(17) {
			if mask>>i&1 == 0 {
				continue
			}
			if left--; left < 0 {
				return
			}
			stats.NACKs.Add(1)
			if !e.resend(now, p.MediaSSRC, pair.PacketID+i) {
				stats.NACKsMissed.Add(1)
			}
		}
	}
}

// resend sends one packet again. The packet's stream is locked before the
// egress, so what is to be sent is looked up first and checked again then.
func (e *egress) resend(now time.Time, ssrc uint32, sequence uint16) bool {
	e.mu.Lock()
	t := e.bySSRC[ssrc]
	if t == nil || t.stream == nil || t.selector == nil || t.rtxSSRC == 0 || ssrc != t.ssrc ||
		!t.resent.due(now, sequence, e.estimator.Stats().RTT) {
		e.mu.Unlock()
		return false
	}
	s := t.stream
	source, incoming, ok := t.selector.Lookup(sequence)
	e.mu.Unlock()
	if !ok {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.packetLocked(source, incoming)
	if p == nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return t.stream == s && t.resendLocked(now, sequence, p)
}

// resendLocked sends a packet as RTX (RFC 4588, Section 4): the original sequence
// number goes before the payload.
func (t *slot) resendLocked(now time.Time, sequence uint16, p *layer.Packet) bool {
	e := t.egress
	pt := t.repairTypes[t.codec]
	if t.writer == nil || pt == 0 || !e.resends.AllowN(now, len(p.Payload)+perPacket) {
		return false
	}
	o, ok := t.selector.Resend(sequence, p)
	if !ok {
		return false
	}
	const osn = 2 // bytes of the original sequence number
	out := outgoing{
		slot: t, ssrc: t.rtxSSRC, payloadType: pt, sequence: t.repair + 1, timestamp: o.Timestamp,
		marker: o.Marker, descriptor: o.DD,
	}
	t.repair++
	t.fill(&out, &o, p, osn)
	binary.BigEndian.PutUint16(out.payload, o.Sequence)
	e.sendLocked(now, &out)
	e.seat.room.engine.stats.Retransmitted.Add(1)
	return true
}

// A resentLog keeps a receiver from getting the same packet twice within the
// time that the first needs to arrive.
type resentLog struct {
	entries [resentEntries]resentEntry
}

const (
	resentEntries  = 256
	leastResend    = 15 * time.Millisecond
	greatestResend = 200 * time.Millisecond
)

type resentEntry struct {
	sequence uint16
	at       time.Time
}

// due reports whether a packet may be sent again now, and if so notes it.
func (l *resentLog) due(now time.Time, sequence uint16, rtt time.Duration) bool {
	e := &l.entries[sequence%resentEntries]
	wait := min(max(rtt, leastResend), greatestResend)
	if e.sequence == sequence && !e.at.IsZero() && now.Sub(e.at) < wait {
		return false
	}
	*e = resentEntry{sequence, now}
	return true
}

// simulcast reports whether the stream has more than one encoding.
func (s *stream) simulcast() bool { return s.count > 1 } // constant after newStream
