package rtc

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/rtp"
	"golang.org/x/time/rate"

	"conclave/sfu/bwe"
)

const (
	// perPacket is what the estimate counts beside the RTP packet: SRTP tag, UDP
	// and IPv4 header.
	perPacket = 16 + 8 + 20

	// Retransmissions to one receiver are bounded, so that its NACKs cannot make
	// the server work more than forwarding does.
	resendRate  = 250_000   // bytes per second
	resendBurst = 128 << 10 // bytes

	maxResend = 256 // packets for one RTCP packet
)

// An egress is all that one receiver is sent: its slots share bandwidth and the
// transport-wide sequence numbers.
type egress struct {
	seat *Seat // constant

	// mu guards the fields below and those that slot says. Packets are sent
	// while it is held, so that their numbers leave in order; a UDP send
	// does not wait for the peer.
	mu        sync.Mutex
	estimator *bwe.Estimator
	decoder   bwe.Decoder
	sequence  uint16           // transport-wide, of the last packet
	bySSRC    map[uint32]*slot // by both SSRCs of each slot
	resends   *rate.Limiter
	padding   *slot // sends probes: the last slot for video that could

	header rtp.Header // of the packet being sent
	twcc   [2]byte    // its transport-wide number
	body   [receiveMTU + 2]byte
}

func newEgress(seat *Seat) (*egress, error) {
	est, err := bwe.New(bwe.Config{})
	if err != nil {
		return nil, err
	}
	return &egress{
		seat: seat, estimator: est,
		sequence: uint16(rand.Uint32()), //nolint:gosec // RFC 3550, 5.1: to make attacks on weak ciphers harder, not a secret
		bySSRC:   make(map[uint32]*slot),
		resends:  rate.NewLimiter(resendRate, resendBurst),
	}, nil
}

// An outgoing is a packet about to be sent.
type outgoing struct {
	slot        *slot
	ssrc        uint32
	payloadType uint8
	sequence    uint16
	timestamp   uint32
	marker      bool
	descriptor  []byte // dependency descriptor, or nil
	level       []byte // audio level, or nil
	payload     []byte
	padding     uint8 // bytes after the payload
	probe       bwe.ProbeID
}

// sendLocked writes the header and sends the packet.
func (e *egress) sendLocked(now time.Time, o *outgoing) {
	t := o.slot
	h := &e.header
	*h = rtp.Header{
		Version: 2, Marker: o.marker, PayloadType: o.payloadType, SequenceNumber: o.sequence,
		Timestamp: o.timestamp, SSRC: o.ssrc, Extensions: h.Extensions[:0],
		Padding: o.padding > 0, PaddingSize: o.padding,
	}
	number := e.sequence + 1
	if t.twccID != 0 || o.descriptor != nil || o.level != nil {
		h.Extension, h.ExtensionProfile = true, profileOneByte
		if t.twoByte || len(o.descriptor) > 16 {
			h.ExtensionProfile = profileTwoByte // rule: a structure is longer than one byte can say
		}
		e.twcc = [2]byte{byte(number >> 8), byte(number)}
		// The ids were negotiated and the sizes fit the profile: none of these fails.
		if t.twccID != 0 {
			_ = h.SetExtension(t.twccID, e.twcc[:])
		}
		if o.descriptor != nil && t.ddID != 0 {
			_ = h.SetExtension(t.ddID, o.descriptor)
		}
		if o.level != nil && t.levelID != 0 {
			_ = h.SetExtension(t.levelID, o.level)
		}
	}
	stats := &e.seat.room.engine.stats
	n, err := t.writer.WriteRTP(h, o.payload)
	if err != nil {
		stats.WriteErrors.Add(1)
		return
	}
	if n == 0 {
		return // no SRTP session yet
	}
	size := h.MarshalSize() + len(o.payload) + int(o.padding)
	if t.twccID != 0 {
		e.sequence = number
		e.estimator.OnSent(now, number, size+perPacket, o.probe)
	}
	stats.PacketsSent.Add(1)
	stats.BytesSent.Add(uint64(size))
}
