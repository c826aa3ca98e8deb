package udp

import (
	"net"
	"os"
	"sync"
	"time"
)

const (
	maxRecords = 24       // datagrams that wait for a DTLS connection: three flights
	maxRecord  = 2048     // bytes of such a datagram
	maxInbox   = 16 << 10 // bytes of all of them
)

// An inbox is what a peer's DTLS connection takes for its network. What comes
// from the peer is put in; what the connection writes goes to the peer's path.
type inbox struct {
	write func([]byte) // sends a datagram

	mu      sync.Mutex
	changed sync.Cond // one of the fields below
	queue   [][]byte
	size    int  // bytes in queue
	expired bool // the read deadline is over
	closed  bool
	waited  bool // a read has found nothing
}

var _ net.PacketConn = (*inbox)(nil)

func newInbox(write func([]byte)) *inbox {
	b := &inbox{write: write}
	b.changed.L = &b.mu
	return b
}

// push puts a copy of a datagram in, unless there are too many.
func (b *inbox) push(datagram []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.queue) == maxRecords || len(datagram) > maxRecord || b.size+len(datagram) > maxInbox {
		return false
	}
	b.queue = append(b.queue, append([]byte(nil), datagram...))
	b.size += len(datagram)
	b.changed.Broadcast()
	return true
}

// ReadFrom implements net.PacketConn.
func (b *inbox) ReadFrom(p []byte) (int, net.Addr, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		b.waited = true
		b.changed.Broadcast()
	}
	for len(b.queue) == 0 && !b.closed && !b.expired {
		b.changed.Wait()
	}
	switch {
	case b.closed:
		return 0, nil, net.ErrClosed
	case b.expired:
		return 0, nil, os.ErrDeadlineExceeded
	}
	n := copy(p, b.queue[0])
	b.size -= len(b.queue[0])
	b.queue[0] = nil
	b.queue = b.queue[1:]
	return n, peerAddr{}, nil
}

// WriteTo implements net.PacketConn. After Close nothing is sent.
func (b *inbox) WriteTo(p []byte, _ net.Addr) (int, error) {
	b.mu.Lock()
	closed := b.closed
	b.mu.Unlock()
	if !closed {
		b.write(p)
	}
	return len(p), nil
}

// Close implements net.PacketConn.
func (b *inbox) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed, b.queue, b.size = true, nil, 0
	b.changed.Broadcast()
	return nil
}

// broken waits until the connection has taken what was put in, and reports whether that
// made it close the inbox. If it is over, there is nothing to wait for.
func (b *inbox) broken(over bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !over && !b.waited && !b.closed {
		b.changed.Wait()
	}
	return b.closed && !b.waited
}

// SetReadDeadline implements net.PacketConn. Only a deadline that is over has an
// effect: pion sets no other.
func (b *inbox) SetReadDeadline(t time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expired = !t.IsZero() && !t.After(time.Now())
	b.changed.Broadcast()
	return nil
}

// SetDeadline implements net.PacketConn.
func (b *inbox) SetDeadline(t time.Time) error { return b.SetReadDeadline(t) }

// SetWriteDeadline implements net.PacketConn. Writing does not wait.
func (b *inbox) SetWriteDeadline(time.Time) error { return nil }

// LocalAddr implements net.PacketConn.
func (b *inbox) LocalAddr() net.Addr { return peerAddr{} }

// peerAddr stands for the address of a peer, which may change, where
// something wants to have one.
type peerAddr struct{}

// Network implements net.Addr.
func (peerAddr) Network() string { return "dtls" }

// String implements net.Addr.
func (peerAddr) String() string { return "peer" }
