// Package evilserver is the real server in the hands of a liar, for tests.
//
// A [Server] runs worlds: whole servers, each with a data folder of its own. The
// first is honest. [Server.Fork] copies a world, keys and history, into another
// one, which from then on is led astray; both sign with the same keys, as a
// malicious operator can. Clients reach them through fronts, one for each client,
// which show it the world that the test wants and pass what it asks and gets
// through hooks. So every lie is told to real clients over HTTP, and everything
// that is not the lie is the product.
package evilserver

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"conclave/server"
)

// Origin is the name of the directory's log in all worlds.
const Origin = "conclave.test"

// A Server is a set of worlds and of fronts. Its methods may be called
// concurrently.
type Server struct {
	tb     testing.TB
	config server.Config // of every world but for Data and Listen

	mu     sync.Mutex
	folder int // counts data folders
}

// New returns a Server without worlds. Config says what all of them have in
// common; zero is fine.
func New(tb testing.TB, cfg server.Config) *Server {
	tb.Helper()
	cfg.Accounts.Origin = Origin
	return &Server{tb: tb, config: cfg}
}

// A World is one running server.
type World struct {
	server *Server
	data   string

	mu     sync.Mutex
	real   *server.Server // nil: stopped
	cancel context.CancelFunc
	done   chan error
}

// World starts a server with an empty data folder.
func (s *Server) World() *World {
	s.tb.Helper()
	w := &World{server: s, data: s.newFolder()}
	s.tb.Cleanup(w.Stop)
	w.Start()
	return w
}

func (s *Server) newFolder() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.folder++
	return filepath.Join(s.tb.TempDir(), fmt.Sprintf("world%d", s.folder))
}

// Start runs a world that was stopped.
func (w *World) Start() {
	w.server.tb.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.real != nil {
		return
	}
	cfg := w.server.config
	cfg.Data, cfg.Listen, cfg.NoMediaTCP = w.data, "127.0.0.1:0", true
	real, err := server.Listen(cfg)
	if err != nil {
		w.server.tb.Fatalf("starting a world: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.real, w.cancel, w.done = real, cancel, make(chan error, 1)
	go func(done chan<- error) { done <- real.Run(ctx) }(w.done)
	w.awaitDirectory(ctx, real.URL())
}

// awaitDirectory waits for the first checkpoint: before it, nothing is answered.
func (w *World) awaitDirectory(ctx context.Context, base string) {
	w.server.tb.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for range 6000 {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/checkpoint", nil)
		if err != nil {
			w.server.tb.Fatal(err)
		}
		if a, err := http.DefaultClient.Do(q); err == nil {
			_ = a.Body.Close() // nothing was asked of it
			if a.StatusCode == http.StatusOK {
				return
			}
		}
		<-again.C
	}
	w.server.tb.Fatal("the directory does not begin")
}

// Stop ends a world's server; its data stays.
func (w *World) Stop() {
	w.server.tb.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.real == nil {
		return
	}
	w.cancel()
	if err := <-w.done; err != nil {
		w.server.tb.Errorf("a world ended: %v", err)
	}
	w.real = nil
}

// Data returns the folder of a world, for an operator who changes what is in it
// while it is stopped.
func (w *World) Data() string { return w.data }

// URL returns where the world itself listens, or "" if it is stopped.
func (w *World) URL() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.real == nil {
		return ""
	}
	return w.real.URL()
}

// Fork stops w for a moment and returns a copy of it, running: the same keys, the
// same history so far.
func (w *World) Fork() *World {
	w.server.tb.Helper()
	w.Stop()
	copied := &World{server: w.server, data: w.server.newFolder()}
	if err := os.CopyFS(copied.data, os.DirFS(w.data)); err != nil {
		w.server.tb.Fatalf("copying a world: %v", err)
	}
	w.server.tb.Cleanup(copied.Stop)
	w.Start()
	copied.Start()
	return copied
}
