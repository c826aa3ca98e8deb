package room

import (
	"encoding/binary"
	"time"
)

// Types and formats of RTCP packets (RFC 3550, Section 12.1; RFC 4585, Section 6.1;
// RFC 5104, Section 4; draft-holmer-rmcat-transport-wide-cc-extensions-01).
const (
	typeSenderReport   = 200
	typeReceiverReport = 201
	typeTransport      = 205
	typePayload        = 206

	formatNACK      = 1  // of typeTransport
	formatTransport = 15 // of typeTransport: transport-wide feedback
	formatPLI       = 1  // of typePayload
	formatFIR       = 4  // of typePayload
)

// A reports walks the packets of a compound RTCP packet.
type reports struct{ rest []byte }

// A report is one RTCP packet.
type report struct {
	kind  uint8
	count uint8  // or format: the low five bits of the first byte
	whole []byte // with its header
	body  []byte // after the header and the sender's SSRC, without padding
}

// next returns the next packet, and false after the last. What is left then is
// not RTCP.
func (r *reports) next() (p report, ok bool) {
	const header = 8 // with the SSRC that every packet of interest has
	b := r.rest
	for {
		if len(b) < 4 || b[0]>>6 != 2 {
			return report{}, false
		}
		size := 4 + 4*int(binary.BigEndian.Uint16(b[2:]))
		if len(b) < size {
			return report{}, false
		}
		whole := b[:size:size]
		b, r.rest = b[size:], b[size:]
		if whole[0]&0x20 != 0 { // padding; its last byte says how much
			pad := int(whole[size-1])
			if pad > size-4 {
				return report{}, false
			}
			whole = whole[:size-pad]
		}
		if len(whole) >= header {
			return report{kind: whole[1], count: whole[0] & 0x1F, whole: whole, body: whole[header:]}, true
		}
	}
}

// A block is one report block of a receiver (RFC 3550, Section 6.4.1).
type block struct {
	ssrc       uint32
	lastReport uint32 // middle of the NTP time of the last sender report; 0: none came
	delay      uint32 // since then, in 1/65536 s
}

const blockSize = 24

// blocks returns the n-th report block of a receiver report, if it has one.
func (p *report) block(n int) (b block, ok bool) {
	if n >= int(p.count) || len(p.body) < (n+1)*blockSize {
		return block{}, false
	}
	at := p.body[n*blockSize:]
	return block{
		ssrc:       binary.BigEndian.Uint32(at),
		lastReport: binary.BigEndian.Uint32(at[16:]),
		delay:      binary.BigEndian.Uint32(at[20:]),
	}, true
}

// ntpEpoch is 1900-01-01 in seconds before 1970-01-01 (RFC 5905, Section 6).
const ntpEpoch = 2_208_988_800

// fromNTP returns the time of a 64-bit NTP timestamp.
func fromNTP(t uint64) time.Time {
	return time.Unix(int64(t>>32)-ntpEpoch, int64((t&0xFFFFFFFF)*1e9>>32))
}

// toNTP returns the 64-bit NTP timestamp of a time.
func toNTP(t time.Time) uint64 {
	return uint64(t.Unix()+ntpEpoch)<<32 | uint64(t.Nanosecond())<<32/1e9
}
