package turn

import (
	"errors"
	"net"
	"os"
	"sync"
)

// amplification is how many bytes are answered at most for each of a request that
// is not authentic: its source may be forged.
const amplification = 3

// A guard is the UDP socket that clients send to. It keeps answers to requests
// that are not authentic in proportion.
type guard struct {
	net.PacketConn

	mu   sync.Mutex
	last string // where the last datagram came from
	size int    // and how long it was
}

// ReadFrom implements net.PacketConn. An error that is not the end, such as of an
// ICMP message about somebody, is passed over: pion would stop to read.
func (g *guard) ReadFrom(b []byte) (int, net.Addr, error) {
	for errs := 0; ; errs++ {
		n, from, err := g.PacketConn.ReadFrom(b)
		if err != nil && passing(err) && errs < maxErrors {
			continue
		}
		if err == nil {
			g.mu.Lock()
			g.last, g.size = from.String(), n
			g.mu.Unlock()
		}
		return n, from, err
	}
}

// maxErrors is how many errors in a row are passed over; more mean a broken socket.
const maxErrors = 1024

// passing reports whether a socket may go on after an error.
func passing(err error) bool {
	return !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded)
}

// WriteTo implements net.PacketConn. pion answers a request before it reads the
// next.
func (g *guard) WriteTo(b []byte, to net.Addr) (int, error) {
	if len(b) > 1 && b[0]&0xC1 == 0x01 && b[1]&0x10 != 0 { // an error (RFC 8489, Section 5)
		g.mu.Lock()
		ok := g.last == to.String() && len(b) <= amplification*g.size
		g.mu.Unlock()
		if !ok {
			return len(b), nil
		}
	}
	return g.PacketConn.WriteTo(b, to)
}
