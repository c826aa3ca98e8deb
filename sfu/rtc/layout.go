package rtc

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"conclave/sfu/codec"
	"conclave/sfu/dd"
)

// Bounds of what a session description may hold.
const (
	maxSections = 32 // m-lines; a client publishes four streams
	maxSSRCs    = 8  // of one m-line: three encodings with repair, and some
	maxRIDs     = 3  // layer.MaxEncodings
)

// errDescription is wrapped by the errors of a session description.
var errDescription = errors.New("session description")

// A layout is what was negotiated with a publisher. It is replaced, never
// changed: the packet path reads it without a lock.
type layout struct {
	session  uint64 // names the client's peer connection (RFC 8866, Section 5.2)
	sections map[string]*section
}

// A section is one m-line.
type section struct {
	mid    string
	audio  bool
	codecs map[uint8]payload // by payload type
	first  string            // media type of the codec that is offered first
	rids   []string          // simulcast encodings, lowest resolution first
	ssrcs  map[uint32]source

	midID, ridID, repairID, ddID, levelID uint8 // header extensions; 0: not negotiated

	stream *stream // what it carries; nil if it was not announced
}

// payload is what a payload type stands for.
type payload struct {
	mime   string // "video/VP9"
	id     codecID
	video  codec.Codec // codec.Unknown for sound and RTX
	repair bool        // RTX
	apt    uint8       // what RTX repairs
}

// source is an SSRC of a description.
type source struct{ primary uint32 } // itself, or what it repairs

// parseOffer reads what a publisher offers to send.
func parseOffer(text string) (*layout, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return nil, fmt.Errorf("%w: %v", errDescription, err)
	}
	if n := len(d.MediaDescriptions); n == 0 || n > maxSections {
		return nil, fmt.Errorf("%w: %d sections", errDescription, len(d.MediaDescriptions))
	}
	l := &layout{session: d.Origin.SessionID, sections: make(map[string]*section)}
	for _, m := range d.MediaDescriptions {
		kind := m.MediaName.Media
		mid, _ := m.Attribute(sdp.AttrKeyMID)
		if (kind != "audio" && kind != "video") || mid == "" || l.sections[mid] != nil {
			return nil, fmt.Errorf("%w: a section is not audio or video with a mid of its own", errDescription)
		}
		s := &section{mid: mid, audio: kind == "audio", codecs: make(map[uint8]payload), ssrcs: make(map[uint32]source)}
		for _, a := range m.Attributes {
			s.attribute(a.Key, a.Value)
		}
		s.sortRIDs()
		l.sections[mid] = s
	}
	return l, nil
}

// attribute reads one line a=key:value.
func (s *section) attribute(key, value string) {
	switch key {
	case "rtpmap": // 98 VP9/90000
		number, rest, _ := strings.Cut(value, " ")
		name, _, _ := strings.Cut(rest, "/")
		if pt, err := strconv.ParseUint(number, 10, 7); err == nil {
			kind := "video/"
			if s.audio {
				kind = "audio/"
			}
			if s.first == "" && !strings.EqualFold(name, "rtx") {
				s.first = kind + name
			}
			s.codecs[uint8(pt)] = payload{mime: kind + name, id: codecOf(kind + name), video: codec.FromMIME(kind + name), repair: strings.EqualFold(name, "rtx")}
		}
	case "fmtp": // 99 apt=98
		number, rest, _ := strings.Cut(value, " ")
		_, apt, ok := strings.Cut(rest, "apt=")
		pt, errP := strconv.ParseUint(number, 10, 7)
		a, errA := strconv.ParseUint(strings.TrimSpace(apt), 10, 7)
		if c, known := s.codecs[uint8(pt)]; ok && errP == nil && errA == nil && known {
			c.apt = uint8(a)
			s.codecs[uint8(pt)] = c
		}
	case "extmap": // 3/sendonly URI
		number, rest, _ := strings.Cut(value, " ")
		number, _, _ = strings.Cut(number, "/")
		uri, _, _ := strings.Cut(rest, " ")
		if id, err := strconv.ParseUint(number, 10, 8); err == nil {
			s.extension(uint8(id), uri)
		}
	case "ssrc": // 1234 cname:x
		number, _, _ := strings.Cut(value, " ")
		if ssrc, err := strconv.ParseUint(number, 10, 32); err == nil && len(s.ssrcs) < maxSSRCs {
			if _, known := s.ssrcs[uint32(ssrc)]; !known {
				s.ssrcs[uint32(ssrc)] = source{primary: uint32(ssrc)}
			}
		}
	case "ssrc-group": // FID 1234 5678
		f := strings.Fields(value)
		if len(f) != 3 || f[0] != "FID" {
			return
		}
		a, errA := strconv.ParseUint(f[1], 10, 32)
		b, errB := strconv.ParseUint(f[2], 10, 32)
		if errA == nil && errB == nil && len(s.ssrcs) < maxSSRCs {
			s.ssrcs[uint32(b)] = source{primary: uint32(a)}
		}
	case "rid": // q send
		id, rest, _ := strings.Cut(value, " ")
		if strings.HasPrefix(rest, "send") && len(s.rids) < maxRIDs && !slices.Contains(s.rids, id) {
			s.rids = append(s.rids, id)
		}
	}
}

func (s *section) extension(id uint8, uri string) {
	switch uri {
	case sdp.SDESMidURI:
		s.midID = id
	case sdp.SDESRTPStreamIDURI:
		s.ridID = id
	case sdp.SDESRepairRTPStreamIDURI:
		s.repairID = id
	case dd.URI:
		s.ddID = id
	case sdp.AudioLevelURI:
		s.levelID = id
	}
}

// sortRIDs orders the usual names of encodings (quarter, half, full) by
// resolution. Others keep their order, lowest first as clients here offer them.
func (s *section) sortRIDs() {
	rank := map[string]int{"q": 0, "h": 1, "f": 2}
	for _, r := range s.rids {
		if _, ok := rank[r]; !ok {
			return
		}
	}
	slices.SortFunc(s.rids, func(a, b string) int { return rank[a] - rank[b] })
}

// find returns the section and encoding of a packet that belongs to no track
// yet: by SSRC, or by the header extensions that name them (RFC 9143,
// Section 9.2, and RFC 8852).
func (l *layout) find(b []byte, p *packet) (s *section, primary uint32, rid string) {
	for _, s := range l.sections {
		if src, ok := s.ssrcs[p.ssrc]; ok {
			return s, src.primary, ""
		}
	}
	for _, s := range l.sections {
		if string(p.extension(b, s.midID).in(b)) != s.mid {
			continue
		}
		rid := p.extension(b, s.ridID)
		if rid.empty() {
			rid = p.extension(b, s.repairID)
		}
		return s, p.ssrc, string(rid.in(b))
	}
	return nil, p.ssrc, ""
}
