package media

import (
	"net"
	"os"
	"sync"
	"time"
)

// A Limiter is a packet connection that receives as if the link towards it were
// slow: a token bucket with a queue of limited length, whose overflow is
// dropped. What is sent through it is not limited. It is there to check what a
// server does for a receiver with little bandwidth.
type Limiter struct {
	net.PacketConn

	mu      sync.Mutex
	rate    int       // bit/s; 0 is unlimited
	free    time.Time // when the link has sent what is queued
	queue   []queued  // in order of due
	queued  int       // bytes
	wake    chan struct{}
	err     error // of reading
	drops   uint64
	carried uint64 // bytes handed out

	reader sync.WaitGroup
}

type queued struct {
	due  time.Time
	from net.Addr
	data []byte
}

const (
	queueTime   = 250 * time.Millisecond // of data that the link holds back
	queueLeast  = 12 << 10               // bytes; a slow link holds some packets too
	queueMost   = 4096                   // packets
	maxDatagram = 2048                   // bytes; pion reads no larger ones
	ipAndUDP    = 28                     // bytes of headers that a link carries besides
)

// NewLimiter returns an unlimited Limiter in front of inner, which it owns.
// Closing it closes inner.
func NewLimiter(inner net.PacketConn) *Limiter {
	l := &Limiter{PacketConn: inner, wake: make(chan struct{}, 1)}
	l.reader.Go(l.read)
	return l
}

// SetRate sets the bandwidth in bit/s. 0 is unlimited.
func (l *Limiter) SetRate(bitsPerSecond int) {
	l.mu.Lock()
	l.rate = bitsPerSecond
	l.mu.Unlock()
}

// Dropped returns how many datagrams did not fit the link.
func (l *Limiter) Dropped() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.drops
}

// Carried returns how many bytes of datagrams were received through the link.
func (l *Limiter) Carried() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.carried
}

// read takes datagrams off the socket as they come, so that it is this queue
// that fills and not the kernel's.
func (l *Limiter) read() {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := l.PacketConn.ReadFrom(buf)
		l.mu.Lock()
		if err != nil {
			l.err = err
		} else {
			l.enqueueLocked(time.Now(), from, buf[:n])
		}
		l.mu.Unlock()
		select {
		case l.wake <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (l *Limiter) enqueueLocked(now time.Time, from net.Addr, data []byte) {
	due := now
	if l.rate > 0 {
		limit := max(queueLeast, int(int64(l.rate)*int64(queueTime)/int64(8*time.Second)))
		if l.queued+len(data) > limit {
			l.drops++
			return
		}
		if l.free.Before(now) {
			l.free = now
		}
		l.free = l.free.Add(time.Duration(8*(len(data)+ipAndUDP)) * time.Second / time.Duration(l.rate))
		due = l.free
	}
	if len(l.queue) >= queueMost {
		l.drops++
		return
	}
	if n := len(l.queue); n > 0 && due.Before(l.queue[n-1].due) {
		due = l.queue[n-1].due // the limit was lifted; the order stays
	}
	l.queue = append(l.queue, queued{due: due, from: from, data: append([]byte(nil), data...)})
	l.queued += len(data)
}

// ReadFrom returns the next datagram once the link has carried it. It is to be
// called by one goroutine.
func (l *Limiter) ReadFrom(b []byte) (int, net.Addr, error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		l.mu.Lock()
		var wait time.Duration
		if len(l.queue) > 0 {
			head := l.queue[0]
			if wait = time.Until(head.due); wait <= 0 {
				l.queue[0] = queued{}
				l.queue = l.queue[1:]
				l.queued -= len(head.data)
				l.carried += uint64(len(head.data))
				l.mu.Unlock()
				return copy(b, head.data), head.from, nil
			}
		} else if l.err != nil {
			err := l.err
			l.mu.Unlock()
			return 0, nil, err
		} else {
			wait = time.Hour
		}
		l.mu.Unlock()
		timer.Reset(wait)
		select {
		case <-l.wake:
		case <-timer.C:
		}
	}
}

// SetDeadline is not supported: a datagram waits in the queue, not in the socket.
func (l *Limiter) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetReadDeadline is not supported.
func (l *Limiter) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }

// Close closes the inner connection and ends its reading.
func (l *Limiter) Close() error {
	err := l.PacketConn.Close()
	l.reader.Wait()
	return err
}
