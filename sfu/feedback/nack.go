package feedback

import "encoding/binary"

const (
	versionBits     = 2 << 6
	typeReceiver    = 201 // RFC 3550, Section 12.1
	typeDescription = 202
	typeTransport   = 205 // RFC 4585, Section 6.1
	formatNACK      = 1
	formatWide      = 15 // draft-holmer-rmcat-transport-wide-cc-extensions-01, Section 3.1

	feedbackHeader = 12 // bytes: common header, two SSRCs
	nackPair       = 4  // bytes: a number and a mask of 16 that follow
)

// appendFeedbackHeader adds the beginning of a feedback message (RFC 4585,
// Section 6.1), whose length and padding finish fills in.
func appendFeedbackHeader(b []byte, format uint8, sender, media uint32) []byte {
	b = append(b, versionBits|format, typeTransport, 0, 0)
	b = binary.BigEndian.AppendUint32(b, sender)
	return binary.BigEndian.AppendUint32(b, media)
}

// setLength fills in the length of the RTCP packet that begins at start and ends
// with b, in words less one.
func setLength(b []byte, start int) {
	binary.BigEndian.PutUint16(b[start+2:], uint16((len(b)-start)/4-1))
}

// appendNACKs adds one generic NACK for each source with packets to ask for, as
// far as they fit below end bytes. What does not fit stays due.
func (r *Recorder) appendNACKs(at moment, b []byte, end int) []byte {
	start := len(b)
	r.askAt = 0
	for _, s := range r.sources {
		if next := s.missing.next(s.highest); next != 0 && next <= at {
			s.missing.giveUp(at)
			first := s.missing.firstDue(at)
			b = r.appendNACK(s, at, first, b, end)
			s.missing.settle(first)
		}
	}
	if len(b) > start {
		r.askedAt = at
	}
	for _, s := range r.sources {
		if next := s.missing.next(s.highest); next != 0 && next <= at {
			r.askAt = at // it did not fit
			break
		}
		r.plan(s)
	}
	return b
}

// appendNACK adds one generic NACK (RFC 4585, Section 6.2.1) for what is due from
// entry i on.
func (r *Recorder) appendNACK(s *Source, at moment, i int, b []byte, end int) []byte {
	start, wait := len(b), r.trip.repeat()
	for ; i < len(s.missing.entries); i++ {
		e := &s.missing.entries[i]
		if !e.due(s.highest, at) {
			continue
		}
		need := nackPair
		if len(b) == start {
			need += feedbackHeader
		}
		if len(b)+need > end {
			break
		}
		if len(b) == start {
			b = appendFeedbackHeader(b, formatNACK, r.ssrc, s.ssrc)
		}
		var mask uint16
		first := e.sequence
		s.missing.asking(i, at, wait)
		for i+1 < len(s.missing.entries) {
			e = &s.missing.entries[i+1]
			if e.sequence-first > 16 {
				break
			}
			i++
			if e.due(s.highest, at) {
				mask |= 1 << (e.sequence - first - 1)
				s.missing.asking(i, at, wait)
			}
		}
		b = binary.BigEndian.AppendUint16(b, uint16(first))
		b = binary.BigEndian.AppendUint16(b, mask)
	}
	if len(b) > start {
		setLength(b, start)
	}
	return b
}
