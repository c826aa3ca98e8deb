package session_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"conclave/core/session"
)

// These were computed from docs/protocol.md by an independent program.
const (
	knownURL     = "https://example.org/m/te2fsmbrtjey43nc#AAECAwQFBgcICQoLDA0ODw"
	knownMeeting = "te2fsmbrtjey43nc"
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
		{"admission", got.Admission, "f11a4b9b93c0a612d45a50a914ed3015ed6945d52d7633502a2dbb7d44d6ce59" +
			"a0803c7b0e8251f2c71108cf781220e1c8613c1d9ed38fc42b214af3243d2204"},
		{"context", got.Context, "0001" + "10" + hex.EncodeToString([]byte(knownMeeting)) + "0000000000000007" + strings.Repeat("cc", 32) +
			"00000005" + "4048" + "00000000" + strings.Repeat("aa", 32) + "00000005" + strings.Repeat("bb", 32)},
		{"confirmation", got.Confirmation, "da77e3597de06b4dfff06284fe8541256fd529765cca04d96f33293b43cd4184"},
		{"base key", got.Base, "c0e705742dfb69572df6a8182763ac6bb6f42eac6820c2cdbd100cfa02aa5448"},
		{"proof", got.Proof, "ec467ecec895e75c875a30bae461e3c677c04915310aadb9c3ee05a9008036aa"},
		{"transcript hash", got.TH, "c490f3c708bce179168f41160fc74c5eef02e3176fb50ab762e1dc05b132fb11"},
		{"HPKE info", got.Info, "436f6e636c61766520312e302073657373696f6e206b6579" +
			"8a0faecce358951168db2b9290603677860d78d76263b6164a294729dc5f042a" + "00000005"},
	} {
		if hex.EncodeToString(tt.got) != tt.want {
			t.Errorf("%s = %x, want %s", tt.name, tt.got, tt.want)
		}
	}
}

// What a server does with an admission, with the standard library alone.
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
		{"other meeting", "/m/ae2fsmbrtjey43nc#" + secret, session.ErrLinkMismatch},
		{"meeting in upper case", "/m/TE2FSMBRTJEY43NC#" + secret, session.ErrLinkMismatch},
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
