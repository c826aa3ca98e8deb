package account_test

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"conclave/core/account"
	"conclave/core/identity"
)

func newInvite(t testing.TB) *account.Invite {
	t.Helper()
	return &account.Invite{
		Host: "meet.example.org:8443", Origin: "meet.example.org", LogKey: "meet.example.org+0a1b2c3d+AbCd/+==",
		VRFKey: [32]byte{3}, Policy: "log meet.example.org+…\nquorum none\n", Inviter: identity.UserID{1},
		InviterKey: newPerson(t, 1).identity.Public(), Size: 77, Root: [32]byte{5},
	}
}

func TestInvite(t *testing.T) {
	i := newInvite(t)
	link, err := i.Link()
	if err != nil {
		t.Fatalf("Link = %v, want nil", err)
	}
	if !strings.HasPrefix(link, "https://meet.example.org:8443/i#v1.") {
		t.Errorf("the link is %s", link)
	}
	got, err := account.ParseInvite(" " + link + "\n")
	if err != nil || *got != *i {
		t.Errorf("ParseInvite = %+v, %v", got, err)
	}
	if got := i.Checkpoint(); got.Size != 77 || got.Origin != account.OriginHash("meet.example.org") {
		t.Errorf("Checkpoint = %+v", got)
	}
	local := strings.Replace(link, "https://meet.example.org:8443/", "http://127.0.0.1:8080/", 1)
	if got, err := account.ParseInvite(local); err != nil || got.Host != "127.0.0.1:8080" {
		t.Errorf("a link to this machine: %v, %v", got, err)
	}
}

func TestParseInviteRefuses(t *testing.T) {
	link, err := newInvite(t).Link()
	if err != nil {
		t.Fatal(err)
	}
	before, fragment, _ := strings.Cut(link, "#v1.")
	raw, err := base64.RawURLEncoding.DecodeString(fragment)
	if err != nil {
		t.Fatal(err)
	}
	remade := func(b []byte) string { return before + "#v1." + base64.RawURLEncoding.EncodeToString(b) }
	for name, s := range map[string]string{
		"empty": "", "no fragment": before, "another version": strings.Replace(link, "#v1.", "#v2.", 1), "cut off": link[:len(link)-2],
		"trailing": remade(append(slices.Clone(raw), 0)), "short": remade(raw[:len(raw)-1]), "empty fragment": remade(nil),
		"padding": link + "=", "a line inside": link[:len(link)-8] + "\n" + link[len(link)-8:],
		"long length":       remade(slices.Concat([]byte{0x40, raw[0]}, raw[1:])),
		"plain http":        strings.Replace(link, "https:", "http:", 1),
		"another scheme":    strings.Replace(link, "https:", "ftp:", 1),
		"a look-alike host": strings.Replace(link, "https://meet", "http://127.0.0.1.meet", 1),
		"user information":  strings.Replace(link, "https://", "https://meet.example.org@evil/", 1),
		"another path":      strings.Replace(link, "/i#", "/x/i#", 1),
		"no host":           strings.Replace(link, "meet.example.org:8443", "", 1),
		"very long":         link + strings.Repeat("A", 1<<16),
	} {
		if got, err := account.ParseInvite(s); !errors.Is(err, account.ErrMalformed) {
			t.Errorf("%s: ParseInvite = %+v, %v, want ErrMalformed", name, got, err)
		}
	}
}

func TestInviteBounds(t *testing.T) {
	for name, change := range map[string]func(i *account.Invite){
		"host":        func(i *account.Invite) { i.Host = "a/b" },
		"long host":   func(i *account.Invite) { i.Host = strings.Repeat("a", 300) },
		"origin":      func(i *account.Invite) { i.Origin = "a b" },
		"long origin": func(i *account.Invite) { i.Origin = strings.Repeat("a", 256) },
		"log key":     func(i *account.Invite) { i.LogKey = "" },
		"policy":      func(i *account.Invite) { i.Policy = "\xff" },
		"long policy": func(i *account.Invite) { i.Policy = strings.Repeat("a", 5000) },
		"inviter":     func(i *account.Invite) { i.Inviter = identity.UserID{} },
		"inviter key": func(i *account.Invite) { i.InviterKey = [32]byte{1} },
		"checkpoint":  func(i *account.Invite) { i.Size = 0 },
	} {
		i := newInvite(t)
		change(i)
		if link, err := i.Link(); !errors.Is(err, account.ErrMalformed) {
			t.Errorf("%s: Link = %s, %v, want ErrMalformed", name, link, err)
		}
	}
}
