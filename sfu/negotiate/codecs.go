package negotiate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"conclave/sfu/codec"
	"conclave/sfu/room"
)

// A known is a codec that is forwarded.
type known struct {
	codec    room.Codec
	audio    bool
	name     string // as in a=rtpmap
	rate     string // as in a=rtpmap: clock, and for sound the channels
	number   uint8  // payload type in this server's offers, where RTX has the next
	fmtp     string // parameters in this server's offers
	feedback []string
	fits     func(parameters) bool // whether a variant is forwarded; nil: all are
}

const (
	rateVideo = "90000"
	rateAudio = "48000/2"
	nameRTX   = "rtx"
	numOpus   = 111
)

var (
	feedbackVideo = []string{"transport-cc", "ccm fir", "nack", "nack pli"}
	feedbackAudio = []string{"transport-cc"}
)

// codecs are all that are forwarded, best first. The payload types of an offer
// stay what they are for as long as there are clients of an older server.
var codecs = []known{
	{codec: room.VP9, name: "VP9", rate: rateVideo, number: 98, fmtp: "profile-id=0", feedback: feedbackVideo, fits: isProfile("profile-id")},
	{codec: room.AV1, name: "AV1", rate: rateVideo, number: 45, fmtp: "level-idx=5;profile=0;tier=0", feedback: feedbackVideo, fits: isProfile("profile")},
	{codec: room.VP8, name: "VP8", rate: rateVideo, number: 96, feedback: feedbackVideo},
	{codec: room.H264, name: "H264", rate: rateVideo, number: 102, fmtp: fmtpH264 + "42e01f", feedback: feedbackVideo, fits: isBaseline},
	{codec: room.H264, name: "H264", rate: rateVideo, number: 104, fmtp: fmtpH264 + "42001f", feedback: feedbackVideo, fits: isBaseline},
	{codec: room.Opus, audio: true, name: "opus", rate: rateAudio, number: numOpus, fmtp: "minptime=10;useinbandfec=1", feedback: feedbackAudio},
	{codec: room.RED, audio: true, name: "red", rate: rateAudio, number: 63, fmtp: "111/111"},
}

const fmtpH264 = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id="

// parameters are those of a=fmtp, by name in small letters.
type parameters map[string]string

func readParameters(s string) parameters {
	p := make(parameters)
	for one := range strings.SplitSeq(s, ";") {
		name, value, _ := strings.Cut(one, "=")
		p[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
	return p
}

// isProfile tells the first profile of VP9 (RFC 9628, Section 6) and AV1, 8 bit
// 4:2:0, which all decoders have and which is meant if none is named.
func isProfile(name string) func(parameters) bool {
	return func(p parameters) bool { return p[name] == "" || p[name] == "0" }
}

// isBaseline tells H264 (RFC 6184, Section 8.1) in the profiles Baseline and
// Constrained Baseline, in packets that may be larger or smaller than a NAL
// unit. Any level will do.
func isBaseline(p parameters) bool {
	if p["packetization-mode"] != "1" {
		return false
	}
	profile, err := strconv.ParseUint(p["profile-level-id"], 16, 24)
	return p["profile-level-id"] == "" || err == nil && len(p["profile-level-id"]) == 6 && profile>>16 == 0x42 && profile>>8&0x0f == 0
}

// A format is one codec of an m-line.
type format struct {
	number   uint8
	name     string // as in a=rtpmap; "": there is none
	rate     string
	fmtp     string
	feedback []string // those that are known, as in a=rtcp-fb

	known *known  // nil: RTX, or not forwarded
	main  *format // what RTX repairs; nil: it is no RTX that can be used
}

// spelling is the name of the codec as this server writes it.
func (f *format) spelling() string {
	if f.known != nil {
		return f.known.name
	}
	return nameRTX
}

// payload returns what packets with this payload type hold.
func (f *format) payload(audio bool) room.Payload {
	mime := kind(audio) + "/" + f.spelling()
	if f.main != nil {
		return room.Payload{MIME: mime, Repair: true, Repairs: f.main.number}
	}
	return room.Payload{MIME: mime, Codec: f.known.codec, Video: codec.FromMIME(mime)}
}

// readFormats returns the codecs of an m-line that are forwarded, in its order,
// with what repairs them.
func readFormats(m *sdp.MediaDescription, audio bool) ([]*format, error) {
	if n := len(m.MediaName.Formats); n > maxFormats {
		return nil, errTooMany("codecs", maxFormats)
	}
	var byNumber [128]*format
	all := make([]*format, 0, len(m.MediaName.Formats))
	for _, text := range m.MediaName.Formats {
		n, err := strconv.ParseUint(text, 10, 7)
		if err != nil || byNumber[n] != nil {
			return nil, errMissing("payload types, each once")
		}
		byNumber[n] = &format{number: uint8(n)}
		all = append(all, byNumber[n])
	}
	for _, a := range m.Attributes {
		number, rest, _ := strings.Cut(a.Value, " ")
		if a.Key == "rtcp-fb" {
			addFeedback(all, number, rest)
			continue
		}
		n, err := strconv.ParseUint(number, 10, 7)
		if err != nil || byNumber[n] == nil {
			continue
		}
		switch f := byNumber[n]; a.Key {
		case "rtpmap": // 98 VP9/90000
			f.name, f.rate, _ = strings.Cut(rest, "/")
		case "fmtp": // 99 apt=98
			f.fmtp = rest
		}
	}
	return choose(all, &byNumber, audio), nil
}

// addFeedback notes one line a=rtcp-fb (RFC 4585, Section 4.2).
func addFeedback(all []*format, number, value string) {
	for _, known := range feedbackVideo {
		if value != known {
			continue
		}
		for _, f := range all {
			if (number == "*" || number == strconv.Itoa(int(f.number))) && !slices.Contains(f.feedback, known) {
				f.feedback = append(f.feedback, known)
			}
		}
	}
}

// choose returns the formats that are forwarded, and what repairs them or is made
// of them, in the same order.
func choose(all []*format, byNumber *[128]*format, audio bool) []*format {
	for _, f := range all {
		if len(f.fmtp) <= maxFmtp {
			f.known = lookUp(f, audio)
		}
	}
	repaired := make(map[*format]bool)
	for _, f := range all {
		switch {
		case f.known != nil && f.known.codec == room.RED:
			if !holdsOpus(f, byNumber) {
				f.known = nil
			}
		case !audio && strings.EqualFold(f.name, nameRTX) && f.rate == rateVideo && len(f.fmtp) <= maxFmtp:
			n, err := strconv.ParseUint(readParameters(f.fmtp)["apt"], 10, 7)
			if err != nil {
				continue
			}
			if main := byNumber[n]; main != nil && main.known != nil && !repaired[main] {
				f.main, repaired[main] = main, true
			}
		}
	}
	chosen := make([]*format, 0, len(all))
	for _, f := range all {
		if f.known != nil || f.main != nil {
			chosen = append(chosen, f)
		}
	}
	return chosen
}

// lookUp returns the codec of a format, or nil.
func lookUp(f *format, audio bool) *known {
	p := readParameters(f.fmtp)
	for i := range codecs {
		k := &codecs[i]
		if k.audio == audio && strings.EqualFold(k.name, f.name) && k.rate == f.rate && (k.fits == nil || k.fits(p)) {
			return k
		}
	}
	return nil
}

// holdsOpus reports whether all that redundant sound (RFC 2198) is made of is
// Opus that is forwarded.
func holdsOpus(f *format, byNumber *[128]*format) bool {
	for one := range strings.SplitSeq(f.fmtp, "/") {
		n, err := strconv.ParseUint(strings.TrimSpace(one), 10, 7)
		if err != nil || byNumber[n] == nil || byNumber[n].known == nil || byNumber[n].known.codec != room.Opus {
			return false
		}
	}
	return true
}
