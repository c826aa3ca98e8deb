package srtp

import (
	"crypto/aes"
	"encoding/binary"
	"fmt"
)

// Labels of session keys, RFC 3711, Section 4.3.2.
const (
	labelRTPKey   = 0x00
	labelRTPAuth  = 0x01
	labelRTPSalt  = 0x02
	labelRTCPKey  = 0x03
	labelRTCPAuth = 0x04
	labelRTCPSalt = 0x05
)

// A master is the master key and master salt of one direction.
type master struct{ key, salt []byte }

// derive returns a session key of n bytes. It is the key derivation of RFC 3711,
// Section 4.3, with a key derivation rate of 0, so that the label alone tells
// keys apart. The pseudorandom function is AES in counter mode with the master
// key: AES-128 as in Section 4.3.3, or AES-256 as in RFC 6188, Section 3.
// Salts of AES-GCM have 12 bytes; zeros fill them up to 14 (RFC 7714, Section 11).
func (m master) derive(label byte, n int) ([]byte, error) {
	block, err := aes.NewCipher(m.key)
	if err != nil {
		return nil, fmt.Errorf("deriving SRTP keys: %w", err)
	}
	var x [aes.BlockSize]byte // (label XOR salt) * 2^16, then the block's number
	copy(x[:14], m.salt)
	x[7] ^= label
	out := make([]byte, (n+aes.BlockSize-1)/aes.BlockSize*aes.BlockSize)
	for at := 0; at < len(out); at += aes.BlockSize {
		binary.BigEndian.PutUint16(x[14:], uint16(at/aes.BlockSize))
		block.Encrypt(out[at:at+aes.BlockSize], x[:])
	}
	clear(x[:])
	return out[:n], nil
}

// split returns the two directions of keying material: client key, server key,
// client salt, server salt (RFC 5764, Section 4.2).
func split(material []byte, s sizes) (client, server master) {
	salts := material[2*s.key:]
	client = master{material[:s.key], salts[:s.salt]}
	server = master{material[s.key : 2*s.key], salts[s.salt : 2*s.salt]}
	return client, server
}
