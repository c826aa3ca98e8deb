package srtp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // HMAC-SHA1 is what RFC 3711 has; as a MAC it is not broken
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"
	"sync"
)

const (
	counterSalt = 14 // bytes
	counterTag  = 10 // bytes: HMAC-SHA1 cut to 80 bits
	counterAuth = 20 // bytes of the authentication key
)

// counterMode is AES-128 in counter mode with HMAC-SHA1, RFC 3711, Sections 4.1.1
// and 4.2.1, for clients that have no AES-GCM.
//
// The standard library's counter mode costs an allocation a packet. Without it,
// block by block, encryption takes four times as long.
type counterMode struct{ rtp, rtcp counterKeys }

type counterKeys struct {
	block cipher.Block
	salt  [aes.BlockSize]byte // 14 bytes, then zeros
	macs  *sync.Pool          // of *counterMAC
}

// A counterMAC is a keyed HMAC with memory for its input and output, and for
// the cipher's initial counter block.
type counterMAC struct {
	hash hash.Hash
	iv   [aes.BlockSize]byte
	tail [indexSize]byte // rollover counter, authenticated but not sent
	sum  [sha1.Size]byte
}

func newCounterMode(m master) (*counterMode, error) {
	rtp, err := newCounterKeys(m, labelRTPKey, labelRTPAuth, labelRTPSalt)
	if err != nil {
		return nil, err
	}
	rtcp, err := newCounterKeys(m, labelRTCPKey, labelRTCPAuth, labelRTCPSalt)
	if err != nil {
		return nil, err
	}
	return &counterMode{rtp, rtcp}, nil
}

func newCounterKeys(m master, keyLabel, authLabel, saltLabel byte) (counterKeys, error) {
	key, err := m.derive(keyLabel, len(m.key))
	if err != nil {
		return counterKeys{}, err
	}
	defer clear(key)
	auth, err := m.derive(authLabel, counterAuth)
	if err != nil {
		return counterKeys{}, err
	}
	salt, err := m.derive(saltLabel, counterSalt)
	if err != nil {
		return counterKeys{}, err
	}
	return makeCounterKeys(key, auth, salt)
}

// makeCounterKeys keeps auth.
func makeCounterKeys(key, auth, salt []byte) (counterKeys, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return counterKeys{}, fmt.Errorf("deriving SRTP keys: %w", err)
	}
	k := counterKeys{block: block}
	copy(k.salt[:counterSalt], salt)
	k.macs = &sync.Pool{New: func() any { return &counterMAC{hash: hmac.New(sha1.New, auth)} }}
	return k, nil
}

// mac returns memory to put back into k.macs.
func (k *counterKeys) mac() *counterMAC {
	m, _ := k.macs.Get().(*counterMAC)
	return m
}

// crypt encrypts or decrypts: dst and src are of the same length, and are the
// same or do not overlap. The initial counter block is (RFC 3711, Section 4.1.1)
//
//	(salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16)
func (k *counterKeys) crypt(m *counterMAC, dst, src []byte, ssrc uint32, index uint64) {
	m.iv = k.salt
	head := binary.BigEndian.Uint32(m.iv[4:])
	binary.BigEndian.PutUint32(m.iv[4:], head^ssrc)
	tail := binary.BigEndian.Uint64(m.iv[8:])
	binary.BigEndian.PutUint64(m.iv[8:], tail^index<<16)
	cipher.NewCTR(k.block, m.iv[:]).XORKeyStream(dst, src)
}

// tag returns the authentication tag of b and tail, valid until m's next use.
func (m *counterMAC) tag(b, tail []byte) []byte {
	m.hash.Reset()
	m.hash.Write(b) // a hash does not fail
	m.hash.Write(tail)
	return m.hash.Sum(m.sum[:0])[:counterTag]
}

// rollover returns the rollover counter of an index, as it is authenticated.
func (m *counterMAC) rollover(index uint64) []byte {
	binary.BigEndian.PutUint32(m.tail[:], uint32(index>>16))
	return m.tail[:]
}

func (c *counterMode) seal(dst, header, payload []byte, ssrc uint32, index uint64) []byte {
	m := c.rtp.mac()
	from := len(dst)
	dst = slices.Grow(dst, len(header)+len(payload)+counterTag)
	dst = append(dst, header...)
	dst = dst[:len(dst)+len(payload)]
	c.rtp.crypt(m, dst[from+len(header):], payload, ssrc, index)
	dst = append(dst, m.tag(dst[from:], m.rollover(index))...)
	c.rtp.macs.Put(m)
	return dst
}

func (c *counterMode) open(packet []byte, header int, ssrc uint32, index uint64) ([]byte, bool) {
	m := c.rtp.mac()
	defer c.rtp.macs.Put(m)
	end := len(packet) - counterTag
	if subtle.ConstantTimeCompare(m.tag(packet[:end], m.rollover(index)), packet[end:]) != 1 {
		return nil, false
	}
	body := packet[header:end]
	c.rtp.crypt(m, body, body, ssrc, index)
	return packet[:end], true
}

func (c *counterMode) sealRTCP(dst, packet []byte, ssrc, index uint32) []byte {
	m := c.rtcp.mac()
	from := len(dst)
	dst = append(dst, packet...)
	body := dst[from+rtcpHeader:]
	c.rtcp.crypt(m, body, body, ssrc, uint64(index))
	dst = binary.BigEndian.AppendUint32(dst, encrypted|index)
	dst = append(dst, m.tag(dst[from:], nil)...)
	c.rtcp.macs.Put(m)
	return dst
}

// rtcpIndex: header | ciphertext | index | tag (RFC 3711, Section 3.4).
func (*counterMode) rtcpIndex(packet []byte) uint32 {
	return binary.BigEndian.Uint32(packet[len(packet)-counterTag-indexSize:])
}

func (c *counterMode) openRTCP(packet []byte, ssrc, index uint32) ([]byte, bool) {
	m := c.rtcp.mac()
	defer c.rtcp.macs.Put(m)
	end := len(packet) - counterTag
	if subtle.ConstantTimeCompare(m.tag(packet[:end], nil), packet[end:]) != 1 {
		return nil, false
	}
	body := packet[rtcpHeader : end-indexSize]
	c.rtcp.crypt(m, body, body, ssrc, uint64(index))
	return packet[:end-indexSize], true
}
