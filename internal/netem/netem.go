// Package netem puts a process behind a network path of one's choice. It makes a
// network namespace whose only way out is a TUN device, and forwards its packets
// to a second TUN device outside, through a [link.Link] for each direction. Rate,
// queue, delay, jitter and loss can be changed at any time, which is what tests of
// bandwidth estimation with real browsers need; the kernel's own netem is not
// everywhere, and this needs no more than TUN devices and network namespaces.
//
// Start with [New], which needs Linux and root and says so with
// [ErrUnsupported] otherwise. The process inside has the address [Emulator.Inside]
// and reaches servers outside that listen on [Emulator.Outside]. Only packets
// between these two addresses are forwarded, so nothing leaves the machine.
//
// The namespace has no name in the file system, and the devices live as long as
// the descriptors that made them: a run that crashed leaves nothing behind.
package netem

import (
	"errors"
	"fmt"
	"net/netip"

	"conclave/internal/netem/link"
)

// ErrUnsupported is wrapped by the errors of [New] when the system or the rights
// of the process do not allow an emulator. Tests skip then.
var ErrUnsupported = errors.New("netem: needs Linux, root, /dev/net/tun and network namespaces")

// ErrClosed is returned by methods of an [Emulator] that was closed.
var ErrClosed = errors.New("netem: emulator is closed")

// maxSubnet is the largest N in 10.77.N.0.
const maxSubnet = 254

// A Config describes an [Emulator].
type Config struct {
	Subnet int          // N in the addresses 10.77.N.1 and 10.77.N.2, 1 to 254; 0: the first free one
	Up     link.Profile // from inside to outside
	Down   link.Profile // from outside to inside
	Seed   uint64       // equal seeds lose equal packets
}

// validate checks c.
func (c *Config) validate() error {
	if c.Subnet < 0 || c.Subnet > maxSubnet {
		return fmt.Errorf("netem: subnet %d is not in 0 to %d", c.Subnet, maxSubnet)
	}
	if err := c.Up.Validate(); err != nil {
		return fmt.Errorf("profile up: %w", err)
	}
	if err := c.Down.Validate(); err != nil {
		return fmt.Errorf("profile down: %w", err)
	}
	return nil
}

// Stats counts what an [Emulator] forwarded.
type Stats struct {
	Up, Down link.Stats
	Refused  uint64 // packets that were not between the two addresses
}

// outsideAddr and insideAddr are the two ends of subnet n.
func outsideAddr(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 77, byte(n), 1}) }
func insideAddr(n int) netip.Addr  { return netip.AddrFrom4([4]byte{10, 77, byte(n), 2}) }

// isBetween reports whether p is an IPv4 packet from src to dst
// (RFC 791, Section 3.1).
func isBetween(p []byte, src, dst netip.Addr) bool {
	if len(p) < 20 || p[0]>>4 != 4 {
		return false
	}
	return netip.AddrFrom4([4]byte(p[12:16])) == src && netip.AddrFrom4([4]byte(p[16:20])) == dst
}
