package account_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"conclave/core/account"
	"conclave/core/identity"
	"conclave/core/secret"
)

func TestKeys(t *testing.T) {
	k, err := account.GenerateIdentityKey()
	if err != nil {
		t.Fatal(err)
	}
	again, err := account.NewIdentityKey(k.Seed())
	if err != nil || again.Public() != k.Public() {
		t.Errorf("an identity key is read back as another: %v", err)
	}
	d, err := account.GenerateDeviceKey()
	if err != nil {
		t.Fatal(err)
	}
	same, err := account.NewDeviceKey(d.Seed())
	if err != nil || same.ID() != d.ID() || same.Public() != d.Public() {
		t.Errorf("a device key is read back as another: %v", err)
	}
	public := d.Public()
	endpoint := [16]byte{1, 2}
	signature := d.SignBind(endpoint)
	if !ed25519.Verify(public[:], append([]byte("Conclave 1.0 bind"), endpoint[:]...), signature[:]) {
		t.Error("SignBind signs something else")
	}
	for _, size := range []int{0, 31, 64} {
		if _, err := account.NewIdentityKey(secret.New(make([]byte, size))); !errors.Is(err, account.ErrKey) {
			t.Errorf("a seed of %d bytes: %v, want ErrKey", size, err)
		}
		if _, err := account.NewDeviceKey(secret.New(make([]byte, size))); !errors.Is(err, account.ErrKey) {
			t.Errorf("a seed of %d bytes: %v, want ErrKey", size, err)
		}
	}
	k.Erase()
	if !k.Seed().Equal(secret.New(make([]byte, 32))) {
		t.Error("Erase leaves the key")
	}
}

// No key shows in text, whatever prints it.
func TestKeysDoNotPrint(t *testing.T) {
	p := newPerson(t, 'K')
	code := account.NewRecoveryCode()
	w := newWire(t)
	w.must(t)
	shown, _, _, _ := scan(t)
	wrap := account.RecoveryWrap(code)
	for name, v := range map[string]struct {
		value  any
		secret []byte
	}{
		"identity key": {p.identity, p.identity.Seed().Expose()}, "device key": {p.device, p.device.Seed().Expose()},
		"code": {code, code.Entropy()}, "wrap": {wrap, code.Entropy()}, "bundle": {account.Bundle{IdentityKey: p.identity.Seed()}, p.identity.Seed().Expose()},
		"qr": {shown, []byte(shown.Text())}, "sas": {w.starter, w.starter.Encode().Expose()[:240]},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s"} {
			text := fmt.Sprintf(verb, v.value)
			if name == "sas" && text != "[verification]" {
				t.Errorf("a SAS prints as %s", text)
			}
			for _, form := range []string{
				strings.Trim(fmt.Sprint(v.secret[len(v.secret)-8:]), "[]"), fmt.Sprintf("%x", v.secret[:4]), strings.Join(code.Words()[:2], " "),
			} {
				if strings.Contains(text, form) {
					t.Errorf("%s prints as %s", name, text)
				}
			}
		}
	}
}

// An account's life: first record, a second device, its removal, a reset.
func TestRecords(t *testing.T) {
	grace := newPerson(t, 1)
	zero := grace.record(t)
	if err := identity.Follows(nil, zero); err != nil {
		t.Fatalf("first record: %v", err)
	}
	laptop, err := account.GenerateDeviceKey()
	if err != nil {
		t.Fatal(err)
	}
	entry, err := laptop.Device(grace.user, account.DeviceInfo{Class: identity.CommandLine, Name: "laptop", Added: start, AddedBy: grace.device.ID()})
	if err != nil {
		t.Fatal(err)
	}
	one := account.NextRecord(zero, start-99) // its clock is behind
	one.Devices = append(one.Devices, entry)
	mustFollow(t, grace.identity, zero, one, nil)
	if one.Time != start {
		t.Errorf("the time is %d, want that of the record before", one.Time)
	}
	two := account.NextRecord(one, start+5)
	if err := account.RemoveDevice(two, identity.DeviceID{5}, grace.device.ID()); !errors.Is(err, identity.ErrRecord) {
		t.Errorf("a device that is not there: %v, want ErrRecord", err)
	}
	if err := account.RemoveDevice(two, laptop.ID(), grace.device.ID()); err != nil {
		t.Fatal(err)
	}
	mustFollow(t, grace.identity, one, two, nil)
	if err := account.RemoveDevice(two, laptop.ID(), grace.device.ID()); !errors.Is(err, identity.ErrRecord) {
		t.Errorf("removed twice: %v, want ErrRecord", err)
	}
	if err := account.RemoveDevice(two, grace.device.ID(), grace.device.ID()); !errors.Is(err, identity.ErrRecord) {
		t.Errorf("the last device: %v, want ErrRecord", err)
	}
	if len(one.Devices) != 2 || len(one.Removed) != 0 {
		t.Error("making a record changes the one before")
	}

	lost := newPerson(t, 7)
	first, err := lost.device.Device(grace.user, account.DeviceInfo{Class: identity.Native, Name: "new phone", Added: start, AddedBy: lost.device.ID()})
	if err != nil {
		t.Fatal(err)
	}
	two.Recovery = [32]byte{4}
	if err := grace.identity.Sign(two); err != nil {
		t.Fatal(err)
	}
	three := account.ResetRecord(two, start+9, first)
	mustFollow(t, lost.identity, two, three, identity.ErrReset)
	if len(three.Removed) != 2 || three.Recovery != [32]byte{} {
		t.Errorf("after a reset %d are removed, recovery %x", len(three.Removed), three.Recovery)
	}
	four := account.NextRecord(three, start+10)
	mustFollow(t, lost.identity, three, four, nil)
}

func mustFollow(t *testing.T, k *account.IdentityKey, prev, next *identity.Record, want error) {
	t.Helper()
	if err := k.Sign(next); err != nil {
		t.Fatalf("Sign of version %d = %v, want nil", next.Version, err)
	}
	if err := identity.Follows(prev, next); !errors.Is(err, want) {
		t.Fatalf("Follows of version %d = %v, want %v", next.Version, err, want)
	}
}

// So many devices come and go that the list of those removed is full.
func TestRemovedIsFull(t *testing.T) {
	grace := newPerson(t, 1)
	prev := grace.record(t)
	for range identity.MaxRemoved/8 + 1 {
		next := account.NextRecord(prev, start)
		for range 8 {
			k, err := account.GenerateDeviceKey()
			if err != nil {
				t.Fatal(err)
			}
			d, err := k.Device(grace.user, account.DeviceInfo{Class: identity.Web, Name: "guest", Added: start, AddedBy: grace.device.ID()})
			if err != nil {
				t.Fatal(err)
			}
			next.Devices = append(next.Devices, d)
		}
		mustFollow(t, grace.identity, prev, next, nil)
		gone := account.NextRecord(next, start)
		for _, d := range next.Devices[1:] {
			if err := account.RemoveDevice(gone, d.ID, grace.device.ID()); err != nil {
				t.Fatal(err)
			}
		}
		mustFollow(t, grace.identity, next, gone, nil)
		prev = gone
	}
	if len(prev.Removed) != identity.MaxRemoved {
		t.Errorf("%d are remembered, want %d", len(prev.Removed), identity.MaxRemoved)
	}
}

func TestSignRefuses(t *testing.T) {
	grace := newPerson(t, 1)
	r := account.NextRecord(grace.record(t), start)
	r.Name = ""
	if err := grace.identity.Sign(r); !errors.Is(err, identity.ErrRecord) {
		t.Errorf("Sign of a record without a name = %v, want ErrRecord", err)
	}
	if _, err := grace.device.Device(grace.user, account.DeviceInfo{Class: 9, Name: "x"}); !errors.Is(err, identity.ErrRecord) {
		t.Errorf("Device of an unknown class = %v, want ErrRecord", err)
	}
}

func TestStatement(t *testing.T) {
	grace, kofi := newPerson(t, 1), newPerson(t, 2)
	s := &account.Statement{Signer: grace.user, Subject: kofi.user, Key: kofi.identity.Public(), Method: account.MethodQR, Time: start}
	grace.identity.SignStatement(s)
	b := s.Encode()
	got, err := account.ParseStatement(b)
	if err != nil || *got != *s {
		t.Fatalf("ParseStatement = %+v, %v", got, err)
	}
	if err := got.Verify(grace.identity.Public()); err != nil {
		t.Errorf("Verify = %v, want nil", err)
	}
	if err := got.Verify(kofi.identity.Public()); !errors.Is(err, account.ErrSignature) {
		t.Errorf("Verify with another key = %v, want ErrSignature", err)
	}
	if err := got.Verify([32]byte{1}); !errors.Is(err, account.ErrSignature) {
		t.Errorf("Verify with a key of small order = %v, want ErrSignature", err)
	}
	for at := range b {
		changed := slices.Clone(b)
		changed[at] ^= 1
		if s, err := account.ParseStatement(changed); err == nil && s.Verify(grace.identity.Public()) == nil {
			t.Fatalf("byte %d can be changed", at)
		}
	}
	for _, bad := range [][]byte{nil, b[:len(b)-1], append(slices.Clone(b), 0), append([]byte{0, 9}, b[2:]...)} {
		if _, err := account.ParseStatement(bad); !errors.Is(err, account.ErrMalformed) {
			t.Errorf("ParseStatement of %d bytes = %v, want ErrMalformed", len(bad), err)
		}
	}
	for m, want := range map[account.Method]string{0: "none", 1: "emoji", 2: "number", 3: "qr", 9: "none"} {
		if m.String() != want {
			t.Errorf("Method(%d) = %q, want %q", m, m, want)
		}
	}
}
