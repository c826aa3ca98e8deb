package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/sha256"
	"fmt"

	"conclave/core/tlsenc"
)

// A Class says what kind of client a device is. Devices say it of themselves.
type Class uint8

// The classes of docs/protocol.md, Section 2.
const (
	Native Class = 1
	Web    Class = 2
	Robot  Class = 3
)

// IsValid reports whether c is one of the classes above.
func (c Class) IsValid() bool { return c >= Native && c <= Robot }

const (
	kemKeySize    = 1216 // X25519 + ML-KEM-768 public key
	nameNonceSize = 12
	nameTagSize   = 16
	maxPadded     = (1 + MaxName + nameBlock - 1) / nameBlock * nameBlock
	maxSealedName = maxPadded + nameTagSize

	// MaxAnnouncement is the most bytes of an announcement.
	MaxAnnouncement = 2 + 1 + 1 + meetingSize + ed25519.PublicKeySize + kemKeySize +
		nameNonceSize + 2 + maxSealedName + ed25519.SignatureSize + proofSize

	announcementLabel      = "Conclave 1.0 announcement"
	announcementProofLabel = "Conclave 1.0 announcement proof"
)

// An AnnouncementHash names a device: the SHA-256 of its announcement.
type AnnouncementHash = [32]byte

// An Announcement is a device's public keys and name, verified to come from
// somebody who holds the link. Only [Link.OpenAnnouncement] makes one; a zero
// Announcement is refused everywhere.
type Announcement struct {
	Hash         AnnouncementHash
	SignatureKey ed25519.PublicKey
	Class        Class
	Name         string

	meeting string
	kem     hpke.PublicKey
}

// announcementFields are the parts of an Announcement on the wire:
//
//	version (2) | class (1) | meeting <V> | signature key (32) | KEM key (1216) |
//	name nonce (12) | sealed name <V> | signature (64) | proof (32)
type announcementFields struct {
	class        Class
	meeting      string
	signatureKey []byte
	kemKey       []byte
	nameNonce    []byte
	sealedName   []byte
}

func (f announcementFields) marshal() []byte {
	w := tlsenc.NewWriter(MaxAnnouncement)
	w.Uint16(version)
	w.Uint8(uint8(f.class))
	w.Vector([]byte(f.meeting))
	w.Fixed(f.signatureKey)
	w.Fixed(f.kemKey)
	w.Fixed(f.nameNonce)
	w.Vector(f.sealedName)
	return w.Bytes()
}

// OpenAnnouncement verifies an announcement: that its maker holds the link and
// the signing key, and that the name is presentable. It returns ErrMalformed,
// ErrVersion, ErrMeeting, ErrProof, ErrSignature or ErrName.
func (l Link) OpenAnnouncement(b []byte) (Announcement, error) {
	if len(b) > MaxAnnouncement {
		return Announcement{}, ErrMalformed
	}
	f, signed, signature, proof, err := parseAnnouncement(b)
	if err != nil {
		return Announcement{}, err
	}
	if f.meeting != l.meeting {
		return Announcement{}, ErrMeeting
	}
	if !l.isProof(proof, announcementProofLabel, signed, signature) {
		return Announcement{}, ErrProof
	}
	if !verify(f.signatureKey, signature, announcementLabel, signed) {
		return Announcement{}, ErrSignature
	}
	kem, err := hpke.MLKEM768X25519().NewPublicKey(f.kemKey)
	if err != nil {
		return Announcement{}, ErrMalformed
	}
	name, err := l.openName(f)
	if err != nil {
		return Announcement{}, err
	}
	return Announcement{
		Hash:         sha256.Sum256(b),
		SignatureKey: append(ed25519.PublicKey(nil), f.signatureKey...),
		Class:        f.class,
		Name:         name,
		meeting:      l.meeting,
		kem:          kem,
	}, nil
}

// parseAnnouncement splits b into its fields, the bytes that are signed, the
// signature and the proof, all aliasing b.
func parseAnnouncement(b []byte) (f announcementFields, signed, signature, proof []byte, err error) {
	r := tlsenc.NewReader(b)
	if v := r.Uint16(); r.Err() == nil && v != version {
		return f, nil, nil, nil, ErrVersion
	}
	f.class = Class(r.Uint8())
	f.meeting = string(r.Vector(meetingSize))
	f.signatureKey = r.Fixed(ed25519.PublicKeySize)
	f.kemKey = r.Fixed(kemKeySize)
	f.nameNonce = r.Fixed(nameNonceSize)
	f.sealedName = r.Vector(maxSealedName)
	signed = b[:len(b)-r.Len()]
	signature = r.Fixed(ed25519.SignatureSize)
	proof = r.Fixed(proofSize)
	if r.Done() != nil || !f.class.IsValid() {
		return f, nil, nil, nil, ErrMalformed
	}
	return f, signed, signature, proof, nil
}

func (l Link) nameAEAD() (cipher.AEAD, error) {
	block, err := aes.NewCipher(l.nameKey.Expose())
	if err != nil {
		return nil, fmt.Errorf("session: name key: %v", err)
	}
	return cipher.NewGCM(block)
}

// openName returns the name in f.
func (l Link) openName(f announcementFields) (string, error) {
	aead, err := l.nameAEAD()
	if err != nil {
		return "", err
	}
	padded, err := aead.Open(nil, f.nameNonce, f.sealedName, f.signatureKey)
	if err != nil {
		return "", ErrName
	}
	return unpadName(padded)
}

// verify reports whether signature is one of label and parts by key.
func verify(key ed25519.PublicKey, signature []byte, label string, parts ...[]byte) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, join(label, parts...), signature)
}

// join returns label and parts in one piece.
func join(label string, parts ...[]byte) []byte {
	n := len(label)
	for _, p := range parts {
		n += len(p)
	}
	b := append(make([]byte, 0, n), label...)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}
