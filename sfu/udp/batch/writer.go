package batch

import (
	"net/netip"
)

const (
	// maxMessages is how many messages one system call takes at most.
	maxMessages = 256
	// maxSegments is how many datagrams a run has at most: UDP_MAX_SEGMENTS of
	// kernels before 6.9.
	maxSegments = 64
	// maxRun is how many bytes a run has at most: 64 KiB less headers, with room.
	maxRun = 65000
	// chunk is how many bytes are collected before they are sent: what fits the
	// second level cache beside the payloads, and little enough that the first
	// receivers do not wait for the last. BenchmarkChunk: from 256 KiB to 2 MiB the cost
	// differs by 3 %, and below it rises.
	chunk = 256 << 10
	// slack is room for a burst to one receiver that crosses the chunk, so that its
	// runs stay whole.
	slack = 128 << 10
)

// A Writer collects datagrams and sends them together. Datagrams to one address
// keep their order. It belongs to one goroutine; a socket may have many.
type Writer struct {
	s     *Socket
	arena []byte // chunk + slack bytes
	chunk int
	used  int // bytes of the arena that are taken
	room  int // bytes that the last Buffer gave

	to   netip.AddrPort
	from netip.Addr
	ok   bool // to is an address of the socket's family
	runs []run
	err  error // of a flush that nobody asked for

	sys writeSystem
}

// A run is datagrams for one address, end to end in the arena. All are size bytes
// long but the last, which may be shorter.
type run struct {
	to        netip.AddrPort
	from      netip.Addr
	at, size  int
	bytes     int
	datagrams int
	closed    bool // the last one is shorter: none may follow
}

// NewWriter returns a Writer for s. It takes its memory, about 450 KB, when it is
// first used.
func NewWriter(s *Socket) *Writer {
	return &Writer{s: s, chunk: chunk}
}

// take takes the memory.
func (w *Writer) take() {
	w.arena = make([]byte, w.chunk+slack)
	w.runs = make([]run, 0, maxMessages)
	w.sys.init(w)
}

// Begin says where the datagrams that follow go, and from which local address;
// from may be invalid, and then the system chooses. Datagrams to an address that
// is not of the socket's family are dropped and counted.
func (w *Writer) Begin(to netip.AddrPort, from netip.Addr) {
	if w.arena == nil {
		w.take()
	}
	if w.used >= w.chunk {
		w.flush()
	}
	w.to, w.from = to, from
	w.ok = w.s.fits(to)
	if from.Is6() != w.s.v6 {
		w.from = netip.Addr{}
	}
}

// Buffer returns memory for one datagram: its length is 0 and its capacity at
// least n bytes. The caller appends at most n bytes and then calls Commit; calling
// Buffer again instead abandons them. For n above MaxDatagram the result is nil.
func (w *Writer) Buffer(n int) []byte {
	if n > MaxDatagram {
		w.room = 0
		return nil
	}
	if w.arena == nil {
		w.take()
	}
	if len(w.arena)-w.used < n {
		w.flush()
	}
	w.room = n
	return w.arena[w.used : w.used : w.used+n]
}

// Commit takes the first n bytes of the last Buffer as a datagram. It may send
// what was collected so far.
func (w *Writer) Commit(n int) {
	if n <= 0 || n > w.room || !w.ok {
		w.s.count.dropped.Add(1)
		return
	}
	w.room = 0
	if !w.join(n) {
		if len(w.runs) == maxMessages {
			w.send() // the new datagram stays where it is, behind what was sent
		}
		w.runs = append(w.runs, run{to: w.to, from: w.from, at: w.used, size: n, bytes: n, datagrams: 1})
	}
	w.used += n
}

// join adds a datagram of n bytes to the last run, if the rules of UDP_SEGMENT
// allow it.
func (w *Writer) join(n int) bool {
	if len(w.runs) == 0 {
		return false
	}
	r := &w.runs[len(w.runs)-1]
	if r.closed || n > r.size || r.datagrams == maxSegments || r.bytes+n > maxRun || r.to != w.to || r.from != w.from {
		return false
	}
	r.closed = n < r.size
	r.bytes += n
	r.datagrams++
	return true
}

// Flush sends what was collected. What the kernel does not take is dropped and
// counted; it never waits longer than some milliseconds. The error is net.ErrClosed
// after the socket was closed, else nil.
func (w *Writer) Flush() error {
	w.flush()
	err := w.err
	w.err = nil
	return err
}

// flush sends and empties the arena.
func (w *Writer) flush() {
	w.send()
	w.used = 0
}

// send sends all runs.
func (w *Writer) send() {
	if len(w.runs) == 0 {
		return
	}
	if err := w.sys.send(w); err != nil {
		w.err = err
	}
	w.runs = w.runs[:0]
}
