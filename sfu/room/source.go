package room

import (
	"conclave/sfu/feedback"
	"conclave/sfu/rtp"
)

// A source is one SSRC of a publisher.
type source struct {
	ssrc    uint32
	mid     string
	rid     string // of the encoding, with simulcast
	primary uint32 // the SSRC that it repairs, or its own

	section  *section
	encoding *encoding // nil: of no announced stream
	account  *feedback.Source
}

// source returns the source of a packet, or nil if it belongs to no m-line.
func (p *publisher) source(b []byte, h *rtp.Packet) *source {
	if s := p.last; s != nil && s.ssrc == h.SSRC {
		return s
	}
	s := p.sources[h.SSRC]
	if s == nil {
		if s = p.newSource(b, h); s == nil {
			return nil
		}
	}
	p.last = s
	return s
}

// newSource finds out what an SSRC carries: by the description, or by the header
// extensions that name the m-line and the encoding (RFC 9143, Section 9.2, and
// RFC 8852).
func (p *publisher) newSource(b []byte, h *rtp.Packet) *source {
	if len(p.sources) >= maxSources {
		return nil
	}
	sec, primary := p.signalled(h.SSRC)
	if sec == nil {
		for _, s := range p.sections {
			if mid := h.Extension(b, s.MidID); !mid.Empty() && string(mid.In(b)) == s.Mid {
				sec, primary = s, h.SSRC
				break
			}
		}
	}
	if sec == nil {
		return nil
	}
	s := &source{ssrc: h.SSRC, mid: sec.Mid, primary: primary}
	rid := h.Extension(b, sec.RidID)
	if rid.Empty() {
		rid = h.Extension(b, sec.RepairedRidID)
	}
	s.rid = string(rid.In(b))
	p.bind(s, sec)
	if s.encoding == nil && sec.stream != nil {
		return nil // of a simulcast, but it does not say which encoding: a later packet will
	}
	clock := uint32(videoClock)
	if sec.Audio {
		clock = audioClock
	}
	media := !sec.Codecs[h.PayloadType].Repair
	if s.account = p.recorder.Source(h.SSRC, clock, media && !sec.Audio); s.account == nil {
		return nil
	}
	p.sources[h.SSRC] = s
	return s
}

// signalled returns the section whose description has an SSRC, and what the
// SSRC repairs, or itself.
func (p *publisher) signalled(ssrc uint32) (sec *section, primary uint32) {
	for _, s := range p.sections {
		if primary, ok := s.SSRCs[ssrc]; ok {
			return s, primary
		}
	}
	return nil, 0
}

// bind makes a source belong to a section, or to none.
func (p *publisher) bind(s *source, sec *section) {
	if named, primary := p.signalled(s.ssrc); named != nil {
		sec, s.mid, s.primary = named, named.Mid, primary
	}
	s.section, s.encoding = sec, nil
	if sec != nil && sec.stream != nil {
		s.encoding = sec.stream.encoding(s.rid)
	}
}
