package server

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	splitTimeout = 10 * time.Second      // for the first byte of a connection
	acceptPause  = 50 * time.Millisecond // when there are too many open files
	maxUndecided = 4096                  // connections of which the first byte has not come; more are closed
)

// A splitter shares a TCP port between HTTP and media. Of media, each packet is
// preceded by its length in 16 bits (RFC 4571), and the first is a STUN request
// much shorter than 512 bytes: its first byte is 0 or 1, where TLS has 22 and
// HTTP a letter. As a net.Listener it accepts what is not media.
type splitter struct {
	net.Listener
	media func(net.Conn) // takes a connection for media, and returns when it has ended

	accepted  chan net.Conn // unbuffered: taken by Accept
	failed    chan error    // capacity 1: of the listener
	done      chan struct{} // closed by Close
	closeOnce sync.Once
	running   sync.WaitGroup // the loop, and connections that are undecided or media

	mu   sync.Mutex
	open map[net.Conn]struct{} // of running, to be closed by Close
}

// split starts to accept from l.
func split(l net.Listener, media func(net.Conn)) *splitter {
	s := &splitter{
		Listener: l, media: media,
		accepted: make(chan net.Conn), failed: make(chan error, 1), done: make(chan struct{}),
		open: make(map[net.Conn]struct{}),
	}
	s.running.Go(s.loop) // ends with the listener
	return s
}

func (s *splitter) loop() {
	for {
		c, err := s.Listener.Accept()
		switch {
		case err == nil:
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ECONNABORTED):
			select { // passes when others have closed theirs
			case <-s.done:
			case <-time.After(acceptPause):
			}
			continue
		default:
			s.failed <- err
			return
		}
		if !s.keep(c) {
			_ = c.Close() // nothing was said on it
			continue
		}
		s.running.Go(func() {
			defer s.drop(c)
			s.decide(c)
		})
	}
}

// keep notes a connection, unless there are too many.
func (s *splitter) keep(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.done:
		return false
	default:
	}
	if len(s.open) >= maxUndecided {
		return false
	}
	s.open[c] = struct{}{}
	return true
}

func (s *splitter) drop(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

// decide reads the first byte of a connection and hands the connection on.
func (s *splitter) decide(c net.Conn) {
	p := &peeked{Conn: c, reader: bufio.NewReaderSize(c, 16)}
	_ = c.SetReadDeadline(time.Now().Add(splitTimeout)) // fails only on a closed connection
	first, err := p.reader.Peek(1)
	if err != nil {
		_ = c.Close() // nobody waits for it
		return
	}
	_ = c.SetReadDeadline(time.Time{}) // as above
	if first[0] <= 1 {
		s.media(p)
		return
	}
	select {
	case s.accepted <- p:
	case <-s.done:
		_ = c.Close() // the server ends
	}
}

// Accept implements net.Listener for connections that are not media.
func (s *splitter) Accept() (net.Conn, error) {
	select {
	case c := <-s.accepted:
		return c, nil
	case err := <-s.failed:
		s.failed <- err // for the next call
		return nil, err
	case <-s.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It also ends media connections, and waits for them.
func (s *splitter) Close() error {
	var err error
	s.closeOnce.Do(func() {
		s.mu.Lock()
		close(s.done)
		for c := range s.open {
			_ = c.Close() // it is being cut off
		}
		s.mu.Unlock()
		err = s.Listener.Close()
		s.running.Wait()
	})
	return err
}

// A peeked is a connection of which the first byte was looked at.
type peeked struct {
	net.Conn
	reader *bufio.Reader
}

// Read implements net.Conn.
func (p *peeked) Read(b []byte) (int, error) { return p.reader.Read(b) }
