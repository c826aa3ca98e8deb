package load

import (
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// terms are what a receiver has to know of a negotiation.
type terms struct {
	payloads  [128]payload
	transport uint8             // id of the transport-wide number; 0: not negotiated
	repairs   map[uint32]uint32 // repair SSRC -> SSRC that it repairs
}

// A payload is what a payload type stands for.
type payload struct {
	known, audio, repair, nack, pli bool
	clock                           uint32 // Hz
}

// readTerms reads SSRCs from the sender's description and everything else from
// the answer. Lines that it does not know are passed over: pion has checked both.
func readTerms(sender, answer string) terms {
	t := terms{repairs: make(map[uint32]uint32)}
	for line := range strings.Lines(sender) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "a=ssrc-group:FID ")
		if f := strings.Fields(rest); ok && len(f) == 2 {
			t.repairs[number32(f[1])] = number32(f[0])
		}
	}
	audio := false
	for line := range strings.Lines(answer) {
		line = strings.TrimSpace(line)
		if kind, ok := strings.CutPrefix(line, "m="); ok {
			audio = strings.HasPrefix(kind, "audio ")
			continue
		}
		name, value, _ := strings.Cut(strings.TrimPrefix(line, "a="), ":")
		t.attribute(audio, name, value)
	}
	return t
}

// attribute reads one attribute of a media section.
func (t *terms) attribute(audio bool, name, value string) {
	first, rest, _ := strings.Cut(value, " ")
	switch name {
	case "rtpmap":
		format, clock, _ := strings.Cut(rest, "/")
		clock, _, _ = strings.Cut(clock, "/")
		if p := t.payload(first); p != nil {
			p.known, p.audio, p.repair, p.clock = true, audio, strings.EqualFold(format, "rtx"), number32(clock)
		}
	case "rtcp-fb":
		if p := t.payload(first); p != nil {
			p.nack = p.nack || rest == "nack"
			p.pli = p.pli || rest == "nack pli"
		}
	case "extmap":
		id, _, _ := strings.Cut(first, "/")
		if rest == sdp.TransportCCURI {
			t.transport = uint8(number32(id))
		}
	}
}

func (t *terms) payload(s string) *payload {
	n, err := strconv.ParseUint(s, 10, 7)
	if err != nil {
		return nil
	}
	return &t.payloads[n]
}

// number32 reads a number; what is none is 0.
func number32(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
