package account_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"conclave/core/account"
	"conclave/core/identity"
	"conclave/core/secret"
)

// A vault is a backup with all that can open it.
type vault struct {
	user                              identity.UserID
	code                              account.RecoveryCode
	prf                               secret.Value
	recovery, passkey, phrase, backup account.WrapKey
	bundle                            *account.Bundle
	sealed                            []byte
	hash                              [32]byte
}

const passphrase = "otter lamp quarry sixteen"

func newVault(t testing.TB) *vault {
	t.Helper()
	grace := newPerson(t, 1)
	v := &vault{user: grace.user, code: account.NewRecoveryCode(), prf: secret.New(bytes.Repeat([]byte{3}, 32))}
	v.bundle = &account.Bundle{
		IdentityKey: grace.identity.Seed(), BackupKey: account.NewBackupKey(),
		Statements: [][]byte{{1, 2, 3}, {4}}, Pins: []byte("pins"), Version: 7, Record: [32]byte{9},
	}
	var err error
	v.recovery = account.RecoveryWrap(v.code)
	if v.passkey, err = account.PasskeyWrap([]byte("credential"), v.prf); err != nil {
		t.Fatal(err)
	}
	if v.phrase, err = account.PassphraseWrap(passphrase, cheap); err != nil {
		t.Fatal(err)
	}
	if v.backup, err = account.BackupKeyWrap(v.bundle.BackupKey); err != nil {
		t.Fatal(err)
	}
	v.sealed, v.hash, err = account.SealBackup(v.user, 5, v.bundle, []account.WrapKey{v.recovery, v.passkey, v.phrase})
	if err != nil {
		t.Fatalf("SealBackup = %v, want nil", err)
	}
	return v
}

func parseBackup(t testing.TB, b []byte) *account.Backup {
	t.Helper()
	backup, err := account.ParseBackup(b)
	if err != nil {
		t.Fatalf("ParseBackup = %v, want nil", err)
	}
	return backup
}

func mustSame(t *testing.T, got, want *account.Bundle) {
	t.Helper()
	if !got.IdentityKey.Equal(want.IdentityKey) || !got.BackupKey.Equal(want.BackupKey) || len(got.Statements) != len(want.Statements) ||
		!slices.EqualFunc(got.Statements, want.Statements, bytes.Equal) || !bytes.Equal(got.Pins, want.Pins) ||
		got.Version != want.Version || got.Record != want.Record || got.Approver != want.Approver {
		t.Errorf("the bundle is another: %d statements, %q, version %d", len(got.Statements), got.Pins, got.Version)
	}
}

func TestBackup(t *testing.T) {
	v := newVault(t)
	if v.hash != sha256.Sum256(v.sealed) {
		t.Error("the hash is not that of the backup")
	}
	b := parseBackup(t, v.sealed)
	if b.User != v.user || b.Counter != 5 {
		t.Errorf("the backup is number %d of %v", b.Counter, b.User)
	}
	if ids := b.Passkeys(); len(ids) != 1 || string(ids[0]) != "credential" {
		t.Errorf("Passkeys = %q", ids)
	}
	for name, way := range map[string]account.WrapKey{
		"code": v.recovery, "passkey": v.passkey, "passphrase": v.phrase, "backup key": v.backup,
	} {
		got, err := b.Open(way)
		if err != nil {
			t.Errorf("by %s: Open = %v, want nil", name, err)
			continue
		}
		mustSame(t, got, v.bundle)
	}
	if bytes.Contains(v.sealed, []byte("pins")) || bytes.Contains(v.sealed, v.bundle.IdentityKey.Expose()) {
		t.Error("the backup shows what it holds")
	}
	other, _, err := account.SealBackup(v.user, 5, v.bundle, []account.WrapKey{v.recovery})
	if err != nil || bytes.Equal(other[100:200], v.sealed[100:200]) {
		t.Errorf("two backups share bytes: %v", err)
	}
}

// Wrong codes, phrases and keys are told apart from a changed backup.
func TestBackupWrongKey(t *testing.T) {
	v := newVault(t)
	b := parseBackup(t, v.sealed)
	phrase, err := account.PassphraseWrap("otter lamp quarry seventeen", cheap)
	if err != nil {
		t.Fatal(err)
	}
	passkey, err := account.PasskeyWrap([]byte("credential"), secret.New(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := account.PasskeyWrap([]byte("another"), v.prf)
	if err != nil {
		t.Fatal(err)
	}
	key, err := account.BackupKeyWrap(account.NewBackupKey())
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		way  account.WrapKey
		want error
	}{
		"another code":       {account.RecoveryWrap(account.NewRecoveryCode()), account.ErrCode},
		"another passphrase": {phrase, account.ErrCode},
		"another passkey":    {passkey, account.ErrCode},
		"unknown passkey":    {stranger, account.ErrNoWrap},
		"another backup key": {key, account.ErrCode},
	} {
		if got, err := b.Open(tt.way); !errors.Is(err, tt.want) || got != nil {
			t.Errorf("%s: Open = %v, want %v", name, err, tt.want)
		}
	}
}

// The server swaps the backup for an older one, another one, a foreign one, or
// changes a byte of it.
func TestBackupSwapped(t *testing.T) {
	v := newVault(t)
	older, _, err := account.SealBackup(v.user, 4, v.bundle, []account.WrapKey{v.recovery})
	if err != nil {
		t.Fatal(err)
	}
	sameNumber, _, err := account.SealBackup(v.user, 5, v.bundle, []account.WrapKey{v.recovery})
	if err != nil {
		t.Fatal(err)
	}
	newer, _, err := account.SealBackup(v.user, 6, v.bundle, []account.WrapKey{v.recovery})
	if err != nil {
		t.Fatal(err)
	}
	foreign, _, err := account.SealBackup(identity.UserID{8}, 5, v.bundle, []account.WrapKey{v.recovery})
	if err != nil {
		t.Fatal(err)
	}
	record := &identity.Record{User: v.user, Backup: 5, BackupHash: v.hash}
	for name, tt := range map[string]struct {
		sealed []byte
		want   error
	}{
		"honest": {v.sealed, nil}, "rolled back": {older, account.ErrBackupOld}, "swapped": {sameNumber, account.ErrBackupChanged},
		"foreign": {foreign, account.ErrBackupForeign}, "newer than the record": {newer, nil},
	} {
		if err := parseBackup(t, tt.sealed).Check(record); !errors.Is(err, tt.want) {
			t.Errorf("%s: Check = %v, want %v", name, err, tt.want)
		}
	}
}

// Whatever byte is changed: the record's hash shows it, and without the record
// the backup does not open.
func TestBackupTamper(t *testing.T) {
	v := newVault(t)
	record := &identity.Record{User: v.user, Backup: 5, BackupHash: v.hash}
	ways := map[string]account.WrapKey{"code": v.recovery, "backup key": v.backup}
	for at := 0; at < len(v.sealed); at += 1 + at/600*40 { // every byte of the head, some of the body
		changed := slices.Clone(v.sealed)
		changed[at] ^= 1
		b, err := account.ParseBackup(changed)
		if err != nil {
			continue
		}
		if b.Check(record) == nil && b.Counter <= 5 {
			t.Errorf("byte %d: Check accepts it", at)
		}
		for name, way := range ways {
			if _, err := b.Open(way); err == nil {
				t.Errorf("byte %d: it opens by %s", at, name)
			} else if !errors.Is(err, account.ErrCode) && !errors.Is(err, account.ErrBackupChanged) && !errors.Is(err, account.ErrNoWrap) {
				t.Errorf("byte %d: Open = %v", at, err)
			}
		}
	}
}

// The counter and the user of an old backup cannot be raised: both are bound.
func TestBackupRelabelled(t *testing.T) {
	v := newVault(t)
	const counterAt = 2 + 16 + 7
	changed := slices.Clone(v.sealed)
	changed[counterAt] = 6
	b := parseBackup(t, changed)
	if err := b.Check(&identity.Record{User: v.user, Backup: 6, BackupHash: sha256.Sum256(changed)}); err != nil {
		t.Fatalf("Check = %v; this test proves nothing", err)
	}
	if _, err := b.Open(v.recovery); !errors.Is(err, account.ErrBackupChanged) {
		t.Errorf("Open of a relabelled backup = %v, want ErrBackupChanged", err)
	}
	changed = slices.Clone(v.sealed)
	changed[2]++
	if _, err := parseBackup(t, changed).Open(v.recovery); !errors.Is(err, account.ErrCode) {
		t.Errorf("Open under another user = %v, want ErrCode", err)
	}
}

// A passphrase is stretched by the cost that the backup says.
func TestBackupPassphraseCost(t *testing.T) {
	v := newVault(t)
	dearer, err := account.PassphraseWrap(passphrase, account.Cost{Time: 2, Memory: 16, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseBackup(t, v.sealed).Open(dearer); err != nil {
		t.Errorf("Open with another cost in mind = %v, want nil", err)
	}
	changed := slices.Clone(v.sealed)
	changed[costAt(t, v.sealed)+3]++
	if _, err := parseBackup(t, changed).Open(v.phrase); !errors.Is(err, account.ErrCode) {
		t.Errorf("Open with another cost in the backup = %v, want ErrCode", err)
	}
}

// costAt returns where the cost of the passphrase is, the last way in.
func costAt(t *testing.T, sealed []byte) int {
	t.Helper()
	at := len(sealed) - 4096 - 72 - 2 - 104 - 9
	if sealed[at+3] != 1 || sealed[at+7] != 8 || sealed[at+8] != 1 {
		t.Fatalf("the cost is not at %d", at)
	}
	return at
}

// The next backup keeps the ways in, without the code.
func TestBackupNext(t *testing.T) {
	v := newVault(t)
	b := parseBackup(t, v.sealed)
	next := *v.bundle
	next.Pins = []byte("more pins")
	prf := secret.New(bytes.Repeat([]byte{5}, 32))
	replaced, err := account.PasskeyWrap([]byte("credential"), prf)
	if err != nil {
		t.Fatal(err)
	}
	added, err := account.PasskeyWrap([]byte("second"), prf)
	if err != nil {
		t.Fatal(err)
	}
	sealed, hash, err := b.Next(6, &next, replaced, added)
	if err != nil || hash != sha256.Sum256(sealed) {
		t.Fatalf("Next = %v, want nil", err)
	}
	after := parseBackup(t, sealed)
	for name, way := range map[string]account.WrapKey{"code": v.recovery, "passphrase": v.phrase, "passkey": replaced, "second": added} {
		got, err := after.Open(way)
		if err != nil {
			t.Errorf("by %s: Open = %v, want nil", name, err)
			continue
		}
		mustSame(t, got, &next)
	}
	if _, err := after.Open(v.passkey); !errors.Is(err, account.ErrCode) || len(after.Passkeys()) != 2 {
		t.Errorf("the passkey that was replaced: Open = %v, %d passkeys", err, len(after.Passkeys()))
	}
	if _, _, err := b.Next(5, &next); !errors.Is(err, account.ErrMalformed) {
		t.Errorf("Next with the same counter = %v, want ErrMalformed", err)
	}
	if _, _, err := b.Next(6, &next, v.backup); !errors.Is(err, account.ErrMalformed) {
		t.Errorf("Next with the backup key as a way in = %v, want ErrMalformed", err)
	}
	next.BackupKey = account.NewBackupKey()
	if _, _, err := b.Next(6, &next); !errors.Is(err, account.ErrKey) {
		t.Errorf("Next with another backup key = %v, want ErrKey", err)
	}
}

// Two codes cannot open one backup to two contents: the wrap and the body commit
// to their keys, so bytes sealed under one key are refused under every other.
func TestBackupCommits(t *testing.T) {
	v := newVault(t)
	other := *v.bundle
	other.BackupKey = account.NewBackupKey()
	otherSealed, _, err := account.SealBackup(v.user, 5, &other, []account.WrapKey{v.recovery, v.passkey, v.phrase})
	if err != nil {
		t.Fatal(err)
	}
	// The wraps of one with the body of the other: same lengths.
	head := len(v.sealed) - 4096 - 72 - 2
	mixed := append(slices.Clone(v.sealed[:head]), otherSealed[head:]...)
	if _, err := parseBackup(t, mixed).Open(v.recovery); !errors.Is(err, account.ErrBackupChanged) {
		t.Errorf("Open of a mixed backup = %v, want ErrBackupChanged", err)
	}
}

func TestSealBackupRefuses(t *testing.T) {
	v := newVault(t)
	ways := []account.WrapKey{v.recovery}
	without := *v.bundle
	without.BackupKey = secret.Value{}
	long := *v.bundle
	long.Pins = make([]byte, account.MaxPins+1)
	statements := *v.bundle
	statements.Statements = make([][]byte, account.MaxStatements+1)
	statement := *v.bundle
	statement.Statements = [][]byte{make([]byte, 161)}
	tooMuch := *v.bundle
	tooMuch.Pins = make([]byte, account.MaxPins)
	tooMuch.Statements = slices.Repeat([][]byte{make([]byte, 160)}, account.MaxStatements)
	for name, seal := range map[string]func() error{
		"counter 0": func() error { _, _, err := account.SealBackup(v.user, 0, v.bundle, ways); return err },
		"no user":   func() error { _, _, err := account.SealBackup(identity.UserID{}, 1, v.bundle, ways); return err },
		"no way in": func() error { _, _, err := account.SealBackup(v.user, 1, v.bundle, nil); return err },
		"many ways in": func() error {
			_, _, err := account.SealBackup(v.user, 1, v.bundle, slices.Repeat(ways, 17))
			return err
		},
		"wraps itself": func() error {
			_, _, err := account.SealBackup(v.user, 1, v.bundle, []account.WrapKey{v.backup})
			return err
		},
		"no key":        func() error { _, _, err := account.SealBackup(v.user, 1, &without, ways); return err },
		"long pins":     func() error { _, _, err := account.SealBackup(v.user, 1, &long, ways); return err },
		"statements":    func() error { _, _, err := account.SealBackup(v.user, 1, &statements, ways); return err },
		"one statement": func() error { _, _, err := account.SealBackup(v.user, 1, &statement, ways); return err },
		"too much":      func() error { _, _, err := account.SealBackup(v.user, 1, &tooMuch, ways); return err },
	} {
		if err := seal(); !errors.Is(err, account.ErrMalformed) {
			t.Errorf("%s: SealBackup = %v, want ErrMalformed", name, err)
		}
	}
	if _, err := account.PasskeyWrap(nil, v.prf); !errors.Is(err, account.ErrMalformed) {
		t.Errorf("PasskeyWrap without a credential = %v, want ErrMalformed", err)
	}
	if _, err := account.PasskeyWrap([]byte("x"), secret.New([]byte{1})); !errors.Is(err, account.ErrMalformed) {
		t.Errorf("PasskeyWrap of a short PRF = %v, want ErrMalformed", err)
	}
	if _, err := account.PassphraseWrap(passphrase, account.Cost{}); !errors.Is(err, account.ErrCost) {
		t.Errorf("PassphraseWrap without cost = %v, want ErrCost", err)
	}
	if _, err := account.BackupKeyWrap(secret.New([]byte{1})); !errors.Is(err, account.ErrKey) {
		t.Errorf("BackupKeyWrap of a short key = %v, want ErrKey", err)
	}
}

// A hostile backup cannot make a device compute for ever, and nothing is
// allocated for lengths that are not there.
func TestParseBackupRefuses(t *testing.T) {
	v := newVault(t)
	const wrapsAt = 2 + 16 + 8
	cost := costAt(t, v.sealed)
	change := func(at int, to ...byte) []byte {
		b := slices.Clone(v.sealed)
		copy(b[at:], to)
		return b
	}
	for name, b := range map[string][]byte{
		"empty": nil, "short": v.sealed[:len(v.sealed)-1], "trailing": append(slices.Clone(v.sealed), 0),
		"too long": make([]byte, account.MaxBackup+1), "format": change(1, 2), "counter 0": change(2+16, make([]byte, 8)...),
		"passes": change(cost, 0, 0, 0, 200), "memory": change(cost+4, 0xff), "no cost": change(cost, make([]byte, 9)...),
		"unknown kind": change(wrapsAt+2, 4), "kind 0": change(wrapsAt+2, 0), "passkey without an id": change(wrapsAt+2, 2),
		"no way in": append(append(slices.Clone(v.sealed[:wrapsAt]), 0), v.sealed[len(v.sealed)-4096-72-2:]...),
	} {
		if _, err := account.ParseBackup(b); !errors.Is(err, account.ErrMalformed) {
			t.Errorf("%s: ParseBackup = %v, want ErrMalformed", name, err)
		}
	}
	hollow := append(slices.Clone(v.sealed[:len(v.sealed)-4096-72-2]), 3, 1, 2, 3)
	if _, err := parseBackup(t, hollow).Open(v.recovery); !errors.Is(err, account.ErrBackupChanged) {
		t.Errorf("a body of three bytes: Open = %v, want ErrBackupChanged", err)
	}
}
