package session_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"conclave/core/session"
)

// These were computed from docs/protocol.md by an independent program.
const (
	knownURL     = "https://example.org/m/zzztbju3dben4rfn#AAECAwQFBgcICQoLDA0ODw"
	knownMeeting = "zzztbju3dben4rfn"
)

func TestKnownAnswers(t *testing.T) {
	link, err := session.ParseLink(knownURL)
	if err != nil {
		t.Fatalf("ParseLink: %v", err)
	}
	f := session.Forgery{
		Meeting: knownMeeting, Epoch: 7, Committer: 5,
		Previous:   [32]byte(bytes.Repeat([]byte{0xcc}, 32)),
		SessionKey: bytes.Repeat([]byte{0x11}, 32),
		Roster: []session.RosterEntry{
			{Index: 0, Hash: [32]byte(bytes.Repeat([]byte{0xaa}, 32))},
			{Index: 5, Hash: [32]byte(bytes.Repeat([]byte{0xbb}, 32))},
		},
	}
	got := session.TestingOnlyKnownAnswers(link, f)
	for _, tt := range []struct {
		name string
		got  []byte
		want string
	}{
		{"proof key", got.ProofKey, "be2d883a60313a5a29fe493537a5af8b28356db934b3de49db490515cb10fc97"},
		{"name key", got.NameKey, "6de65d7ec2779c0e97cea0ef9650035c0c3cc5b88ec2a6e027f6d5ed56c8411c"},
		{"admission seed", got.AdmissionSeed, "79ecb96b6bd06b317dca52a29d121b5032c5b2b61d17fb930c46e63199506ab2"},
		{"admission key", link.AdmissionKey(), "6cdde82ea2f9f53ba66791e1ca64d460354eeb4af71af992e173cada03ff8520"},
		{"admission", got.Admission, "aa69dbc97c6a753739d1d1433367254034d704b020777956278faae8841d49d4" +
			"a240797ba1617a0d41f5a63563dd8fdf987d7986137d7cd788a2db9a51ec400e"},
		{"context", got.Context, "0001" + "10" + hex.EncodeToString([]byte(knownMeeting)) + "0000000000000007" + strings.Repeat("cc", 32) +
			"00000005" + "4048" + "00000000" + strings.Repeat("aa", 32) + "00000005" + strings.Repeat("bb", 32)},
		{"confirmation", got.Confirmation, "a9a9815c1e9df712912517b774b3136a12f90fe200a06c0a57c8d64bd7a87ce5"},
		{"base key", got.Base, "b75ca9d60412b04623a85b8695f1f7ffddda547c17526d89a842533b0c7766ad"},
		{"proof", got.Proof, "7a350636b748a67f6cf6854eeb649f90a5b7011293d7dab380d457574e4689ea"},
		{"transcript hash", got.TH, "4425235ed7c1ee36b739dedd34ec2021aa28df8f842eaedd8fb479c8b5db0f01"},
		{"HPKE info", got.Info, "436f6e636c61766520312e302073657373696f6e206b6579" +
			"45986b645db7c514ae2f7d350a413f96faf7586011f8477dbf51bf1cebe50f16" + "00000005"},
	} {
		if hex.EncodeToString(tt.got) != tt.want {
			t.Errorf("%s = %x, want %s", tt.name, tt.got, tt.want)
		}
	}
}

// What a server does with an admission, with the standard library alone: the
// meeting's id names the one key that admits to it.
func TestAdmission(t *testing.T) {
	link, err := session.GenerateLink(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := session.GenerateLink(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d, err := session.GenerateDevice(rand.Reader, link, session.Native, "Ada")
	if err != nil {
		t.Fatal(err)
	}
	signed := func(meeting string, announcement []byte) []byte {
		hash := sha256.Sum256(announcement)
		return []byte("Conclave 1.0 admission\x10" + meeting + string(hash[:]))
	}
	for _, tt := range []struct {
		name         string
		key          ed25519.PublicKey
		meeting      string
		announcement []byte
		want         bool
	}{
		{"honest", link.AdmissionKey(), link.Meeting(), d.Announcement(), true},
		{"other key", other.AdmissionKey(), link.Meeting(), d.Announcement(), false},
		{"other meeting", link.AdmissionKey(), other.Meeting(), d.Announcement(), false},
		{"other announcement", link.AdmissionKey(), link.Meeting(), append(d.Announcement(), 0), false},
	} {
		if got := ed25519.Verify(tt.key, signed(tt.meeting, tt.announcement), d.Admission()); got != tt.want {
			t.Errorf("%s: admitted %v, want %v", tt.name, got, tt.want)
		}
	}
	key := link.AdmissionKey()
	hash := sha256.Sum256(append([]byte("Conclave 1.0 meeting id"), key...))
	id := strings.ToLower(base32.StdEncoding.EncodeToString(hash[:10]))
	if id != link.Meeting() {
		t.Errorf("the admission key is of meeting %q, the link of %q", id, link.Meeting())
	}
	clear(key)
	if bytes.Equal(key, link.AdmissionKey()) {
		t.Error("AdmissionKey hands out the link's own bytes")
	}
	if got := (session.Link{}).AdmissionKey(); got != nil {
		t.Errorf("the zero Link has the admission key %x", got)
	}
}

func TestParseLink(t *testing.T) {
	const secret = "AAECAwQFBgcICQoLDA0ODw"
	tests := []struct {
		name, url string
		want      error
	}{
		{"as it is", knownURL, nil},
		{"white space around", " \n" + knownURL + "\t", nil},
		{"plain http and port", "http://localhost:8080/m/" + knownMeeting + "#" + secret, nil},
		{"below a folder", "https://example.org/m/rooms/m/" + knownMeeting + "#" + secret, nil},
		{"slash and query", "https://example.org/m/" + knownMeeting + "/?utm=1#" + secret, nil},
		{"path only", "/m/" + knownMeeting + "#" + secret, nil},
		{"empty", "", session.ErrLinkIncomplete},
		{"no fragment", "https://example.org/m/" + knownMeeting, session.ErrLinkIncomplete},
		{"empty fragment", "https://example.org/m/" + knownMeeting + "#", session.ErrLinkIncomplete},
		{"secret cut short", knownURL[:len(knownURL)-1], session.ErrLinkIncomplete},
		{"secret too long", knownURL + "A", session.ErrLinkIncomplete},
		{"15 bytes", "/m/" + knownMeeting + "#AAECAwQFBgcICQoLDA0O", session.ErrLinkIncomplete},
		{"17 bytes", "/m/" + knownMeeting + "#AAECAwQFBgcICQoLDA0ODxA", session.ErrLinkIncomplete},
		{"secret with padding", knownURL + "==", session.ErrLinkIncomplete},
		{"secret in other base64", "/m/" + knownMeeting + "#AAECAwQFBgcICQoLDA0O+/", session.ErrLinkIncomplete},
		{"bits that do not count", knownURL[:len(knownURL)-1] + "x", session.ErrLinkIncomplete},
		{"line break in the secret", strings.Replace(knownURL, "BgcI", "Bgc\nI", 1), session.ErrLinkIncomplete},
		{"full stop behind", knownURL + ".", session.ErrLinkIncomplete},
		{"two fragments", knownURL + "#" + secret, session.ErrLinkIncomplete},
		{"no meeting", "https://example.org/#" + secret, session.ErrLinkIncomplete},
		{"short meeting", "/m/" + knownMeeting[1:] + "#" + secret, session.ErrLinkIncomplete},
		{"too long", strings.Repeat("x", 5000) + knownURL, session.ErrLinkIncomplete},
		{"other meeting", "/m/azztbju3dben4rfn#" + secret, session.ErrLinkMismatch},
		{"meeting in upper case", "/m/ZZZTBJU3DBEN4RFN#" + secret, session.ErrLinkMismatch},
		{"other secret", "/m/" + knownMeeting + "#AQECAwQFBgcICQoLDA0ODw", session.ErrLinkMismatch},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			link, err := session.ParseLink(tt.url)
			if !errors.Is(err, tt.want) {
				t.Fatalf("ParseLink(%q) = %v, want %v", tt.url, err, tt.want)
			}
			if err == nil && link.Meeting() != knownMeeting {
				t.Errorf("Meeting = %q, want %q", link.Meeting(), knownMeeting)
			}
		})
	}
}

func TestGenerateLink(t *testing.T) {
	seen := make(map[string]bool)
	for range 100 {
		link, err := session.GenerateLink(rand.Reader)
		if err != nil {
			t.Fatalf("GenerateLink: %v", err)
		}
		url := link.URL("https://example.org/")
		if seen[url] || seen[link.Meeting()] {
			t.Fatal("two links are the same")
		}
		seen[url], seen[link.Meeting()] = true, true
		again, err := session.ParseLink(url)
		if err != nil || again.Meeting() != link.Meeting() || again.URL("https://example.org") != url {
			t.Errorf("ParseLink(%q) = %q, %v", url, again.Meeting(), err)
		}
	}
	if _, err := session.GenerateLink(bytes.NewReader(make([]byte, 15))); err == nil {
		t.Error("GenerateLink with too little randomness succeeds")
	}
}

func FuzzParseLink(f *testing.F) {
	f.Add(knownURL)
	f.Add("/m/#")
	f.Add("#AAECAwQFBgcICQoLDA0ODw")
	f.Fuzz(func(t *testing.T, url string) {
		link, err := session.ParseLink(url)
		if err != nil {
			return
		}
		if again, err := session.ParseLink(link.URL("")); err != nil || again.Meeting() != link.Meeting() {
			t.Errorf("ParseLink(%q) gives a link that does not parse: %v", url, err)
		}
	})
}
