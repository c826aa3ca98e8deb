package batch

import "net/netip"

// A Message is one received datagram.
type Message struct {
	Data []byte         // valid until the next Read into its batch
	From netip.AddrPort // never an IPv4 address in IPv6 form
	To   netip.Addr     // the local address it was sent to; invalid where the system does not say
}

// A ReadBatch has the memory for one call of Read after the other on one socket.
// It belongs to one goroutine.
type ReadBatch struct {
	messages []Message
	sys      readSystem
}

// NewReadBatch returns a batch for reading from s. It takes its memory when the
// first datagram is there: up to 2 MiB, of which only what arrives is ever touched.
func NewReadBatch(s *Socket) *ReadBatch {
	b := &ReadBatch{}
	b.sys.init(s)
	return b
}

// Message returns datagram i of the last Read, 0 ≤ i < n.
func (b *ReadBatch) Message(i int) *Message {
	return &b.messages[i]
}

// Read waits for datagrams and returns how many there are, at least 1: all that
// had arrived, up to what the batch holds, in order of arrival. Asynchronous
// errors, such as an ICMP message that somebody's port is closed, are counted and
// passed over. An error is final: net.ErrClosed after Close, else the socket's.
// b must be of this socket.
func (s *Socket) Read(b *ReadBatch) (n int, err error) {
	for {
		b.messages = b.messages[:0]
		if err := b.sys.read(s, b); err != nil {
			return 0, err
		}
		if len(b.messages) > 0 {
			s.count.in.Add(uint64(len(b.messages)))
			return len(b.messages), nil
		}
	}
}

// More adds to a batch that Read has filled what has arrived since, up to what it
// holds, and returns how many datagrams there are now. It does not wait.
func (s *Socket) More(b *ReadBatch) (n int) {
	before := len(b.messages)
	b.sys.more(s, b)
	s.count.in.Add(uint64(len(b.messages) - before))
	return len(b.messages)
}

// Wait lets about 100 µs pass, for More. It keeps its processor: Go's timers would
// take a millisecond and wake other threads. Do so seldom.
func (*Socket) Wait() { moment() }
