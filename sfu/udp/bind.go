package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"conclave/sfu/udp/batch"
)

// bindAttempts is how often a port is sought that is free in both address families.
const bindAttempts = 16

// errBusy says that the port is taken.
var errBusy = errors.New("no port is free in both IPv4 and IPv6")

// bind opens n sockets for each address family that a listen address stands for,
// all on one port.
func bind(listen string, n int) (v4, v6 []*batch.Socket, err error) {
	host, portText, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the media address: %w", err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the media port %q: %v", portText, err)
	}
	a4, a6 := netip.IPv4Unspecified(), netip.IPv6Unspecified()
	if host != "" {
		a, err := lookup(host)
		if err != nil {
			return nil, nil, err
		}
		if a.Is4() {
			a4, a6 = a, netip.Addr{}
		} else {
			a4, a6 = netip.Addr{}, a
		}
	}
	for range bindAttempts {
		v4, v6, err = bindPort(a4, a6, uint16(port), n, host == "")
		if err == nil || port != 0 {
			return v4, v6, err
		}
	}
	return nil, nil, fmt.Errorf("%w: %v", errBusy, err)
}

// lookup returns the address that a host in the configuration means.
func lookup(host string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap(), nil
	}
	a, err := net.ResolveUDPAddr("udp", net.JoinHostPort(host, "0"))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("looking up the media address: %w", err)
	}
	return a.AddrPort().Addr().Unmap(), nil
}

// bindPort opens the sockets of one attempt. If any address will do, a family
// that the machine does not have is left out.
func bindPort(a4, a6 netip.Addr, port uint16, n int, anyAddr bool) (v4, v6 []*batch.Socket, err error) {
	if a4.IsValid() {
		v4, err = bindFamily("udp4", netip.AddrPortFrom(a4, port), n)
		if err != nil && !(anyAddr && missingFamily("udp4")) {
			return nil, nil, err
		}
		if len(v4) > 0 {
			port = v4[0].LocalAddr().Port()
		}
	}
	if a6.IsValid() {
		v6, err = bindFamily("udp6", netip.AddrPortFrom(a6, port), n)
		if err != nil && !(anyAddr && len(v4) > 0 && missingFamily("udp6")) {
			closeAll(v4)
			return nil, nil, err
		}
	}
	return v4, v6, nil
}

// missingFamily reports whether this machine has no socket of a family at all.
func missingFamily(network string) bool {
	loopback := "127.0.0.1:0"
	if network == "udp6" {
		loopback = "[::1]:0"
	}
	c, err := net.ListenPacket(network, loopback) //nolint:noctx // it does not wait
	if err != nil {
		return true
	}
	_ = c.Close() // it was never used
	return false
}

// bindFamily opens n sockets on one address, and one more for RTCP where the kernel
// can tell it apart and n > 1. A socket that is not shared is
// opened first and closed again: else another server's port would be shared
// without either noticing.
func bindFamily(network string, addr netip.AddrPort, n int) ([]*batch.Socket, error) {
	first, err := batch.Listen(network, addr, false)
	if err != nil {
		return nil, fmt.Errorf("binding the media port: %w", err)
	}
	if n == 1 {
		return []*batch.Socket{first}, nil
	}
	addr = first.LocalAddr()
	_ = first.Close() // it was never used
	var list []*batch.Socket
	for range n + 1 {
		s, err := batch.Listen(network, addr, true)
		if err != nil {
			closeAll(list)
			return nil, fmt.Errorf("binding the media port: %w", err)
		}
		list = append(list, s)
	}
	if err := batch.Steer(list); err != nil {
		closeAll(list[n:]) // a system without: RTCP comes with the media
		list = list[:n]
	}
	return list, nil
}

func closeAll(list []*batch.Socket) {
	for _, s := range list {
		_ = s.Close() // what was waiting to be sent is lost
	}
}
