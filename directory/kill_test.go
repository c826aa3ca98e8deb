package directory_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"conclave/core/account"
	"conclave/core/identity"
	"conclave/core/keytrans"
	"conclave/directory"
	"conclave/store/sqlite"
)

const (
	folders = 10 // of directories that are killed at the same time
	writers = 4  // of each life
	// earlyLife is when half of the children are killed at the latest, counted from
	// their start, and lateLife the other half, from when they take updates.
	earlyLife, lateLife = 300 * time.Millisecond, 400 * time.Millisecond
)

// childFolder is the environment variable that makes this program a child of the
// kill test.
const childFolder = "CONCLAVE_TEST_DIRECTORY"

// runChild runs a directory that takes updates until it is killed, if the
// environment asks for it.
func runChild() bool {
	dir := os.Getenv(childFolder)
	if dir == "" {
		return false
	}
	if err := child(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

// open opens the directory of a folder over SQLite.
func openSQLite(ctx context.Context, dir string) (d *directory.Directory, closeStore func() error, err error) {
	tables, err := sqlite.Open(ctx, filepath.Join(dir, "db"), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, err
	}
	secrets, err := directory.LoadSecrets(filepath.Join(dir, "keys"), origin)
	if err != nil {
		return nil, nil, err
	}
	d, err = directory.New(ctx, directory.Config{
		Store: tables.Directory(), Dir: filepath.Join(dir, "log"), Secrets: secrets, MinInterval: time.Millisecond,
	})
	return d, tables.Close, err
}

// child prints "r" when it is ready, a line for each update that it acknowledged
// ("a user version sha256") and for each checkpoint that it served ("c base64").
func child(dir string) error {
	ctx := context.Background()
	d, _, err := openSQLite(ctx, dir)
	if err != nil {
		return err
	}
	failed := make(chan error, writers+1)
	go func() { failed <- d.Run(ctx) }()
	for d.Ready() != nil {
		wait := time.NewTimer(time.Millisecond)
		<-wait.C
	}
	fmt.Println("r") //nolint:forbidigo // to the parent
	for range writers {
		go func() { failed <- write(ctx, d) }()
	}
	return <-failed
}

func write(ctx context.Context, d *directory.Directory) error {
	key, err := account.GenerateIdentityKey()
	if err != nil {
		return err
	}
	device, err := account.GenerateDeviceKey()
	if err != nil {
		return err
	}
	var user identity.UserID
	_, _ = rand.Read(user[:])
	entry, err := device.Device(user, account.DeviceInfo{Class: identity.Native, Name: "x", Added: 1, AddedBy: device.ID()})
	if err != nil {
		return err
	}
	r := account.FirstRecord(user, "u"+hex.EncodeToString(user[:8]), "x", 1, entry)
	for ; ; r = account.NextRecord(r, r.Time) {
		if err := key.Sign(r); err != nil {
			return err
		}
		a, err := d.Update(ctx, user, r.Encode(), directory.Options{})
		if err != nil {
			return err
		}
		fmt.Printf("a %x %d %x\n", user[:], a.Version, sha256.Sum256(r.Encode())) //nolint:forbidigo // to the parent
		fmt.Printf("c %s\n", base64.StdEncoding.EncodeToString(served(d)))        //nolint:forbidigo // to the parent
	}
}

// A seen is what children said before they were killed.
type seen struct {
	acks        []string
	checkpoints map[string]bool
}

// TestKill kills a directory at random points of its life, again and again: no
// acknowledged update is lost, and every checkpoint that was ever served is a
// beginning of the log that is there in the end.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	t.Parallel()
	var wg sync.WaitGroup
	var acks atomic.Int64
	for range folders {
		dir := t.TempDir()
		wg.Go(func() {
			s := &seen{checkpoints: make(map[string]bool)}
			for range kills / folders {
				if err := s.live(t.Context(), dir); err != nil {
					t.Error(err)
					return
				}
			}
			s.check(t, dir)
			acks.Add(int64(len(s.acks)))
		})
	}
	wg.Wait()
	if acks.Load() < folders {
		t.Errorf("%d updates were acknowledged: no child lived long enough", acks.Load())
	}
}

// live runs a child until it is killed.
func (s *seen) live(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childFolder+"="+dir)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	kill := func() { _ = cmd.Process.Kill() }
	late := mathrand.N(2) == 1
	killed := time.AfterFunc(time.Hour, kill)
	defer killed.Stop()
	if !late {
		killed.Reset(mathrand.N(earlyLife))
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break // what is cut off was not said
		}
		if err != nil {
			return err
		}
		switch line = strings.TrimSpace(line); line[0] {
		case 'r':
			if late {
				killed.Reset(mathrand.N(lateLife))
			}
		case 'a':
			s.acks = append(s.acks, line)
		case 'c':
			s.checkpoints[line[2:]] = true
		}
	}
	_ = cmd.Wait()
	if complaints.Len() > 0 {
		return fmt.Errorf("a child ended by itself: %s", complaints.Bytes())
	}
	return nil
}

// check opens the directory once more and compares.
func (s *seen) check(t *testing.T, dir string) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	d, closeStore, err := openSQLite(ctx, dir)
	if err != nil {
		t.Error(err)
		cancel()
		return
	}
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := closeStore(); err != nil {
			t.Error(err)
		}
	}()
	wait(t, func() bool { return d.Ready() == nil })
	w := &world{Directory: d}
	for _, ack := range s.acks {
		var user []byte
		var version uint32
		var hash []byte
		if _, err := fmt.Sscanf(ack, "a %x %d %x", &user, &version, &hash); err != nil {
			t.Fatal(err)
		}
		w.clock.Store(time.Now().UnixMilli())
		r := w.lookup(t, &keytrans.State{}, keytrans.ByUser, user)
		if !r.Found || r.Version < version {
			t.Errorf("an acknowledged update is lost: %s", ack)
			continue
		}
		q := keytrans.LookupRequest{Kind: keytrans.ByUser, Name: user, SincePlusOne: version + 1}
		answer, err := d.Lookup(ctx, q.Encode())
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := keytrans.ParseLookupResponse(answer)
		if err != nil {
			t.Fatal(err)
		}
		if got := sha256.Sum256(parsed.Records[0]); !bytes.Equal(got[:], hash) {
			t.Errorf("an acknowledged update is another one: %s", ack)
		}
	}
	for text := range s.checkpoints {
		note, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		w.follows(t, note)
	}
	t.Logf("%d updates acknowledged, %d checkpoints", len(s.acks), len(s.checkpoints))
}
