package directory_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"conclave/api"
	client "conclave/client/directory"
	"conclave/client/remote"
	"conclave/client/vault"
	"conclave/core/account"
	"conclave/core/identity"
	"conclave/directory"
	"conclave/store/sqlite"
)

// A backend is a directory that answers as over HTTP.
type backend interface {
	Lookup(ctx context.Context, request []byte) ([]byte, error)
	Monitor(ctx context.Context, request []byte) ([]byte, error)
	Consistency(ctx context.Context, from, to uint64) ([]byte, error)
	config() api.DirectoryConfig
	publish(ctx context.Context, record []byte) (api.RecordAccepted, error)
}

// A wire carries one client's requests to a backend, and may change them.
type wire struct {
	mu     sync.Mutex
	to     backend
	before func(path string, body []byte) error          // an error is the answer
	after  func(path string, body, answer []byte) []byte // changes the answer
	asked  map[string]int                                // by path without query
}

func (w *wire) set(change func(w *wire)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

func (w *wire) count(path string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[path]
}

// Do implements remote.Doer.
func (w *wire) Do(ctx context.Context, r remote.Request) (remote.Response, error) {
	u, err := url.Parse(r.Path)
	if err != nil {
		return remote.Response{}, err
	}
	w.mu.Lock()
	to, before, after := w.to, w.before, w.after
	if w.asked == nil {
		w.asked = make(map[string]int)
	}
	w.asked[u.Path]++
	w.mu.Unlock()
	if before != nil {
		if err := before(u.Path, r.Body); err != nil {
			return refuse(err)
		}
	}
	kind, answer, err := route(ctx, to, u, r.Body)
	if err != nil {
		return refuse(err)
	}
	if after != nil {
		answer = after(u.Path, r.Body, answer)
	}
	return remote.Response{Status: 200, Type: kind, Body: answer}, nil
}

// refuse answers as a server that does not agree; an error of package remote goes
// through.
func refuse(err error) (remote.Response, error) {
	if errors.Is(err, remote.ErrUnreachable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return remote.Response{}, err
	}
	e := &api.HTTPError{Status: 500, Code: api.CodeInternal, Message: err.Error()}
	_ = errors.As(err, &e)
	b, err := json.Marshal(e)
	return remote.Response{Status: e.Status, Type: "application/json", Body: b}, err
}

func route(ctx context.Context, to backend, u *url.URL, body []byte) (kind string, answer []byte, err error) {
	kind = "application/octet-stream"
	switch u.Path {
	case "/api/v1/directory/lookup":
		answer, err = to.Lookup(ctx, body)
	case "/api/v1/directory/monitor":
		answer, err = to.Monitor(ctx, body)
	case "/api/v1/directory/consistency":
		from, _ := strconv.ParseUint(u.Query().Get("from"), 10, 64)
		until, _ := strconv.ParseUint(u.Query().Get("to"), 10, 64)
		answer, err = to.Consistency(ctx, from, until)
	case "/api/v1/directory/config":
		kind = "application/json"
		answer, err = json.Marshal(to.config())
	case "/api/v1/account/record":
		kind = "application/json"
		var a api.RecordAccepted
		if a, err = to.publish(ctx, body); err == nil {
			answer, err = json.Marshal(a)
		}
	default:
		err = &api.HTTPError{Status: 404, Code: api.CodeNotFound, Message: "no such route"}
	}
	return kind, answer, err
}

// A clock that tests set.
type clock struct{ ms atomic.Int64 }

func (c *clock) now() time.Time           { return time.UnixMilli(c.ms.Load()) }
func (c *clock) add(d time.Duration)      { c.ms.Add(d.Milliseconds()) }
func newClock(at int64) (c *clock)        { c = new(clock); c.ms.Store(at); return c }
func (c *clock) back(t time.Duration)     { c.add(-t) }
func (c *clock) milliseconds() (u uint64) { return uint64(c.ms.Load()) }

// An actor is a person's device: its client, what carries its requests, and its
// vault.
type actor struct {
	*client.Client
	wire  *wire
	vault vault.Store
	clock *clock
}

// newActor opens a client that is shown to.
func newActor(t testing.TB, to backend, c *clock, pin *client.Pin) *actor {
	t.Helper()
	a := &actor{wire: &wire{to: to}, vault: vault.NewMemory(), clock: c}
	a.open(t, pin)
	return a
}

// open starts the program anew.
func (a *actor) open(t testing.TB, pin *client.Pin) {
	t.Helper()
	cl, err := client.Open(t.Context(), client.Config{Server: remote.New(a.wire), Store: a.vault, Pin: pin, Now: a.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	a.Client = cl
}

// lookup finds a handle.
func (a *actor) lookup(t testing.TB, handle string) *client.Contact {
	t.Helper()
	c, err := a.Lookup(t.Context(), handle)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// monitors returns the alarms of one call.
func (a *actor) monitors(t testing.TB) []client.Alarm {
	t.Helper()
	found, err := a.Monitor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// dump returns all that the vault holds.
func (a *actor) dump(t testing.TB) map[string][]byte {
	t.Helper()
	keys, err := a.vault.Keys(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string][]byte)
	for _, k := range keys {
		if out[k], err = a.vault.Get(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// alarm fails unless err is an alarm with an id and attack.
func alarm(t testing.TB, err error, id, attack string) client.Alarm {
	t.Helper()
	a, ok := errors.AsType[*client.AlarmError](err)
	if !ok {
		t.Fatalf("no alarm but %v, want %s (%s)", err, id, attack)
	}
	if a.Alarm.ID != id || a.Alarm.Attack != attack {
		t.Fatalf("alarm %s (%s): %s; want %s (%s)", a.Alarm.ID, a.Alarm.Attack, a.Alarm.Detail, id, attack)
	}
	return a.Alarm
}

// one fails unless found is one alarm with an id and attack.
func one(t testing.TB, found []client.Alarm, id, attack string) client.Alarm {
	t.Helper()
	if len(found) != 1 || found[0].ID != id || found[0].Attack != attack {
		t.Fatalf("alarms %+v, want one %s (%s)", found, id, attack)
	}
	return found[0]
}

// judged returns the verdict on an alarm's evidence.
func (a *actor) judged(t testing.TB, key string) *client.Verdict {
	t.Helper()
	b, err := a.Evidence(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	e, err := client.ParseEvidence(b)
	if err != nil {
		t.Fatal(err)
	}
	v, err := e.Verify()
	if err != nil {
		t.Fatalf("evidence: %v\n%s", err, b)
	}
	return v
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
	p := &person{key: newKey(t), device: newDevice(t)}
	var user identity.UserID
	binary.BigEndian.PutUint64(user[:], people.Add(1))
	d, err := p.device.Device(user, account.DeviceInfo{Class: identity.Native, Name: "Laptop", Added: 1, AddedBy: p.device.ID()})
	if err != nil {
		t.Fatal(err)
	}
	p.last = account.FirstRecord(user, handle, handle, 1, d)
	p.sign(t)
	return p
}

func newKey(t testing.TB) *account.IdentityKey {
	t.Helper()
	k, err := account.GenerateIdentityKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newDevice(t testing.TB) *account.DeviceKey {
	t.Helper()
	k, err := account.GenerateDeviceKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (p *person) sign(t testing.TB) {
	t.Helper()
	if err := p.key.Sign(p.last); err != nil {
		t.Fatal(err)
	}
}

func (p *person) user() identity.UserID { return p.last.User }

func (p *person) record() []byte { return p.last.Encode() }

// addDevice signs the next version with another device.
func (p *person) addDevice(t testing.TB, name string) []byte {
	t.Helper()
	d, err := newDevice(t).Device(p.user(), account.DeviceInfo{Class: identity.Web, Name: name, Added: 2, AddedBy: p.last.Devices[0].ID})
	if err != nil {
		t.Fatal(err)
	}
	p.last = account.NextRecord(p.last, p.last.Time+1)
	p.last.Devices = append(p.last.Devices, d)
	p.sign(t)
	return p.record()
}

// reset signs the next version with another identity key, as anybody can.
func (p *person) reset(t testing.TB) *person {
	t.Helper()
	other := &person{key: newKey(t), device: newDevice(t)}
	d, err := other.device.Device(p.user(), account.DeviceInfo{Class: identity.Native, Name: "Evil", Added: 3, AddedBy: other.device.ID()})
	if err != nil {
		t.Fatal(err)
	}
	other.last = account.ResetRecord(p.last, p.last.Time+1, d)
	other.sign(t)
	return other
}

// A real is the real directory in this process.
type real struct {
	*directory.Directory
	clock *clock
}

const origin = "directory.test"

// newReal starts a directory that ends with the test.
func newReal(t testing.TB) *real {
	t.Helper()
	dir := t.TempDir()
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, "db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := directory.LoadSecrets(filepath.Join(dir, "keys"), origin)
	if err != nil {
		t.Fatal(err)
	}
	r := &real{clock: newClock(time.Now().UnixMilli())}
	r.Directory, err = directory.New(t.Context(), directory.Config{
		Store: store.Directory(), Dir: filepath.Join(dir, "log"), Secrets: secrets,
		MinInterval: time.Millisecond, Heartbeat: time.Hour, Now: r.clock.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, store.Close()); err != nil {
			t.Errorf("the directory ended: %v", err)
		}
	})
	r.hours(t, 0)
	return r
}

// hours lets the clock go on and makes an epoch.
func (r *real) hours(t testing.TB, n int) {
	t.Helper()
	r.clock.add(time.Duration(n) * time.Hour)
	if err := r.Beat(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (r *real) config() api.DirectoryConfig {
	c := r.PublicConfig()
	return api.DirectoryConfig{Origin: c.Origin, LogKey: c.LogKey, VRFKey: bytes.Clone(c.VRFKey[:])}
}

func (r *real) publish(ctx context.Context, record []byte) (api.RecordAccepted, error) {
	rec, err := identity.ParseRecord(record)
	if err != nil {
		return api.RecordAccepted{}, err
	}
	a, err := r.Update(ctx, rec.User, record, directory.Options{AllowReset: true})
	return api.RecordAccepted{Version: a.Version, Epoch: a.Epoch}, err
}

// joins publishes a person's first record by their own device.
func joins(t testing.TB, to backend, c *clock, p *person) *actor {
	t.Helper()
	a := newActor(t, to, c, nil)
	if err := a.SetOwn(t.Context(), p.user(), p.last.IdentityKey); err != nil {
		t.Fatal(err)
	}
	a.publishes(t, p.record())
	return a
}

func (a *actor) publishes(t testing.TB, record []byte) *client.Contact {
	t.Helper()
	c, err := a.Publish(t.Context(), record)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
