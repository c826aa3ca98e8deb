package evilserver

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
)

// errStopped says that a front shows a world that does not run.
var errStopped = errors.New("evilserver: the world is stopped")

// proxyTo returns a handler that hands requests on to the server at base.
func proxyTo(base string) http.Handler {
	if base == "" {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, errStopped.Error(), http.StatusBadGateway)
		})
	}
	target, err := url.Parse(base)
	if err != nil {
		panic("evilserver: internal error: " + err.Error())
	}
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target) // also sets Host, so that the world sees its own name
		if r.In.Header.Get("Origin") != "" {
			r.Out.Header.Set("Origin", base)
		}
	}}
}

// An Answer is what a server said.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Record lets real answer r and returns what it said.
func Record(r *http.Request, real http.Handler) Answer {
	rec := httptest.NewRecorder()
	real.ServeHTTP(rec, r)
	return Answer{rec.Code, rec.Result().Header, rec.Body.Bytes()}
}

// Write sends a as the answer.
func (a Answer) Write(w http.ResponseWriter) {
	for k, v := range a.Header {
		if k != "Content-Length" {
			w.Header()[k] = v
		}
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // a client that left does not matter
}

// Body reads the body of r and puts it back.
func Body(r *http.Request) []byte {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	return b
}

// Change returns a hook that lets the server answer, and then changes the body of
// what it said, if that was a success.
func Change(change func(body []byte) []byte) Hook {
	return func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		a := Record(r, real)
		if a.Status == http.StatusOK {
			a.Body = change(a.Body)
		}
		a.Write(w)
	}
}

// discard is where the choice of a hook writes to.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
