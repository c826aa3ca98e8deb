package negotiate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"conclave/sfu/dd"
)

// Header extensions (RFC 8285) that are read or written.
const (
	uriMid         = sdp.SDESMidURI
	uriRID         = sdp.SDESRTPStreamIDURI
	uriRepairedRID = sdp.SDESRepairRTPStreamIDURI
	uriTransport   = sdp.TransportCCURI
	uriDescriptor  = dd.URI
	uriLevel       = sdp.AudioLevelURI
)

// Extensions that are read from a publisher, by kind of m-line.
var (
	readVideo = []string{uriMid, uriRID, uriRepairedRID, uriTransport, uriDescriptor}
	readAudio = []string{uriMid, uriTransport, uriLevel}
)

// Extensions that this server offers to send, with ids that stay the same for all
// m-lines of a bundle (RFC 9143, Section 9.1) and over all offers. All fit the
// one-byte form.
var (
	sentVideo = []extension{{1, uriMid, ""}, {2, uriTransport, ""}, {4, uriDescriptor, ""}}
	sentAudio = []extension{{1, uriMid, ""}, {2, uriTransport, ""}, {3, uriLevel, ""}}
)

// An extension is one line a=extmap.
type extension struct {
	id        uint8
	uri       string
	direction string // "": that of the m-line
}

const (
	reservedID   = 15 // RFC 8285, Section 4.2
	attrMixed    = "extmap-allow-mixed"
	maxExtension = 255 // two-byte form; numbers above are not ids yet (RFC 8285, Section 7)
)

// readExtensions returns the extensions of an m-line that are wanted. Those for
// the direction against only, from the view of the client, are of no use.
func readExtensions(attributes []sdp.Attribute, wanted []string, against string) ([]extension, error) {
	var list []extension
	var used [maxExtension + 1]bool
	for _, a := range attributes {
		if a.Key != sdp.AttrKeyExtMap { // 3/sendonly URI
			continue
		}
		number, rest, _ := strings.Cut(a.Value, " ")
		number, direction, _ := strings.Cut(number, "/")
		uri, _, _ := strings.Cut(rest, " ")
		id, err := strconv.ParseUint(number, 10, 8)
		if err != nil || id == 0 || id == reservedID {
			continue
		}
		if used[id] {
			return nil, errMissing("id of its own in an a=extmap")
		}
		used[id] = true
		if direction != against && direction != sdp.AttrKeyInactive && slices.Contains(wanted, uri) {
			list = append(list, extension{uint8(id), uri, direction})
		}
	}
	return list, nil
}

// answered is how an extension is answered that this server receives.
func (e extension) answered() sdp.Attribute {
	direction := ""
	if e.direction != "" {
		direction = "/recvonly"
	}
	return sdp.NewAttribute(sdp.AttrKeyExtMap, strconv.Itoa(int(e.id))+direction+" "+e.uri)
}

// offered is how an extension is offered that this server sends.
func (e extension) offered() sdp.Attribute {
	return sdp.NewAttribute(sdp.AttrKeyExtMap, strconv.Itoa(int(e.id))+" "+e.uri)
}
