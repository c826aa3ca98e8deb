package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"conclave/api"
	"conclave/room"
)

// Meetings is what the WebSocket needs of the meetings; *room.Registry is one.
type Meetings interface {
	Join(now time.Time, request uint64, j *api.Join, out *room.Outbox) (*room.Session, error)
}

var _ Meetings = (*room.Registry)(nil)

// A Config says what the API serves.
type Config struct {
	Meetings Meetings
	// Web has the built web client, index.html at its root.
	Web fs.FS
	// Metrics answers /metrics; nil: there is no such page.
	Metrics http.Handler
	// TLS is whether clients reach the server by TLS; browsers are then told to
	// come back by TLS only.
	TLS bool
	// Origins are further hosts whose pages may connect, "example.com" or
	// "example.com:8443". A page of the server's own host always may.
	Origins []string
	// MaxConnections bounds the WebSockets open at one time; 10,000.
	MaxConnections int
	// Accounts answers the account routes; nil: the server has no accounts, and
	// they answer 404 with code accounts-off.
	Accounts Accounts
	// KeyPackages answers the routes of KeyPackages, if there are accounts.
	KeyPackages KeyPackages
	// Directory answers the routes of the key directory; nil: there is none.
	Directory Directory
	// Witness answers POST /witness/add-checkpoint (C2SP tlog-witness); nil: no such route.
	Witness http.Handler
	// ClientAddress returns whose rate a request counts for; the address of the
	// connection. A server behind a proxy reads what that proxy says.
	ClientAddress func(r *http.Request) netip.Addr
	Log           *slog.Logger
}

// An API answers HTTP requests. Create it with [New].
type API struct {
	cfg     Config
	assets  *assets
	mux     *http.ServeMux
	clients chan struct{} // one token for each open WebSocket
	open    sync.WaitGroup
	stats   Stats
}

// New returns the API, or an error if the web client cannot be read.
func New(cfg Config) (*API, error) {
	if cfg.Meetings == nil || cfg.Web == nil || cfg.Log == nil {
		return nil, errors.New("meetings, web client and log are required")
	}
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = 10_000
	}
	if cfg.ClientAddress == nil {
		cfg.ClientAddress = remoteAddress
	}
	assets, err := loadAssets(cfg.Web)
	if err != nil {
		return nil, fmt.Errorf("reading the web client: %w", err)
	}
	a := &API{cfg: cfg, assets: assets, mux: http.NewServeMux(), clients: make(chan struct{}, cfg.MaxConnections)}
	a.mux.HandleFunc("GET /api/v1/connect", a.connect)
	a.mux.HandleFunc("GET /healthz", health)
	if cfg.Metrics != nil {
		a.mux.Handle("GET /metrics", cfg.Metrics)
	}
	a.accountRoutes()
	a.keyPackageRoutes()
	a.directoryRoutes()
	for _, page := range pages {
		a.mux.HandleFunc("GET "+page, a.assets.servePage)
	}
	a.mux.HandleFunc("GET /", a.assets.serveFile)
	return a, nil
}

// pages are the paths of the web client, which is one file and reads the path
// itself. One with a slash at its end stands for all below it.
var pages = []string{
	"/{$}", "/m/", "/i", "/sign-up", "/sign-in", "/recover", "/devices", "/contacts", "/contacts/", "/verify", "/verify/",
	"/settings", "/settings/",
}

// Stats returns the counters.
func (a *API) Stats() *Stats { return &a.stats }

// Drain waits until every WebSocket has ended, or returns the error of ctx.
// http.Server.Shutdown does not wait for them.
func (a *API) Drain(ctx context.Context) error {
	done := make(chan struct{})
	go func() { // ends with the last WebSocket, whose requests the caller cancels
		a.open.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setSecurityHeaders(w.Header(), r.Host, a.cfg.TLS)
	timeBody(w, r)
	a.mux.ServeHTTP(w, r)
}

func health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n")) // a client that left does not matter
}
