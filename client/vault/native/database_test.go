package native

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"conclave/client/vault"
)

func openDatabase(t testing.TB, s *Store, settings ...string) *Database {
	t.Helper()
	d, err := s.openDatabase(t.Context(), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// TestDatabase asks of every Database in Go what vault.Database promises.
func TestDatabase(t *testing.T) {
	databases := map[string]func(t *testing.T) vault.Database{
		"memory": func(*testing.T) vault.Database { return vault.NewMemory() },
		"native": func(t *testing.T) vault.Database {
			return openDatabase(t, open(t, filepath.Join(t.TempDir(), "a b?c%20#"), withPhrase(phrase)))
		},
	}
	for name, make := range databases {
		t.Run(name, func(t *testing.T) {
			contract(t, make(t))
			batches(t, make(t))
		})
	}
}

func batches(t *testing.T, d vault.Database) {
	ctx := t.Context()
	value := []byte("1")
	err := d.Apply(ctx, []vault.Change{
		{Key: "a/1", Value: value},
		{Key: "a/2", Value: []byte{}},
		{Key: "b", Value: []byte("b")},
		{Key: "a/1"},
		{Key: "a/3", Value: []byte("3")},
		{Key: "a/1", Value: value},
		{Key: "none"},
		{Key: "a0", Value: []byte("after")},
	})
	if err != nil {
		t.Fatal(err)
	}
	value[0] = 'X'
	for _, c := range []struct {
		from, to string
		limit    int
		reverse  bool
		want     string
	}{
		{"a/", vault.End("a/"), 10, false, "a/1=1 a/2= a/3=3 "},
		{"a/", vault.End("a/"), 2, false, "a/1=1 a/2= "},
		{"a/", vault.End("a/"), 2, true, "a/3=3 a/2= "},
		{"a/2", "a/3", 10, false, "a/2= "},
		{"", vault.End(""), 10, true, "b=b a0=after a/3=3 a/2= a/1=1 "},
		{"a/1!", "", 1, false, "a/2= "},
		{"c", "", 10, false, ""},
	} {
		entries, err := d.Range(ctx, c.from, c.to, c.limit, c.reverse)
		got := ""
		for _, e := range entries {
			got += fmt.Sprintf("%s=%s ", e.Key, e.Value)
		}
		if err != nil || got != c.want {
			t.Errorf("Range(%q, %q, %d, %v) = %q, %v; want %q", c.from, c.to, c.limit, c.reverse, got, err, c.want)
		}
	}
	for want, changes := range map[error][]vault.Change{
		vault.ErrKey:   {{Key: "a/1", Value: []byte("new")}, {Key: "A"}},
		vault.ErrSize:  {{Key: "a/1", Value: []byte("new")}, {Key: "big", Value: make([]byte, vault.MaxValue+1)}},
		vault.ErrBatch: slices.Repeat([]vault.Change{{Key: "a/1", Value: []byte("new")}}, vault.MaxBatch+1),
	} {
		if err := d.Apply(ctx, changes); !errors.Is(err, want) {
			t.Errorf("Apply = %v, want %v", err, want)
		}
	}
	if got, err := d.Get(ctx, "a/1"); string(got) != "1" || err != nil {
		t.Errorf("after batches that were refused: %q, %v", got, err)
	}
	for _, limit := range []int{0, -1, vault.MaxRange + 1} {
		if _, err := d.Range(ctx, "", "", limit, false); !errors.Is(err, vault.ErrBatch) {
			t.Errorf("Range of %d: %v", limit, err)
		}
	}
	if err := d.Apply(ctx, nil); err != nil {
		t.Errorf("Apply of nothing: %v", err)
	}
}

// TestDatabaseKept opens it again, and looks at what lies on the disk.
func TestDatabaseKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, withPhrase(phrase))
	d := openDatabase(t, s)
	if err := d.Put(t.Context(), "h/1", []byte("attack at dawn")); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, databaseName+"*"))
	if err != nil || len(files) != 3 {
		t.Fatalf("files %q, %v", files, err)
	}
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != fileMode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
		if b, err := os.ReadFile(path); err != nil || bytes.Contains(b, []byte("dawn")) {
			t.Errorf("%s shows what it has, %v", path, err)
		}
	}
	if err := errors.Join(d.Close(), d.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	_, getErr := d.Get(t.Context(), "h/1")
	_, rangeErr := d.Range(t.Context(), "", "", 1, false)
	_, keysErr := d.Keys(t.Context(), "")
	_, openErr := s.OpenDatabase(t.Context())
	for _, err := range []error{getErr, rangeErr, keysErr, openErr, d.Put(t.Context(), "h/1", nil)} {
		if !errors.Is(err, vault.ErrLocked) {
			t.Errorf("after Close: %v", err)
		}
	}
	d = openDatabase(t, open(t, dir, withPhrase(phrase)))
	if got, err := d.Get(t.Context(), "h/1"); string(got) != "attack at dawn" || err != nil {
		t.Errorf("Get = %q, %v", got, err)
	}
}

// TestDatabaseEntriesDamaged changes entries behind the vault's back.
func TestDatabaseEntriesDamaged(t *testing.T) {
	for name, statement := range map[string]string{
		"changed":   `UPDATE entries SET value = CAST(substr(value, 1, 30) || x'00' || substr(value, 32) AS BLOB) WHERE key = 'a'`,
		"swapped":   `UPDATE entries SET value = (SELECT value FROM entries WHERE key = 'b') WHERE key = 'a'`,
		"renamed":   `UPDATE entries SET key = CASE key WHEN 'a' THEN 'c' ELSE 'a' END WHERE key = 'a' OR key = 'b'`,
		"cut short": `UPDATE entries SET value = substr(value, 1, 20) WHERE key = 'a'`,
		"text":      `UPDATE entries SET value = 'not sealed' WHERE key = 'a'`,
	} {
		d := openDatabase(t, open(t, t.TempDir(), withPhrase(phrase)))
		err := d.Apply(t.Context(), []vault.Change{{Key: "a", Value: []byte("1")}, {Key: "b", Value: []byte("2")}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.write.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Get(t.Context(), "a"); !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("%s: Get = %q, %v", name, got, err)
		}
		if got, err := d.Range(t.Context(), "a", "b", 9, false); !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("%s: Range = %q, %v", name, got, err)
		}
	}
}

// TestDatabaseFileDamaged changes the file while the vault is closed.
func TestDatabaseFileDamaged(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"gone":      os.Remove,
		"emptied":   func(path string) error { return os.Truncate(path, 0) },
		"half":      func(path string) error { return os.Truncate(path, 8192) },
		"cut short": func(path string) error { return os.Truncate(path, 5000) },
		"other":     func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("x"), 9000), fileMode) },
		"another's": func(path string) error {
			s, err := Open(filepath.Join(filepath.Dir(path), "another"), withPhrase(phrase))
			if err != nil {
				return err
			}
			d, err := s.OpenDatabase(t.Context())
			if err == nil {
				err = d.Close()
			}
			return errors.Join(err, s.Close(), os.Rename(filepath.Join(filepath.Dir(path), "another", databaseName), path))
		},
	} {
		dir := t.TempDir()
		s := open(t, dir, withPhrase(phrase))
		d := openDatabase(t, s)
		var changes []vault.Change
		for i := range 50 {
			changes = append(changes, vault.Change{Key: fmt.Sprintf("k/%03d", i), Value: bytes.Repeat([]byte{1}, 1000)})
		}
		if err := errors.Join(d.Apply(t.Context(), changes), d.Close()); err != nil {
			t.Fatal(err)
		}
		if err := change(filepath.Join(dir, databaseName)); err != nil {
			t.Fatal(err)
		}
		d, err := s.OpenDatabase(t.Context())
		if err == nil {
			_, err = d.Range(t.Context(), "", "", 100, false)
			_ = d.Close()
		}
		if !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("%s: %v, want %v", name, err, vault.ErrDamaged)
		}
	}
}

// TestDatabaseHalf refuses one change in the middle of a batch, as a fault of the
// disk may.
func TestDatabaseHalf(t *testing.T) {
	d, ctx := openDatabase(t, open(t, t.TempDir(), withPhrase(phrase))), t.Context()
	trigger := `CREATE TRIGGER no BEFORE INSERT ON entries WHEN NEW.key = 'refused' BEGIN SELECT RAISE(FAIL, 'no'); END`
	if _, err := d.write.ExecContext(ctx, trigger); err != nil {
		t.Fatal(err)
	}
	changes := []vault.Change{{Key: "a", Value: []byte("1")}, {Key: "refused", Value: []byte("2")}, {Key: "b", Value: []byte("3")}}
	if err := d.Apply(ctx, changes); err == nil {
		t.Error("Apply went well")
	}
	if keys, err := d.Keys(ctx, ""); len(keys) != 0 || err != nil {
		t.Errorf("half a batch was stored: %q, %v", keys, err)
	}
	if err := d.Apply(ctx, changes[2:]); err != nil {
		t.Errorf("after it: %v", err)
	}
}

func BenchmarkApply(b *testing.B) {
	s, err := Open(b.TempDir(), withPhrase(phrase))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	d := openDatabase(b, s)
	for n := 0; b.Loop(); n++ {
		changes := make([]vault.Change, 100)
		for i := range changes {
			changes[i] = vault.Change{Key: fmt.Sprintf("k/%08d", n*100+i), Value: make([]byte, 200)}
		}
		if err := d.Apply(b.Context(), changes); err != nil {
			b.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		b.Fatal(err)
	}
}
