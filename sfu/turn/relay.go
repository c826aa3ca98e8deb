package turn

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/pion/turn/v5"
)

var (
	errTotal  = errors.New("too many relay allocations")
	errFamily = errors.New("no relay address of that family")
	errTCP    = errors.New("only UDP is relayed")
)

// relayAddress returns where relaying sockets are to be bound: to the relay's
// address, or to any if this machine does not have it.
func (s *Server) relayAddress() string {
	host := s.cfg.Relay.Unmap().String()
	c, err := net.ListenPacket("udp", net.JoinHostPort(host, "0")) //nolint:noctx // it does not wait
	if err != nil {
		return ""
	}
	_ = c.Close() // it was never used
	return host
}

// A generator makes the sockets of allocations.
type generator struct{ s *Server }

var _ turn.RelayAddressGenerator = (*generator)(nil)

// Validate implements turn.RelayAddressGenerator.
func (g *generator) Validate() error { return nil }

// AllocatePacketConn implements turn.RelayAddressGenerator.
func (g *generator) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	s := g.s
	relay := s.cfg.Relay.Unmap()
	if network := map[bool]string{true: "udp4", false: "udp6"}[relay.Is4()]; c.Network != network {
		return nil, nil, errFamily
	}
	if !s.reserve(c.UserID) {
		return nil, nil, errTotal
	}
	conn, err := net.ListenPacket(c.Network, net.JoinHostPort(s.bind, strconv.Itoa(c.RequestedPort))) //nolint:noctx // it does not wait
	if err != nil {
		s.release(c.UserID)
		return nil, nil, fmt.Errorf("opening a relay socket: %v", err)
	}
	udp, ok := conn.(*net.UDPConn)
	local, ok2 := conn.LocalAddr().(*net.UDPAddr)
	if !ok || !ok2 {
		s.release(c.UserID)
		_ = conn.Close() // it was never used
		return nil, nil, errFamily
	}
	r := &relaySocket{UDPConn: udp, s: s, user: c.UserID, known: make(map[netip.AddrPort]time.Time)}
	return r, &net.UDPAddr{IP: relay.AsSlice(), Port: local.Port}, nil
}

// reserve counts an allocation of a user, if it may have one more.
func (s *Server) reserve(user string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.total >= s.cfg.Total || s.perUser[user] >= s.cfg.PerUser {
		return false
	}
	s.total++
	s.perUser[user]++
	s.relays.Add(1)
	return true
}

// release takes it back.
func (s *Server) release(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.perUser[user]--; s.perUser[user] == 0 {
		delete(s.perUser, user)
	}
	s.relays.Done()
}

// AllocateListener implements turn.RelayAddressGenerator.
func (g *generator) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errTCP
}

// AllocateConn implements turn.RelayAddressGenerator.
func (g *generator) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errTCP }

const (
	// knownTime is for how long an answer of Allowed is used again.
	knownTime = 5 * time.Second
	// maxKnown bounds the answers kept; a client has one address for media.
	maxKnown = 16
)

// A relaySocket is the socket of one allocation. It sends to and receives from
// addresses that are allowed, and nothing else.
type relaySocket struct {
	*net.UDPConn
	s    *Server
	user string
	once sync.Once // for Close

	mu    sync.Mutex
	known map[netip.AddrPort]time.Time // allowed, until then
}

// allows reports whether an address is allowed.
func (r *relaySocket) allows(a netip.AddrPort) bool {
	a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	if a.Port() == 0 {
		return false
	}
	now := r.s.clock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if until, ok := r.known[a]; ok && now.Before(until) {
		return true
	}
	if !r.s.cfg.Allowed(a) {
		delete(r.known, a)
		return false
	}
	if len(r.known) >= maxKnown {
		clear(r.known)
	}
	r.known[a] = now.Add(knownTime)
	return true
}

// WriteTo implements net.PacketConn. What is not allowed is dropped, as a
// network might.
func (r *relaySocket) WriteTo(b []byte, to net.Addr) (int, error) {
	a, ok := to.(*net.UDPAddr)
	if !ok || !r.allows(a.AddrPort()) {
		return len(b), nil
	}
	return r.UDPConn.WriteTo(b, to)
}

// ReadFrom implements net.PacketConn.
func (r *relaySocket) ReadFrom(b []byte) (int, net.Addr, error) {
	for errs := 0; ; {
		n, from, err := r.ReadFromUDPAddrPort(b)
		if err != nil {
			if errs++; !passing(err) || errs > maxErrors {
				return 0, nil, err
			}
			continue
		}
		errs = 0
		if r.allows(from) {
			return n, net.UDPAddrFromAddrPort(netip.AddrPortFrom(from.Addr().Unmap(), from.Port())), nil
		}
	}
}

// Close implements net.PacketConn.
func (r *relaySocket) Close() error {
	err := r.UDPConn.Close()
	r.once.Do(func() { r.s.release(r.user) })
	return err
}
