package udp

import (
	"net"
	"net/netip"
	"slices"

	"conclave/sfu/ice"
)

// maxCandidates bounds what clients are told of each protocol; every one costs a
// client checks. Containers' bridges make machines with dozens of addresses.
const maxCandidates = 24

// Candidates returns where clients reach this server at this moment: unicast
// addresses that are not link-local, those of the loopback interface last, or
// Config.Addresses.
func (t *Transport) Candidates() []ice.Candidate {
	machine := machineAddresses()
	var udp, tcp []netip.AddrPort
	for _, list := range [][]netip.AddrPort{t.addresses(t.v4), t.addresses(t.v6)} {
		for _, a := range list {
			udp = append(udp, t.expand(a, machine, false)...)
		}
	}
	for _, a := range t.cfg.TCP {
		tcp = append(tcp, t.expand(a, machine, a.Addr() == netip.IPv6Unspecified())...)
	}
	return ice.Candidates(order(udp), order(tcp))
}

// expand returns what stands for a local address that is listened on: addresses
// of its family, or with dual of both, as a TCP listener on [::] takes them.
func (t *Transport) expand(a netip.AddrPort, machine []netip.Addr, dual bool) []netip.AddrPort {
	list := machine
	if len(t.cfg.Addresses) > 0 {
		list = t.cfg.Addresses
	} else if !a.Addr().IsUnspecified() {
		list = []netip.Addr{a.Addr()}
	}
	var out []netip.AddrPort
	for _, x := range list {
		if x = x.Unmap(); dual || x.Is4() == a.Addr().Unmap().Is4() {
			out = append(out, netip.AddrPortFrom(x, a.Port()))
		}
	}
	return out
}

// order returns addresses without repetition, loopback last.
func order(list []netip.AddrPort) []netip.AddrPort {
	var out []netip.AddrPort
	for _, loopback := range []bool{false, true} {
		for _, a := range list {
			if a.Addr().IsLoopback() == loopback && !slices.Contains(out, a) && len(out) < maxCandidates {
				out = append(out, a)
			}
		}
	}
	return out
}

// machineAddresses returns the unicast addresses of this machine but link-local
// ones, which need a zone that means nothing to others.
func machineAddresses() []netip.Addr {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil // no candidate then: clients cannot connect, and say so
	}
	var list []netip.Addr
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		x, ok := netip.AddrFromSlice(n.IP)
		if x = x.Unmap(); ok && !x.IsLinkLocalUnicast() && !x.IsMulticast() && !x.IsUnspecified() {
			list = append(list, x)
		}
	}
	return list
}
