package directory_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"conclave/core/account"
	"conclave/core/identity"
	"conclave/core/keytrans"
	"conclave/directory"
)

const origin = "directory.test"

// A world is a directory that runs, and the clock it goes by.
type world struct {
	*directory.Directory
	store directory.Store
	dir   string // of everything
	clock atomic.Int64
	stop  func()
}

// start opens a directory over store in a folder and runs it until the test ends
// or stop is called.
func start(t testing.TB, store directory.Store, dir string, change ...func(*directory.Config)) *world {
	t.Helper()
	w, err := tryStart(t, store, dir, change...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func tryStart(t testing.TB, store directory.Store, dir string, change ...func(*directory.Config)) (*world, error) {
	t.Helper()
	secrets, err := directory.LoadSecrets(filepath.Join(dir, "keys"), origin)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{store: store, dir: dir}
	w.clock.Store(time.Now().UnixMilli())
	cfg := directory.Config{
		Store: store, Dir: filepath.Join(dir, "log"), Secrets: secrets,
		MinInterval: time.Millisecond, Heartbeat: time.Hour,
		Now: func() time.Time { return time.UnixMilli(w.clock.Load()) },
	}
	for _, c := range change {
		c(&cfg)
	}
	if w.Directory, err = directory.New(t.Context(), cfg); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	var ended bool
	w.stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(func() { w.stop() })
	wait(t, func() bool { return w.Ready() == nil })
	return w, nil
}

// hours lets the clock go on and makes an epoch.
func (w *world) hours(t testing.TB, n int) {
	t.Helper()
	w.clock.Add(int64(n) * time.Hour.Milliseconds())
	if err := w.Beat(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// now is the time that a client goes by.
func (w *world) now() uint64 { return uint64(w.clock.Load()) }

// verifier returns a client's, without witnesses.
func (w *world) verifier(t testing.TB) *keytrans.Verifier {
	t.Helper()
	p := w.PublicConfig()
	v, err := keytrans.NewVerifier(keytrans.ServerKeys{Origin: p.Origin, LogKey: p.LogKey, VRFKey: p.VRFKey}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// lookup asks and judges, and takes over what was learned.
func (w *world) lookup(t testing.TB, st *keytrans.State, kind keytrans.Kind, name []byte) *keytrans.Result {
	t.Helper()
	q := st.Request(kind, name)
	answer, err := w.Lookup(t.Context(), q.Encode())
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.verifier(t).Lookup(st, q, answer, w.now())
	if err != nil {
		t.Fatal(err)
	}
	st.Apply(r)
	return r
}

// monitor asks until there is no more.
func (w *world) monitor(t testing.TB, st *keytrans.State, user identity.UserID, owner bool, most uint8) (epochs int, last *keytrans.MonitorResult) {
	t.Helper()
	for {
		q := st.MonitorRequest(user, owner, most)
		answer, err := w.Monitor(t.Context(), q.Encode())
		if err != nil {
			t.Fatal(err)
		}
		r, err := w.verifier(t).Monitor(st, q, answer, w.now())
		if err != nil {
			t.Fatal(err)
		}
		st.ApplyMonitor(r)
		epochs += r.Epochs
		if !r.More {
			return epochs, r
		}
	}
}

// A person makes records.
type person struct {
	key    *account.IdentityKey
	device *account.DeviceKey
	last   *identity.Record
}

var people atomic.Uint64

// newPerson returns somebody whose first record is signed.
func newPerson(t testing.TB, handle string) *person {
	t.Helper()
	p := &person{}
	var err error
	if p.key, err = account.GenerateIdentityKey(); err != nil {
		t.Fatal(err)
	}
	if p.device, err = account.GenerateDeviceKey(); err != nil {
		t.Fatal(err)
	}
	var user identity.UserID
	binary.BigEndian.PutUint64(user[:], people.Add(1))
	d, err := p.device.Device(user, account.DeviceInfo{Class: identity.Native, Name: "Laptop", Added: 1, AddedBy: p.device.ID()})
	if err != nil {
		t.Fatal(err)
	}
	p.last = account.FirstRecord(user, handle, "Somebody", 1, d)
	p.sign(t)
	return p
}

func (p *person) sign(t testing.TB) {
	t.Helper()
	if err := p.key.Sign(p.last); err != nil {
		t.Fatal(err)
	}
}

func (p *person) user() identity.UserID { return p.last.User }

// next signs the version after.
func (p *person) next(t testing.TB) *person {
	t.Helper()
	p.last = account.NextRecord(p.last, p.last.Time+1)
	p.sign(t)
	return p
}

// put publishes the person's last record.
func (w *world) put(t testing.TB, p *person) directory.Accepted {
	t.Helper()
	a, err := w.Update(t.Context(), p.user(), p.last.Encode(), directory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !a.Published || a.Version != p.last.Version || a.Handle != p.last.Handle {
		t.Fatalf("accepted as %+v", a)
	}
	return a
}

// put fails with want.
func (w *world) refuses(t testing.TB, p *person, want error) {
	t.Helper()
	if _, err := w.Update(t.Context(), p.user(), p.last.Encode(), directory.Options{}); !errors.Is(err, want) {
		t.Errorf("Update: %v, want %v", err, want)
	}
}

// handleOf returns different handles, none of which looks like another.
func handleOf(i int) string {
	handle := []byte("u")
	for _, c := range fmt.Sprint(i) {
		handle = append(handle, "abdefhkptx"[c-'0'])
	}
	return string(handle)
}
