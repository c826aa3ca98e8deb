package room

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"conclave/sfu/codec"
	"conclave/sfu/dd"
)

func marshal(t testing.TB, p rtcp.Packet) []byte {
	t.Helper()
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// nack asks for numbers of a line.
func (c *client) nack(t testing.TB, l *line, numbers ...uint16) {
	t.Helper()
	c.rtcp(marshal(t, &rtcp.TransportLayerNack{MediaSSRC: l.slot.SSRC, Nacks: rtcp.NackPairsFromSequenceNumbers(numbers)}))
}

// TestLossToReceiverIsRepaired loses one packet in twenty on the way to a receiver:
// what it asks for comes by RTX and is what was lost.
func TestLossToReceiverIsRepaired(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	l := view.picture(t, view.stream(1, camera), pub)
	var lost []received
	view.lose = func(to *line, p *received) bool {
		if to != l || p.h.Sequence%19 != 0 {
			return false
		}
		lost = append(lost, *p)
		return true
	}
	asked := 0
	for range 100 {
		m.play(40*time.Millisecond, pub)
		for ; asked < len(lost); asked++ {
			view.nack(t, l, lost[asked].h.Sequence)
			view.nack(t, l, lost[asked].h.Sequence) // again at once: in vain
		}
	}
	if len(lost) < 20 || len(l.repaired) != len(lost) {
		t.Fatalf("%d packets were lost and %d repaired", len(lost), len(l.repaired))
	}
	for i, p := range l.repaired {
		w := &lost[i]
		if p.h.Sequence != w.h.Sequence || p.h.Timestamp != w.h.Timestamp || p.h.Marker != w.h.Marker ||
			string(p.data) != string(w.data) || string(p.dd) != string(w.dd) || p.h.PayloadType != w.h.PayloadType+rcvRTX-rcvVideo {
			t.Errorf("lost %+v, repaired by %+v", w.h, p.h)
		}
	}
	s := m.room.stats
	if int(s.Retransmitted.Load()) != len(lost) || s.NACKs.Load() != 2*s.NACKsMissed.Load() {
		t.Errorf("retransmitted = %d, asked for %d, missed %d", s.Retransmitted.Load(), s.NACKs.Load(), s.NACKsMissed.Load())
	}
}

// TestNACKStorm holds that a flood of NACKs costs no more than its budget.
func TestNACKStorm(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	l := view.picture(t, view.stream(1, camera), pub)
	bytes := 0
	for round := range 100 {
		m.now = m.now.Add(10 * time.Millisecond)
		var pairs []rtcp.NackPair
		for i := range uint16(250) {
			pairs = append(pairs, rtcp.NackPair{PacketID: l.received[len(l.received)-1].h.Sequence - i*17, LostPackets: 0xFFFF})
		}
		before := len(l.repaired)
		view.rtcp(marshal(t, &rtcp.TransportLayerNack{MediaSSRC: l.slot.SSRC, Nacks: pairs}))
		if n := len(l.repaired) - before; n > maxAsked {
			t.Fatalf("round %d: one datagram was answered by %d packets", round, n)
		}
	}
	for _, p := range l.repaired {
		bytes += len(p.data)
	}
	if limit := resends.burst + resends.rate; bytes > limit || bytes < limit/4 {
		t.Errorf("a second of NACKs was answered by %d bytes, at most %d", bytes, limit)
	}
}

// TestLossFromPublisherIsRepaired loses packets on the way from the publisher,
// which sends them again by RTX: they get the numbers that were kept for them.
func TestLossFromPublisherIsRepaired(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	l := view.picture(t, view.stream(1, camera), pub)
	e := pub.encoders[0]
	from := len(l.received)
	for i := range 40 {
		m.now = m.now.Add(40 * time.Millisecond)
		all := e.frame(m.now)
		gone := i % len(all)
		sequence := e.sequence - uint16(len(all)-gone)
		pub.send(append(all[:gone:gone], all[gone+1:]...)...)
		m.now = m.now.Add(20 * time.Millisecond)
		m.tick()
		pub.send(e.again(sequence))
	}
	m.now = m.now.Add(40 * time.Millisecond)
	pub.send(e.frame(m.now)...)
	if pub.nacked < 40 || pub.nacked > 80 {
		t.Errorf("the publisher was asked %d times for 40 packets", pub.nacked)
	}
	seen := map[uint16]bool{}
	first, last := l.received[from].h.Sequence, l.received[from].h.Sequence
	for _, p := range l.received[from:] {
		if seen[p.h.Sequence] {
			t.Errorf("number %d came twice", p.h.Sequence)
		}
		seen[p.h.Sequence] = true
		if int16(p.h.Sequence-last) > 0 {
			last = p.h.Sequence
		}
		if int16(p.h.Sequence-first) < 0 {
			first = p.h.Sequence
		}
	}
	if want := 41 * 6; len(seen) != want || int(last-first)+1 != len(seen) {
		t.Errorf("%d numbers of %d, want all %d", len(seen), int(last-first)+1, want)
	}
}

// TestSimulcastRepair finds the encoding that a retransmission of an SSRC that no
// description names is for.
func TestSimulcastRepair(t *testing.T) {
	m, pub, view := pair(t, Config{}, func(c *client) {
		c.mode, c.codec, c.rids = dd.Mode{Spatial: 1, Temporal: 1}, codec.VP8, []string{"q", "h", "f"}
	})
	l := view.picture(t, view.stream(1, camera), pub)
	e := pub.encoders[2]
	m.now = m.now.Add(40 * time.Millisecond)
	all := e.frame(m.now)
	pub.send(all[1:]...)
	before := len(l.received)
	pub.send(e.again(e.sequence - uint16(len(all))))
	if n := len(l.received) - before; n != 1 || l.received[before].tag.encoding != 2 || l.received[before].tag.index != 0 {
		t.Errorf("the retransmission made %d packets", n)
	}
}

// TestKeyFrameRequestsAreMerged holds that many receivers' requests make few.
func TestKeyFrameRequestsAreMerged(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	stream := view.stream(1, camera)
	l := view.picture(t, stream, pub)
	ssrc := pub.encoders[0].ssrc
	before := pub.asked[ssrc]
	m.now = m.now.Add(time.Second)
	pli := marshal(t, &rtcp.PictureLossIndication{MediaSSRC: l.slot.SSRC})
	fir := marshal(t, &rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: l.slot.SSRC, SequenceNumber: 1}}})
	for range 10 {
		view.rtcp(pli)
		view.rtcp(fir)
		m.room.RequestKeyFrame(m.now, 2, stream, &m.out)
		m.flush()
	}
	if got := pub.asked[ssrc] - before; got != 1 {
		t.Errorf("%d requests went out at once, want 1", got)
	}
	m.now = m.now.Add(keyFrameInterval / 2)
	m.tick()
	if got := pub.asked[ssrc] - before; got != 1 {
		t.Errorf("%d requests after half the interval, want 1", got)
	}
	for range 5 {
		m.now = m.now.Add(keyFrameInterval)
		m.tick()
	}
	if got := pub.asked[ssrc] - before; got != 2 {
		t.Errorf("%d requests, want 2: the first, and one for all that waited", got)
	}
	m.room.RequestKeyFrame(m.now, 1, stream, &m.out) // of one's own
	m.room.RequestKeyFrame(m.now, 2, 999, &m.out)
	m.room.RequestKeyFrame(m.now, 77, stream, &m.out)
	m.flush()
	if got := pub.asked[ssrc] - before; got != 2 {
		t.Errorf("requests that make no sense made %d", got-2)
	}
}

// TestSenderReports holds that each slot has one a second, in which the times of
// sound and picture agree.
func TestSenderReports(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	l := view.picture(t, view.stream(1, camera), pub)
	rc := m.room.seats[2].receiver
	rc.report(m.now, &m.out)
	if len(m.out.Packets) != 1 || !m.out.Packets[0].RTCP {
		t.Fatalf("%d packets, want one", len(m.out.Packets))
	}
	all, err := rtcp.Unmarshal(m.out.Packets[0].Payload)
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v: want a report for each slot", all, err)
	}
	m.out.Reset()
	for _, p := range all {
		sr := p.(*rtcp.SenderReport)
		if sr.NTPTime != toNTP(m.now) || sr.PacketCount == 0 || sr.OctetCount == 0 || len(sr.Reports) != 0 {
			t.Errorf("%+v", sr)
		}
		if sr.SSRC == l.slot.SSRC {
			last := l.received[len(l.received)-1]
			if want := last.h.Timestamp + uint32(m.now.Sub(last.at)*videoClock/time.Second); sr.RTPTime != want || int(sr.PacketCount) != len(l.received) {
				t.Errorf("time %d, %d packets; want %d, %d", sr.RTPTime, sr.PacketCount, want, len(l.received))
			}
		}
	}
	before := view.reports
	m.play(5*time.Second, pub)
	if got := view.reports - before; got != 5 {
		t.Errorf("%d reports in five seconds", got)
	}
	// A receiver's report of it tells the round trip time.
	b := marshal(t, &rtcp.ReceiverReport{SSRC: 5, Reports: []rtcp.ReceptionReport{{
		SSRC: l.slot.SSRC, LastSenderReport: uint32(toNTP(m.now) >> 16), Delay: 65536 / 2,
	}}})
	m.now = m.now.Add(580 * time.Millisecond)
	view.rtcp(b)
	if rc.rtt < 79*time.Millisecond || rc.rtt > 81*time.Millisecond {
		t.Errorf("round trip %v, want 80 ms", rc.rtt)
	}
}

// TestPublisherClock takes the capture times from sender reports.
func TestPublisherClock(t *testing.T) {
	m, pub, _ := pair(t, Config{}, nil)
	m.play(time.Second, pub)
	pub.send(marshal(t, &rtcp.SenderReport{SSRC: pub.encoders[0].ssrc, NTPTime: toNTP(m.now), RTPTime: 4711}))
	s := m.room.streams[0]
	m.now = m.now.Add(40 * time.Millisecond)
	pub.send(pub.encoders[0].frame(m.now)...)
	p := s.packet(s.encodings[0].source, s.encodings[0].window.Highest())
	if p == nil || p.Captured.IsZero() {
		t.Errorf("the newest packet has no capture time: %+v", p)
	}
	if pub.clocked > 0 {
		t.Error("a report answers a sender report before there was one")
	}
	if m.play(5*time.Second, pub); pub.clocked == 0 {
		t.Error("no report answers the sender report")
	}
}

// TestFeedbackOfAnyShape holds that no RTCP makes a receiver's seat panic or send
// without bound.
func TestFeedbackOfAnyShape(t *testing.T) {
	m, pub, view := pair(t, Config{}, nil)
	l := view.picture(t, view.stream(1, camera), pub)
	fir := []byte{2<<6 | formatFIR, typePayload, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(fir[12:], l.slot.SSRC)
	for _, b := range [][]byte{
		{},
		{0x80},
		{0x80, 205, 0, 0},
		{0x81, 205, 0, 1, 0, 0, 0, 0},
		{0x81, 205, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0},
		{0xA1, 205, 0, 1, 0, 0, 0, 255},
		{0xA1, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 8},
		{0x81, 206, 0xFF, 0xFF},
		fir, fir[:16],
		{0x8F, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0xFF, 0xFF, 0, 0, 0, 0},
		{0x8F, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 200, 0, 0, 0, 0, 0x20, 200, 0, 0},
		{0x9F, 201, 0, 1, 0, 0, 0, 1},
	} {
		view.rtcp(b)
		pub.send(append([]byte(nil), b...))
	}
	m.play(time.Second, pub)
	l.check(t)
	if m.room.stats.MalformedRTCP.Load() == 0 {
		t.Error("nothing was counted as malformed")
	}
}
