package schedule_test

import (
	"bytes"
	"errors"
	"testing"

	"conclave/core/mls/internal/schedule"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

func somePSKs() []mlswire.PreSharedKeyID {
	return []mlswire.PreSharedKeyID{
		{Type: mlswire.PSKTypeExternal, PSKID: []byte("id"), PSKNonce: []byte("nonce")},
		{
			Type: mlswire.PSKTypeResumption, Usage: mlswire.ResumptionPSKUsageReInit,
			GroupID: []byte("group"), Epoch: 3, PSKNonce: []byte("nonce"),
		},
	}
}

// A Welcome opens for whom it was made, with the secrets it was made with.
func TestWelcome(t *testing.T) {
	for _, id := range suite.IDs() {
		s := lookup(t, id)
		m := schedule.NewMember(s, of(s, 1), of(s, 2))
		sealedInfo := m.SealGroupInfo([]byte("group info"))
		if got, err := m.OpenGroupInfo(sealedInfo); err != nil || string(got) != "group info" {
			t.Fatalf("suite %d: OpenGroupInfo = %q, %v", id, got, err)
		}
		for name, other := range map[string]schedule.Member{
			"joiner secret": schedule.NewMember(s, of(s, 0), of(s, 2)),
			"psk secret":    schedule.NewMember(s, of(s, 1), of(s, 0)),
		} {
			if _, err := other.OpenGroupInfo(sealedInfo); !errors.Is(err, schedule.ErrGroupInfo) {
				t.Errorf("suite %d: OpenGroupInfo with another %s = %v, want ErrGroupInfo", id, name, err)
			}
		}

		member, stranger := s.GenerateKeyPair(), s.GenerateKeyPair()
		for name, path := range map[string]secret.Value{"with": of(s, 3), "without": {}} {
			g := &schedule.GroupSecrets{JoinerSecret: of(s, 1), PathSecret: path, PSKs: somePSKs()}
			c, err := g.Seal(s, member.Public, sealedInfo)
			if err != nil {
				t.Fatalf("suite %d: Seal = %v", id, err)
			}
			got, err := schedule.OpenGroupSecrets(s, member.Private, sealedInfo, c)
			if err != nil {
				t.Fatalf("suite %d: OpenGroupSecrets %s path = %v", id, name, err)
			}
			if !bytes.Equal(got.Encode(), g.Encode()) {
				t.Errorf("suite %d: GroupSecrets %s path change on the way", id, name)
			}
			if _, err := schedule.OpenGroupSecrets(s, stranger.Private, sealedInfo, c); !errors.Is(err, suite.ErrOpen) {
				t.Errorf("suite %d: OpenGroupSecrets by a stranger = %v, want ErrOpen", id, err)
			}
			if _, err := schedule.OpenGroupSecrets(s, member.Private, sealedInfo[1:], c); !errors.Is(err, suite.ErrOpen) {
				t.Errorf("suite %d: OpenGroupSecrets with another GroupInfo = %v, want ErrOpen", id, err)
			}
		}
	}
}

// Every bit of an encrypted GroupInfo matters.
func TestOpenGroupInfoRefuses(t *testing.T) {
	s := lookup(t, suite.Default)
	m := schedule.NewMember(s, of(s, 1), of(s, 2))
	sealed := m.SealGroupInfo([]byte("group info"))
	for bit := range 8 * len(sealed) {
		changed := bytes.Clone(sealed)
		changed[bit/8] ^= 1 << (bit % 8)
		if _, err := m.OpenGroupInfo(changed); !errors.Is(err, schedule.ErrGroupInfo) {
			t.Fatalf("OpenGroupInfo with bit %d changed = %v, want ErrGroupInfo", bit, err)
		}
	}
	if _, err := m.OpenGroupInfo(nil); !errors.Is(err, schedule.ErrGroupInfo) {
		t.Errorf("OpenGroupInfo of nothing = %v, want ErrGroupInfo", err)
	}
}

func TestOpenGroupSecretsChecksLengths(t *testing.T) {
	s := lookup(t, suite.Default)
	member := s.GenerateKeyPair()
	short := secret.New(make([]byte, s.HashSize()-1))
	for name, g := range map[string]*schedule.GroupSecrets{
		"joiner secret": {JoinerSecret: short}, "path secret": {JoinerSecret: of(s, 1), PathSecret: short},
		"no joiner secret": {},
	} {
		c, err := g.Seal(s, member.Public, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := schedule.OpenGroupSecrets(s, member.Private, nil, c); !errors.Is(err, schedule.ErrSecretLength) {
			t.Errorf("OpenGroupSecrets with a short %s = %v, want ErrSecretLength", name, err)
		}
	}
}

func TestParseGroupSecretsRefuses(t *testing.T) {
	tests := []struct {
		name  string
		input []byte
		want  error
	}{
		{"empty", nil, tlsenc.ErrShort},
		{"1 GiB of joiner secret", []byte{0xbf, 0xff, 0xff, 0xff, 0, 0}, tlsenc.ErrTooLong},
		{"presence of 2", []byte{1, 7, 2, 0}, mlswire.ErrOptional},
		{"empty path secret", []byte{1, 7, 1, 0, 0}, schedule.ErrSecretLength},
		{"no psks", []byte{1, 7, 0}, tlsenc.ErrShort},
		{"cut psk", []byte{1, 7, 0, 1, 1}, tlsenc.ErrShort},
		{"unknown psk type", []byte{1, 7, 0, 3, 9, 0, 0}, mlswire.ErrPSKType},
		{"trailing", []byte{1, 7, 0, 0, 0}, tlsenc.ErrTrailing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := schedule.ParseGroupSecrets(secret.New(tt.input)); !errors.Is(err, tt.want) {
				t.Errorf("ParseGroupSecrets(%x) = %v, want %v", tt.input, err, tt.want)
			}
		})
	}
}

// What is parsed outlives the input, which is erased, and is erased itself.
func TestGroupSecretsDoNotAlias(t *testing.T) {
	s := lookup(t, suite.Default)
	want := (&schedule.GroupSecrets{JoinerSecret: of(s, 1), PathSecret: of(s, 2), PSKs: somePSKs()}).Encode()
	input := secret.New(want)
	g, err := schedule.ParseGroupSecrets(input)
	if err != nil {
		t.Fatal(err)
	}
	input.Erase()
	if !bytes.Equal(g.Encode(), want) {
		t.Error("erasing the input changes what was parsed")
	}
	g.Erase()
	for _, v := range []secret.Value{g.JoinerSecret, g.PathSecret} {
		if !bytes.Equal(v.Expose(), make([]byte, s.HashSize())) {
			t.Error("Erase leaves a secret")
		}
	}
}

// FuzzGroupSecrets checks that group secrets that parse are written back byte
// for byte.
func FuzzGroupSecrets(f *testing.F) {
	s := lookup(f, suite.Default)
	f.Add((&schedule.GroupSecrets{JoinerSecret: of(s, 1), PathSecret: of(s, 2), PSKs: somePSKs()}).Encode())
	f.Add((&schedule.GroupSecrets{JoinerSecret: of(s, 1)}).Encode())
	f.Add([]byte{0xbf, 0xff, 0xff, 0xff, 0, 0})
	f.Fuzz(func(t *testing.T, input []byte) {
		g, err := schedule.ParseGroupSecrets(secret.New(input))
		if err != nil {
			return
		}
		if got := g.Encode(); !bytes.Equal(got, input) {
			t.Fatalf("%x is written back as %x", input, got)
		}
	})
}
