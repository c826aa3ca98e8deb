package attach

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// A Cipher seals and opens the chunks of one file. It may be used concurrently.
type Cipher struct {
	layout Layout
	aead   cipher.AEAD
}

// keyLabel begins the info of HKDF, rootLabel what Root hashes.
const (
	keyLabel  = "Conclave 1.0 attachment key"
	rootLabel = "Conclave 1.0 attachment root"
)

// NewCipher returns the cipher of a file with this key and layout, or ErrLayout.
func NewCipher(key [32]byte, l Layout) (*Cipher, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	// The key is random and of full length, so there is no salt: RFC 5869,
	// Section 3.1. The layout in the info gives no other layout this key.
	derived, err := hkdf.Key(sha256.New, key[:], nil, string(l.bind([]byte(keyLabel))), 32)
	if err != nil {
		return nil, fmt.Errorf("attach: deriving the key of a file: %w", err)
	}
	defer clear(derived)
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	return &Cipher{l, aead}, nil
}

// bind appends the layout.
func (l Layout) bind(b []byte) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(b, l.Size), l.Chunk)
}

// nonce is the number of a chunk and whether it is the last. One key seals one
// file and each chunk once, so none comes twice: SP 800-38D, Section 8.2.1. What
// keeps a second content of a chunk from being sent is in Sealer.
func (c *Cipher) nonce(n int) (nonce [12]byte) {
	binary.BigEndian.PutUint32(nonce[7:11], uint32(n))
	if n == c.layout.Chunks()-1 {
		nonce[11] = 1
	}
	return nonce
}

// seal appends sealed chunk n to dst. The chunk has the size that the layout says.
func (c *Cipher) seal(dst []byte, n int, chunk []byte) []byte {
	nonce := c.nonce(n)
	return c.aead.Seal(dst, nonce[:], chunk, nil)
}

// Open appends what is in sealed chunk n, from 0, to dst, or returns ErrDamaged
// and nothing. dst may be sealed[:0].
func (c *Cipher) Open(dst []byte, n int, sealed []byte) ([]byte, error) {
	if n < 0 || n >= c.layout.Chunks() || len(sealed) != c.layout.ChunkSize(n)+Overhead {
		return nil, ErrDamaged
	}
	nonce := c.nonce(n)
	out, err := c.aead.Open(dst, nonce[:], sealed, nil)
	if err != nil {
		return nil, ErrDamaged
	}
	return out, nil
}

// A Digest is the SHA-256 of a sealed chunk.
type Digest [sha256.Size]byte

// Root returns the hash of a file: the SHA-256 of a label, the layout and the
// digests of all sealed chunks.
func Root(l Layout, digests []Digest) [32]byte {
	h := sha256.New()
	h.Write(l.bind([]byte(rootLabel)))
	for i := range digests {
		h.Write(digests[i][:])
	}
	return [32]byte(h.Sum(nil))
}
