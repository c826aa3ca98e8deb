package batch

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// A sockaddr has room for struct sockaddr_in and struct sockaddr_in6.
type sockaddr [unix.SizeofSockaddrInet6]byte

// Both start with the family in the host's byte order and the port in the
// network's. Then sockaddr_in has the address (4); sockaddr_in6 the flow label (4),
// the address (16) and the scope (4).
const (
	atPort  = 2
	atIPv4  = 4
	atIPv6  = 8
	atScope = 24
)

// put writes an address and returns its length.
func (a *sockaddr) put(p netip.AddrPort) uint32 {
	addr := p.Addr()
	binary.BigEndian.PutUint16(a[atPort:], p.Port())
	if addr.Is4() {
		binary.NativeEndian.PutUint16(a[:], unix.AF_INET)
		ip := addr.As4()
		copy(a[atIPv4:], ip[:])
		return unix.SizeofSockaddrInet4
	}
	binary.NativeEndian.PutUint16(a[:], unix.AF_INET6)
	binary.NativeEndian.PutUint32(a[4:], 0)
	ip := addr.As16()
	copy(a[atIPv6:], ip[:])
	var scope uint64
	if zone := addr.Zone(); zone != "" {
		scope, _ = strconv.ParseUint(zone, 10, 32) // one that get did not write: 0, the kernel chooses
	}
	binary.NativeEndian.PutUint32(a[atScope:], uint32(scope))
	return unix.SizeofSockaddrInet6
}

// get reads an address of n bytes; it is invalid if it is of neither family. The
// zone of a link-local address is the number of the interface.
func (a *sockaddr) get(n uint32) netip.AddrPort {
	port := binary.BigEndian.Uint16(a[atPort:])
	switch family := binary.NativeEndian.Uint16(a[:]); {
	case family == unix.AF_INET && n >= unix.SizeofSockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[atIPv4:])), port)
	case family == unix.AF_INET6 && n >= unix.SizeofSockaddrInet6:
		addr := netip.AddrFrom16([16]byte(a[atIPv6:])).Unmap()
		if scope := binary.NativeEndian.Uint32(a[atScope:]); scope != 0 && addr.IsLinkLocalUnicast() {
			addr = addr.WithZone(strconv.FormatUint(uint64(scope), 10))
		}
		return netip.AddrPortFrom(addr, port)
	}
	return netip.AddrPort{}
}

// A control has room for the control messages of one message: the local address
// and the size of the segments, each behind its header, struct cmsghdr: the length
// with the header (a word), the level (4), the type (4).
type control [controlSize]byte

const (
	controlSize = 96 // bytes: CMSG_SPACE(20) + CMSG_SPACE(4) are at most 64; some more for what we did not ask for
	wordSize    = bits.UintSize / 8
)

// add writes the header of a control message with n bytes of data at offset at. It
// returns where the data goes, zeroed, and the offset of the next one.
func (c *control) add(at int, level, kind uint32, n int) (data []byte, next int) {
	if wordSize == 8 {
		binary.NativeEndian.PutUint64(c[at:], uint64(unix.CmsgLen(n)))
	} else {
		binary.NativeEndian.PutUint32(c[at:], uint32(unix.CmsgLen(n)))
	}
	binary.NativeEndian.PutUint32(c[at+wordSize:], level)
	binary.NativeEndian.PutUint32(c[at+wordSize+4:], kind)
	data = c[at+unix.CmsgLen(0) : at+unix.CmsgLen(n)]
	clear(data)
	return data, at + unix.CmsgSpace(n)
}

// put writes what a message needs: where it comes from, if that is valid, and the
// size of its segments, if it has several. It returns the length.
func (c *control) put(from netip.Addr, segment int) int {
	at := 0
	var data []byte
	switch {
	case from.Is4(): // struct in_pktinfo: interface (4), local address (4), address in the header (4)
		data, at = c.add(at, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
		ip := from.As4()
		copy(data[4:], ip[:])
	case from.Is6(): // struct in6_pktinfo: address (16), interface (4)
		data, at = c.add(at, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
		ip := from.As16()
		copy(data, ip[:])
	}
	if segment > 0 {
		data, at = c.add(at, unix.IPPROTO_UDP, unix.UDP_SEGMENT, 2)
		binary.NativeEndian.PutUint16(data, uint16(segment))
	}
	return at
}

// get reads what the kernel said of a message in the first n bytes: the local
// address it was sent to, and the size of its segments, 0 if it is one datagram.
func (c *control) get(n int) (to netip.Addr, segment int) {
	b := c[:min(n, controlSize)]
	for len(b) >= unix.SizeofCmsghdr {
		length := uint64(binary.NativeEndian.Uint32(b))
		if wordSize == 8 {
			length = binary.NativeEndian.Uint64(b)
		}
		if length < uint64(unix.CmsgLen(0)) || length > uint64(len(b)) {
			break
		}
		level, kind := binary.NativeEndian.Uint32(b[wordSize:]), binary.NativeEndian.Uint32(b[wordSize+4:])
		data := b[unix.CmsgLen(0):length]
		switch {
		case level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			to = netip.AddrFrom4([4]byte(data[8:]))
		case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			to = netip.AddrFrom16([16]byte(data)).Unmap()
		case level == unix.IPPROTO_UDP && kind == unix.UDP_GRO && len(data) >= 4:
			segment = int(binary.NativeEndian.Uint32(data))
		}
		b = b[min(unix.CmsgSpace(len(data)), len(b)):]
	}
	return to, segment
}
