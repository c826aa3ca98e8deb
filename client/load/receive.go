package load

import (
	"encoding/binary"
	"time"

	rtplayout "conclave/sfu/rtp"
)

const (
	seenWindow = 8192 // sequence numbers that are remembered
	mostJump   = 3000 // further ahead than this is a new beginning (RFC 3550, Appendix A.1)
	mostAge    = 5 * time.Minute
	mostSSRCs  = 4096 // of one connection
)

// A source is one SSRC that packets come from. It is guarded by the
// subscriber's mu.
type source struct {
	subscriber *Subscriber // constant
	ssrc       uint32      // constant

	payload payload
	started bool
	first   uint64 // extended sequence numbers
	highest uint64
	seen    *[seenWindow / 64]uint64
	missing []gap
	askedAt time.Time // for a key frame

	// For receiver reports (RFC 3550, Section 6.4.1, Appendix A.8).
	received, receivedBefore, expectedBefore uint64
	transit                                  int64
	jitter                                   float64
	reportAt                                 time.Time // when the last sender report came
	report                                   uint32    // middle of its time
}

// A gap is a packet that has not come.
type gap struct {
	number uint64
	tries  int
	asked  time.Time
}

// source returns the source of an SSRC.
func (s *Subscriber) source(ssrc uint32) *source {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sourceLocked(ssrc)
}

func (s *Subscriber) sourceLocked(ssrc uint32) *source {
	x := s.sources[ssrc]
	if x == nil {
		x = &source{subscriber: s, ssrc: ssrc}
		if len(s.sources) < mostSSRCs {
			s.sources[ssrc] = x
		}
	}
	return x
}

// arrived notes when a datagram came, for transport-wide feedback. It is told of
// it before pion: header extensions are in clear.
func (s *Subscriber) arrived(at time.Time, b []byte) {
	if len(b) == 0 || b[0]>>6 != 2 || rtplayout.IsRTCP(b) {
		return
	}
	// How much padding there is, is encrypted.
	var p rtplayout.Packet
	first := b[0]
	b[0] &^= 0x20
	ok := rtplayout.Parse(b, &p)
	b[0] = first
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.terms.transport == 0 {
		return
	}
	if e := p.Extension(b, s.terms.transport).In(b); len(e) >= 2 {
		s.arrivals.Record(p.SSRC, binary.BigEndian.Uint16(e), at.UnixMicro())
	}
}

// receive takes a decrypted RTP packet.
func (s *Subscriber) receive(now time.Time, from *source, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &s.header
	n, err := h.Unmarshal(b)
	if err != nil {
		return
	}
	body := b[n:]
	if h.Padding && len(body) > 0 {
		body = body[:max(0, len(body)-int(body[len(body)-1]))]
	}
	payload := s.terms.payloads[h.PayloadType&0x7f]
	if payload.repair {
		original := s.terms.repairs[h.SSRC]
		if len(body) <= 2 || original == 0 {
			s.count.Padding++
			return
		}
		s.sourceLocked(original).arrive(now, binary.BigEndian.Uint16(body), body[2:], true)
		return
	}
	from.payload = payload
	from.received++
	from.measureJitter(now, h.Timestamp)
	from.arrive(now, h.SequenceNumber, body, false)
}

// arrive counts a packet by its number. An empty body is padding, which has a
// number but is no media.
func (x *source) arrive(now time.Time, sequence uint16, body []byte, repaired bool) {
	s := x.subscriber
	switch x.place(sequence, repaired) {
	case packetOld:
		s.count.Duplicates++
		return
	case packetLate:
		s.count.Late++
		if repaired {
			s.count.Repaired++
		}
	case packetNew:
	}
	if len(body) == 0 {
		s.count.Padding++
		return
	}
	s.count.Packets++
	s.count.Bytes += int64(rtpHeader + len(body))
	if len(body) >= stampSize {
		if a := age(body, now); a >= 0 && a < mostAge {
			s.latency.add(a)
		}
	}
	if !s.started {
		s.started = true
		close(s.receiving)
	}
	if len(x.missing) > 0 {
		select {
		case s.lost <- struct{}{}:
		default: // it is about to look
		}
	}
}

type packetPlace uint8

const (
	packetNew packetPlace = iota
	packetLate
	packetOld
)

// place finds out where a sequence number lies among those seen, and notes what
// is missing between. A repaired packet never moves the stream ahead.
func (x *source) place(sequence uint16, repaired bool) packetPlace {
	if x.seen == nil {
		x.seen = new([seenWindow / 64]uint64)
	}
	if !x.started {
		if repaired {
			return packetOld
		}
		x.begin(sequence)
		return packetNew
	}
	ahead := int16(sequence - uint16(x.highest))
	switch {
	case ahead > 0 && repaired:
		return packetOld // a probe with what is still under way
	case ahead > mostJump:
		x.begin(sequence)
		return packetNew
	case ahead > 0:
		x.advance(uint64(ahead))
		return packetNew
	}
	number := x.highest - uint64(-int(ahead))
	if number < x.first || -int(ahead) >= seenWindow || x.isSeen(number) {
		return packetOld
	}
	x.setSeen(number, true)
	x.subscriber.count.Lost--
	for i, g := range x.missing {
		if g.number == number {
			x.missing = append(x.missing[:i], x.missing[i+1:]...)
			break
		}
	}
	return packetLate
}

// begin starts to count at a sequence number.
func (x *source) begin(sequence uint16) {
	// Reports go on counting where they were.
	x.started = true
	x.highest = x.highest&^0xffff + 1<<16 + uint64(sequence)
	x.first = x.highest
	x.received, x.receivedBefore, x.expectedBefore = min(x.received, 1), 0, 0
	clear(x.seen[:])
	x.missing = x.missing[:0]
	x.setSeen(x.highest, true)
}

// advance moves the highest number on.
func (x *source) advance(by uint64) {
	for n := x.highest + 1; n < x.highest+by; n++ {
		x.setSeen(n, false)
		x.missing = append(x.missing, gap{number: n})
		x.subscriber.count.Lost++
	}
	x.highest += by
	x.setSeen(x.highest, true)
}

func (x *source) isSeen(n uint64) bool {
	return x.seen[n/64%uint64(len(x.seen))]&(1<<(n%64)) != 0
}

func (x *source) setSeen(n uint64, seen bool) {
	word := &x.seen[n/64%uint64(len(x.seen))]
	if seen {
		*word |= 1 << (n % 64)
	} else {
		*word &^= 1 << (n % 64)
	}
}

// measureJitter follows RFC 3550, Appendix A.8.
func (x *source) measureJitter(now time.Time, timestamp uint32) {
	if x.payload.clock == 0 {
		return
	}
	transit := int64(uint32(now.UnixMicro()*int64(x.payload.clock)/1e6) - timestamp)
	if d := int64(int32(transit - x.transit)); x.transit != 0 {
		x.jitter += (float64(max(d, -d)) - x.jitter) / 16
	}
	x.transit = transit
}
