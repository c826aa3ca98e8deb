package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"conclave/api"
	"conclave/httpapi"
	"conclave/room"
	"conclave/sfu/engine"
	"conclave/sfu/turn"
	"conclave/web"
)

const (
	tickInterval    = 250 * time.Millisecond // how late a seat may be given up
	shutdownTimeout = 5 * time.Second        // for clients to take their Closing frame
	headerTimeout   = 10 * time.Second       // for the head of a request
	idleTimeout     = 2 * time.Minute        // of a connection that is no WebSocket
	maxHeaderBytes  = 32 << 10
)

// A Server is bound to its addresses. Create it with [Listen].
type Server struct {
	// Constant after Listen.
	cfg         Config
	log         *slog.Logger
	listener    net.Listener
	http        *http.Server
	api         *httpapi.API
	meetings    *room.Registry
	media       *engine.Engine
	relay       *turn.Server // nil: none
	accounts    *accounts    // nil: none
	fingerprint string
}

// Listen binds the addresses of cfg, so that [Server.URL] is known and clients
// can connect; they are answered once Run runs. The caller must call Run.
func Listen(cfg Config) (*Server, error) {
	cfg, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: cfg.Log}
	if s.listener, err = net.Listen("tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	if s.media, err = engine.New(s.mediaConfig()); err != nil {
		return nil, errors.Join(err, s.listener.Close())
	}
	if !cfg.NoMediaTCP {
		s.listener = split(s.listener, s.media.ServeTCP)
	}
	if err := s.wire(); err != nil {
		return nil, errors.Join(err, s.accounts.close(), s.closeRelay(), s.media.Close(), s.listener.Close())
	}
	return s, nil
}

// mediaConfig returns where media is received: unless it is said otherwise, on
// the port of the web client.
func (s *Server) mediaConfig() engine.Config {
	c := engine.Config{
		Listen:    s.cfg.MediaListen,
		Addresses: s.cfg.MediaAddresses,
		AudioAll:  s.cfg.AudioAll,
		Tap:       s.cfg.TestOnlyTap,
		Log:       s.log,
	}
	a, ok := s.listener.Addr().(*net.TCPAddr)
	if !ok {
		return c
	}
	if c.Listen == "" {
		c.Listen = net.JoinHostPort("", strconv.Itoa(a.Port))
	}
	if !s.cfg.NoMediaTCP {
		c.TCP = []netip.AddrPort{a.AddrPort()}
	}
	return c
}

// wire makes all parts.
func (s *Server) wire() error {
	var err error
	s.meetings, err = room.NewRegistry(room.Config{
		Limit:      s.cfg.MaxParticipants,
		Grace:      s.cfg.Grace,
		MeetingTTL: s.cfg.MeetingTTL,
		NewMedia:   newMedia(s.media),
		ICEServers: s.iceServers,
		Log:        s.log,
	})
	if err != nil {
		return err
	}
	if s.accounts, err = s.openAccounts(); err != nil {
		return err
	}
	metrics := newMetrics()
	s.api, err = httpapi.New(s.apiConfig(metrics))
	if err != nil {
		return err
	}
	metrics.addMeetings(s.meetings.Stats())
	metrics.addConnections(s.api.Stats())
	metrics.addMedia(s.media.Stats())
	metrics.addAccounts(s.accounts)
	s.http = &http.Server{
		Handler:           s.api,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(dropAddresses{s.log.Handler()}, slog.LevelDebug),
	}
	if s.cfg.usesTLS() {
		cert, err := s.cfg.certificate(time.Now())
		if err != nil {
			return err
		}
		s.fingerprint = fingerprint(cert)
		s.http.TLSConfig = &tls.Config{
			Certificates: []tls.Certificate{cert},
			MinVersion:   tls.VersionTLS13,
			NextProtos:   []string{"http/1.1"}, // WebSockets over HTTP/2 are not served
		}
	}
	return s.startRelay()
}

// apiConfig returns what the routes call.
func (s *Server) apiConfig(m *metrics) httpapi.Config {
	c := httpapi.Config{
		Meetings: s.meetings,
		Web:      web.Files(),
		Metrics:  m.handler(),
		TLS:      s.cfg.usesTLS(),
		Origins:  s.cfg.AllowOrigins,
		Log:      s.log,
	}
	if a := s.accounts; a != nil {
		c.Accounts, c.Directory, c.Witness = a.auth, a.directory, a.witness
		c.KeyPackages = a.packages
	}
	return c
}

// Addr returns the TCP address that is listened on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// MediaAddrs returns the UDP addresses that media is received on.
func (s *Server) MediaAddrs() []net.Addr { return s.media.Addrs() }

// URL returns where a browser on this machine finds the server, without a
// trailing slash. Loopback is called localhost, which browsers trust without TLS.
func (s *Server) URL() string {
	scheme := "http"
	if s.cfg.usesTLS() {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(s.Addr().String())
	if err != nil {
		return scheme + "://" + s.Addr().String()
	}
	if ip := net.ParseIP(host); ip.IsUnspecified() || ip.IsLoopback() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// Fingerprint returns the SHA-256 of the TLS certificate in hex, or "".
func (s *Server) Fingerprint() string { return s.fingerprint }

// Run serves until ctx ends, and then lets clients go: each gets a Closing
// frame. It returns nil after an orderly end. Run may be called once.
func (s *Server) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() { s.tick(ctx) })
	stopAccounts := s.runAccounts(ctx)
	s.awaitDirectory(ctx)

	// Requests live on while the server shuts down, so that clients get their
	// Closing frame, and are then cut off.
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	s.http.BaseContext = func(net.Listener) context.Context { return base }

	failed := make(chan error, 1) // the one error of Serve
	wg.Go(func() {
		if s.cfg.usesTLS() {
			failed <- s.http.ServeTLS(s.listener, "", "")
		} else {
			failed <- s.http.Serve(s.listener)
		}
	})
	s.log.InfoContext(ctx, "serving", slog.String("url", s.URL()))
	var err error
	select {
	case err = <-failed:
		err = fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	return errors.Join(err, s.shutdown(), stopAccounts(), s.closeRelay(), s.media.Close())
}

// shutdown ends all meetings and waits for their last frames to go out.
func (s *Server) shutdown() error {
	s.meetings.Close(api.Closing_REASON_SHUTDOWN)
	s.accounts.stopWaiting()
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	err := errors.Join(s.http.Shutdown(ctx), s.api.Drain(ctx))
	if err != nil {
		return errors.Join(fmt.Errorf("shutting down: %w", err), s.http.Close())
	}
	return nil
}

// tick moves the meetings' time on.
func (s *Server) tick(ctx context.Context) {
	t := time.NewTicker(tickInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			s.meetings.Tick(now)
		}
	}
}
