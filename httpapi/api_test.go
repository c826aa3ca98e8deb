package httpapi

import (
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"conclave/room"
)

func newAPI(t *testing.T, files fstest.MapFS, tls bool) *API {
	t.Helper()
	g, err := room.NewRegistry(room.Config{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(Config{Meetings: g, Web: files, TLS: tls, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var site = fstest.MapFS{
	".gitkeep":                     {Data: nil},
	"index.html":                   {Data: []byte("<!doctype html><title>Conclave</title>")},
	"conclave.wasm":                {Data: []byte("\x00asm")},
	"conclave.wasm.br":             {Data: []byte("brotli")},
	"conclave.wasm.gz":             {Data: []byte("gzip")},
	"assets/index-BxT4k2Qz.js":     {Data: []byte("export {}")},
	"assets/index-BxT4k2Qz.css":    {Data: []byte("a{}")},
	"assets/lonely.gz":             {Data: []byte("not a form of another file")},
	"assets/worker-A_b-1234.js":    {Data: []byte("export {}")},
	"assets/worker-A_b-1234.js.br": {Data: []byte("brotli")},
}

// answer is a response that was read whole.
type answer struct {
	StatusCode int
	Header     http.Header
	body       string
}

func get(a *API, path string, header http.Header) answer {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	maps.Copy(r.Header, header)
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

func TestAssets(t *testing.T) {
	a := newAPI(t, site, false)
	for _, tt := range []struct {
		path, accept       string
		status             int
		contentType, cache string
		encoding, body     string
	}{
		{"/", "", 200, "text/html; charset=utf-8", "no-cache", "", "<!doctype html><title>Conclave</title>"},
		{"/m/abcdefghijkl2345", "", 200, "text/html; charset=utf-8", "no-cache", "", "<!doctype html><title>Conclave</title>"},
		{"/conclave.wasm", "", 200, "application/wasm", "no-cache", "", "\x00asm"},
		{"/conclave.wasm", "gzip, deflate, br", 200, "application/wasm", "no-cache", "br", "brotli"},
		{"/conclave.wasm", "gzip, br;q=0", 200, "application/wasm", "no-cache", "gzip", "gzip"},
		{"/assets/index-BxT4k2Qz.js", "br", 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "", "export {}"},
		{"/assets/worker-A_b-1234.js", "br", 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "br", "brotli"},
		{"/assets/index-BxT4k2Qz.css", "", 200, "text/css; charset=utf-8", "public, max-age=31536000, immutable", "", "a{}"},
		{"/assets/lonely.gz", "gzip", 200, "", "no-cache", "", "not a form of another file"},
		{"/assets/missing.js", "", 404, "", "", "", ""},
		{"/conclave.wasm.br", "", 404, "", "", "", ""},
		{"/.gitkeep", "", 404, "", "", "", ""},
		{"/api/v2/connect", "", 404, "", "", "", ""},
	} {
		r := get(a, tt.path, http.Header{"Accept-Encoding": {tt.accept}})
		if r.StatusCode != tt.status {
			t.Errorf("%s: status %d, want %d", tt.path, r.StatusCode, tt.status)
			continue
		}
		if tt.status != 200 {
			continue
		}
		h := r.Header
		if got := r.body; got != tt.body {
			t.Errorf("%s (%s): body %q, want %q", tt.path, tt.accept, got, tt.body)
		}
		if tt.contentType != "" && h.Get("Content-Type") != tt.contentType {
			t.Errorf("%s: type %q, want %q", tt.path, h.Get("Content-Type"), tt.contentType)
		}
		if h.Get("Cache-Control") != tt.cache || h.Get("Content-Encoding") != tt.encoding {
			t.Errorf("%s (%s): cache %q, encoding %q, want %q, %q", tt.path, tt.accept,
				h.Get("Cache-Control"), h.Get("Content-Encoding"), tt.cache, tt.encoding)
		}
		again := get(a, tt.path, http.Header{"Accept-Encoding": {tt.accept}, "If-None-Match": {h.Get("Etag")}})
		if again.StatusCode != http.StatusNotModified {
			t.Errorf("%s with its tag: status %d, want 304", tt.path, again.StatusCode)
		}
	}
}

func TestMissingWebClient(t *testing.T) {
	r := get(newAPI(t, fstest.MapFS{".gitkeep": {}}, false), "/", nil)
	if got := r.body; r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(got, "make web") {
		t.Errorf("status %d, body %q, want 503 that says to run make web", r.StatusCode, got)
	}
}

func TestSecurityHeaders(t *testing.T) {
	for _, tls := range []bool{false, true} {
		a := newAPI(t, site, tls)
		for _, path := range []string{"/", "/assets/missing.js", "/healthz", "/api/v1/connect", "/conclave.wasm"} {
			h := get(a, path, nil).Header
			csp := h.Get("Content-Security-Policy")
			scheme := "ws://"
			if tls {
				scheme = "wss://"
			}
			for _, want := range []string{
				"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval';", "worker-src 'self'", "style-src 'self'",
				"connect-src 'self' " + scheme + "example.com;", "require-trusted-types-for 'script'",
				"trusted-types conclave svelte-trusted-html;", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
			} {
				if !strings.Contains(csp, want) {
					t.Errorf("%s: policy %q lacks %q", path, csp, want)
				}
			}
			for name, want := range map[string]string{
				"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp",
				"Cross-Origin-Resource-Policy": "same-origin", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			} {
				if h.Get(name) != want {
					t.Errorf("%s: %s = %q, want %q", path, name, h.Get(name), want)
				}
			}
			if got := h.Get("Strict-Transport-Security") != ""; got != tls {
				t.Errorf("%s: Strict-Transport-Security set %v, want %v", path, got, tls)
			}
		}
	}
}

func TestHostIsNotCopiedIntoThePolicy(t *testing.T) {
	a := newAPI(t, site, false)
	for _, host := range []string{"evil; script-src *", "a b", "x'y", strings.Repeat("a", 300), ""} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if got := w.Header().Get("Content-Security-Policy"); !strings.Contains(got, "connect-src 'self';") {
			t.Errorf("host %q: policy %q, want connect-src 'self' only", host, got)
		}
	}
}

func TestHealthAndMethods(t *testing.T) {
	a := newAPI(t, site, false)
	if r := get(a, "/healthz", nil); r.StatusCode != 200 || r.body != "ok\n" {
		t.Errorf("healthz: status %d", r.StatusCode)
	}
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /: status %d, want 405", w.Code)
	}
	if r := get(a, "/metrics", nil); r.StatusCode != http.StatusNotFound {
		t.Errorf("metrics without a handler: status %d, want 404", r.StatusCode)
	}
	if r := get(a, "/api/v1/connect", nil); r.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("connect without WebSocket: status %d, want 426", r.StatusCode)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("New() without meetings = nil error")
	}
}
