package srtp

import (
	"errors"
	"fmt"
)

// A Profile is an SRTP protection profile, by its number in DTLS-SRTP.
type Profile uint16

// Protection profiles: RFC 5764, Section 4.1.2; RFC 7714, Section 14.2.
const (
	AES128CMHMACSHA1_80 Profile = 0x0001 //nolint:staticcheck // the name of RFC 5764
	AEADAES128GCM       Profile = 0x0007
	AEADAES256GCM       Profile = 0x0008
)

// Errors of this package. None says why a packet is not authentic.
var (
	ErrProfile   = errors.New("srtp: profile is not supported")
	ErrShort     = errors.New("srtp: not an SRTP packet")
	ErrAuth      = errors.New("srtp: packet is not authentic")
	ErrReplay    = errors.New("srtp: packet was seen before or is too old")
	ErrSources   = errors.New("srtp: too many sources")
	ErrExhausted = errors.New("srtp: keys are used up; connect again")
)

// sizes are what a profile fixes, in bytes.
type sizes struct{ key, salt, tag int }

func (p Profile) sizes() (sizes, error) {
	switch p {
	case AES128CMHMACSHA1_80:
		return sizes{16, 14, 10}, nil
	case AEADAES128GCM:
		return sizes{16, 12, 16}, nil
	case AEADAES256GCM:
		return sizes{32, 12, 16}, nil
	}
	return sizes{}, fmt.Errorf("%w: %#04x", ErrProfile, uint16(p))
}

// KeyingSize returns how many bytes of keying material [New] needs: two master
// keys and two master salts. It is 0 for a profile that is not supported.
func (p Profile) KeyingSize() int {
	s, _ := p.sizes()
	return 2 * (s.key + s.salt)
}

// Overhead returns how many bytes sealing adds to an RTP packet.
func (p Profile) Overhead() int {
	s, _ := p.sizes()
	return s.tag
}

// RTCPOverhead returns how many bytes sealing adds to a compound RTCP packet.
func (p Profile) RTCPOverhead() int {
	s, _ := p.sizes()
	return s.tag + indexSize
}

// indexSize is the size of the E bit and the SRTCP index (RFC 3711, Section 3.4).
const indexSize = 4
