package native

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"conclave/client/vault"
)

const phrase = "correct horse battery"

// testWorkFactor makes passphrases cost a millisecond.
const testWorkFactor = 4

func withPhrase(p string) Options {
	return Options{
		Passphrase: func(bool) (string, error) { return p, nil }, PreferPassphrase: true, WorkFactor: testWorkFactor,
	}
}

type fakeKeyring struct {
	entries map[string]string
	err     error
}

func (k *fakeKeyring) Get(service, user string) (string, error) {
	v, ok := k.entries[service+"/"+user]
	if !ok || k.err != nil {
		return "", errors.Join(errors.New("no entry"), k.err)
	}
	return v, nil
}

func (k *fakeKeyring) Set(service, user, value string) error {
	if k.err == nil {
		k.entries[service+"/"+user] = value
	}
	return k.err
}

func open(t *testing.T, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestContract asks of every Store in Go what vault.Store promises.
func TestContract(t *testing.T) {
	stores := map[string]func(t *testing.T) vault.Store{
		"memory": func(*testing.T) vault.Store { return vault.NewMemory() },
		"native": func(t *testing.T) vault.Store { return open(t, t.TempDir(), withPhrase(phrase)) },
	}
	for name, make := range stores {
		t.Run(name, func(t *testing.T) { contract(t, make(t)) })
	}
}

func contract(t *testing.T, s vault.Store) {
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Get(ctx, "a"); !errors.Is(err, vault.ErrMissing) {
		t.Errorf("Get of nothing: %v", err)
	}
	must(s.Delete(ctx, "a"))
	value := []byte("one")
	must(s.Put(ctx, "b/2", value))
	must(s.Put(ctx, "b/1", nil))
	must(s.Put(ctx, "c", []byte("three")))
	value[0] = 'X'
	got, err := s.Get(ctx, "b/2")
	if err != nil || string(got) != "one" {
		t.Errorf("Get = %q, %v", got, err)
	}
	got[0] = 'Y'
	if got, err = s.Get(ctx, "b/2"); err != nil || string(got) != "one" {
		t.Errorf("the store shares its memory: %q, %v", got, err)
	}
	if got, err = s.Get(ctx, "b/1"); err != nil || len(got) != 0 {
		t.Errorf("Get of an empty value = %q, %v", got, err)
	}
	keys, err := s.Keys(ctx, "b/")
	if err != nil || !slices.Equal(keys, []string{"b/1", "b/2"}) {
		t.Errorf("Keys = %q, %v", keys, err)
	}
	must(s.Put(ctx, "b/2", []byte("two")))
	must(s.Put(ctx, "b/3", []byte("3")))
	must(s.Delete(ctx, "b/1"))
	keys, err = s.Keys(ctx, "")
	if err != nil || !slices.Equal(keys, []string{"b/2", "b/3", "c"}) {
		t.Errorf("Keys = %q, %v", keys, err)
	}
	for _, key := range []string{"", "A", "a b", "ä", strings.Repeat("a", vault.MaxKey+1)} {
		if err := s.Put(ctx, key, nil); !errors.Is(err, vault.ErrKey) {
			t.Errorf("Put under %q: %v", key, err)
		}
	}
	if err := s.Put(ctx, "big", bytes.Repeat([]byte{1}, vault.MaxValue+1)); !errors.Is(err, vault.ErrSize) {
		t.Errorf("Put of too much: %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Put(ended, "c", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Put after the end: %v", err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			key := string(rune('a' + i))
			if err := s.Put(ctx, "many/"+key, []byte(key)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if keys, err = s.Keys(ctx, "many/"); err != nil || len(keys) != 8 {
		t.Errorf("Keys = %q, %v", keys, err)
	}
}

func TestOpensAgain(t *testing.T) {
	ring := &fakeKeyring{entries: make(map[string]string)}
	tests := map[string]Options{"passphrase": withPhrase(phrase), "keyring": {Keyring: ring}}
	for name, o := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, o)
			if err := s.Put(t.Context(), "key", []byte("value")); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(dir, o); !errors.Is(err, ErrInUse) {
				t.Errorf("a second program opens it: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir, o)
			if v, err := s.Get(t.Context(), "key"); err != nil || string(v) != "value" {
				t.Errorf("Get = %q, %v", v, err)
			}
			if keys, err := s.Keys(t.Context(), ""); err != nil || !slices.Equal(keys, []string{"key"}) {
				t.Errorf("Keys = %q, %v", keys, err)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	noRing := &fakeKeyring{err: errors.New("no bus")}
	ring := &fakeKeyring{entries: make(map[string]string)}
	made := func(o Options) func(t *testing.T) string {
		return func(t *testing.T) string {
			dir := t.TempDir()
			s, err := Open(dir, o)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(s.Put(t.Context(), "key", []byte("value")), s.Close()); err != nil {
				t.Fatal(err)
			}
			return dir
		}
	}
	without := func(name string) func(t *testing.T) string {
		return func(t *testing.T) string {
			dir := made(withPhrase(phrase))(t)
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			return dir
		}
	}
	empty := func(t *testing.T) string { return t.TempDir() }
	tests := map[string]struct {
		dir  func(t *testing.T) string
		o    Options
		want error
	}{
		"no keyring, no passphrase": {empty, Options{Keyring: noRing}, ErrNoKeyring},
		"short passphrase":          {empty, withPhrase("short"), ErrWeak},
		"wrong passphrase":          {made(withPhrase(phrase)), withPhrase("another phrase"), ErrPassphrase},
		"empty passphrase":          {made(withPhrase(phrase)), withPhrase(""), ErrPassphrase},
		"no passphrase given":       {made(withPhrase(phrase)), Options{Keyring: ring}, vault.ErrLocked},
		"keyring forgot":            {made(Options{Keyring: ring}), Options{Keyring: noRing}, vault.ErrLocked},
		"format file gone":          {without(formatName), withPhrase(phrase), vault.ErrLocked},
		"key file gone":             {without(keyName), withPhrase(phrase), vault.ErrLocked},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := Open(tt.dir(t), tt.o)
			if !errors.Is(err, tt.want) {
				t.Errorf("Open: %v, want %v", err, tt.want)
			}
			if err == nil {
				_ = s.Close()
			}
		})
	}
	t.Run("no keyring, passphrase", func(t *testing.T) {
		o := withPhrase(phrase)
		o.PreferPassphrase, o.Keyring = false, noRing
		open(t, t.TempDir(), o)
	})
}

// TestDamage changes every byte, cuts, swaps and renames: all of it is noticed.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, withPhrase(phrase))
	for _, k := range []string{"one", "two"} {
		if err := s.Put(t.Context(), k, []byte("value of "+k)); err != nil {
			t.Fatal(err)
		}
	}
	one, two := filepath.Join(s.dir, s.sealer.name("one")), filepath.Join(s.dir, s.sealer.name("two"))
	good, err := os.ReadFile(one)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(two)
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string][]byte{"swapped": other, "empty": nil, "longer": append(slices.Clone(good), 0)}
	for i := range good {
		changed := slices.Clone(good)
		changed[i] ^= 1
		bad["changed "+string(rune('A'+i))] = changed
		bad["cut "+string(rune('A'+i))] = good[:i]
	}
	for name, content := range bad {
		if err := os.WriteFile(one, content, fileMode); err != nil {
			t.Fatal(err)
		}
		if v, err := s.Get(t.Context(), "one"); !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("%s: Get = %q, %v", name, v, err)
		}
	}
	if v, err := s.Get(t.Context(), "two"); err != nil || string(v) != "value of two" {
		t.Errorf("the other value: %q, %v", v, err)
	}
}

// TestClosed uses a vault after its keys were erased: nothing is written under
// them.
func TestClosed(t *testing.T) {
	s := open(t, t.TempDir(), withPhrase(phrase))
	if err := s.Put(t.Context(), "key", []byte("value")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	_, getErr := s.Get(t.Context(), "key")
	_, keysErr := s.Keys(t.Context(), "")
	errs := map[string]error{
		"Get": getErr, "Keys": keysErr, "Put": s.Put(t.Context(), "key", nil), "Delete": s.Delete(t.Context(), "key"),
	}
	for name, err := range errs {
		if !errors.Is(err, vault.ErrLocked) {
			t.Errorf("%s: %v, want %v", name, err, vault.ErrLocked)
		}
	}
}

// TestCrashBeforeFormat begins anew in a folder in which the first start died.
func TestCrashBeforeFormat(t *testing.T) {
	dir := t.TempDir()
	left := []string{filepath.Join(dir, tempPrefix+"1"), filepath.Join(dir, valuesName, tempPrefix+"2")}
	if err := os.Mkdir(filepath.Join(dir, valuesName), folderMode); err != nil {
		t.Fatal(err)
	}
	for _, path := range left {
		if err := os.WriteFile(path, []byte("half"), fileMode); err != nil {
			t.Fatal(err)
		}
	}
	open(t, dir, withPhrase(phrase))
	for _, path := range left {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there", filepath.Base(path))
		}
	}
}

// TestNothingPlain looks at what lies on the disk.
func TestNothingPlain(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, withPhrase(phrase))
	if err := s.Put(t.Context(), "contact/ada", []byte("attack at dawn")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, tempPrefix+"half"), []byte("half"), fileMode); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, withPhrase(phrase))
	files := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := os.FileMode(fileMode)
		if d.IsDir() {
			want = folderMode
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
		if d.IsDir() {
			return nil
		}
		files++
		b, err := os.ReadFile(path)
		for _, plain := range []string{"dawn", "ada", "contact", phrase} {
			if bytes.Contains(b, []byte(plain)) || strings.Contains(path[len(dir):], plain) {
				t.Errorf("%s shows %q", path, plain)
			}
		}
		return err
	})
	if err != nil || files != 4 {
		t.Errorf("%d files, %v; want format, key.age, lock and one value", files, err)
	}
}
