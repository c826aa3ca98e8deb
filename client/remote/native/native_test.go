package native_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"conclave/client/remote"
	"conclave/client/remote/native"
)

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"https://Example.org":         "https://example.org",
		"https://example.org:8443/":   "https://example.org:8443",
		"http://localhost:80":         "http://localhost:80",
		"http://127.0.0.1:1":          "http://127.0.0.1:1",
		"http://[::1]:1":              "http://[::1]:1",
		"http://example.org":          "",
		"http://localhost.evil.org":   "",
		"example.org":                 "",
		"":                            "",
		"https://":                    "",
		"https://a@example.org":       "",
		"https://example.org/path":    "",
		"https://example.org/?x":      "",
		"https://example.org/#v1.abc": "",
		"file:///etc/passwd":          "",
	} {
		d, err := native.New(native.Config{Server: address})
		switch {
		case want == "" && !errors.Is(err, native.ErrAddress):
			t.Errorf("New(%q) = %v, want ErrAddress", address, err)
		case want != "" && (err != nil || d.Base() != want):
			t.Errorf("New(%q) = %v, %v, want %s", address, d, err, want)
		}
	}
}

// serve returns a Doer for a TLS server that h answers for.
func serve(t *testing.T, h http.HandlerFunc, most uint16) *native.Doer {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{MaxVersion: most}
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	d, err := native.New(native.Config{Server: s.URL, TLS: &tls.Config{RootCAs: roots}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func TestDo(t *testing.T) {
	d := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/x")
		w.WriteHeader(418)
		_, _ = io.WriteString(w, r.Method+" "+r.URL.String()+" "+r.Header.Get("X-A")+" "+string(b))
	}, 0)
	res, err := d.Do(t.Context(), remote.Request{Method: "PUT", Path: "/a?b=1", Header: map[string]string{"X-A": "v"}, Body: []byte("body"), Limit: 100})
	if err != nil || res.Status != 418 || res.Type != "text/x" || string(res.Body) != "PUT /a?b=1 v body" {
		t.Errorf("Do = %+v, %v", res, err)
	}
}

func TestLimit(t *testing.T) {
	d := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 11)) }, 0)
	if _, err := d.Do(t.Context(), remote.Request{Method: "GET", Path: "/", Limit: 10}); !errors.Is(err, remote.ErrTooLarge) {
		t.Errorf("11 of 10 bytes: %v, want ErrTooLarge", err)
	}
	if res, err := d.Do(t.Context(), remote.Request{Method: "GET", Path: "/", Limit: 11}); err != nil || len(res.Body) != 11 {
		t.Errorf("11 of 11 bytes: %d, %v", len(res.Body), err)
	}
}

// TestRedirect checks that a server cannot send the client, and its session, to
// another one.
func TestRedirect(t *testing.T) {
	asked := 0
	d := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "https://elsewhere.invalid/", http.StatusFound)
	}, 0)
	res, err := d.Do(t.Context(), remote.Request{Method: "GET", Path: "/", Limit: 1000})
	if err != nil || res.Status != http.StatusFound || asked != 1 {
		t.Errorf("Do = %d, %v after %d requests", res.Status, err, asked)
	}
	for _, path := range []string{"", "x", "//elsewhere.invalid/", "@elsewhere.invalid/"} {
		if _, err := d.Do(t.Context(), remote.Request{Method: "GET", Path: path, Limit: 1}); !errors.Is(err, native.ErrAddress) {
			t.Errorf("path %q: %v, want ErrAddress", path, err)
		}
	}
}

func TestUnreachable(t *testing.T) {
	old := serve(t, func(http.ResponseWriter, *http.Request) {}, tls.VersionTLS12)
	if _, err := old.Do(t.Context(), remote.Request{Method: "GET", Path: "/", Limit: 1}); !errors.Is(err, remote.ErrUnreachable) {
		t.Errorf("TLS 1.2: %v, want ErrUnreachable", err)
	}
	gone, err := native.New(native.Config{Server: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = gone.Do(t.Context(), remote.Request{Method: "GET", Path: "/", Limit: 1})
	if !errors.Is(err, remote.ErrUnreachable) || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("closed port: %v, want ErrUnreachable without the address", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	d := serve(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() }, 0)
	if _, err := d.Do(ctx, remote.Request{Method: "GET", Path: "/", Limit: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("call given up: %v, want Canceled", err)
	}
}
