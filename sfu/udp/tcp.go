package udp

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"time"
)

// RFC 4571, Section 2: each datagram on a stream has its length before it.
//
//	| length (2) | datagram |
const (
	lengthSize = 2
	// maxFrame is the longest datagram we take or send, in bytes. Media fits an
	// Ethernet frame; a client that says more gets its connection closed.
	maxFrame = 4096
	// readAhead is how much is read at a time; it holds several frames.
	readAhead = 4 * (lengthSize + maxFrame)
	// maxPending is what may wait for a slow client, in bytes; 0.25 s at 4 Mbit/s. What
	// comes then is dropped: media that is late is of no use.
	maxPending = 128 << 10
	// maxStreams bounds TCP connections, maxStrangers those of them on which nobody
	// has proven anything yet.
	maxStreams   = 8192
	maxStrangers = 512

	// maxStrange is how much a stream may bring that does not prove anything before
	// its connection is closed.
	maxStrange = 16

	strangerTime = 10 * time.Second // for the first authenticated check
	writeTime    = 10 * time.Second // for what is pending
)

// A stream is a TCP connection with datagrams on it.
type stream struct {
	t    *Transport
	conn net.Conn

	mu      sync.Mutex
	closed  bool
	writing bool // a goroutine writes, or is about to
	pending []byte
	spare   []byte // of the same size, for the next
}

// ServeTCP serves a connection that a client opened, with RFC 4571 framing
// (ICE-TCP, RFC 6544), until it ends. It takes ownership of the connection and
// returns when it is closed. A connection without an authenticated check within
// 10 s is closed, and one that does not read what it is sent.
func (t *Transport) ServeTCP(c net.Conn) {
	s := &stream{t: t, conn: c}
	if !t.admit(s) {
		_ = c.Close() // nothing was sent on it
		return
	}
	defer t.running.Done()
	r := &streamReader{
		stream: s, buf: make([]byte, readAhead), intake: intake{t: t, send: &sender{t: t}},
		link: link{route: route{remote: addrPort(c.RemoteAddr()), local: addrPort(c.LocalAddr()).Addr()}, stream: s},
	}
	r.run()
	s.close()
	if r.path != nil {
		r.path.peer.lose(t.clock(), r.path)
	}
	t.dismiss(s, r.path == nil)
}

func addrPort(a net.Addr) netip.AddrPort {
	if a, ok := a.(*net.TCPAddr); ok {
		p := a.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return netip.AddrPort{}
}

// A streamReader reads one stream; it belongs to one goroutine.
type streamReader struct {
	stream *stream
	link   link
	path   *path // nil until it is proven
	intake intake
	buf    []byte
	used   int // bytes of buf
	frames [][]byte
}

// run reads until the connection ends or is not worth reading any further.
func (r *streamReader) run() {
	t := r.stream.t
	until := time.Now().Add(t.introduceTime)
	var strange uint64
	for {
		if r.path != nil {
			until = time.Now().Add(consentTime)
		}
		// An error ends the next read too.
		_ = r.stream.conn.SetReadDeadline(until)
		n, err := r.stream.conn.Read(r.buf[r.used:])
		r.used += n
		rest, ok := r.split()
		if len(r.frames) > 0 {
			stranger := r.path == nil
			r.path = r.intake.group(t.clock(), &r.link, r.path, r.frames)
			strange += r.intake.n.stunRefused + r.intake.n.dtlsDropped + r.intake.n.unknown
			r.intake.flush()
			if stranger && r.path != nil {
				t.introduce()
			}
			if r.path == nil && strange > maxStrange {
				return
			}
		}
		if !ok || err != nil {
			return
		}
		r.used = copy(r.buf, rest)
	}
}

// split finds the whole frames of what was read. It returns what is left, and
// false if that is not going to be a frame.
func (r *streamReader) split() (rest []byte, ok bool) {
	r.frames = r.frames[:0]
	b := r.buf[:r.used]
	for len(b) >= lengthSize {
		n := int(binary.BigEndian.Uint16(b))
		if n > maxFrame {
			r.intake.n.malformed++
			return nil, false
		}
		if len(b) < lengthSize+n {
			break
		}
		r.frames = append(r.frames, b[lengthSize:lengthSize+n])
		b = b[lengthSize+n:]
	}
	return b, true
}

// write queues a datagram, unless too much waits already. It does not block.
func (s *stream) write(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(b) > maxFrame || len(s.pending)+lengthSize+len(b) > maxPending {
		s.t.stats.TCPDropped.Add(1)
		return
	}
	s.pending = binary.BigEndian.AppendUint16(s.pending, uint16(len(b)))
	s.pending = append(s.pending, b...)
	if !s.writing {
		s.writing = true
		s.t.running.Go(s.drain) // the reader keeps running from being waited for too early
	}
}

// drain writes what is pending until nothing is.
func (s *stream) drain() {
	for {
		s.mu.Lock()
		b := s.pending
		if s.closed || len(b) == 0 {
			s.writing = false
			s.mu.Unlock()
			return
		}
		s.pending, s.spare = s.spare[:0], nil
		s.mu.Unlock()
		// An error ends the write.
		_ = s.conn.SetWriteDeadline(time.Now().Add(writeTime))
		if _, err := s.conn.Write(b); err != nil {
			s.close() // a part of a frame may be out: nothing can follow it
		}
		s.mu.Lock()
		s.spare = b[:0]
		s.mu.Unlock()
	}
}

// close closes the connection; its reader and writer end.
func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed, s.pending, s.spare = true, nil, nil
		_ = s.conn.Close() // nobody is left to tell
	}
}

// lose forgets a path whose connection has ended. What was sent over it goes to
// another one, if there is one.
func (p *Peer) lose(now time.Time, q *path) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.paths {
		if p.paths[i] == q {
			p.dropPathLocked(i)
			break
		}
	}
	p.sweepLocked(now)
}

// admit takes note of a stream, unless there are too many. The reader is counted
// in running until it ends.
func (t *Transport) admit(s *stream) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.streams) == maxStreams || t.strangers == maxStrangers {
		return false
	}
	t.streams[s] = struct{}{}
	t.strangers++
	t.running.Add(1)
	t.stats.TCPConnections.Add(1)
	return true
}

// introduce notes that a stream has proven whose it is.
func (t *Transport) introduce() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.strangers--
}

// dismiss forgets a stream.
func (t *Transport) dismiss(s *stream, stranger bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.streams, s)
	if stranger {
		t.strangers--
	}
	t.stats.TCPConnections.Add(-1)
}
