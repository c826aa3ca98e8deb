package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
)

const (
	socketBuffer = 1 << 20 // bytes asked of the system, for bursts while this process waits for its turn
	maxDatagram  = 2048    // bytes
	linkQueue    = 4096    // datagrams that wait in an emulated link
)

// errNoAddress means that this machine has no address that reaches the server.
var errNoAddress = errors.New("load: no address of this machine reaches the server")

// LocalFor returns the address of this machine from which host, a name or an
// address, is reached. Nothing is sent but questions to the name server.
func LocalFor(ctx context.Context, host string) (netip.Addr, error) {
	c, err := new(net.Dialer).DialContext(ctx, "udp", net.JoinHostPort(host, "9"))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%w: check its name and your network", errNoAddress)
	}
	defer func() { _ = c.Close() }() // nothing was sent
	a, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, errNoAddress
	}
	return a.AddrPort().Addr().Unmap().WithZone(""), nil
}

// A network gives pion one interface with one address. Its sockets are bound to
// every address all the same, so the system picks the source that reaches the
// peer, and one socket serves each peer connection.
type network struct {
	*stdnet.Net
	local   netip.Addr
	link    *Link // nil: no limits
	seed    uint64
	dropped *atomic.Int64
	// arrived, if not nil, is told each datagram with the time when it came.
	arrived func(at time.Time, b []byte)

	mu      sync.Mutex
	sockets []*socket // all that were opened
}

// theNet is what the machine's network is asked by; reading its interfaces for
// each of a thousand peers would take long.
var theNet = sync.OnceValues(stdnet.NewNet)

func newNetwork(local netip.Addr, link *Link, dropped *atomic.Int64, seed uint64) (*network, error) {
	n, err := theNet()
	if err != nil {
		return nil, fmt.Errorf("load: reading the network interfaces: %w", err)
	}
	if link != nil && !link.limits() {
		link = nil
	}
	if !local.IsValid() {
		local = anyAddress(n)
	}
	return &network{Net: n, local: local, link: link, seed: seed, dropped: dropped}, nil
}

// anyAddress returns the first address of the machine that is not loopback, or
// the loopback address.
func anyAddress(n *stdnet.Net) netip.Addr {
	interfaces, _ := n.Interfaces() // never fails: they were read before
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil || i.Flags&net.FlagUp == 0 {
			continue
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() {
				return p.Addr()
			}
		}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// Interfaces implements transport.Net.
func (n *network) Interfaces() ([]*transport.Interface, error) {
	i := transport.NewInterface(net.Interface{Index: 1, Name: "load", MTU: 1500, Flags: net.FlagUp})
	i.AddAddress(&net.IPNet{IP: n.local.AsSlice(), Mask: net.CIDRMask(n.local.BitLen(), n.local.BitLen())})
	return []*transport.Interface{i}, nil
}

// ListenUDP implements transport.Net.
func (n *network) ListenUDP(string, *net.UDPAddr) (transport.UDPConn, error) {
	family := "udp4"
	if n.local.Is6() {
		family = "udp6"
	}
	c, err := net.ListenUDP(family, nil)
	if err != nil {
		return nil, err
	}
	s := &socket{UDPConn: c, arrived: n.arrived}
	if n.arrived != nil {
		wantStamps(c)
	}
	n.mu.Lock()
	n.sockets = append(n.sockets, s)
	n.mu.Unlock()
	// The system gives what it can; with less, bursts are lost sooner.
	_ = c.SetReadBuffer(socketBuffer)
	if n.link == nil {
		return s, nil
	}
	return newLimitedSocket(s, newBottleneck(*n.link, n.seed), n.dropped), nil
}

// cut lets nothing more through, as if the cable was pulled.
func (n *network) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.sockets {
		s.isCut.Store(true)
	}
}

// A socket is a UDP socket that pion reads without allocating.
type socket struct {
	*net.UDPConn
	arrived func(at time.Time, b []byte) // constant; may be nil
	control [stampRoom]byte              // owned by who reads
	isCut   atomic.Bool
}

// read reads one datagram and when it came.
func (s *socket) read(b []byte) (n int, from netip.AddrPort, at time.Time, err error) {
	n, control, _, from, err := s.ReadMsgUDPAddrPort(b, s.control[:])
	if err != nil {
		return 0, from, at, err
	}
	return n, from, stampOf(s.control[:control]), nil
}

// portRest is for how long the port of a socket that was cut is not used again.
// The server may hold it for that of the participant who vanished, and refuse it
// to another, until it misses two checks (RFC 7675, Section 5.1).
const portRest = 40 * time.Second

// Close implements net.PacketConn.
func (s *socket) Close() error {
	if !s.isCut.Load() {
		return s.UDPConn.Close()
	}
	time.AfterFunc(portRest, func() { _ = s.UDPConn.Close() }) // pion may have called Close twice
	return s.SetReadDeadline(time.Unix(0, 1))                  // ends who reads
}

// ReadFromAddrPort implements ice.AddrPortReaderWriter.
func (s *socket) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, at, err := s.read(b)
	if err == nil && s.arrived != nil {
		s.arrived(at, b[:n])
	}
	return n, from, err
}

// WriteToAddrPort implements ice.AddrPortReaderWriter.
func (s *socket) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if s.isCut.Load() {
		return len(b), nil
	}
	return s.WriteToUDPAddrPort(b, to)
}

// A limitedSocket is a socket behind an emulated link. A goroutine reads the
// socket, so that the system's buffer is no part of the link; it ends with Close.
type limitedSocket struct {
	*socket
	waiting chan datagram // capacity linkQueue; closed when the socket ends
	closed  chan struct{}
	once    sync.Once
	timer   *time.Timer // of the one reader
}

type datagram struct {
	due  time.Time
	from netip.AddrPort
	data []byte
}

func newLimitedSocket(c *socket, b *bottleneck, dropped *atomic.Int64) *limitedSocket {
	s := &limitedSocket{
		socket: c, waiting: make(chan datagram, linkQueue), closed: make(chan struct{}), timer: time.NewTimer(0),
	}
	go s.receive(b, dropped)
	return s
}

func (s *limitedSocket) receive(b *bottleneck, dropped *atomic.Int64) {
	defer close(s.waiting)
	var buf [maxDatagram]byte
	for {
		n, from, at, err := s.read(buf[:])
		if err != nil {
			return
		}
		due, ok := b.admit(at, n)
		if ok {
			select {
			case s.waiting <- datagram{due, from, append([]byte(nil), buf[:n]...)}:
			default:
				ok = false
			}
		}
		if !ok {
			dropped.Add(1)
		}
	}
}

// ReadFromAddrPort implements ice.AddrPortReaderWriter.
func (s *limitedSocket) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	d, ok := <-s.waiting
	if !ok {
		return 0, netip.AddrPort{}, net.ErrClosed
	}
	if wait := time.Until(d.due); wait > 0 {
		s.timer.Reset(wait)
		select {
		case <-s.timer.C:
		case <-s.closed:
			return 0, netip.AddrPort{}, net.ErrClosed
		}
	}
	if s.arrived != nil {
		s.arrived(d.due, d.data)
	}
	return copy(b, d.data), d.from, nil
}

// ReadFrom implements net.PacketConn.
func (s *limitedSocket) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := s.ReadFromAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// Close implements net.PacketConn.
func (s *limitedSocket) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.socket.Close()
}
