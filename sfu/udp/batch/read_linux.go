package batch

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

const (
	// maxRead is how many messages one system call reads at most. More would only
	// take memory: at 32 the call itself is a thirtieth of what reading costs.
	maxRead = 32
	// joinedBuffer is how long a message may be that the kernel joined.
	joinedBuffer = 65536
	// plainBuffer is how long one may be that is a single datagram.
	plainBuffer = 9216 // bytes: a jumbo frame
	// maxErrors is how many asynchronous errors in a row are passed over. Each is
	// an ICMP message; more without a datagram between them mean a broken socket.
	maxErrors = 1024
)

// A readSystem is the memory that recvmmsg fills.
type readSystem struct {
	headers  []mmsghdr
	vectors  []unix.Iovec
	names    []sockaddr
	controls []control
	memory   []byte
	size     int // bytes of memory for one message

	used int // messages that were read since Read was called

	// try is what Read gives to the poller. It reads behind what was used and leaves
	// its result in n and errno.
	try   func(fd uintptr) bool
	once  func(fd uintptr) // try, whether or not there is anything
	n     int
	errno unix.Errno
}

// init says how to read, and takes no memory yet: many a socket, such as that for
// IPv6, never hears anything.
func (r *readSystem) init(s *Socket) {
	r.size = plainBuffer
	if s.sys.gro {
		r.size = joinedBuffer
	}
	call := s.sys.kernel.recvmmsg
	if !s.sys.many {
		call = s.sys.kernel.recvmsg
	}
	r.once = func(fd uintptr) { r.n, r.errno = call(fd, r.headers[r.used:]) }
	r.try = func(fd uintptr) bool {
		if r.headers == nil {
			if r.errno = pending(fd); r.errno != 0 {
				r.n = 0
				return r.errno != unix.EAGAIN
			}
			r.take()
		}
		r.n, r.errno = call(fd, r.headers[r.used:])
		return r.errno != unix.EAGAIN
	}
}

// take takes the memory.
func (r *readSystem) take() {
	r.headers = make([]mmsghdr, maxRead)
	r.vectors = make([]unix.Iovec, maxRead)
	r.names = make([]sockaddr, maxRead)
	r.controls = make([]control, maxRead)
	r.memory = make([]byte, maxRead*r.size)
	for i := range r.headers {
		r.vectors[i].Base = &r.memory[i*r.size]
		r.vectors[i].SetLen(r.size)
		h := &r.headers[i].hdr
		h.Iov = &r.vectors[i]
		h.SetIovlen(1)
		h.Name = &r.names[i][0]
		h.Control = &r.controls[i][0]
		r.again(i)
	}
}

// again makes header i ready for the next call, which reads these fields and
// overwrites them.
func (r *readSystem) again(i int) {
	h := &r.headers[i].hdr
	h.Namelen = unix.SizeofSockaddrInet6
	h.SetControllen(controlSize)
	h.Flags = 0
}

// read waits for messages and adds their datagrams to b.
func (r *readSystem) read(s *Socket, b *ReadBatch) error {
	r.used = 0
	for range maxErrors {
		if err := s.raw.Read(r.try); err != nil {
			return closed(err)
		}
		switch {
		case r.errno == 0:
			r.add(s, b)
			return nil
		case r.errno == unix.EBADF:
			return closed(r.errno)
		case r.errno != unix.EINTR:
			s.count.errorsIn.Add(1) // the kernel forgets it by telling it
		}
	}
	return fmt.Errorf("reading from a UDP socket, which gives only errors: %v", r.errno)
}

// more reads what has arrived since, if there is room for it, without waiting.
func (r *readSystem) more(s *Socket, b *ReadBatch) {
	if r.used == 0 || r.used == len(r.headers) {
		return
	}
	if err := s.raw.Control(r.once); err == nil && r.errno == 0 {
		r.add(s, b)
	}
}

// add adds the datagrams of the messages that were read last to b.
func (r *readSystem) add(s *Socket, b *ReadBatch) {
	s.count.reads.Add(1)
	for i := r.used; i < r.used+r.n; i++ {
		r.split(s, b, i)
		r.again(i)
	}
	r.used += r.n
}

// split adds the datagrams of message i to b.
func (r *readSystem) split(s *Socket, b *ReadBatch, i int) {
	h := &r.headers[i]
	from := r.names[i].get(h.hdr.Namelen)
	to, segment := r.controls[i].get(int(h.hdr.Controllen))
	data := r.memory[i*r.size:][:min(int(h.n), r.size)]
	if h.hdr.Flags&unix.MSG_TRUNC != 0 {
		s.count.truncated.Add(1)
		// Of a joined message, all datagrams but the cut one are whole.
		if segment <= 0 {
			return
		}
		data = data[:len(data)/segment*segment]
	}
	if segment <= 0 {
		segment = len(data)
	}
	for len(data) > 0 {
		n := min(segment, len(data))
		b.add(data[:n:n], from, to)
		data = data[n:]
	}
}

// maxDatagrams is how many datagrams a batch has at most: twice what a kernel
// joins, 64 to a message. More are dropped.
const maxDatagrams = 2 * 64 * maxRead

// add adds a datagram. It allocates only until the batch has seen its largest.
func (b *ReadBatch) add(data []byte, from netip.AddrPort, to netip.Addr) {
	if len(b.messages) < maxDatagrams {
		b.messages = append(b.messages, Message{Data: data, From: from, To: to})
	}
}
