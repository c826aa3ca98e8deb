package wiretap

import (
	"slices"

	"github.com/pion/rtp/codecs"
)

// patience is how many later packets may come before a missing one counts as lost.
const patience = 300

// A stream puts the packets of one SSRC in order and the frames together.
type stream struct {
	report StreamReport
	codec  string
	judge  func(*stream, []byte)

	started bool
	next    uint16            // sequence number that is to come next
	held    map[uint16]Packet // packets that came before their turn

	nal codecs.H264Packet // keeps the fragments of a NAL unit

	frame  []byte // parts of the frame that is being put together
	open   bool   // a frame has begun
	broken bool   // a packet of it was lost, or its beginning was
}

func newStream(p Packet, judge func(*stream, []byte)) *stream {
	return &stream{
		report: StreamReport{Kind: p.Kind, Mid: p.Mid, RID: p.RID, SSRC: p.SSRC, Layers: make(map[string]int)},
		judge:  judge,
		held:   make(map[uint16]Packet),
	}
}

// add takes a packet in whatever order; duplicates are passed over.
func (s *stream) add(p Packet) {
	s.report.Packets++
	if !s.started {
		s.started, s.next = true, p.Sequence
	}
	if int16(p.Sequence-s.next) < 0 {
		return // a duplicate, or so late that its frame was counted as incomplete
	}
	p.Payload = slices.Clone(p.Payload)
	s.held[p.Sequence] = p
	s.advance(patience)
}

// flush judges what can be judged without what is missing.
func (s *stream) flush() { s.advance(0) }

// advance handles held packets in order, and passes over a gap when more than
// the given number of packets wait behind it.
func (s *stream) advance(patience int) {
	for len(s.held) > 0 {
		p, ok := s.held[s.next]
		switch {
		case ok:
			delete(s.held, s.next)
			s.next++
			s.handle(p)
		case len(s.held) > patience:
			s.lost()
			s.next++
		default:
			return
		}
	}
}

func (s *stream) lost() {
	if s.open {
		s.broken = true
		return
	}
	s.open, s.broken, s.frame = true, true, s.frame[:0]
}

// handle takes the next packet in order.
func (s *stream) handle(p Packet) {
	if s.codec != p.Codec {
		s.codec = p.Codec
		if !slices.Contains(s.report.Codecs, p.Codec) {
			s.report.Codecs = append(s.report.Codecs, p.Codec)
		}
	}
	if len(p.Payload) == 0 {
		s.report.Empty++
		return
	}
	switch p.Codec {
	case "video/VP9":
		s.vp9(p)
	case "video/VP8":
		s.vp8(p)
	case "video/AV1":
		s.av1(p)
	case "video/H264":
		s.h264(p)
	default: // Opus and RED: a packet is a frame
		s.begin()
		s.frame = append(s.frame, p.Payload...)
		s.end(func(b []byte) []byte { return b })
	}
}

func (s *stream) begin() {
	if s.open && !s.broken && len(s.frame) > 0 {
		s.report.Incomplete++ // it never ended
	}
	s.open, s.broken, s.frame = true, false, s.frame[:0]
}

// end judges the frame, after unwrap took the codec's constant bytes away.
func (s *stream) end(unwrap func([]byte) []byte) {
	if !s.open || s.broken {
		s.report.Incomplete++
	} else {
		s.judge(s, unwrap(s.frame))
	}
	s.open, s.broken, s.frame = false, false, s.frame[:0]
}

func (s *stream) vp9(p Packet) {
	var d codecs.VP9Packet
	payload, err := d.Unmarshal(p.Payload)
	if err != nil {
		s.judge(s, p.Payload) // not a VP9 packet at all: judged as it is
		return
	}
	if d.B {
		s.begin()
	}
	s.frame = append(s.frame, payload...)
	if d.E {
		s.end(func(b []byte) []byte { return b })
	}
}

func (s *stream) vp8(p Packet) {
	var d codecs.VP8Packet
	payload, err := d.Unmarshal(p.Payload)
	if err != nil {
		s.judge(s, p.Payload)
		return
	}
	if d.S == 1 && d.PID == 0 {
		s.begin()
	}
	s.frame = append(s.frame, payload...)
	if p.Marker {
		s.end(skip(1)) // 00 or 01
	}
}

// av1 takes the elements of an aggregated packet (AV1 RTP specification,
// Section 4.4). A sealed frame is one OBU.
func (s *stream) av1(p Packet) {
	first, rest := p.Payload[0], p.Payload[1:]
	continues, goesOn, count := first&0x80 != 0, first&0x40 != 0, int(first>>4&3)
	for i := 1; len(rest) > 0; i++ {
		element := rest
		if i != count {
			n, size := leb128(rest)
			if size == 0 || n > len(rest)-size {
				s.judge(s, p.Payload)
				return
			}
			element, rest = rest[size:size+n], rest[size+n:]
		} else {
			rest = nil
		}
		if i > 1 || !continues {
			s.begin()
		}
		s.frame = append(s.frame, element...)
		if len(rest) > 0 || !goesOn {
			s.end(unwrapOBU)
		}
	}
}

func (s *stream) h264(p Packet) {
	payload, err := s.nal.Unmarshal(p.Payload)
	if err != nil {
		s.judge(s, p.Payload)
		return
	}
	if !s.open {
		s.begin()
	}
	s.frame = append(s.frame, payload...)
	if p.Marker {
		s.end(unwrapNAL)
	}
}
