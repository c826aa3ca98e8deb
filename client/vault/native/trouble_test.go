//go:build unix

package native

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"conclave/client/vault"
)

// jobVariable is set when a test runs this program again: it then writes to the
// vault in its folder until it is killed.
const jobVariable = "CONCLAVE_VAULT_TEST_JOB"

func TestMain(m *testing.M) {
	if os.Getenv(jobVariable) != "" {
		if err := writeForEver(context.Background()); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// batchOf is batch n: ten entries that say n, one of which was made by it.
func batchOf(n int) []vault.Change {
	value := []byte(strconv.Itoa(n))
	changes := []vault.Change{{Key: fmt.Sprintf("n/%06d", n), Value: value}}
	for i := range 9 {
		changes = append(changes, vault.Change{Key: fmt.Sprintf("all/%d", i), Value: value})
	}
	return changes
}

// writeForEver applies batches and says so on standard output.
func writeForEver(ctx context.Context) error {
	s, err := Open(".", withPhrase(phrase))
	if err != nil {
		return err
	}
	d, err := s.OpenDatabase(ctx)
	if err != nil {
		return err
	}
	done, err := d.Keys(ctx, "n/")
	if err != nil {
		return err
	}
	for n := len(done); ; n++ {
		if err := d.Apply(ctx, batchOf(n)); err != nil {
			return err
		}
		_, _ = fmt.Println(n) //nolint:forbidigo // the test reads it
	}
}

// TestKilled kills a process that writes, twenty times: of each batch all is there
// or nothing, and all that was acknowledged.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	for round := range 20 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), jobVariable+"=1")
		cmd.Dir = dir
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range 1 + round%7*3 {
			if !lines.Scan() {
				t.Fatal("the process ended by itself")
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		last := lines.Text()
		for lines.Scan() {
			last = lines.Text()
		}
		_ = cmd.Wait() // it was killed
		acknowledged, err := strconv.Atoi(last)
		if err != nil {
			t.Fatal(err)
		}
		wholeBatches(t, dir, acknowledged)
	}
}

func wholeBatches(t *testing.T, dir string, acknowledged int) {
	t.Helper()
	s, err := Open(dir, withPhrase(phrase))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d, err := s.OpenDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	made, err := d.Keys(t.Context(), "n/")
	if err != nil || len(made) < acknowledged+1 || len(made) > acknowledged+2 {
		t.Errorf("%d batches, %v; %d were acknowledged", len(made), err, acknowledged+1)
	}
	entries, err := d.Range(t.Context(), "all/", vault.End("all/"), 100, false)
	if err != nil || len(entries) != 9 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for _, e := range entries {
		if string(e.Value) != strconv.Itoa(len(made)-1) {
			t.Errorf("half a batch: %s is of batch %s of %d", e.Key, e.Value, len(made))
		}
	}
}

// TestDatabaseFull finds no room in the middle of a batch.
func TestDatabaseFull(t *testing.T) {
	d := openDatabase(t, open(t, t.TempDir(), withPhrase(phrase)), "max_page_count(40)")
	ctx := t.Context()
	if err := d.Put(ctx, "kept", []byte("before")); err != nil {
		t.Fatal(err)
	}
	changes := []vault.Change{{Key: "kept", Value: []byte("after")}, {Key: "a", Value: make([]byte, 1000)}, {Key: "big", Value: make([]byte, 1<<20)}}
	if err := d.Apply(ctx, changes); !errors.Is(err, vault.ErrFull) {
		t.Fatalf("Apply = %v, want %v", err, vault.ErrFull)
	}
	if got, err := d.Get(ctx, "kept"); string(got) != "before" || err != nil {
		t.Errorf("what was stored is now %q, %v", got, err)
	}
	if _, err := d.Get(ctx, "a"); !errors.Is(err, vault.ErrMissing) {
		t.Errorf("half a batch was stored: %v", err)
	}
	if err := d.Apply(ctx, changes[:2]); err != nil {
		t.Errorf("with less: %v", err)
	}
}
