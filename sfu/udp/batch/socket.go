package batch

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
)

// MaxDatagram is the size in bytes of the longest UDP payload (IPv4).
const MaxDatagram = 65507

// socketBuffer is what a socket asks for in each direction: at 1 Gbit/s, 32 ms.
// The kernel may give less; see Stats.
const socketBuffer = 4 << 20

// ErrAddress means an address of the wrong family for the socket, or none.
var ErrAddress = errors.New("not an address of the socket's family")

// A Level is how a socket sends. It starts at the best that the system has and
// only falls, because a form that was refused once is refused again.
type Level int32

// The levels.
const (
	LevelSingle Level = iota // one system call a datagram
	LevelBatch               // one system call for many datagrams
	LevelGSO                 // and one message for a run of equal datagrams to one address
)

// String returns the level as it is written in logs and metrics.
func (l Level) String() string {
	switch l {
	case LevelGSO:
		return "gso"
	case LevelBatch:
		return "batch"
	default:
		return "single"
	}
}

// A Socket is an unconnected UDP socket of one address family. Its methods are
// safe for concurrent use, but only one goroutine may be in Read.
type Socket struct {
	conn *net.UDPConn
	raw  syscall.RawConn
	v6   bool
	rtcp bool // of those that share its address, it gets RTCP
	sys  system

	level atomic.Int32
	count counters
}

// counters are the parts of Stats that change.
type counters struct {
	in, reads, truncated, errorsIn       atomic.Uint64
	out, messages, sends, dropped, waits atomic.Uint64
	refused                              atomic.Uint64
}

// Stats is what a socket did and what it has.
type Stats struct {
	Received     uint64 // datagrams
	Reads        uint64 // system calls that brought at least one
	Truncated    uint64 // datagrams dropped as too long for a buffer
	ReadErrors   uint64 // asynchronous errors (ICMP) that reading passed over
	Sent         uint64 // datagrams
	Messages     uint64 // messages to the kernel: a run of datagrams or a single one
	Sends        uint64 // system calls that send
	Dropped      uint64 // datagrams not sent: no room in the kernel, or an address it refuses
	Waits        uint64 // times that sending waited for room
	RefusedGSO   uint64 // times that a route refused a run, which was then sent singly
	Level        Level
	GRO          bool // the kernel joins datagrams it receives
	ReadBuffer   int  // bytes, as the kernel counts them
	WriteBuffer  int
	Reused, IPv6 bool
}

// Listen opens a socket on an address. The network is "udp4" or "udp6"; a "udp6"
// socket takes no IPv4. Port 0 takes a free one. With reuse, several sockets may
// have the address, and the kernel spreads senders over them; where it cannot
// (see CanReuse), the error is errors.ErrUnsupported.
func Listen(network string, addr netip.AddrPort, reuse bool) (*Socket, error) {
	v6 := network == "udp6"
	switch {
	case network != "udp4" && network != "udp6":
		return nil, fmt.Errorf("opening a UDP socket: %w", net.UnknownNetworkError(network))
	case addr.Addr().Is4() == v6 || !addr.IsValid():
		return nil, fmt.Errorf("opening a UDP socket: %w", ErrAddress)
	case reuse && !CanReuse:
		return nil, fmt.Errorf("sharing a UDP port between sockets: %w", errors.ErrUnsupported)
	}
	conn, err := listen(network, addr, reuse)
	if err != nil {
		return nil, fmt.Errorf("opening a UDP socket: %w", err)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		_ = conn.Close() // it was never used
		return nil, fmt.Errorf("opening a UDP socket: %w", err)
	}
	// A smaller buffer than asked for is no failure: Stats tells it.
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
	s := &Socket{conn: conn, raw: raw, v6: v6, sys: newSystem(reuse)}
	s.probe()
	return s, nil
}

// LocalAddr returns the address that the socket is bound to.
func (s *Socket) LocalAddr() netip.AddrPort {
	a, ok := s.conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := a.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// RTCP reports whether Steer has the kernel give the socket RTCP and nothing else.
func (s *Socket) RTCP() bool { return s.rtcp }

// Close closes the socket. Read and Flush then return net.ErrClosed, also one
// that is waiting.
func (s *Socket) Close() error {
	return s.conn.Close()
}

// Limit lowers the level to at most l, for good. It is meant for networks whose
// equipment mistreats runs, and for tests.
func (s *Socket) Limit(l Level) {
	for {
		old := s.level.Load()
		if int32(l) >= old || s.level.CompareAndSwap(old, int32(l)) {
			return
		}
	}
}

// Level returns how the socket sends at present.
func (s *Socket) Level() Level {
	return Level(s.level.Load())
}

// Stats returns the counts so far.
func (s *Socket) Stats() Stats {
	c := &s.count
	return Stats{
		Received: c.in.Load(), Reads: c.reads.Load(), Truncated: c.truncated.Load(), ReadErrors: c.errorsIn.Load(),
		Sent: c.out.Load(), Messages: c.messages.Load(), Sends: c.sends.Load(), Dropped: c.dropped.Load(),
		Waits: c.waits.Load(), RefusedGSO: c.refused.Load(),
		Level: s.Level(), GRO: s.sys.gro, ReadBuffer: s.sys.readBuffer, WriteBuffer: s.sys.writeBuffer,
		Reused: s.sys.reuse, IPv6: s.v6,
	}
}

// fits reports whether the socket can send to an address.
func (s *Socket) fits(to netip.AddrPort) bool {
	return to.IsValid() && to.Port() != 0 && to.Addr().Is6() == s.v6 && !to.Addr().Is4In6()
}
