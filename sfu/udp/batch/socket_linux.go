package batch

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// CanReuse reports whether several sockets can share an address so that the
// kernel spreads senders over them.
const CanReuse = true

type system struct {
	kernel                  kernel
	many                    bool // recvmmsg is there
	reuse, gro              bool
	readBuffer, writeBuffer int
}

func newSystem(reuse bool) system { return system{kernel: linux(), reuse: reuse} }

// listen opens the socket with the options that must be set before it is bound.
func listen(network string, addr netip.AddrPort, reuse bool) (*net.UDPConn, error) {
	c := net.ListenConfig{Control: func(network, _ string, raw syscall.RawConn) error {
		var err error
		if e := raw.Control(func(fd uintptr) { err = prepare(int(fd), network == "udp6", reuse) }); e != nil {
			return e
		}
		return err
	}}
	p, err := c.ListenPacket(context.Background(), network, addr.String())
	if err != nil {
		return nil, err
	}
	conn, ok := p.(*net.UDPConn)
	if !ok {
		_ = p.Close() // it was never used
		return nil, errors.ErrUnsupported
	}
	return conn, nil
}

// prepare sets the options that must be there, and asks for UDP_GRO, which need
// not. Package net has set IPV6_V6ONLY before.
func prepare(fd int, v6, reuse bool) error {
	level, option := unix.IPPROTO_IP, unix.IP_PKTINFO
	if v6 {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO
	}
	if err := unix.SetsockoptInt(fd, level, option, 1); err != nil {
		return err
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_GRO, 1) // probe reads it back
	if !reuse {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
}

// probe finds out what the kernel can do. A system call that a sandbox forbids
// fails with EPERM or ENOSYS whatever its arguments are.
func (s *Socket) probe() {
	level := LevelSingle
	// The socket is new: Control cannot fail. If it did, the plainest form is right.
	_ = s.raw.Control(func(fd uintptr) {
		k := &s.sys.kernel
		gro, err := unix.GetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_GRO)
		s.sys.gro = err == nil && gro == 1
		s.sys.readBuffer, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)  // 0: not known
		s.sys.writeBuffer, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF) // 0: not known
		_, errno := k.recvmmsg(fd, nil)
		s.sys.many = !missing(errno)
		if _, errno = k.sendmmsg(fd, nil); missing(errno) {
			return
		}
		level = LevelBatch
		if _, err = unix.GetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT); err == nil {
			level = LevelGSO
		}
	})
	s.level.Store(int32(level))
}

// missing reports whether an error means that there is no such system call, or
// that a sandbox forbids it.
func missing(errno unix.Errno) bool {
	return errno == unix.ENOSYS || errno == unix.EPERM
}
