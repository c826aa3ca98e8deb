package server

import (
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net/netip"
	"time"

	"conclave/api"
	"conclave/sfu/turn"
)

// relayTTL is how long a client's credentials for the relay hold. An allocation
// is refreshed with them, so they have to outlast a meeting.
const relayTTL = 12 * time.Hour

// A RelayConfig says where the TURN relay listens, for clients whose network lets
// through neither the UDP port of media nor the TCP port of the web. The zero
// value is no relay.
type RelayConfig struct {
	UDP, TCP, TLS string // addresses; empty ones are not offered
	// Host is what clients are to call, a name or an address. Default: the first
	// address that they are told for media.
	Host string
}

func (c RelayConfig) enabled() bool { return c.UDP != "" || c.TCP != "" || c.TLS != "" }

// startRelay starts the relay if there is to be one. It passes on nothing but
// media of this server. Its secret lives as long as the process.
func (s *Server) startRelay() error {
	c := s.cfg.Relay
	if !c.enabled() {
		return nil
	}
	secret := make([]byte, 32)
	rand.Read(secret) // never fails: it crashes the program instead
	cfg := turn.Config{
		UDP: c.UDP, TCP: c.TCP, TLS: c.TLS, Host: c.Host,
		Secret: secret, Relay: s.relayAddress(), Allowed: turn.Only(s.media.Candidates), Log: s.log,
	}
	if t := s.http.TLSConfig; t != nil {
		cfg.TLSConfig = &tls.Config{Certificates: t.Certificates, MinVersion: tls.VersionTLS12} // some clients have no later one for relays
	}
	var err error
	if s.relay, err = turn.Listen(cfg); err != nil {
		return fmt.Errorf("starting the relay: %w", err)
	}
	return nil
}

func (s *Server) closeRelay() error {
	if s.relay == nil {
		return nil
	}
	return s.relay.Close()
}

// relayAddress returns the first address that clients are told for media.
func (s *Server) relayAddress() netip.Addr {
	if len(s.cfg.MediaAddresses) > 0 {
		return s.cfg.MediaAddresses[0]
	}
	for _, c := range s.media.Candidates() {
		if !c.TCP {
			return c.Addr.Addr()
		}
	}
	return netip.Addr{}
}

// iceServers returns what a client that joins is told of the relay.
func (s *Server) iceServers() []*api.IceServer {
	if s.relay == nil {
		return nil
	}
	username, password := s.relay.Credentials(time.Now(), relayTTL)
	return []*api.IceServer{{Urls: s.relay.URLs(), Username: username, Credential: password}}
}
