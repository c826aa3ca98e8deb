package srtp

import (
	"encoding/binary"
	"fmt"
	"io"
)

// An Opener checks and decrypts packets of a peer. It belongs to one goroutine
// at a time.
type Opener struct {
	in        transform
	tag       int // bytes
	rtp, rtcp sources
}

// Open checks and decrypts an SRTP packet in place and returns the RTP packet.
// Nothing changes in o before the packet proved authentic. It does not allocate,
// except with AES-CM and at the first packet of an SSRC. Errors: ErrShort,
// ErrAuth (the packet's bytes are lost then), ErrReplay, ErrSources if the peer
// has used too many SSRCs, ErrExhausted.
func (o *Opener) Open(packet []byte) ([]byte, error) {
	header, ok := headerSize(packet)
	if !ok || len(packet) < header+o.tag {
		return nil, ErrShort
	}
	from := o.rtp.find(binary.BigEndian.Uint32(packet[8:]))
	index := from.estimate(binary.BigEndian.Uint16(packet[2:]))
	if index > maxIndex {
		return nil, ErrExhausted
	}
	if !from.fresh(index) {
		return nil, ErrReplay
	}
	plain, ok := o.in.open(packet, header, from.ssrc, index)
	if !ok {
		return nil, ErrAuth
	}
	if !o.rtp.accept(from, index) {
		return nil, ErrSources
	}
	return plain, nil
}

// OpenRTCP is Open for SRTCP. An unencrypted packet is ErrAuth.
func (o *Opener) OpenRTCP(packet []byte) ([]byte, error) {
	if len(packet) < rtcpHeader+o.tag+indexSize || packet[0]>>6 != 2 {
		return nil, ErrShort
	}
	word := o.in.rtcpIndex(packet)
	if word&encrypted == 0 {
		return nil, ErrAuth
	}
	index := word &^ encrypted
	from := o.rtcp.find(binary.BigEndian.Uint32(packet[4:]))
	if !from.fresh(uint64(index)) {
		return nil, ErrReplay
	}
	plain, ok := o.in.openRTCP(packet, from.ssrc, index)
	if !ok {
		return nil, ErrAuth
	}
	if !o.rtcp.accept(from, uint64(index)) {
		return nil, ErrSources
	}
	return plain, nil
}

// Format implements [fmt.Formatter], so that keys are never printed.
func (*Opener) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[opener]") }
