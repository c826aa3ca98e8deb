package auth_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"conclave/api"
	"conclave/auth"
)

const callbackURL = "https://conclave.example/api/v1/auth/oidc/callback"

// A provider is a real OpenID provider (zitadel/oidc) at an address of its own,
// with a place to lie in.
type provider struct {
	*httptest.Server
	t       *testing.T
	storage *storage.Storage
	user    string // who signs in

	mu  sync.Mutex
	lie func(claims map[string]any) // changes ID tokens before they are signed
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{t: t, user: "test-user2"}
	mux := http.NewServeMux()
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	client := storage.WebClient("conclave", "secret", callbackURL)
	p.storage = storage.NewStorageWithClients(storage.NewUserStore(p.URL), map[string]*storage.Client{"conclave": client})
	o, err := op.NewProvider(&op.Config{CryptoKey: [32]byte{1}, CodeMethodS256: true}, p.storage, op.StaticIssuer(p.URL),
		op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/", o)
	mux.HandleFunc("GET /login/username", func(w http.ResponseWriter, r *http.Request) {
		id := r.FormValue("authRequestID")
		if err := p.storage.CheckUsernamePassword(p.user, "verysecure", id); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		http.Redirect(w, r, op.AuthCallbackURL(o)(r.Context(), id), http.StatusFound)
	})
	mux.HandleFunc("POST /oauth/token", func(w http.ResponseWriter, r *http.Request) { p.token(o, w, r) })
	return p
}

// token answers as the provider does, but for the lie in the ID token.
func (p *provider) token(o http.Handler, w http.ResponseWriter, r *http.Request) {
	rec := httptest.NewRecorder()
	o.ServeHTTP(rec, r)
	p.mu.Lock()
	lie := p.lie
	p.mu.Unlock()
	var answer map[string]any
	if lie == nil || rec.Code != http.StatusOK || json.Unmarshal(rec.Body.Bytes(), &answer) != nil {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
		return
	}
	parts := strings.Split(answer["id_token"].(string), ".")
	var claims map[string]any
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		p.t.Errorf("ID token %q", parts)
	}
	lie(claims)
	payload, err = json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
	}
	answer["id_token"] = p.sign(r, parts[0]+"."+base64.RawURLEncoding.EncodeToString(payload))
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// sign signs with the provider's own key.
func (p *provider) sign(r *http.Request, token string) string {
	key, err := p.storage.SigningKey(r.Context())
	if err != nil {
		p.t.Error(err)
	}
	sum := sha256.Sum256([]byte(token))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key.Key().(*rsa.PrivateKey), crypto.SHA256, sum[:])
	if err != nil {
		p.t.Error(err)
	}
	return token + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func (p *provider) lies(lie func(map[string]any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lie = lie
}

func (p *provider) config() auth.OIDCConfig {
	return auth.OIDCConfig{ID: "org", Name: "Organisation", Issuer: p.URL, ClientID: "conclave", ClientSecret: "secret"}
}

var verifier = []byte("a verifier that the client keeps")

func (h *harness) oidcBegin(how string) *api.OIDCFlow {
	h.Helper()
	sum := sha256.Sum256(verifier)
	return call[api.OIDCFlow](h, "POST", "/api/v1/auth/oidc/begin", "", &api.OIDCBegin{Provider: "org", VerifierHash: sum[:], Return: how})
}

// browse follows a browser from the URL to where the provider sends it back to,
// and returns the query there.
func (p *provider) browse(at string) url.Values {
	p.t.Helper()
	client := p.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for range 5 {
		req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, at, nil)
		if err != nil {
			p.t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			p.t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		to, err := resp.Location()
		if err != nil {
			p.t.Fatalf("%d %s", resp.StatusCode, body)
		}
		if strings.HasPrefix(to.String(), callbackURL) {
			return to.Query()
		}
		at = to.String()
	}
	p.t.Fatal("too many redirects")
	return nil
}

// back is the browser's request when the provider sent it back.
func (h *harness) back(q url.Values) *httptest.ResponseRecorder {
	h.Helper()
	return h.send(h.Context(), "GET", "/api/v1/auth/oidc/callback?"+q.Encode(), "", nil)
}

var shownCode = regexp.MustCompile(`<code id="code">([A-Z0-9]{4}-[A-Z0-9]{4})</code>`)

// typed returns the code that a page shows.
func typed(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	m := shownCode.FindStringSubmatch(w.Body.String())
	if w.Code != http.StatusOK || m == nil {
		t.Fatalf("callback: %d %s, want a page with a code", w.Code, w.Body)
	}
	return m[1]
}

func oidcFinish(f *api.OIDCFlow, code string) *api.OIDCFinish {
	return &api.OIDCFinish{Flow: f.Flow, Verifier: verifier, Code: code, Name: "terminal"}
}

func TestOIDC(t *testing.T) {
	p := newProvider(t)
	h := newHarness(t, func(c *auth.Config) { c.OIDC = []auth.OIDCConfig{p.config()} })
	f := h.oidcBegin("code")
	u, err := url.Parse(f.URL)
	if err != nil {
		t.Fatal(err)
	}
	if q := u.Query(); q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" || q.Get("state") == "" || q.Get("scope") != "openid" {
		t.Fatalf("URL %s: want PKCE, a nonce, a state, and no scope but openid", u)
	}
	code := typed(t, h.back(p.browse(f.URL)))
	s := call[api.SignedIn](h, "POST", "/api/v1/auth/oidc/finish", "", oidcFinish(f, strings.ToLower(code)))
	if s.Session.Method != "oidc:org" || s.Session.Handle != "" || s.Session.Device != "" {
		t.Errorf("session %+v", s.Session)
	}
	h.refused(api.CodeExpired, "POST", "/api/v1/auth/oidc/finish", "", oidcFinish(f, code))

	// The web client gets the code in the fragment, which no server sees.
	f = h.oidcBegin("page")
	w := h.back(p.browse(f.URL))
	page, code, ok := strings.Cut(w.Header().Get("Location"), "#oidc=")
	if w.Code != http.StatusSeeOther || page != "/sign-in" || !ok {
		t.Fatalf("callback: %d to %q", w.Code, w.Header().Get("Location"))
	}
	again := call[api.SignedIn](h, "POST", "/api/v1/auth/oidc/finish", "", oidcFinish(f, code))
	if again.Session.User != s.Session.User {
		t.Error("the same person got another account")
	}
	// Another person has another account; a handle comes with the first record.
	p.user = "test-user@127.0.0.1"
	f = h.oidcBegin("code")
	other := call[api.SignedIn](h, "POST", "/api/v1/auth/oidc/finish", "", oidcFinish(f, typed(t, h.back(p.browse(f.URL)))))
	if other.Session.User == s.Session.User {
		t.Error("two people share an account")
	}
	grace := &person{h: h, handle: "grace", user: mustUser(t, other.Session.User), identity: newKey(t), devices: []*device{newDevice(t)}}
	grace.publish(other.Token, grace.record(grace.devices))
	if got := call[api.Session](h, "GET", "/api/v1/auth/session", other.Token, nil); got.Handle != "grace" {
		t.Errorf("handle %q", got.Handle)
	}
}

// TestOIDCLies has a provider, or who stands between, say what it must not.
func TestOIDCLies(t *testing.T) {
	p := newProvider(t)
	h := newHarness(t, func(c *auth.Config) { c.OIDC = []auth.OIDCConfig{p.config()} })
	for name, lie := range map[string]func(map[string]any){
		"nonce":                   func(c map[string]any) { c["nonce"] = "another" },
		"no nonce":                func(c map[string]any) { delete(c, "nonce") },
		"issuer":                  func(c map[string]any) { c["iss"] = "https://evil.example" },
		"issuer with a slash":     func(c map[string]any) { c["iss"] = p.URL + "/" },
		"audience":                func(c map[string]any) { c["aud"] = "another" },
		"no audience":             func(c map[string]any) { delete(c, "aud") },
		"audiences without party": func(c map[string]any) { c["aud"] = []string{"conclave", "another"}; delete(c, "azp") },
		"authorized party":        func(c map[string]any) { c["azp"] = "another" },
		"expired":                 func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() },
		"nobody":                  func(c map[string]any) { c["sub"] = "" },
	} {
		p.lies(lie)
		f := h.oidcBegin("code")
		w := h.back(p.browse(f.URL))
		if w.Code != http.StatusForbidden || shownCode.MatchString(w.Body.String()) {
			t.Errorf("%s: %d %s, want a refusal", name, w.Code, w.Body)
		}
		h.refused(api.CodeCodeWrong, "POST", "/api/v1/auth/oidc/finish", "", oidcFinish(f, ""))
	}
	p.lies(func(map[string]any) {})
	f := h.oidcBegin("code")
	typed(t, h.back(p.browse(f.URL))) // it is the lies that were refused
}

func TestOIDCStateAndCode(t *testing.T) {
	p := newProvider(t)
	h := newHarness(t, func(c *auth.Config) { c.OIDC = []auth.OIDCConfig{p.config()} })
	refusedBack := func(name string, q url.Values) {
		t.Helper()
		if w := h.back(q); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d %s, want a refusal", name, w.Code, w.Body)
		}
	}
	q := p.browse(h.oidcBegin("code").URL)
	forged := url.Values{"code": q["code"], "state": {"AAAA"}}
	refusedBack("unknown state", forged)
	refusedBack("no state", url.Values{"code": q["code"]})
	typed(t, h.back(q))
	refusedBack("replayed", q)
	// An old code with the state of a new flow: the provider does not take it twice.
	second := p.browse(h.oidcBegin("code").URL)
	refusedBack("replayed code", url.Values{"code": q["code"], "state": second["state"]})
	// A code of somebody else's flow: its PKCE verifier is another.
	third, fourth := p.browse(h.oidcBegin("code").URL), p.browse(h.oidcBegin("code").URL)
	refusedBack("another flow's code", url.Values{"code": third["code"], "state": fourth["state"]})
	refusedBack("error", url.Values{"error": {"access_denied"}, "state": p.browse(h.oidcBegin("code").URL)["state"]})
	mixed := p.browse(h.oidcBegin("code").URL)
	mixed.Set("iss", "https://evil.example")
	refusedBack("another issuer", mixed)
	late := p.browse(h.oidcBegin("code").URL)
	h.pass(11 * time.Minute)
	refusedBack("late", late)
}

func TestOIDCOrigin(t *testing.T) {
	p := newProvider(t)
	h := newHarness(t, func(c *auth.Config) { c.OIDC = []auth.OIDCConfig{p.config()} })
	for origin, want := range map[string]int{
		"": 200, "https://conclave.example": 200, "https://evil.example": 403, "null": 403, "https://conclave.example.evil.example": 403,
	} {
		q := p.browse(h.oidcBegin("code").URL)
		r := httptest.NewRequestWithContext(t.Context(), "GET", "https://conclave.example/api/v1/auth/oidc/callback?"+q.Encode(), nil)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := httptest.NewRecorder()
		h.api.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("origin %q: %d, want %d", origin, w.Code, want)
		}
	}
}

// TestOIDCCannotBePhished has an attacker begin, and somebody else sign in at the
// link: the attacker lacks the code that the browser got; and who saw the code
// lacks the verifier.
func TestOIDCCannotBePhished(t *testing.T) {
	p := newProvider(t)
	h := newHarness(t, func(c *auth.Config) { c.OIDC = []auth.OIDCConfig{p.config()} })
	f := h.oidcBegin("code")
	code := typed(t, h.back(p.browse(f.URL)))
	thief := oidcFinish(f, code)
	thief.Verifier = []byte("another")
	h.refused(api.CodeExpired, "POST", "/api/v1/auth/oidc/finish", "", thief)
	for left := 4; left >= 0; left-- {
		e := h.refused(api.CodeCodeWrong, "POST", "/api/v1/auth/oidc/finish", "", oidcFinish(f, "AAAA-AAAA"))
		if e.TriesLeft == nil || *e.TriesLeft != left {
			t.Errorf("tries left %v, want %d", e.TriesLeft, left)
		}
	}
	h.refused(api.CodeExpired, "POST", "/api/v1/auth/oidc/finish", "", oidcFinish(f, code))
	h.refused(api.CodeMalformed, "POST", "/api/v1/auth/oidc/begin", "", &api.OIDCBegin{Provider: "org", VerifierHash: []byte("x"), Return: "code"})
	h.refused(api.CodeMalformed, "POST", "/api/v1/auth/oidc/begin", "", &api.OIDCBegin{Provider: "org", VerifierHash: make([]byte, 32), Return: "https://evil.example"})
}

func TestOIDCProviderIsDown(t *testing.T) {
	p := newProvider(t)
	slash := p.config()
	slash.Issuer += "/" // the provider says another one of itself
	for _, cfg := range []auth.OIDCConfig{slash, {ID: "org", Issuer: "http://127.0.0.1:1", ClientID: "c"}} {
		h := newHarness(t, func(c *auth.Config) { c.OIDC = []auth.OIDCConfig{cfg} })
		h.refused(api.CodeProvider, "POST", "/api/v1/auth/oidc/begin", "", &api.OIDCBegin{Provider: "org", VerifierHash: make([]byte, 32), Return: "code"})
		if !strings.Contains(h.log.String(), "not reached") {
			t.Errorf("the log does not say why: %s", h.log.String())
		}
	}
	h := newHarness(t, func(c *auth.Config) { c.OIDC = []auth.OIDCConfig{p.config()} })
	f := h.oidcBegin("code")
	q := p.browse(f.URL)
	p.Close()
	if w := h.back(q); w.Code != http.StatusForbidden {
		t.Errorf("callback without the provider: %d", w.Code)
	}
}
