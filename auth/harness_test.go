package auth_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"conclave/api"
	"conclave/auth"
	"conclave/core/identity"
	"conclave/httpapi"
	"conclave/room"
)

// A harness is a server's account routes without a network.
type harness struct {
	*testing.T
	store   *memory
	records *records
	service *auth.Service
	api     *httpapi.API

	mu     sync.Mutex
	offset time.Duration // of the clock
	log    lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// secretWords are in names, handles, passwords and addresses of the tests: none of
// them may be in a log.
var secretWords = []string{"ada", "grace", "kofi", "verysecure", "203.0.113", "192.0.2"}

func newHarness(t *testing.T, change func(*auth.Config)) *harness {
	t.Helper()
	h := &harness{T: t, store: newMemory(), records: &records{byUser: make(map[[16]byte][]byte)}}
	public, err := url.Parse("https://conclave.example")
	if err != nil {
		t.Fatal(err)
	}
	cfg := auth.Config{
		Store: h.store, Directory: h.records, Secret: [32]byte{1}, Public: public,
		Cost:   auth.Cost{MemoryKiB: 8, Time: 1},
		Limits: auth.Limits{AddressPerMinute: 10_000, AccountPerMinute: 100_000, GlobalPerSecond: 10_000},
		Now:    h.now, Log: slog.New(slog.NewTextHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&cfg)
	}
	if h.service, err = auth.New(cfg); err != nil {
		t.Fatal(err)
	}
	meetings, err := room.NewRegistry(room.Config{})
	if err != nil {
		t.Fatal(err)
	}
	h.api, err = httpapi.New(httpapi.Config{Meetings: meetings, Web: fstest.MapFS{}, Accounts: h.service, Log: cfg.Log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, word := range secretWords {
			if strings.Contains(strings.ToLower(h.log.String()), word) {
				t.Errorf("the log has %q:\n%s", word, h.log.String())
			}
		}
	})
	return h
}

func (h *harness) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.offset)
}

// pass moves the clock on.
func (h *harness) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.offset += d
}

// send makes a request; body is bytes, or what is sent as JSON, or nil.
func (h *harness) send(ctx context.Context, method, path, token string, body any) *httptest.ResponseRecorder {
	h.Helper()
	var r *http.Request
	switch b := body.(type) {
	case nil:
		r = httptest.NewRequestWithContext(ctx, method, path, nil)
	case []byte:
		r = httptest.NewRequestWithContext(ctx, method, path, bytes.NewReader(b))
		r.Header.Set("Content-Type", "application/octet-stream")
	default:
		encoded, err := json.Marshal(body)
		if err != nil {
			h.Fatal(err)
		}
		r = httptest.NewRequestWithContext(ctx, method, path, bytes.NewReader(encoded))
		r.Header.Set("Content-Type", "application/json")
	}
	r.RemoteAddr = "203.0.113.7:4711"
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.api.ServeHTTP(w, r)
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		h.Errorf("%s %s: Cache-Control %q, want no-store", method, path, got)
	}
	return w
}

// call makes a request that is to succeed.
func call[T any](h *harness, method, path, token string, body any) *T {
	h.Helper()
	w := h.send(h.Context(), method, path, token, body)
	if w.Code != http.StatusOK {
		h.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	out := new(T)
	d := json.NewDecoder(w.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(out); err != nil {
		h.Fatalf("%s %s: %v", method, path, err)
	}
	return out
}

// refused makes a request that is to be refused, and returns the refusal.
func (h *harness) refused(want api.Code, method, path, token string, body any) *api.HTTPError {
	h.Helper()
	w := h.send(h.Context(), method, path, token, body)
	e := &api.HTTPError{Status: w.Code}
	if err := json.Unmarshal(w.Body.Bytes(), e); err != nil {
		h.Fatalf("%s %s: %d %q, want code %s", method, path, w.Code, w.Body, want)
	}
	if e.Code != want || w.Code != auth.Refuse(want, "").Status {
		h.Fatalf("%s %s: %d %v, want code %s with status %d", method, path, w.Code, e, want, auth.Refuse(want, "").Status)
	}
	return e
}

// authKey stands for what a client makes of a password.
func authKey(password string) []byte {
	b := make([]byte, 32)
	copy(b, password)
	return b
}

var clientParams = api.PasswordParams{Salt: make([]byte, 16), MemoryKiB: 64 << 10, Time: 3, Threads: 1}

// register makes an account with a password and returns its first session.
func (h *harness) register(handle string) *api.SignedIn {
	h.Helper()
	return call[api.SignedIn](h, "POST", "/api/v1/auth/password/register", "", &api.PasswordRegister{
		Handle: handle, AuthKey: authKey("pw " + handle), Params: clientParams, Name: handle + "'s phone",
	})
}

// login makes a further session.
func (h *harness) login(handle, name string) *api.SignedIn {
	h.Helper()
	return call[api.SignedIn](h, "POST", "/api/v1/auth/password/login", "", &api.PasswordLogin{
		Handle: handle, AuthKey: authKey("pw " + handle), Name: name,
	})
}

// A person has keys and publishes records.
type person struct {
	h        *harness
	handle   string
	first    *api.SignedIn // bound to devices[0]
	user     identity.UserID
	identity ed25519.PrivateKey
	devices  []*device
	last     *identity.Record
}

type device struct {
	id  identity.DeviceID
	key ed25519.PrivateKey
}

func newKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func public(key ed25519.PrivateKey) [32]byte { return [32]byte(key[32:]) }

func newDevice(t testing.TB) *device {
	key := newKey(t)
	return &device{id: identity.NewDeviceID(public(key)), key: key}
}

// newPerson registers somebody with one device.
func (h *harness) newPerson(handle string) *person {
	h.Helper()
	p := &person{h: h, handle: handle, first: h.register(handle), identity: newKey(h)}
	p.user = mustUser(h, p.first.Session.User)
	p.devices = []*device{newDevice(h)}
	p.publish(p.first.Token, p.record(p.devices))
	p.bind(p.first, p.devices[0])
	return p
}

func mustUser(t testing.TB, text string) identity.UserID {
	t.Helper()
	user, err := identity.ParseUserID(text)
	if err != nil {
		t.Fatal(err)
	}
	return user
}

// record returns the next record with these devices; those that are not among
// them any more are removed.
func (p *person) record(devices []*device) *identity.Record {
	r := &identity.Record{User: p.user, Handle: p.handle, Name: p.handle, MinSuite: 0xF001, IdentityKey: public(p.identity)}
	r.Time = uint64(p.h.now().UnixMilli())
	if p.last != nil {
		r.Version, r.Previous, r.Removed = p.last.Version+1, p.last.Hash(), p.last.Removed
	}
	for _, d := range devices {
		if p.last != nil && p.last.Device(d.id) != nil {
			r.Devices = append(r.Devices, *p.last.Device(d.id))
			continue
		}
		e := identity.Device{ID: d.id, SignatureKey: public(d.key), Class: identity.Native, Added: 1, Name: "phone"}
		if p.last == nil {
			e.AddedBy = d.id
		}
		e.Proof = [64]byte(ed25519.Sign(d.key, e.SigningInput(p.user)))
		r.Devices = append(r.Devices, e)
	}
	if p.last != nil {
		for _, d := range p.last.Devices {
			if r.Device(d.ID) == nil {
				r.Removed = append(r.Removed, identity.Removal{ID: d.ID, SignatureKey: d.SignatureKey, Removed: r.Time, By: devices[0].id, Name: d.Name})
			}
		}
	}
	p.sign(r)
	return r
}

// sign signs a record as it is now.
func (p *person) sign(r *identity.Record) {
	r.Signature = [64]byte(ed25519.Sign(p.identity, r.SigningInput()))
}

// publish posts a record that is to be accepted.
func (p *person) publish(token string, r *identity.Record) *api.RecordAccepted {
	p.h.Helper()
	accepted := call[api.RecordAccepted](p.h, "POST", "/api/v1/account/record", token, r.Encode())
	p.last = r
	return accepted
}

// bindRequest returns what binds a session to a device.
func bindRequest(t testing.TB, s *api.Session, d *device) *api.Bind {
	t.Helper()
	endpoint, err := hex.DecodeString(s.Endpoint)
	if err != nil || len(endpoint) != 16 {
		t.Fatalf("endpoint %q", s.Endpoint)
	}
	return &api.Bind{Device: d.id.String(), Signature: ed25519.Sign(d.key, append([]byte("Conclave 1.0 bind"), endpoint...))}
}

func (p *person) bind(s *api.SignedIn, d *device) {
	p.h.Helper()
	got := call[api.Session](p.h, "POST", "/api/v1/account/bind", s.Token, bindRequest(p.h, &s.Session, d))
	if got.Device != d.id.String() {
		p.h.Fatalf("bound to %q, want %s", got.Device, d.id)
	}
}

// addDevice gives a person a further device and returns its bound session.
func (p *person) addDevice(name string) (*device, *api.SignedIn) {
	p.h.Helper()
	s := p.h.login(p.handle, name)
	d := newDevice(p.h)
	p.devices = append(p.devices, d)
	p.publish(s.Token, p.record(p.devices))
	p.bind(s, d)
	return d, s
}

func TestNewRefuses(t *testing.T) {
	at, err := url.Parse("https://conclave.example")
	if err != nil {
		t.Fatal(err)
	}
	good := auth.Config{
		Store: newMemory(), Directory: &records{}, Log: slog.New(slog.DiscardHandler), Secret: [32]byte{1}, Public: at,
	}
	if _, err := auth.New(good); err != nil {
		t.Fatalf("New: %v", err)
	}
	for name, change := range map[string]func(*auth.Config){
		"no store":     func(c *auth.Config) { c.Store = nil },
		"no secret":    func(c *auth.Config) { c.Secret = [32]byte{} },
		"registration": func(c *auth.Config) { c.Registration = "maybe" },
		"oidc by http": func(c *auth.Config) {
			c.OIDC = []auth.OIDCConfig{{ID: "o", ClientID: "c", Issuer: "http://idp.example"}}
		},
		"oidc, no public": func(c *auth.Config) { c.Public = nil; c.OIDC = []auth.OIDCConfig{{ID: "o"}} },
		"ldap by http":    func(c *auth.Config) { c.LDAP = []auth.LDAPConfig{{ID: "l", URL: "http://x", BaseDN: "dc=x"}} },
		"ldap filter": func(c *auth.Config) {
			c.LDAP = []auth.LDAPConfig{{ID: "l", URL: "ldaps://x", BaseDN: "dc=x", Filter: "(uid=ada)"}}
		},
	} {
		cfg := good
		change(&cfg)
		if _, err := auth.New(cfg); err == nil {
			t.Errorf("New(%s) = nil error", name)
		}
	}
	if !errors.Is(auth.Refuse(api.CodeNotFound, "a"), auth.Refuse(api.CodeNotFound, "b")) {
		t.Error("refusals of one code are not alike")
	}
}
