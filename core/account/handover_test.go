package account_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"conclave/core/account"
	"conclave/core/identity"
	"conclave/core/secret"
)

func newRequest(t testing.TB) (*account.Request, secret.Value) {
	t.Helper()
	k, err := account.GenerateDeviceKey()
	if err != nil {
		t.Fatal(err)
	}
	r, private, err := k.NewRequest(identity.UserID{1}, identity.Web, "Firefox on Linux", [16]byte{4}, start)
	if err != nil {
		t.Fatalf("NewRequest = %v, want nil", err)
	}
	return r, private
}

func TestRequest(t *testing.T) {
	r, _ := newRequest(t)
	b := r.Encode()
	if len(b) > account.MaxRequest {
		t.Errorf("a request has %d bytes", len(b))
	}
	got, err := account.ParseRequest(b)
	if err != nil {
		t.Fatalf("ParseRequest = %v, want nil", err)
	}
	if !bytes.Equal(got.Encode(), b) || got.Fingerprint() != r.Fingerprint() || got.Device() != r.Device() || got.Name != r.Name {
		t.Error("a request is read back differently")
	}
	for at := range b {
		changed := slices.Clone(b)
		changed[at] ^= 1
		if _, err := account.ParseRequest(changed); err == nil {
			t.Fatalf("byte %d can be changed", at)
		}
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "trailing": append(slices.Clone(b), 0), "short": b[:len(b)-1], "long": make([]byte, account.MaxRequest+1),
	} {
		if _, err := account.ParseRequest(bad); !errors.Is(err, account.ErrMalformed) {
			t.Errorf("%s: ParseRequest = %v, want ErrMalformed", name, err)
		}
	}
	k, err := account.GenerateDeviceKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"user":  func() error { _, _, err := k.NewRequest(identity.UserID{}, 1, "x", [16]byte{}, 0); return err },
		"class": func() error { _, _, err := k.NewRequest(identity.UserID{1}, 9, "x", [16]byte{}, 0); return err },
		"name":  func() error { _, _, err := k.NewRequest(identity.UserID{1}, 1, "", [16]byte{}, 0); return err },
	} {
		if err := f(); !errors.Is(err, account.ErrMalformed) {
			t.Errorf("%s: NewRequest = %v, want ErrMalformed", name, err)
		}
	}
}

func TestHandOver(t *testing.T) {
	r, private := newRequest(t)
	key := secret.New(bytes.Repeat([]byte{6}, 32))
	bundle := &account.Bundle{
		IdentityKey: newPerson(t, 1).identity.Seed(), BackupKey: account.NewBackupKey(),
		Approver: identity.DeviceID{5}, Version: 3, Record: [32]byte{7},
	}
	sealed, err := account.HandOver(r, key, bundle)
	if err != nil {
		t.Fatalf("HandOver = %v, want nil", err)
	}
	const mailbox = 4 << 10
	if len(sealed) > mailbox {
		t.Errorf("a hand-over has %d bytes: it does not fit a message", len(sealed))
	}
	got, err := r.Receive(private, key, sealed)
	if err != nil {
		t.Fatalf("Receive = %v, want nil", err)
	}
	mustSame(t, got, bundle)

	other, otherPrivate := newRequest(t)
	if _, err := r.Receive(private, secret.New(make([]byte, 32)), sealed); !errors.Is(err, account.ErrSignature) {
		t.Errorf("with the key of another verification: %v, want ErrSignature", err)
	}
	if _, err := other.Receive(otherPrivate, key, sealed); err == nil {
		t.Error("another device opens it")
	}
	if _, err := other.Receive(private, key, sealed); !errors.Is(err, account.ErrSignature) {
		t.Errorf("for another request: %v, want ErrSignature", err)
	}
	if _, err := r.Receive(private, secret.New([]byte{1}), sealed); !errors.Is(err, account.ErrKey) {
		t.Errorf("with a short key: %v, want ErrKey", err)
	}
	if _, err := account.HandOver(r, secret.Value{}, bundle); !errors.Is(err, account.ErrKey) {
		t.Errorf("HandOver without a key: %v, want ErrKey", err)
	}
	for at := range sealed {
		changed := slices.Clone(sealed)
		changed[at] ^= 1
		if at > 4 && at < 1100 && at%50 != 0 {
			continue // the KEM output: some bytes are enough
		}
		if _, err := r.Receive(private, key, changed); err == nil {
			t.Fatalf("byte %d can be changed", at)
		}
	}
	for _, bad := range [][]byte{nil, sealed[:40], append(slices.Clone(sealed), 0)} {
		if _, err := r.Receive(private, key, bad); !errors.Is(err, account.ErrMalformed) {
			t.Errorf("Receive of %d bytes = %v, want ErrMalformed", len(bad), err)
		}
	}
}

func TestParseBundleRefuses(t *testing.T) {
	good, err := (&account.Bundle{IdentityKey: secret.New(make([]byte, 32)), Statements: [][]byte{{1}}}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := account.ParseBundle(good); err != nil || b.BackupKey.Len() != 0 {
		t.Fatalf("ParseBundle = %v, want nil", err)
	}
	b := good.Expose()
	for name, bad := range map[string][]byte{
		"empty": nil, "trailing": append(slices.Clone(b), 0), "format": append([]byte{0, 2}, b[2:]...),
		"short backup key":   slices.Concat(b[:34], []byte{1, 9}, b[35:]),
		"half a statement":   slices.Concat(b[:35], []byte{1, 1}, b[38:]),
		"too many":           slices.Concat(b[:35], many(1025), b[38:]),
		"a statement of 161": slices.Concat(b[:35], longStatement(), b[38:]),
	} {
		if _, err := account.ParseBundle(secret.New(bad)); !errors.Is(err, account.ErrMalformed) {
			t.Errorf("%s: ParseBundle = %v, want ErrMalformed", name, err)
		}
	}
	if _, err := (&account.Bundle{}).Encode(); !errors.Is(err, account.ErrMalformed) {
		t.Errorf("Encode without a key = %v, want ErrMalformed", err)
	}
}

// many returns a vector of n empty statements; longStatement one of 161 bytes.
func many(n int) []byte { return append([]byte{0x40 | byte(n>>8), byte(n)}, make([]byte, n)...) }

func longStatement() []byte {
	return append([]byte{0x40, 163, 0x40, 161}, make([]byte, 161)...)
}
