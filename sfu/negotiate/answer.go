package negotiate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// Answer returns the answer to the offer: everything that is forwarded is
// taken, in the order in which the client prefers it (RFC 8829, Section 5.3.1).
// m-lines of which nothing is forwarded are refused. Its error wraps
// ErrDescription.
func (o *Offer) Answer(l Local) (string, error) {
	d := describe(l)
	if o.mixed {
		d.Attributes = append(d.Attributes, sdp.NewPropertyAttribute(attrMixed))
	}
	var mids []string
	for _, line := range o.lines {
		if line.taken() {
			mids = append(mids, line.mid)
			d.MediaDescriptions = append(d.MediaDescriptions, line.answer(l, len(mids) == 1))
		} else {
			d.MediaDescriptions = append(d.MediaDescriptions, line.refusal())
		}
	}
	d.Attributes = append(d.Attributes, bundled(mids))
	return marshal(d)
}

// answer takes the m-line. The first that is taken has the candidates of all.
func (l *line) answer(local Local, first bool) *sdp.MediaDescription {
	m := mediaLine(l.media, l.protocol, l.mid, local, "passive")
	if l.reduced {
		m.Attributes = append(m.Attributes, sdp.NewPropertyAttribute(sdp.AttrKeyRTCPRsize))
	}
	if l.mixed {
		m.Attributes = append(m.Attributes, sdp.NewPropertyAttribute(attrMixed))
	}
	for _, f := range l.formats {
		var feedback []string
		if f.known != nil {
			feedback = slices.DeleteFunc(slices.Clone(f.known.feedback), func(one string) bool { return !slices.Contains(f.feedback, one) })
		}
		addFormat(m, f.number, f.spelling()+"/"+f.rate, f.fmtp, feedback)
	}
	for _, e := range l.extensions {
		m.Attributes = append(m.Attributes, e.answered())
	}
	direction := sdp.AttrKeyInactive
	if l.sends {
		direction = sdp.AttrKeyRecvOnly
	}
	m.Attributes = append(m.Attributes, sdp.NewPropertyAttribute(direction))
	if len(l.rids) > 0 {
		ids := make([]string, 0, len(l.rids))
		for _, r := range l.rids {
			ids = append(ids, r.id)
			m.Attributes = append(m.Attributes, sdp.NewAttribute("rid", strings.TrimSpace(r.id+" recv "+r.restrictions)))
		}
		m.Attributes = append(m.Attributes, sdp.NewAttribute("simulcast", "recv "+strings.Join(ids, ";")))
	}
	if first {
		addCandidates(m, local)
	}
	return m
}

// refusal refuses the m-line: port 0 (RFC 3264, Section 6). It keeps its
// place and its mid, by which browsers find what they offered.
func (l *line) refusal() *sdp.MediaDescription {
	m := &sdp.MediaDescription{
		MediaName:             sdp.MediaName{Media: l.media, Protos: strings.Split(l.protocol, "/"), Formats: []string{l.fallback}},
		ConnectionInformation: noAddress(),
	}
	if l.mid != "" {
		m.Attributes = append(m.Attributes, sdp.NewAttribute(sdp.AttrKeyMID, l.mid))
	}
	m.Attributes = append(m.Attributes, sdp.NewPropertyAttribute(sdp.AttrKeyInactive))
	return m
}

// describe returns a description without m-lines.
func describe(l Local) *sdp.SessionDescription {
	return &sdp.SessionDescription{
		Origin: sdp.Origin{
			Username: "-", SessionID: l.Session, SessionVersion: l.Version,
			NetworkType: "IN", AddressType: "IP4", UnicastAddress: "0.0.0.0",
		},
		SessionName:      "-",
		TimeDescriptions: []sdp.TimeDescription{{}},
		Attributes: []sdp.Attribute{
			sdp.NewPropertyAttribute(sdp.AttrKeyICELite),
			sdp.NewAttribute("fingerprint", l.Fingerprint),
		},
	}
}

// bundled says that m-lines share one transport.
func bundled(mids []string) sdp.Attribute {
	return sdp.NewAttribute(sdp.AttrKeyGroup, strings.TrimSpace("BUNDLE "+strings.Join(mids, " ")))
}

// mediaLine returns an m-line without codecs. setup is the DTLS role.
func mediaLine(media, protocol, mid string, l Local, setup string) *sdp.MediaDescription {
	return &sdp.MediaDescription{
		// The port is of no use with ICE, but 0 would refuse the m-line.
		MediaName:             sdp.MediaName{Media: media, Port: sdp.RangedPort{Value: 9}, Protos: strings.Split(protocol, "/")},
		ConnectionInformation: noAddress(),
		Attributes: []sdp.Attribute{
			sdp.NewAttribute(sdp.AttrKeyConnectionSetup, setup),
			sdp.NewAttribute(sdp.AttrKeyMID, mid),
			sdp.NewAttribute("ice-ufrag", l.Ufrag),
			sdp.NewAttribute("ice-pwd", l.Password),
			sdp.NewPropertyAttribute(sdp.AttrKeyRTCPMux),
		},
	}
}

func noAddress() *sdp.ConnectionInformation {
	return &sdp.ConnectionInformation{NetworkType: "IN", AddressType: "IP4", Address: &sdp.Address{Address: "0.0.0.0"}}
}

// addFormat adds a codec to an m-line.
func addFormat(m *sdp.MediaDescription, number uint8, rtpmap, fmtp string, feedback []string) {
	n := strconv.Itoa(int(number))
	m.MediaName.Formats = append(m.MediaName.Formats, n)
	m.Attributes = append(m.Attributes, sdp.NewAttribute("rtpmap", n+" "+rtpmap))
	if fmtp != "" {
		m.Attributes = append(m.Attributes, sdp.NewAttribute("fmtp", n+" "+fmtp))
	}
	for _, f := range feedback {
		m.Attributes = append(m.Attributes, sdp.NewAttribute("rtcp-fb", n+" "+f))
	}
}

// addCandidates adds where the server is, and that there is no more to come
// (RFC 8840).
func addCandidates(m *sdp.MediaDescription, l Local) {
	for _, c := range l.Candidates {
		m.Attributes = append(m.Attributes, sdp.NewAttribute("candidate", c.String()))
	}
	m.Attributes = append(m.Attributes, sdp.NewPropertyAttribute(sdp.AttrKeyEndOfCandidates))
}

func marshal(d *sdp.SessionDescription) (string, error) {
	b, err := d.Marshal()
	if err != nil {
		return "", fmt.Errorf("%w: cannot be written", ErrDescription)
	}
	return string(b), nil
}
