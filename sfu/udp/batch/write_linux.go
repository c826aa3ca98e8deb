package batch

import (
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// A writeSystem is the messages that sendmmsg takes.
type writeSystem struct {
	headers  []mmsghdr
	vectors  []unix.Iovec
	names    []sockaddr
	controls []control
	ends     []cursor // where in the runs a message ends

	at    cursor // the next datagram to send
	plain plain  // receivers that get single datagrams

	// try is what the socket calls with its file descriptor. It sends the first
	// filled messages and leaves its result in n and errno.
	try    func(fd uintptr)
	wait   func(fd uintptr)
	filled int
	n      int
	errno  unix.Errno
}

// A cursor is a place between two datagrams.
type cursor struct {
	run, datagram int
}

// init takes the memory.
func (y *writeSystem) init(w *Writer) {
	y.headers = make([]mmsghdr, maxMessages)
	y.vectors = make([]unix.Iovec, maxMessages)
	y.names = make([]sockaddr, maxMessages)
	y.controls = make([]control, maxMessages)
	y.ends = make([]cursor, maxMessages)
	for i := range y.headers {
		h := &y.headers[i].hdr
		h.Iov = &y.vectors[i]
		h.SetIovlen(1)
		h.Name = &y.names[i][0]
		h.Control = &y.controls[i][0]
	}
	k := &w.s.sys.kernel
	y.try = func(fd uintptr) {
		call := k.sendmmsg
		if w.s.Level() == LevelSingle {
			call = k.sendmsg
		}
		y.n, y.errno = call(fd, y.headers[:y.filled])
	}
	y.wait = k.writable
}

// send sends all runs of w. Each pass of its loop makes messages of what is left,
// in the form that the socket's level and the receivers allow, and gives them to
// the kernel. It ends because each pass sends or drops a message, falls one level,
// marks a receiver as plain, or is the one retry of a message.
func (y *writeSystem) send(w *Writer) error {
	y.at = cursor{}
	if len(y.plain.until) > 0 {
		y.plain.forget(time.Now())
	}
	waited, retried := false, false
	for y.at.run < len(w.runs) {
		y.fill(w)
		if err := w.s.raw.Control(y.try); err != nil {
			return closed(err)
		}
		w.s.count.sends.Add(1)
		if y.errno == 0 && y.n > 0 {
			y.sent(w, y.n)
			retried = false
			continue
		}
		switch d := y.decide(w, retried, waited); d {
		case again:
			retried = y.errno != unix.EINTR
		case waitAgain:
			waited, retried = true, true
			w.s.count.waits.Add(1)
			if err := w.s.raw.Control(y.wait); err != nil {
				return closed(err)
			}
		case drop:
			y.drop(w)
			retried = false
		}
	}
	return nil
}

// fill makes messages of the datagrams at the cursor.
func (y *writeSystem) fill(w *Writer) {
	level := w.s.Level()
	most := maxMessages
	if level == LevelSingle {
		most = 1
	}
	at := y.at
	y.filled = 0
	for at.run < len(w.runs) && y.filled < most {
		r := &w.runs[at.run]
		n := 1
		if level == LevelGSO && r.datagrams > 1 && !y.plain.has(r.to.Addr()) {
			n = r.datagrams - at.datagram
		}
		y.put(w, r, at.datagram, n)
		if at.datagram += n; at.datagram == r.datagrams {
			at = cursor{run: at.run + 1}
		}
		y.ends[y.filled] = at
		y.filled++
	}
}

// put makes the next message of n datagrams of run r.
func (y *writeSystem) put(w *Writer, r *run, first, n int) {
	i := y.filled
	from := first * r.size
	to := min(from+n*r.size, r.bytes)
	y.vectors[i].Base = &w.arena[r.at+from]
	y.vectors[i].SetLen(to - from)
	segment := 0
	if n > 1 {
		segment = r.size
	}
	h := &y.headers[i].hdr
	h.Namelen = y.names[i].put(r.to)
	h.SetControllen(y.controls[i].put(r.from, segment))
}

// sent moves the cursor behind the first n messages.
func (y *writeSystem) sent(w *Writer, n int) {
	end := y.ends[n-1]
	w.s.count.messages.Add(uint64(n))
	w.s.count.out.Add(uint64(y.between(w, end)))
	y.at = end
}

// drop moves the cursor behind the first message, which is not sent.
func (y *writeSystem) drop(w *Writer) {
	w.s.count.dropped.Add(uint64(y.between(w, y.ends[0])))
	y.at = y.ends[0]
}

// between counts the datagrams from the cursor to a later one.
func (y *writeSystem) between(w *Writer, to cursor) int {
	n := to.datagram - y.at.datagram
	for i := y.at.run; i < to.run; i++ {
		n += w.runs[i].datagrams
	}
	return n
}

// closed returns net.ErrClosed if an error is that the socket is closed, and else
// the error.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, unix.EBADF) {
		return net.ErrClosed
	}
	return fmt.Errorf("using a UDP socket: %v", err)
}
