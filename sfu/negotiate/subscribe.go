package negotiate

import (
	"fmt"
	"strconv"

	"github.com/pion/sdp/v3"

	"conclave/sfu/room"
)

// WriteOffer returns the server's offer of what it sends to a client: one m-line
// a slot, with all codecs that are forwarded. Payload types and ids of header
// extensions are always the same, so that offers of one connection agree.
func WriteOffer(l Local, slots []room.Slot) string {
	d := describe(l)
	d.Attributes = append(d.Attributes, sdp.NewPropertyAttribute(attrMixed))
	mids := make([]string, 0, len(slots))
	for i := range slots {
		mids = append(mids, slots[i].Mid)
		m := offered(l, &slots[i])
		if i == 0 {
			addCandidates(m, l)
		}
		d.MediaDescriptions = append(d.MediaDescriptions, m)
	}
	d.Attributes = append(d.Attributes, bundled(mids))
	text, err := marshal(d)
	if err != nil {
		panic("sfu/negotiate: internal error: an offer of our own cannot be written")
	}
	return text
}

func kind(audio bool) string {
	if audio {
		return "audio"
	}
	return "video"
}

// offered returns the m-line of a slot. Each slot is a media stream of its own,
// since what it carries changes.
func offered(l Local, s *room.Slot) *sdp.MediaDescription {
	m := mediaLine(kind(s.Audio), protocols[0], s.Mid, l, "actpass")
	m.Attributes = append(m.Attributes, sdp.NewPropertyAttribute(sdp.AttrKeyRTCPRsize))
	for i := range codecs {
		k := &codecs[i]
		if k.audio != s.Audio {
			continue
		}
		addFormat(m, k.number, k.name+"/"+k.rate, k.fmtp, k.feedback)
		if !s.Audio && s.RepairSSRC != 0 {
			addFormat(m, k.number+1, nameRTX+"/"+k.rate, "apt="+strconv.Itoa(int(k.number)), nil)
		}
	}
	for _, e := range sent(s.Audio) {
		m.Attributes = append(m.Attributes, e.offered())
	}
	track := kind(s.Audio) + s.Mid
	stream := "slot-" + track
	m.Attributes = append(m.Attributes, sdp.NewPropertyAttribute(sdp.AttrKeySendOnly), sdp.NewAttribute("msid", stream+" "+track))
	ssrcs := []uint32{s.SSRC}
	if s.RepairSSRC != 0 {
		ssrcs = append(ssrcs, s.RepairSSRC)
		m.Attributes = append(m.Attributes, sdp.NewAttribute("ssrc-group", fmt.Sprintf("FID %d %d", s.SSRC, s.RepairSSRC)))
	}
	for _, ssrc := range ssrcs {
		m.Attributes = append(
			m.Attributes,
			sdp.NewAttribute("ssrc", fmt.Sprintf("%d cname:%s", ssrc, stream)),
			sdp.NewAttribute("ssrc", fmt.Sprintf("%d msid:%s %s", ssrc, stream, track)),
		)
	}
	return m
}

func sent(audio bool) []extension {
	if audio {
		return sentAudio
	}
	return sentVideo
}

// An Answer is what a client takes of what the server offered.
type Answer struct {
	Remote Remote // zero if the client refuses all m-lines
	// Bindings are those of all slots, in their order. One of a slot that the
	// client refuses has no payload types.
	Bindings []room.Binding
}

// ReadAnswer reads a client's answer to the offer of the slots. The client must
// have taken them in one bundle and be the DTLS client; it may refuse some. Its
// errors wrap ErrDescription.
func ReadAnswer(text string, slots []room.Slot) (*Answer, error) {
	d, err := parse(text, maxAnswer+maxAnswered*len(slots))
	if err != nil {
		return nil, err
	}
	if n := len(d.MediaDescriptions); n != len(slots) {
		return nil, fmt.Errorf("%w: %d m-lines for %d offered", ErrDescription, n, len(slots))
	}
	group, err := bundle(d)
	if err != nil {
		return nil, err
	}
	direction := directionOf(d.Attributes, sdp.DirectionSendRecv)
	a := &Answer{Bindings: make([]room.Binding, len(slots))}
	lines := make(map[string]*sdp.MediaDescription, len(slots))
	for i, m := range d.MediaDescriptions {
		taken, err := readBinding(m, &slots[i], directionOf(m.Attributes, direction), &a.Bindings[i])
		if err != nil {
			return nil, fmt.Errorf("%w: m-line %d: %w", ErrDescription, i, err)
		}
		if taken {
			lines[slots[i].Mid] = m
		}
	}
	if len(lines) == 0 {
		return a, nil
	}
	for i, mid := range group {
		m := lines[mid]
		if m == nil {
			return nil, fmt.Errorf("%w: a=group:BUNDLE names an m-line that is not taken", ErrDescription)
		}
		if i > 0 {
			continue
		}
		var setup string
		if a.Remote, setup, err = readRemote(d, m); err != nil {
			return nil, err
		}
		if setup != "active" {
			return nil, fmt.Errorf("%w: a=setup is not active; the server is always passive (RFC 8842)", ErrDescription)
		}
	}
	return a, checkBundled(group, lines)
}

// checkBundled reports whether all m-lines that are taken are in the group.
func checkBundled(group []string, lines map[string]*sdp.MediaDescription) error {
	in := make(map[string]bool, len(group))
	for _, mid := range group {
		in[mid] = true
	}
	for mid := range lines {
		if !in[mid] {
			return fmt.Errorf("%w: an m-line is not in a=group:BUNDLE; all must share one transport", ErrDescription)
		}
	}
	return nil
}

// readBinding reads the answer to one slot and reports whether the m-line is
// taken.
func readBinding(m *sdp.MediaDescription, s *room.Slot, direction sdp.Direction, b *room.Binding) (bool, error) {
	b.Mid = s.Mid
	if m.MediaName.Media != kind(s.Audio) {
		return false, errMissing("media of the kind that was offered")
	}
	if m.MediaName.Port.Value == 0 {
		return false, nil
	}
	if mid, _ := m.Attribute(sdp.AttrKeyMID); mid != s.Mid {
		return false, errMissing("a=mid that was offered")
	}
	if _, ok := m.Attribute(sdp.AttrKeyRTCPMux); !ok {
		return false, errMissing("a=rtcp-mux; RTCP must share the port")
	}
	switch direction {
	case sdp.DirectionInactive:
		return true, nil
	case sdp.DirectionRecvOnly:
	default:
		return false, errMissing("a=recvonly or a=inactive, which answer a=sendonly")
	}
	formats, err := readFormats(m, s.Audio)
	if err != nil {
		return false, err
	}
	for _, f := range formats {
		// Of a codec in several variants the first counts.
		if f.known != nil && b.PayloadTypes[f.known.codec] == 0 {
			b.PayloadTypes[f.known.codec] = f.number
		}
	}
	for _, f := range formats {
		if f.main != nil && b.PayloadTypes[f.main.known.codec] == f.main.number {
			b.RepairTypes[f.main.known.codec] = f.number
		}
	}
	return true, bindExtensions(m, s.Audio, b)
}

// bindExtensions notes the header extensions that a client takes. Their ids are
// those of the offer (RFC 8285, Section 6).
func bindExtensions(m *sdp.MediaDescription, audio bool, b *room.Binding) error {
	wanted := make([]string, 0, len(sent(audio)))
	for _, e := range sent(audio) {
		wanted = append(wanted, e.uri)
	}
	taken, err := readExtensions(m.Attributes, wanted, sdp.AttrKeySendOnly)
	if err != nil {
		return err
	}
	for _, e := range taken {
		switch e.uri {
		case uriTransport:
			b.TransportID = e.id
		case uriDescriptor:
			b.DescriptorID = e.id
		case uriLevel:
			b.LevelID = e.id
		}
	}
	return nil
}
