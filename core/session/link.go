package session

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"

	"conclave/core/secret"
	"conclave/core/tlsenc"
)

const (
	linkSecretSize = 16 // bytes: 128 bits, out of reach for guessing
	meetingSize    = 16 // characters of a meeting id
	proofSize      = 32 // bytes of a proof
	maxLink        = 2048

	admissionLabel = "Conclave 1.0 admission"
	meetingLabel   = "Conclave 1.0 meeting id"
)

// Secret is the random part of a link. It cannot be printed or marshalled.
type Secret = secret.Value

// A Link invites to a meeting, docs/protocol.md, Section 1. Whoever holds it can
// join; the server sees only the meeting id. The zero Link is not valid.
type Link struct {
	meeting      string
	secret       Secret
	proofKey     Secret
	nameKey      Secret
	admissionKey Secret // Ed25519 private key
}

// meetingEncoding is base32 in lower case without padding.
var meetingEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// GenerateLink makes the link of a new meeting. rand must be cryptographically
// secure.
func GenerateLink(rand io.Reader) (Link, error) {
	b := make([]byte, linkSecretSize)
	if _, err := io.ReadFull(rand, b); err != nil {
		return Link{}, fmt.Errorf("session: generating a link: %w", err)
	}
	return newLink(b)
}

// ParseLink reads a link such as https://host/m/MEETING#SECRET. It returns
// ErrLinkIncomplete if a part is missing or damaged and ErrLinkMismatch if the
// meeting does not follow from the secret; then nothing may be connected to.
func ParseLink(url string) (Link, error) {
	if len(url) > maxLink {
		return Link{}, ErrLinkIncomplete
	}
	address, fragment, ok := strings.Cut(strings.TrimSpace(url), "#")
	if !ok {
		return Link{}, ErrLinkIncomplete
	}
	// Strict refuses a last character with bits that do not count, so one
	// secret has one spelling.
	b, err := base64.RawURLEncoding.Strict().DecodeString(fragment)
	if err != nil || len(b) != linkSecretSize || strings.ContainsAny(fragment, "\r\n") {
		return Link{}, ErrLinkIncomplete
	}
	address, _, _ = strings.Cut(address, "?")
	_, meeting, ok := cutLast(strings.TrimSuffix(address, "/"), "/m/")
	if !ok || len(meeting) != meetingSize {
		return Link{}, ErrLinkIncomplete
	}
	l, err := newLink(b)
	if err != nil {
		return Link{}, err
	}
	if l.meeting != meeting {
		return Link{}, ErrLinkMismatch
	}
	return l, nil
}

// newLink derives everything that follows from the secret b, which it takes.
func newLink(b []byte) (Link, error) {
	prk, err := hkdf.Extract(sha512.New, b, []byte("Conclave 1.0 link"))
	if err != nil {
		return Link{}, fmt.Errorf("session: deriving from a link: %v", err)
	}
	defer clear(prk)
	proofKey, err := hkdf.Expand(sha512.New, prk, "proof key", 32)
	if err != nil {
		return Link{}, fmt.Errorf("session: deriving a proof key: %v", err)
	}
	nameKey, err := hkdf.Expand(sha512.New, prk, "name key", 32)
	if err != nil {
		return Link{}, fmt.Errorf("session: deriving a name key: %v", err)
	}
	admissionSeed, err := hkdf.Expand(sha512.New, prk, "admission key", ed25519.SeedSize)
	if err != nil {
		return Link{}, fmt.Errorf("session: deriving an admission key: %v", err)
	}
	defer clear(admissionSeed)
	admissionKey := ed25519.NewKeyFromSeed(admissionSeed)
	return Link{
		meeting:      meetingOf(ed25519.PublicKey(admissionKey[ed25519.SeedSize:])),
		secret:       secret.Own(b),
		proofKey:     secret.Own(proofKey),
		nameKey:      secret.Own(nameKey),
		admissionKey: secret.Own(admissionKey),
	}, nil
}

// meetingOf returns the id of the meeting that an admission key is for. As the
// id follows from the key, nobody can take the id of another's meeting for a
// key of their own.
func meetingOf(admissionKey ed25519.PublicKey) string {
	hash := sha256.Sum256(join(meetingLabel, admissionKey))
	return meetingEncoding.EncodeToString(hash[:meetingSize*5/8])
}

// Meeting returns the meeting id, 16 characters. The server may know it.
func (l Link) Meeting() string { return l.meeting }

// URL returns the link under base, such as https://host. The result holds the
// secret: show it to the user who asked for it and to nobody else.
func (l Link) URL(base string) string {
	return strings.TrimSuffix(base, "/") + "/m/" + l.meeting + "#" +
		base64.RawURLEncoding.EncodeToString(l.secret.Expose())
}

// AdmissionKey returns the public half of the key pair that admits devices to the
// meeting, docs/protocol.md, Section 6. The server may know it: the meeting id
// follows from it, and the server checks with it who holds the link. The zero
// Link has none.
func (l Link) AdmissionKey() ed25519.PublicKey {
	if l.admissionKey.Len() == 0 {
		return nil
	}
	return slices.Clone(ed25519.PublicKey(l.admissionKey.Expose()[ed25519.SeedSize:]))
}

// admit returns the signature that admits the device with this announcement.
func (l Link) admit(h AnnouncementHash) []byte {
	w := tlsenc.NewWriter(1 + meetingSize + len(h))
	w.Vector([]byte(l.meeting))
	w.Fixed(h[:])
	return ed25519.Sign(ed25519.PrivateKey(l.admissionKey.Expose()), join(admissionLabel, w.Bytes()))
}

// prove returns the proof that the maker of parts holds the link.
func (l Link) prove(label string, parts ...[]byte) []byte {
	mac := hmac.New(sha512.New, l.proofKey.Expose())
	mac.Write([]byte(label))
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil)[:proofSize]
}

// isProof reports whether proof is the proof of parts, in constant time. Nothing
// is proved with the zero Link, whose key everybody knows.
func (l Link) isProof(proof []byte, label string, parts ...[]byte) bool {
	return l.proofKey.Len() != 0 && hmac.Equal(proof, l.prove(label, parts...))
}

// cutLast is strings.Cut around the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
