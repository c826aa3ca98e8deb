package session_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"conclave/core/session"
)

func TestAnnouncement(t *testing.T) {
	link := newLink(t)
	for _, name := range []string{"A", "Ada Lovelace", strings.Repeat("x", 31), strings.Repeat("x", 32), strings.Repeat("x", 63), strings.Repeat("x", 64), "ليلى"} {
		for _, class := range []session.Class{session.Native, session.Web, session.Robot} {
			d, err := session.GenerateDevice(rand.Reader, link, class, " "+name+" ")
			if err != nil {
				t.Fatalf("GenerateDevice(%q): %v", name, err)
			}
			a, err := link.OpenAnnouncement(d.Announcement())
			if err != nil {
				t.Fatalf("OpenAnnouncement: %v", err)
			}
			if a.Name != name || a.Class != class || a.Hash != d.Hash() || a.Hash != session.Hash256(d.Announcement()) {
				t.Errorf("announcement of %q opens as %q, class %d", name, a.Name, a.Class)
			}
			if len(d.Announcement()) > session.MaxAnnouncement {
				t.Errorf("announcement of %q has %d bytes, over MaxAnnouncement", name, len(d.Announcement()))
			}
			if bytes.Contains(d.Announcement(), []byte(name)) && len(name) > 3 {
				t.Errorf("the server can read the name %q", name)
			}
		}
	}
	// The server learns the length of a name only roughly.
	short, long := newDevice(t, link, "A"), newDevice(t, link, strings.Repeat("x", 31))
	if len(short.Announcement()) != len(long.Announcement()) {
		t.Errorf("announcements have %d and %d bytes, want the same", len(short.Announcement()), len(long.Announcement()))
	}
	longest := newDevice(t, link, strings.Repeat("x", 64))
	if got := len(longest.Announcement()); got != session.MaxAnnouncement {
		t.Errorf("the longest announcement has %d bytes, MaxAnnouncement is %d", got, session.MaxAnnouncement)
	}
}

func TestGenerateDeviceRefuses(t *testing.T) {
	link := newLink(t)
	if _, err := session.GenerateDevice(rand.Reader, link, session.Web, "\u202eAda"); !errors.Is(err, session.ErrName) {
		t.Errorf("GenerateDevice = %v, want ErrName", err)
	}
	for _, c := range []session.Class{0, 4, 255} {
		if _, err := session.GenerateDevice(rand.Reader, link, c, "Ada"); !errors.Is(err, session.ErrMalformed) {
			t.Errorf("GenerateDevice with class %d = %v, want ErrMalformed", c, err)
		}
	}
	if _, err := session.GenerateDevice(bytes.NewReader(make([]byte, 70)), link, session.Web, "Ada"); err == nil {
		t.Error("GenerateDevice with too little randomness succeeds")
	}
}

// Offsets in an announcement: version 2, class 1, meeting 17, then the keys.
const (
	signatureKeyAt = 2 + 1 + 17
	kemKeyAt       = signatureKeyAt + 32
	nameAt         = kemKeyAt + 1216
)

// TestServerSwapsKeys is the attack that the link is there to stop: the server
// knows everything that it relays, but not the link.
func TestServerSwapsKeys(t *testing.T) {
	link := newLink(t)
	honest := newDevice(t, link, "Ada").Announcement()
	evilLink := newLink(t)
	evil := newDevice(t, evilLink, "Mallory")
	evilAnnouncement, err := evilLink.OpenAnnouncement(evil.Announcement())
	if err != nil {
		t.Fatal(err)
	}
	replace := func(at int, with []byte) []byte {
		return slices.Concat(honest[:at], with, honest[at+len(with):])
	}
	body := len(honest) - 64 - 32
	resign := func(b []byte) []byte {
		b = slices.Concat(b[:signatureKeyAt], evilAnnouncement.SignatureKey, b[kemKeyAt:])
		signature := ed25519.Sign(session.SigningKey(evil), append([]byte("Conclave 1.0 announcement"), b[:body]...))
		return slices.Concat(b[:body], signature, b[body+64:])
	}
	kem := session.KEMKey(evilAnnouncement)
	tests := []struct {
		name string
		b    []byte
		want error
	}{
		{"its own KEM key", replace(kemKeyAt, kem), session.ErrProof},
		{"its own signing key", replace(signatureKeyAt, evilAnnouncement.SignatureKey), session.ErrProof},
		{"its own keys, signed with them", resign(replace(kemKeyAt, kem)), session.ErrProof},
		{"its own keys, proved with another link", session.TestingOnlyProve(evilLink, session.ProofLabels[0], resign(replace(kemKeyAt, kem))), session.ErrProof},
		{"proof of another kind", session.TestingOnlyProve(link, session.ProofLabels[1], honest), session.ErrProof},
		{"proof of zeros", append(bytes.Clone(honest[:len(honest)-32]), make([]byte, 32)...), session.ErrProof},
		{"name of another meeting", replace(nameAt, evil.Announcement()[nameAt:nameAt+12+1+48]), session.ErrProof},
		{"an announcement of another meeting", evil.Announcement(), session.ErrMeeting},
		// With the link (an insider) the proof fits, but not the signature.
		{"insider, its KEM key", session.TestingOnlyProve(link, session.ProofLabels[0], replace(kemKeyAt, kem)), session.ErrSignature},
		{"insider, another class", session.TestingOnlyProve(link, session.ProofLabels[0], replace(2, []byte{1})), session.ErrSignature},
		{"insider, its signing key", session.TestingOnlyProve(link, session.ProofLabels[0], replace(signatureKeyAt, evilAnnouncement.SignatureKey)), session.ErrSignature},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := link.OpenAnnouncement(tt.b); !errors.Is(err, tt.want) {
				t.Errorf("OpenAnnouncement = %v, want %v", err, tt.want)
			}
			if _, err := link.OpenAnnouncement(honest); err != nil {
				t.Errorf("the honest announcement then gives %v", err)
			}
		})
	}
}

func TestOpenAnnouncementRefuses(t *testing.T) {
	link := newLink(t)
	d := newDevice(t, link, "Ada")
	honest := d.Announcement()
	a, err := link.OpenAnnouncement(honest)
	if err != nil {
		t.Fatal(err)
	}
	kem := session.KEMKey(a)
	pad := func(length byte, name string, size int) []byte {
		b := make([]byte, size)
		b[0] = length
		copy(b[1:], name)
		return b
	}
	announce := func(kem, padded []byte, class session.Class) []byte {
		return session.TestingOnlyAnnounce(d, link, kem, padded, class)
	}
	badKEM := bytes.Clone(kem)
	badKEM[0], badKEM[1], badKEM[2] = 0xff, 0xff, 0xff // not reduced modulo q
	tests := []struct {
		name string
		b    []byte
		want error
	}{
		{"empty", nil, session.ErrMalformed},
		{"trailing byte", append(bytes.Clone(honest), 0), session.ErrMalformed},
		{"oversized", make([]byte, session.MaxAnnouncement+1), session.ErrMalformed},
		{"version 0", slices.Concat([]byte{0, 0}, honest[2:]), session.ErrVersion},
		{"version 2", slices.Concat([]byte{0, 2}, honest[2:]), session.ErrVersion},
		{"class 0", announce(kem, pad(3, "Ada", 32), 0), session.ErrMalformed},
		{"class 4", announce(kem, pad(3, "Ada", 32), 4), session.ErrMalformed},
		{"KEM key out of range", announce(badKEM, pad(3, "Ada", 32), session.Web), session.ErrMalformed},
		{"no name", announce(kem, nil, session.Web), session.ErrName},
		{"name of length 0", announce(kem, pad(0, "", 32), session.Web), session.ErrName},
		{"name longer than its field", announce(kem, pad(32, "Ada", 32), session.Web), session.ErrName},
		{"name over the limit", announce(kem, pad(65, strings.Repeat("x", 65), 96), session.Web), session.ErrName},
		{"name with an override", announce(kem, pad(6, "\u202eAda", 32), session.Web), session.ErrName},
		{"name with a line feed", announce(kem, pad(4, "A\nda", 32), session.Web), session.ErrName},
		{"name not trimmed", announce(kem, pad(4, "Ada ", 32), session.Web), session.ErrName},
		{"name not UTF-8", announce(kem, pad(4, "Ada\xff", 32), session.Web), session.ErrName},
		{"bytes behind the name", announce(kem, pad(3, "Adam", 32), session.Web), session.ErrName},
		{"odd padding", announce(kem, pad(3, "Ada", 31), session.Web), session.ErrName},
		{"more padding than needed", announce(kem, pad(3, "Ada", 64), session.Web), session.ErrName},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := link.OpenAnnouncement(tt.b); !errors.Is(err, tt.want) {
				t.Errorf("OpenAnnouncement = %v, want %v", err, tt.want)
			}
		})
	}
	if _, err := link.OpenAnnouncement(announce(kem, pad(3, "Ada", 32), session.Web)); err != nil {
		t.Errorf("the control that should open gives %v", err)
	}
	for n := range honest {
		if _, err := link.OpenAnnouncement(honest[:n]); !errors.Is(err, session.ErrMalformed) {
			t.Fatalf("OpenAnnouncement of the first %d bytes = %v, want ErrMalformed", n, err)
		}
		flipped := bytes.Clone(honest)
		flipped[n] ^= 0x40
		if _, err := link.OpenAnnouncement(flipped); err == nil {
			t.Fatalf("OpenAnnouncement accepts a change of byte %d", n)
		}
	}
}

// A Link that was never made opens nothing, although its keys are known.
func TestZeroLink(t *testing.T) {
	var zero session.Link
	d := newDevice(t, newLink(t), "Ada")
	withoutMeeting := slices.Concat(d.Announcement()[:3], []byte{0}, d.Announcement()[signatureKeyAt:])
	for _, b := range [][]byte{withoutMeeting, session.TestingOnlyProve(zero, session.ProofLabels[0], withoutMeeting)} {
		if _, err := zero.OpenAnnouncement(b); !errors.Is(err, session.ErrProof) {
			t.Errorf("OpenAnnouncement with the zero Link = %v, want ErrProof", err)
		}
	}
	if _, err := session.GenerateDevice(rand.Reader, zero, session.Web, "Ada"); err == nil {
		t.Error("GenerateDevice with the zero Link succeeds")
	}
}

// A name sealed for one device cannot be moved to another.
func TestNameIsBoundToItsDevice(t *testing.T) {
	link := newLink(t)
	ada, bob := newDevice(t, link, "Ada"), newDevice(t, link, "Bob")
	const size = 12 + 1 + 48
	b := bytes.Clone(bob.Announcement())
	copy(b[nameAt:], ada.Announcement()[nameAt:nameAt+size])
	body := len(b) - 96
	copy(b[body:], ed25519.Sign(session.SigningKey(bob), append([]byte("Conclave 1.0 announcement"), b[:body]...)))
	b = session.TestingOnlyProve(link, session.ProofLabels[0], b)
	if _, err := link.OpenAnnouncement(b); !errors.Is(err, session.ErrName) {
		t.Errorf("OpenAnnouncement = %v, want ErrName", err)
	}
}

// The KEM of this package is that of the official vectors for 0x647a.
func TestKEM(t *testing.T) {
	if id := hpke.MLKEM768X25519().ID(); id != 0x647a {
		t.Errorf("KEM = %#x, want 0x647a", id)
	}
	if hpke.HKDFSHA384().ID() != 2 || hpke.AES256GCM().ID() != 2 {
		t.Error("KDF or AEAD is not the one of docs/protocol.md")
	}
	d := newDevice(t, newLink(t), "Ada")
	if got := len(session.KEMPrivateKey(d).PublicKey().Bytes()); got != 1216 {
		t.Errorf("KEM key has %d bytes, want 1216", got)
	}
}

func FuzzOpenAnnouncement(f *testing.F) {
	link, err := session.ParseLink(knownURL)
	if err != nil {
		f.Fatal(err)
	}
	d := newDevice(f, link, "Ada")
	f.Add(d.Announcement())
	f.Add(d.Announcement()[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		// The fuzzer cannot make proofs, so the test makes them for it.
		if len(b) > 32 {
			b = session.TestingOnlyProve(link, session.ProofLabels[0], b)
		}
		a, err := link.OpenAnnouncement(b)
		if err != nil {
			return
		}
		if a.Hash != session.Hash256(b) || a.Name == "" || binary.BigEndian.Uint16(b) != 1 {
			t.Errorf("OpenAnnouncement(%x) = %+v", b, a)
		}
	})
}
