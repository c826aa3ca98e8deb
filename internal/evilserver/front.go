package evilserver

import (
	"net/http"
	"net/http/httptest"
	"sync"
)

// A Hook stands between a client and the server it is shown: it answers r itself,
// or lets real answer and may change what comes out (see [Record]).
type Hook func(w http.ResponseWriter, r *http.Request, real http.Handler)

// A Front is what one client takes for the server: an http.Handler. Its methods
// may be called concurrently.
type Front struct {
	url string // where it listens; "" if somebody else serves it

	mu    sync.Mutex
	real  func() string   // the URL of the server behind it, "": it is stopped
	hooks map[string]Hook // by pattern of http.ServeMux
	seen  []string        // method and path of what the client asked
}

// NewFront returns a front for the server at base, which the caller serves.
func NewFront(base string) *Front {
	return &Front{real: func() string { return base }, hooks: make(map[string]Hook)}
}

// Front returns a new front that listens, shows w and lies about nothing yet.
func (s *Server) Front(w *World) *Front {
	f := &Front{real: w.URL, hooks: make(map[string]Hook)}
	listener := httptest.NewServer(f)
	s.tb.Cleanup(listener.Close)
	f.url = listener.URL
	return f
}

// URL is where the client finds its server.
func (f *Front) URL() string { return f.url }

// Show makes the front show another world from now on.
func (f *Front) Show(w *World) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.real = w.URL
}

// Lie puts a hook on requests that fit pattern, such as "POST
// /api/v1/directory/lookup"; nil takes it off. One hook a pattern.
func (f *Front) Lie(pattern string, h Hook) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h == nil {
		delete(f.hooks, pattern)
		return
	}
	f.hooks[pattern] = h
}

// Asked returns method and path of every request so far, in order.
func (f *Front) Asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.seen...)
}

// ServeHTTP implements http.Handler.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.seen = append(f.seen, r.Method+" "+r.URL.Path)
	base := f.real()
	mux := http.NewServeMux()
	var hook Hook
	for pattern, h := range f.hooks {
		mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) { hook = h })
	}
	f.mu.Unlock()
	mux.ServeHTTP(discard{make(http.Header)}, r.Clone(r.Context()))
	real := proxyTo(base)
	if hook == nil {
		real.ServeHTTP(w, r)
		return
	}
	hook(w, r, real)
}
