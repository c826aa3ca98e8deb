package sframe

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/subtle"
	"encoding/binary"
	"hash"
)

// frameCipher seals and opens with one key. Its user holds a lock: nonce is
// scratch space, kept here because an array on the stack would be copied to the
// heap for each frame when it passes through an interface.
type frameCipher struct {
	aead  func() cipher.AEAD // behind a func so that fmt cannot print the key schedule
	salt  func() *[nonceSize]byte
	nonce [nonceSize]byte
}

// newFrameCipher returns ErrSuite or ErrKey if m is not complete.
func newFrameCipher(m KeyMaterial) (*frameCipher, error) {
	p, err := m.Suite.parameters()
	if err != nil {
		return nil, err
	}
	if m.Key.Len() != p.keySize || m.Salt.Len() != nonceSize {
		return nil, ErrKey
	}
	aead, err := newAEAD(p, m.Key.Expose())
	if err != nil {
		return nil, err
	}
	var salt [nonceSize]byte
	copy(salt[:], m.Salt.Expose())
	return &frameCipher{
		aead: func() cipher.AEAD { return aead },
		salt: func() *[nonceSize]byte { return &salt },
	}, nil
}

func newAEAD(p parameters, key []byte) (cipher.AEAD, error) {
	if p.encSize != 0 {
		return newCTRHMAC(p, key)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, ErrKey
	}
	return cipher.NewGCM(block)
}

// nonceFor returns the salt XOR the counter, RFC 9605, Section 4.4.3. The result
// is valid until the next call.
func (c *frameCipher) nonceFor(counter uint64) []byte {
	c.nonce = *c.salt()
	tail := c.nonce[nonceSize-8:]
	binary.BigEndian.PutUint64(tail, binary.BigEndian.Uint64(tail)^counter)
	return c.nonce[:]
}

// ctrHMAC is the AEAD of RFC 9605, Section 4.5.1: AES-CTR, then HMAC-SHA256 with
// a short tag. Unlike the AEADs of the standard library it must not be used
// concurrently.
type ctrHMAC struct {
	block   cipher.Block
	mac     hash.Hash
	tagSize int
	lengths [24]byte
	counter [aes.BlockSize]byte
	sum     [64]byte
}

var _ cipher.AEAD = (*ctrHMAC)(nil)

func newCTRHMAC(p parameters, key []byte) (*ctrHMAC, error) {
	block, err := aes.NewCipher(key[:p.encSize])
	if err != nil {
		return nil, ErrKey
	}
	return &ctrHMAC{block: block, mac: hmac.New(p.hash, key[p.encSize:]), tagSize: p.tagSize}, nil
}

func (c *ctrHMAC) NonceSize() int { return nonceSize }

func (c *ctrHMAC) Overhead() int { return c.tagSize }

// Seal implements [cipher.AEAD]. It is AEAD.Encrypt of Section 4.5.1.
func (c *ctrHMAC) Seal(dst, nonce, plaintext, aad []byte) []byte {
	start := len(dst)
	dst = append(dst, plaintext...)
	c.xor(dst[start:], dst[start:], nonce)
	return append(dst, c.tag(nonce, aad, dst[start:])...)
}

// Open implements [cipher.AEAD]. It is AEAD.Decrypt of Section 4.5.1. Nothing is
// decrypted before the tag is verified.
func (c *ctrHMAC) Open(dst, nonce, ciphertext, aad []byte) ([]byte, error) {
	if len(ciphertext) < c.tagSize {
		return nil, ErrOpen
	}
	body, tag := ciphertext[:len(ciphertext)-c.tagSize], ciphertext[len(ciphertext)-c.tagSize:]
	if subtle.ConstantTimeCompare(tag, c.tag(nonce, aad, body)) != 1 {
		return nil, ErrOpen
	}
	start := len(dst)
	dst = append(dst, body...)
	c.xor(dst[start:], dst[start:], nonce)
	return dst, nil
}

// xor applies AES-CTR; the initial counter is the nonce and four zero bytes.
func (c *ctrHMAC) xor(dst, src, nonce []byte) {
	c.counter = [aes.BlockSize]byte{}
	copy(c.counter[:], nonce)
	cipher.NewCTR(c.block, c.counter[:]).XORKeyStream(dst, src)
}

// tag is compute_tag of Section 4.5.1. The result is valid until the next call.
func (c *ctrHMAC) tag(nonce, aad, ciphertext []byte) []byte {
	binary.BigEndian.PutUint64(c.lengths[0:], uint64(len(aad)))
	binary.BigEndian.PutUint64(c.lengths[8:], uint64(len(ciphertext)))
	binary.BigEndian.PutUint64(c.lengths[16:], uint64(c.tagSize))
	c.mac.Reset()
	for _, part := range [][]byte{c.lengths[:], nonce, aad, ciphertext} {
		c.mac.Write(part)
	}
	return c.mac.Sum(c.sum[:0])[:c.tagSize]
}
