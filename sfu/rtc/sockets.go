package rtc

import (
	"errors"
	"fmt"
	"net"
	"strconv"
)

const (
	socketBuffer = 4 << 20 // bytes asked for; the kernel may give less
	bindAttempts = 8       // to find a port that is free on every address
)

// bind returns UDP sockets on one port. With an empty host there is one for
// each address of the machine, so that answers leave from the address that was
// asked; with wildcard set there is one for all of them, for a server
// behind a port forwarding, which is known to clients by other addresses.
func bind(listen string, wildcard bool) ([]net.PacketConn, error) {
	host, portText, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q: %v", portText, err)
	}
	if host != "" || wildcard {
		c, err := net.ListenPacket("udp", listen)
		if err != nil {
			return nil, err
		}
		enlarge(c)
		return []net.PacketConn{c}, nil
	}
	ips, err := addresses()
	if err != nil {
		return nil, err
	}
	for range bindAttempts {
		conns, err := bindAll(ips, int(port))
		if err == nil {
			return conns, nil
		}
		if port != 0 {
			return nil, err
		}
	}
	return nil, errors.New("no port is free on every address")
}

// bindAll binds one port on every address; port 0 takes the one that is free on
// the first.
func bindAll(ips []net.IP, port int) ([]net.PacketConn, error) {
	var conns []net.PacketConn
	for _, ip := range ips {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip, Port: port})
		if err != nil {
			for _, c := range conns {
				_ = c.Close() // nothing was sent on it
			}
			return nil, err
		}
		enlarge(c)
		conns = append(conns, c)
		if a, ok := c.LocalAddr().(*net.UDPAddr); ok {
			port = a.Port
		}
	}
	return conns, nil
}

// addresses returns the addresses of this machine that clients can be told:
// all but link-local ones, which need a zone that means nothing to others.
func addresses() ([]net.IP, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var ips []net.IP
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() && !n.IP.IsMulticast() {
			ips = append(ips, n.IP)
		}
	}
	if len(ips) == 0 {
		return nil, errors.New("this machine has no address")
	}
	return ips, nil
}

// enlarge asks for socket buffers that hold a burst to a full room.
func enlarge(c net.PacketConn) {
	if u, ok := c.(*net.UDPConn); ok {
		_ = u.SetReadBuffer(socketBuffer)  // less is slower, not wrong
		_ = u.SetWriteBuffer(socketBuffer) // the same
	}
}
