package negotiate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"

	"conclave/sfu/room"
)

// An Offer is what a client offers to publish. Do not change what it holds.
type Offer struct {
	Session uint64 // names the client's connection (RFC 8866, Section 5.2)
	Remote  Remote // zero if the client itself takes back all m-lines
	// Sections are the m-lines that carry or may carry something, in order. One
	// with no codec that is forwarded has no Codecs, and is refused in the answer.
	Sections []*room.Section

	lines []*line
	mixed bool // a=extmap-allow-mixed is offered for all m-lines
}

// A line is one m-line of an offer.
type line struct {
	media, protocol, mid string
	fallback             string // the first format, which stands in a refused m-line
	offered              bool   // it is there to be taken: media that the client has not taken back
	sends                bool   // the client would send
	mixed, reduced       bool   // a=extmap-allow-mixed, a=rtcp-rsize
	formats              []*format
	extensions           []extension
	rids                 []rid // in the order of the offer
}

// taken reports whether the m-line is not refused.
func (l *line) taken() bool { return l.offered && len(l.formats) > 0 }

func (l *line) isAudio() bool { return l.media == "audio" }

// ReadOffer reads what a client offers to publish. Its errors wrap
// ErrDescription.
//
// All m-lines must share one transport (a=group:BUNDLE) with RTCP on the same
// port, and the client must be willing to be the DTLS client. Its candidates are
// not read: an ICE-lite server learns where a client is from its checks.
func ReadOffer(text string) (*Offer, error) {
	d, err := parse(text, maxOffer)
	if err != nil {
		return nil, err
	}
	if n := len(d.MediaDescriptions); n == 0 || n > room.MaxSections {
		return nil, fmt.Errorf("%w: %d m-lines; 1 to %d can be answered", ErrDescription, n, room.MaxSections)
	}
	group, err := bundle(d)
	if err != nil {
		return nil, err
	}
	o := &Offer{Session: d.Origin.SessionID}
	_, o.mixed = d.Attribute(attrMixed)
	direction := directionOf(d.Attributes, sdp.DirectionSendRecv)
	sources := make(map[uint32]bool)
	for i, m := range d.MediaDescriptions {
		l, s, err := readLine(m, direction, group)
		if err == nil {
			err = o.add(l, s, sources)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: m-line %d: %w", ErrDescription, i, err)
		}
	}
	speaker := o.speaker(group)
	if speaker < 0 {
		return o, nil
	}
	var setup string
	if o.Remote, setup, err = readRemote(d, d.MediaDescriptions[speaker]); err != nil {
		return nil, err
	}
	if setup != "actpass" && setup != "active" {
		return nil, fmt.Errorf("%w: a=setup is neither actpass nor active; the server is always passive (RFC 8842)", ErrDescription)
	}
	return o, nil
}

// add adds an m-line; s is nil if it carries nothing.
func (o *Offer) add(l *line, s *room.Section, sources map[uint32]bool) error {
	if slices.ContainsFunc(o.lines, func(other *line) bool { return other.mid == l.mid && l.mid != "" }) {
		return errMissing("a=mid of its own")
	}
	o.lines = append(o.lines, l)
	if s == nil {
		return nil
	}
	for ssrc := range s.SSRCs {
		if sources[ssrc] {
			return errMissing("a=ssrc of its own")
		}
		sources[ssrc] = true
	}
	o.Sections = append(o.Sections, s)
	return nil
}

// speaker returns the m-line whose transport is that of the bundle: the first of
// the group that is taken (RFC 9143, Section 7.3.1), else the first that there
// is, or -1.
func (o *Offer) speaker(group []string) int {
	first := -1
	for _, mid := range group {
		i := slices.IndexFunc(o.lines, func(l *line) bool { return l.mid == mid })
		if i < 0 || !o.lines[i].offered {
			continue
		}
		if o.lines[i].taken() {
			return i
		}
		if first < 0 {
			first = i
		}
	}
	return first
}

// protocols are what media may be offered over (RFC 8829, Section 5.1.2): all
// mean what is really used, DTLS-SRTP over whatever ICE finds.
var protocols = []string{"UDP/TLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF"}

// readLine reads one m-line. direction is that of the description.
func readLine(m *sdp.MediaDescription, direction sdp.Direction, group []string) (*line, *room.Section, error) {
	l := &line{media: m.MediaName.Media, protocol: strings.Join(m.MediaName.Protos, "/")}
	l.mid, _ = m.Attribute(sdp.AttrKeyMID)
	if n := len(m.MediaName.Formats); n == 0 || n > maxFormats || len(l.media) > maxName || len(l.protocol) > maxName || len(m.MediaName.Formats[0]) > maxName {
		return nil, nil, errMissing("media, protocol and up to 64 formats of reasonable length")
	}
	l.fallback = m.MediaName.Formats[0]
	_, only := m.Attribute("bundle-only") // port 0 means nothing then (RFC 9143, Section 6)
	if m.MediaName.Port.Value == 0 && !only {
		if l.mid != "" && !isName(l.mid, maxName) {
			return nil, nil, errMissing("a=mid of 1 to 32 letters, digits, - and _")
		}
		return l, nil, nil
	}
	switch {
	case !isName(l.mid, maxName):
		return nil, nil, errMissing("a=mid of 1 to 32 letters, digits, - and _")
	case !slices.Contains(group, l.mid):
		return nil, nil, errMissing("place in a=group:BUNDLE; all m-lines must share one transport")
	case l.media != "audio" && l.media != "video" || !slices.Contains(protocols, l.protocol):
		return l, nil, nil // a data channel, say
	}
	if _, ok := m.Attribute(sdp.AttrKeyRTCPMux); !ok {
		return nil, nil, errMissing("a=rtcp-mux; RTCP must share the port")
	}
	l.offered = true
	_, l.mixed = m.Attribute(attrMixed)
	_, l.reduced = m.Attribute(sdp.AttrKeyRTCPRsize)
	direction = directionOf(m.Attributes, direction)
	l.sends = direction == sdp.DirectionSendOnly || direction == sdp.DirectionSendRecv
	s, err := l.readMedia(m)
	return l, s, err
}

// readMedia reads what an m-line carries.
func (l *line) readMedia(m *sdp.MediaDescription) (*room.Section, error) {
	wanted := readVideo
	if l.isAudio() {
		wanted = readAudio
	}
	var err error
	if l.formats, err = readFormats(m, l.isAudio()); err != nil {
		return nil, err
	}
	if l.extensions, err = readExtensions(m.Attributes, wanted, sdp.AttrKeyRecvOnly); err != nil {
		return nil, err
	}
	s := &room.Section{Mid: l.mid, Audio: l.isAudio(), Codecs: make(map[uint8]room.Payload, len(l.formats))}
	if s.SSRCs, err = readSSRCs(m.Attributes); err != nil {
		return nil, err
	}
	if !s.Audio {
		if l.rids, err = readSimulcast(m, l.formats); err != nil {
			return nil, err
		}
		s.RIDs = ranked(l.rids)
	}
	for _, f := range l.formats {
		s.Codecs[f.number] = f.payload(s.Audio)
		if s.First == "" && f.known != nil {
			s.First = s.Codecs[f.number].MIME
		}
	}
	for _, e := range l.extensions {
		setExtension(s, e)
	}
	return s, nil
}

func setExtension(s *room.Section, e extension) {
	switch e.uri {
	case uriMid:
		s.MidID = e.id
	case uriRID:
		s.RidID = e.id
	case uriRepairedRID:
		s.RepairedRidID = e.id
	case uriTransport:
		s.TransportID = e.id
	case uriDescriptor:
		s.DescriptorID = e.id
	case uriLevel:
		s.LevelID = e.id
	}
}

// directionOf returns the direction that attributes name, or otherwise.
func directionOf(attributes []sdp.Attribute, otherwise sdp.Direction) sdp.Direction {
	for _, a := range attributes {
		if d, err := sdp.NewDirection(a.Key); err == nil {
			return d
		}
	}
	return otherwise
}
