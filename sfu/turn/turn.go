package turn

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"
)

// A Config says where the relay listens and for what. Zero fields mean the default.
type Config struct {
	// UDP, TCP and TLS are the addresses to listen on; those that are empty are not
	// offered, and one is needed. On a machine with several addresses UDP should name one.
	UDP, TCP, TLS string
	// Host is what clients are to call, a name or an address; default Relay.
	Host string
	// Secret is what credentials are made from; at least 16 bytes that nobody can guess.
	Secret []byte
	// Realm is what clients are asked for credentials for; at most 8 characters, so that
	// the question is at most three times as long as what may be sent in another's name.
	// Default "conclave".
	Realm string
	// Relay is the address that relayed media comes from. If the machine does not
	// have it, any is used that leads to the media addresses.
	Relay netip.Addr
	// Allowed reports whether media may be relayed to an address: one of
	// the server's own. With port 0 it is asked whether any port of the address is
	// allowed. See Only. It may be called concurrently.
	Allowed func(netip.AddrPort) bool
	// TLSConfig has the certificate, if TLS is set.
	TLSConfig *tls.Config
	// PerUser bounds the allocations of one username; a browser makes one for each of
	// its networks, URLs and connections. Default 32.
	PerUser int
	// Total bounds all allocations; each has a socket. Default 2000.
	Total int
	Log   *slog.Logger // default: discarded
}

const (
	defaultRealm   = "conclave"
	maxRealm       = 8
	minSecret      = 16
	defaultPerUser = 32
	defaultTotal   = 2000
)

// complete checks c and fills in defaults.
func (c *Config) complete() error {
	if c.Realm == "" {
		c.Realm = defaultRealm
	}
	if c.PerUser == 0 {
		c.PerUser = defaultPerUser
	}
	if c.Total == 0 {
		c.Total = defaultTotal
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Host == "" && c.Relay.IsValid() {
		c.Host = c.Relay.String()
	}
	switch {
	case c.UDP == "" && c.TCP == "" && c.TLS == "":
		return errors.New("the relay has no address to listen on: set one of UDP, TCP and TLS")
	case c.TLS != "" && c.TLSConfig == nil:
		return errors.New("the relay has no certificate for TLS: set one, or leave TLS out")
	case len(c.Secret) < minSecret:
		return fmt.Errorf("the relay's secret is shorter than %d bytes: take random ones", minSecret)
	case len(c.Realm) > maxRealm:
		return fmt.Errorf("the relay's realm is longer than %d characters", maxRealm)
	case !c.Relay.IsValid() || c.Relay.IsUnspecified() || c.Relay.IsMulticast():
		return errors.New("the relay needs the address that media is relayed from")
	case c.Allowed == nil:
		return errors.New("the relay must be told where it may relay to")
	case c.PerUser < 0 || c.Total < 0:
		return errors.New("a limit of the relay is negative")
	}
	return nil
}

// A Server is a running relay. Its methods may be called concurrently.
type Server struct {
	// Constant.
	cfg       Config
	log       *slog.Logger
	clock     func() time.Time
	server    *turn.Server
	bind      string // where relaying sockets are bound
	packets   net.PacketConn
	acceptors []*acceptor
	urls      []string

	relays  sync.WaitGroup // sockets that relay
	mu      sync.Mutex     // guards what follows
	closed  bool
	total   int            // sockets that relay
	perUser map[string]int // of each username
}

// Listen starts a relay.
func Listen(cfg Config) (*Server, error) { return listen(cfg, time.Now) }

func listen(cfg Config, clock func() time.Time) (*Server, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: cfg.Log, clock: clock, perUser: make(map[string]int)}
	s.bind = s.relayAddress()
	server := turn.ServerConfig{
		Realm:        cfg.Realm,
		AuthHandler:  s.authenticate,
		QuotaHandler: s.quota,
		EventHandler: turn.EventHandler{OnAllocationCreated: s.created},
		// What asks for no family gets that of Relay, if it is the older one.
		StrictAddressFamily: cfg.Relay.Is4(),
		LoggerFactory:       &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled},
	}
	if err := s.open(&server); err != nil {
		s.closeListeners()
		return nil, err
	}
	var err error
	if s.server, err = turn.NewServer(server); err != nil {
		s.closeListeners()
		return nil, fmt.Errorf("starting the relay: %v", err)
	}
	return s, nil
}

// open opens what the configuration names.
func (s *Server) open(server *turn.ServerConfig) error {
	relay := &generator{s: s}
	if a := s.cfg.UDP; a != "" {
		conn, err := net.ListenPacket("udp", a) //nolint:noctx // it does not wait
		if err != nil {
			return fmt.Errorf("binding the relay's UDP address: %w", err)
		}
		s.packets = &guard{PacketConn: conn}
		server.PacketConnConfigs = append(server.PacketConnConfigs, turn.PacketConnConfig{
			PacketConn: s.packets, RelayAddressGenerator: relay, PermissionHandler: s.permitted,
		})
		s.urls = append(s.urls, s.url("turn", conn.LocalAddr(), "udp"))
	}
	for _, l := range []struct {
		addr, scheme string
		tls          *tls.Config
	}{{s.cfg.TCP, "turn", nil}, {s.cfg.TLS, "turns", s.cfg.TLSConfig}} {
		if l.addr == "" {
			continue
		}
		listener, err := net.Listen("tcp", l.addr) //nolint:noctx // it does not wait
		if err != nil {
			return fmt.Errorf("binding the relay's %s address: %w", l.scheme, err)
		}
		a := newAcceptor(listener, l.tls)
		s.acceptors = append(s.acceptors, a)
		server.ListenerConfigs = append(server.ListenerConfigs, turn.ListenerConfig{
			Listener: a, RelayAddressGenerator: relay, PermissionHandler: s.permitted,
		})
		s.urls = append(s.urls, s.url(l.scheme, listener.Addr(), "tcp"))
	}
	return nil
}

// url returns the URI (RFC 7065) of a listener.
func (s *Server) url(scheme string, a net.Addr, transport string) string {
	_, port, _ := net.SplitHostPort(a.String()) // it is one of a socket
	return scheme + ":" + net.JoinHostPort(s.cfg.Host, port) + "?transport=" + transport
}

// URLs returns what a client is to be told: UDP first, then TCP, then TLS.
func (s *Server) URLs() []string { return append([]string(nil), s.urls...) }

// Allocations returns how many there are now.
func (s *Server) Allocations() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

// Close ends all allocations and waits until their sockets are closed.
func (s *Server) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		s.relays.Wait()
		return nil
	}
	err := s.server.Close()
	s.closeListeners()
	s.relays.Wait()
	if err != nil {
		return fmt.Errorf("closing the relay: %v", err)
	}
	return nil
}

// closeListeners closes what open has opened.
func (s *Server) closeListeners() {
	if s.packets != nil {
		_ = s.packets.Close() // it may be closed
	}
	for _, a := range s.acceptors {
		a.end()
	}
}
