package turn

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"
)

const (
	maxConns      = 4096             // TCP connections of one listener
	handshakeTime = 10 * time.Second // for TLS
	strangerTime  = 15 * time.Second // without an allocation
	idleTime      = 11 * time.Minute // with one; clients refresh it within 10
	writeTime     = 5 * time.Second  // for one datagram: who reads slower is gone
	acceptDelay   = 50 * time.Millisecond
)

// An acceptor is a listener that bounds its connections: their number, how
// long they may be idle, and how long a write may take. It does the TLS handshake.
type acceptor struct {
	net.Listener
	tls     *tls.Config // nil: plain
	ready   chan net.Conn
	closing chan struct{}
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  map[*conn]struct{}
}

func newAcceptor(l net.Listener, config *tls.Config) *acceptor {
	a := &acceptor{
		Listener: l, tls: config, ready: make(chan net.Conn), closing: make(chan struct{}), conns: make(map[*conn]struct{}),
	}
	a.running.Go(a.run)
	return a
}

// run accepts connections until the listener is closed.
func (a *acceptor) run() {
	for {
		c, err := a.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // as when there are no file descriptors left
			select {
			case <-time.After(acceptDelay):
				continue
			case <-a.closing:
				return
			}
		}
		k := &conn{raw: c, Conn: c, a: a}
		if !a.add(k) {
			_ = c.Close() // nothing was sent on it
			continue
		}
		a.running.Go(func() { a.greet(k) })
	}
}

// greet does the TLS handshake and hands the connection over.
func (a *acceptor) greet(k *conn) {
	if a.tls != nil {
		t := tls.Server(k.raw, a.tls)
		ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
		err := t.HandshakeContext(ctx)
		cancel()
		if err != nil {
			_ = k.Close() // the client has been told
			return
		}
		k.Conn = t
	}
	k.extend(strangerTime)
	select {
	case a.ready <- k:
	case <-a.closing:
		_ = k.Close() // nobody takes it
	}
}

func (a *acceptor) add(k *conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || len(a.conns) == maxConns {
		return false
	}
	a.conns[k] = struct{}{}
	return true
}

// introduce gives the connection from an address more time, as it has an
// allocation.
func (a *acceptor) introduce(from net.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for k := range a.conns {
		if k.raw.RemoteAddr().String() == from.String() {
			k.extend(idleTime)
		}
	}
}

// Accept implements net.Listener.
func (a *acceptor) Accept() (net.Conn, error) {
	select {
	case c := <-a.ready:
		return c, nil
	case <-a.closing:
		return nil, net.ErrClosed
	}
}

// end closes the listener and all connections, and waits for its goroutines.
func (a *acceptor) end() {
	_ = a.Listener.Close() // it may be closed
	a.mu.Lock()
	if !a.closed {
		a.closed = true
		close(a.closing)
	}
	list := make([]*conn, 0, len(a.conns))
	for k := range a.conns {
		list = append(list, k)
	}
	a.mu.Unlock()
	for _, k := range list {
		_ = k.Close() // nobody is left to tell
	}
	a.running.Wait()
}

// A conn is a TCP connection of a client.
type conn struct {
	net.Conn          // with TLS if there is; whoever accepts it may use it
	raw      net.Conn // constant
	a        *acceptor

	mu    sync.Mutex
	idle  time.Duration
	timer *time.Timer
}

// extend has the connection closed after a time without anything read.
func (k *conn) extend(idle time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.idle = idle
	if k.timer == nil {
		k.timer = time.AfterFunc(idle, func() { _ = k.Close() }) // its reader ends
		return
	}
	k.timer.Reset(idle)
}

// Read implements net.Conn.
func (k *conn) Read(b []byte) (int, error) {
	n, err := k.Conn.Read(b)
	if err != nil {
		_ = k.Close() // the error is known
		return n, err
	}
	k.mu.Lock()
	if k.idle > strangerTime {
		k.timer.Reset(k.idle)
	}
	k.mu.Unlock()
	return n, nil
}

// Write implements net.Conn.
func (k *conn) Write(b []byte) (int, error) {
	_ = k.SetWriteDeadline(time.Now().Add(writeTime)) // an error ends the write too
	n, err := k.Conn.Write(b)
	if err != nil {
		_ = k.Close() // a part may be out: nothing can follow it
	}
	return n, err
}

// Close implements net.Conn.
func (k *conn) Close() error {
	k.a.mu.Lock()
	delete(k.a.conns, k)
	k.a.mu.Unlock()
	k.mu.Lock()
	if k.timer != nil {
		k.timer.Stop()
	}
	k.mu.Unlock()
	return k.raw.Close()
}
