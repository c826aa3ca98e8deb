package srtp

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"sync"
)

const (
	gcmNonce = 12 // bytes
	gcmTag   = 16 // bytes
)

// gcm is AES-GCM, RFC 7714.
type gcm struct{ rtp, rtcp gcmKeys }

type gcmKeys struct {
	aead cipher.AEAD
	salt [gcmNonce]byte
}

// A gcmInput is memory for what the cipher reads. On a stack it would escape
// through the cipher's interface, and cost an allocation a packet.
type gcmInput struct {
	nonce [gcmNonce]byte
	data  [rtcpHeader + indexSize]byte // associated data of SRTCP
}

var gcmInputs = sync.Pool{New: func() any { return new(gcmInput) }}

// gcmScratch returns memory to put back into gcmInputs.
func gcmScratch() *gcmInput {
	in, _ := gcmInputs.Get().(*gcmInput)
	return in
}

func newGCM(m master) (*gcm, error) {
	rtp, err := newGCMKeys(m, labelRTPKey, labelRTPSalt)
	if err != nil {
		return nil, err
	}
	rtcp, err := newGCMKeys(m, labelRTCPKey, labelRTCPSalt)
	if err != nil {
		return nil, err
	}
	return &gcm{rtp, rtcp}, nil
}

func newGCMKeys(m master, keyLabel, saltLabel byte) (gcmKeys, error) {
	key, err := m.derive(keyLabel, len(m.key))
	if err != nil {
		return gcmKeys{}, err
	}
	defer clear(key)
	salt, err := m.derive(saltLabel, gcmNonce)
	if err != nil {
		return gcmKeys{}, err
	}
	return makeGCMKeys(key, salt)
}

func makeGCMKeys(key, salt []byte) (gcmKeys, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return gcmKeys{}, fmt.Errorf("deriving SRTP keys: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return gcmKeys{}, fmt.Errorf("deriving SRTP keys: %w", err)
	}
	return gcmKeys{aead: aead, salt: [gcmNonce]byte(salt)}, nil
}

// rtpNonce sets the nonce of an SRTP packet (RFC 7714, Section 8.1):
//
//	(2 zero bytes | SSRC (4) | rollover counter (4) | sequence number (2)) XOR salt
//
// The last two parts are the packet index.
func (k *gcmKeys) rtpNonce(nonce *[gcmNonce]byte, ssrc uint32, index uint64) {
	*nonce = k.salt
	head := binary.BigEndian.Uint32(nonce[2:])
	binary.BigEndian.PutUint32(nonce[2:], head^ssrc)
	tail := binary.BigEndian.Uint64(nonce[4:])
	binary.BigEndian.PutUint64(nonce[4:], tail^index&maxIndex)
}

// rtcpInput sets nonce and associated data of an SRTCP packet (RFC 7714, Section
// 9.1 and 9.2). The data are the first header and the E bit with the index.
//
//	(2 zero bytes | SSRC (4) | 2 zero bytes | 0 | SRTCP index (31 bits)) XOR salt
func (k *gcmKeys) rtcpInput(in *gcmInput, packet []byte, ssrc, index uint32) {
	in.nonce = k.salt
	head := binary.BigEndian.Uint32(in.nonce[2:])
	binary.BigEndian.PutUint32(in.nonce[2:], head^ssrc)
	tail := binary.BigEndian.Uint32(in.nonce[8:])
	binary.BigEndian.PutUint32(in.nonce[8:], tail^index)
	copy(in.data[:], packet[:rtcpHeader])
	binary.BigEndian.PutUint32(in.data[rtcpHeader:], encrypted|index)
}

func (g *gcm) seal(dst, header, payload []byte, ssrc uint32, index uint64) []byte {
	in := gcmScratch()
	g.rtp.rtpNonce(&in.nonce, ssrc, index)
	dst = append(dst, header...)
	dst = g.rtp.aead.Seal(dst, in.nonce[:], payload, header)
	gcmInputs.Put(in)
	return dst
}

func (g *gcm) open(packet []byte, header int, ssrc uint32, index uint64) ([]byte, bool) {
	in := gcmScratch()
	g.rtp.rtpNonce(&in.nonce, ssrc, index)
	body := packet[header:]
	plain, err := g.rtp.aead.Open(body[:0], in.nonce[:], body, packet[:header])
	gcmInputs.Put(in)
	return packet[:header+len(plain)], err == nil
}

func (g *gcm) sealRTCP(dst, packet []byte, ssrc, index uint32) []byte {
	in := gcmScratch()
	g.rtcp.rtcpInput(in, packet, ssrc, index)
	dst = append(dst, packet[:rtcpHeader]...)
	dst = g.rtcp.aead.Seal(dst, in.nonce[:], packet[rtcpHeader:], in.data[:])
	gcmInputs.Put(in)
	return binary.BigEndian.AppendUint32(dst, encrypted|index)
}

// rtcpIndex: header | ciphertext | tag | index (RFC 7714, Section 9.2).
func (*gcm) rtcpIndex(packet []byte) uint32 {
	return binary.BigEndian.Uint32(packet[len(packet)-indexSize:])
}

func (g *gcm) openRTCP(packet []byte, ssrc, index uint32) ([]byte, bool) {
	in := gcmScratch()
	g.rtcp.rtcpInput(in, packet, ssrc, index)
	body := packet[rtcpHeader : len(packet)-indexSize]
	plain, err := g.rtcp.aead.Open(body[:0], in.nonce[:], body, in.data[:])
	gcmInputs.Put(in)
	return packet[:rtcpHeader+len(plain)], err == nil
}
