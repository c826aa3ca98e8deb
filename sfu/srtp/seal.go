package srtp

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"
)

// New returns both directions of a connection. material is what DTLS exports:
// client key, server key, client salt, server salt (RFC 5764, Section 4.2), of
// Profile.KeyingSize bytes; the caller erases it. server says which side we are.
// The error is ErrProfile, or says that the material has the wrong size.
func New(p Profile, material []byte, server bool) (*Sealer, *Opener, error) {
	s, err := p.sizes()
	if err != nil {
		return nil, nil, err
	}
	if len(material) != p.KeyingSize() {
		return nil, nil, fmt.Errorf("srtp: keying material has %d bytes; export %d", len(material), p.KeyingSize())
	}
	peer, own := split(material, s)
	if !server {
		peer, own = own, peer
	}
	out, err := newTransform(p, own)
	if err != nil {
		return nil, nil, err
	}
	in, err := newTransform(p, peer)
	if err != nil {
		return nil, nil, err
	}
	return &Sealer{out: out}, &Opener{in: in, tag: s.tag}, nil
}

// A Sealer protects packets to a peer. All methods may be called concurrently.
type Sealer struct {
	out  transform
	rtcp atomic.Uint64 // SRTCP packets sealed; the last one's index
}

// Seal appends to dst the SRTP packet of an RTP packet: header, encrypted
// payload, tag. The header is all of it, with contributing sources and
// extension. index is rollover counter << 16 | sequence number (RFC 3711,
// Section 3.3.1); no two different packets of an SSRC may have the same.
//
// The rest of dst's capacity must not overlap header or payload. With AES-GCM,
// Seal does not allocate if that is Profile.Overhead bytes more than the packet.
// It returns dst as it was if header is not the RTP header of that index.
func (s *Sealer) Seal(dst, header, payload []byte, index uint64) []byte {
	n, ok := headerSize(header)
	if !ok || n != len(header) || index > maxIndex || binary.BigEndian.Uint16(header[2:]) != uint16(index) {
		return dst
	}
	return s.out.seal(dst, header, payload, binary.BigEndian.Uint32(header[8:]), index)
}

// SealRTCP appends to dst the SRTCP packet of a compound RTCP packet, always
// encrypted, with an index of its own. dst's capacity must not overlap packet.
// Errors: ErrShort if packet is not RTCP; ErrExhausted after 2^31 packets.
func (s *Sealer) SealRTCP(dst, packet []byte) ([]byte, error) {
	if len(packet) < rtcpHeader || packet[0]>>6 != 2 {
		return dst, ErrShort
	}
	index := s.rtcp.Add(1)
	if index > maxRTCP {
		return dst, ErrExhausted
	}
	return s.out.sealRTCP(dst, packet, binary.BigEndian.Uint32(packet[4:]), uint32(index)), nil
}

// Format implements [fmt.Formatter], so that keys are never printed.
func (*Sealer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[sealer]") }
