package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"conclave/api"
	"conclave/auth"
	"conclave/directory"
	"conclave/room"
)

// fakeAccounts answers what the tests of decoding and encoding need; what it does
// not have panics. package auth has the tests of every route.
type fakeAccounts struct {
	Accounts
	caller auth.Caller
	after  uint64
	wait   time.Duration
	backup int
	err    error
}

func (f *fakeAccounts) PasswordLogin(_ context.Context, c auth.Caller, r *api.PasswordLogin) (*api.SignedIn, error) {
	f.caller = c
	return &api.SignedIn{Token: "token", Session: api.Session{Name: r.Name}}, f.err
}

func (f *fakeAccounts) SessionInfo(_ context.Context, c auth.Caller) (*api.Session, error) {
	f.caller = c
	return &api.Session{}, f.err
}

func (f *fakeAccounts) PutBackup(_ context.Context, _ auth.Caller, r *api.BackupPut) (*api.Empty, error) {
	f.backup = len(r.Blob)
	return &api.Empty{}, nil
}

func (f *fakeAccounts) Mailbox(_ context.Context, _ auth.Caller, after uint64, wait time.Duration) (*api.Mailbox, error) {
	f.after, f.wait = after, wait
	return &api.Mailbox{}, nil
}

func (f *fakeAccounts) MayLookUp(auth.Caller) error { return f.err }

type fakeDirectory struct{ err error }

func (f *fakeDirectory) Lookup(_ context.Context, b []byte) ([]byte, error) {
	return append([]byte("lookup "), b...), f.err
}

func (f *fakeDirectory) Monitor(_ context.Context, b []byte) ([]byte, error) {
	return append([]byte("monitor "), b...), f.err
}

func (f *fakeDirectory) Consistency(_ context.Context, from, to uint64) ([]byte, error) {
	return fmt.Appendf(nil, "%d to %d", from, to), f.err
}

func (f *fakeDirectory) Mutations(_ context.Context, epoch uint64) ([]byte, error) {
	return fmt.Appendf(nil, "epoch %d", epoch), f.err
}

func (f *fakeDirectory) PublicConfig() directory.PublicConfig {
	return directory.PublicConfig{Origin: "conclave.example", LogKey: "key", VRFKey: [32]byte{1}}
}

func (f *fakeDirectory) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "log "+r.URL.Path) })
}

func newAccountsAPI(t *testing.T, cfg Config) *API {
	t.Helper()
	g, err := room.NewRegistry(room.Config{})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Meetings, cfg.Web = g, site
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func send(a *API, method, path, contentType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

// wantCode checks a refusal.
func wantCode(t *testing.T, name string, w *httptest.ResponseRecorder, want api.Code) {
	t.Helper()
	var e api.HTTPError
	err := json.Unmarshal(w.Body.Bytes(), &e)
	if err != nil || e.Code != want || w.Code != auth.Refuse(want, "").Status || e.Message == "" {
		t.Errorf("%s: %d %s, want code %s", name, w.Code, w.Body, want)
	}
	if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%s: headers %v", name, w.Header())
	}
}

func TestBodies(t *testing.T) {
	a := newAccountsAPI(t, Config{Accounts: &fakeAccounts{}})
	const path = "/api/v1/auth/password/login"
	good := `{"handle":"ada","auth_key":"AAAA","name":"phone"}`
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8"} {
		if w := send(a, "POST", path, contentType, good); w.Code != 200 || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", contentType, w.Code, w.Body)
		}
	}
	for _, tt := range []struct {
		name, contentType, body string
		want                    api.Code
	}{
		{"no type", "", good, api.CodeMediaType},
		{"a form, which any page may send", "text/plain", good, api.CodeMediaType},
		{"another form", "application/x-www-form-urlencoded", "handle=ada", api.CodeMediaType},
		{"empty", "application/json", "", api.CodeMalformed},
		{"no object", "application/json", `["ada"]`, api.CodeMalformed},
		{"cut off", "application/json", good[:20], api.CodeMalformed},
		{"unknown field", "application/json", `{"handle":"ada","admin":true}`, api.CodeMalformed},
		{"wrong type", "application/json", `{"handle":1}`, api.CodeMalformed},
		{"no base64", "application/json", `{"auth_key":"%"}`, api.CodeMalformed},
		{"two objects", "application/json", good + good, api.CodeMalformed},
		{"deep", "application/json", strings.Repeat("[", 60_000), api.CodeMalformed},
		{"large", "application/json", `{"handle":"` + strings.Repeat("a", api.MaxAccountBody) + `"}`, api.CodeTooLarge},
	} {
		wantCode(t, tt.name, send(a, "POST", path, tt.contentType, tt.body), tt.want)
	}
	if w := send(a, "GET", path, "", ""); w.Code != http.StatusNotFound && w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET of a POST route: %d", w.Code)
	}
}

func TestBackupBodies(t *testing.T) {
	f := &fakeAccounts{}
	a := newAccountsAPI(t, Config{Accounts: f})
	auths := make([][]byte, api.MaxBackupAuths)
	for i := range auths {
		auths[i] = make([]byte, 32)
	}
	put := func(size int) *httptest.ResponseRecorder {
		b, err := json.Marshal(&api.BackupPut{Counter: 1 << 62, Blob: make([]byte, size), Auths: auths})
		if err != nil {
			t.Fatal(err)
		}
		return send(a, "PUT", "/api/v1/account/backup", "application/json", string(b))
	}
	if w := put(api.MaxBackup); w.Code != 200 || f.backup != api.MaxBackup {
		t.Errorf("the largest backup: %d %s", w.Code, w.Body)
	}
	wantCode(t, "too large", put(api.MaxBackup+9<<10), api.CodeTooLarge)
}

func TestCallers(t *testing.T) {
	f := &fakeAccounts{}
	a := newAccountsAPI(t, Config{Accounts: f})
	for header, want := range map[string]string{
		"": "", "Bearer abc": "abc", "bearer abc": "abc", "Basic abc": "", "Bearer": "", "Bearer  abc": " abc",
	} {
		r := httptest.NewRequest("GET", "/api/v1/auth/session", nil)
		r.RemoteAddr = "[2001:db8::7]:4711"
		r.Header.Set("Authorization", header)
		r.Header.Set("X-Forwarded-For", "192.0.2.1") // anybody can say that
		a.ServeHTTP(httptest.NewRecorder(), r)
		if f.caller.Token != want || f.caller.Address.String() != "2001:db8::7" {
			t.Errorf("%q: caller %v, want token %q", header, f.caller, want)
		}
	}
	r := httptest.NewRequest("GET", "/api/v1/auth/session", nil)
	r.RemoteAddr = "@"
	a.ServeHTTP(httptest.NewRecorder(), r)
	if f.caller.Address.IsValid() {
		t.Errorf("address %v of no address", f.caller.Address)
	}
}

// TestErrors holds that clients get what is meant for them, and the log the rest.
func TestErrors(t *testing.T) {
	var log bytes.Buffer
	f := &fakeAccounts{err: errors.New("the disk is full")}
	a := newAccountsAPI(t, Config{Accounts: f, Log: slog.New(slog.NewTextHandler(&log, nil))})
	w := send(a, "GET", "/api/v1/auth/session", "", "")
	wantCode(t, "internal", w, api.CodeInternal)
	if strings.Contains(w.Body.String(), "disk") || !strings.Contains(log.String(), "disk") || !strings.Contains(log.String(), "/api/v1/auth/session") {
		t.Errorf("client: %s\nlog: %s", w.Body, &log)
	}
	log.Reset()
	left := 3
	f.err = fmt.Errorf("signing in: %w", &api.HTTPError{Status: 403, Code: api.CodeSignInFailed, Message: "no", TriesLeft: &left, RetryMS: 7})
	w = send(a, "GET", "/api/v1/auth/session", "", "")
	if w.Code != 403 || w.Body.String() != `{"code":"sign-in-failed","message":"no","tries_left":3,"retry_ms":7}` || log.Len() != 0 {
		t.Errorf("client: %d %s\nlog: %s", w.Code, w.Body, &log)
	}
	f.err = auth.Refuse(api.CodeNoSession, "sign in")
	if w = send(a, "GET", "/api/v1/auth/session", "", ""); w.Header().Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("401 without WWW-Authenticate: %v", w.Header())
	}
}

func TestMailboxQuery(t *testing.T) {
	f := &fakeAccounts{}
	a := newAccountsAPI(t, Config{Accounts: f})
	for query, want := range map[string]time.Duration{
		"": 0, "?wait_ms=5": 5 * time.Millisecond, "?wait_ms=18446744073709551615": 25 * time.Second,
	} {
		if w := send(a, "GET", "/api/v1/mailbox"+query, "", ""); w.Code != 200 || f.wait != want {
			t.Errorf("%q: %d, wait %v, want %v", query, w.Code, f.wait, want)
		}
	}
	if w := send(a, "GET", "/api/v1/mailbox?after=18446744073709551615", "", ""); w.Code != 200 || f.after != 1<<64-1 {
		t.Errorf("after: %d %d", w.Code, f.after)
	}
	wantCode(t, "after", send(a, "GET", "/api/v1/mailbox?after=x", "", ""), api.CodeMalformed)
	wantCode(t, "wait", send(a, "GET", "/api/v1/mailbox?wait_ms=-1", "", ""), api.CodeMalformed)
}

func TestAccountsOff(t *testing.T) {
	a := newAccountsAPI(t, Config{})
	for _, route := range []string{
		"GET /api/v1/auth/methods", "POST /api/v1/auth/password/login", "PUT /api/v1/account/backup", "DELETE /api/v1/auth/session",
		"GET /api/v1/mailbox", "POST /api/v1/mailbox/x", "POST /api/v1/directory/lookup", "GET /api/v1/directory/config",
	} {
		method, path, _ := strings.Cut(route, " ")
		wantCode(t, route, send(a, method, path, "", ""), api.CodeAccountsOff)
	}
	if w := send(a, "GET", "/checkpoint", "", ""); w.Code != http.StatusNotFound {
		t.Errorf("checkpoint without a directory: %d", w.Code)
	}
	if w := send(a, "POST", "/witness/add-checkpoint", "", ""); w.Code == http.StatusOK {
		t.Errorf("witness that is not there: %d", w.Code)
	}
}

func TestDirectoryRoutes(t *testing.T) {
	d, f := &fakeDirectory{}, &fakeAccounts{}
	witness := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		_, _ = fmt.Fprint(w, len(b), err)
	})
	a := newAccountsAPI(t, Config{Accounts: f, Directory: d, Witness: witness})
	const binary = "application/octet-stream"
	for _, tt := range []struct{ method, path, contentType, body, want string }{
		{"POST", "/api/v1/directory/lookup", binary, "q", "lookup q"},
		{"POST", "/api/v1/directory/monitor", binary, "q", "monitor q"},
		{"GET", "/api/v1/directory/consistency?from=3&to=7", "", "", "3 to 7"},
		{"GET", "/api/v1/directory/mutations/5", "", "", "epoch 5"},
		{"GET", "/api/v1/directory/config", "", "", `{"origin":"conclave.example","log_key":"key","vrf_key":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`},
		{"GET", "/checkpoint", "", "", "log /checkpoint"},
		{"GET", "/tile/0/000", "", "", "log /tile/0/000"},
		{"GET", "/tile/entries/x001/000.p/5", "", "", "log /tile/entries/x001/000.p/5"},
		{"POST", "/witness/add-checkpoint", "", "old 5", "5 <nil>"},
	} {
		if w := send(a, tt.method, tt.path, tt.contentType, tt.body); w.Code != 200 || w.Body.String() != tt.want {
			t.Errorf("%s: %d %q, want %q", tt.path, w.Code, w.Body, tt.want)
		}
	}
	if w := send(a, "POST", "/witness/add-checkpoint", "", strings.Repeat("a", maxCheckpoint+1)); !strings.Contains(w.Body.String(), "too large") {
		t.Errorf("large checkpoint: %s", w.Body)
	}
	wantCode(t, "type", send(a, "POST", "/api/v1/directory/lookup", "application/json", "{}"), api.CodeMediaType)
	wantCode(t, "large", send(a, "POST", "/api/v1/directory/lookup", binary, strings.Repeat("a", maxDirectoryBody+1)), api.CodeTooLarge)
	wantCode(t, "epoch", send(a, "GET", "/api/v1/directory/mutations/-1", "", ""), api.CodeMalformed)
	wantCode(t, "from", send(a, "GET", "/api/v1/directory/consistency?from=x", "", ""), api.CodeMalformed)
	for err, want := range map[error]api.Code{
		directory.ErrRequest: api.CodeDirectoryRefused, directory.ErrNotFound: api.CodeNotFound,
		directory.ErrUnavailable: api.CodeBusy, directory.ErrBusy: api.CodeBusy, errors.New("disk"): api.CodeInternal,
	} {
		d.err = fmt.Errorf("wrapped: %w", err)
		wantCode(t, err.Error(), send(a, "GET", "/api/v1/directory/mutations/5", "", ""), want)
	}
	d.err, f.err = nil, auth.Refuse(api.CodeSlowDown, "wait")
	wantCode(t, "rate", send(a, "POST", "/api/v1/directory/lookup", binary, "q"), api.CodeSlowDown)
}

func TestPages(t *testing.T) {
	a := newAPI(t, fstest.MapFS{"index.html": {Data: []byte("page")}}, false)
	for _, path := range []string{"/", "/m/x", "/i", "/sign-up", "/sign-in", "/recover", "/devices", "/contacts", "/verify/ada", "/settings", "/settings/keys"} {
		if r := get(a, path, nil); r.StatusCode != 200 || r.body != "page" {
			t.Errorf("%s: %d %q", path, r.StatusCode, r.body)
		}
		if p := get(a, path, nil).Header.Get("Permissions-Policy"); !strings.Contains(p, "publickey-credentials-get=(self)") {
			t.Errorf("%s: %q does not allow passkeys", path, p)
		}
	}
}
