package udp

import (
	"errors"
	"fmt"

	"conclave/sfu/rtp"
	"conclave/sfu/srtp"
	"conclave/sfu/udp/batch"
)

// keys are what packets to a peer are sealed with.
type keys struct {
	sealer         *srtp.Sealer
	overhead, rtcp int // bytes that sealing adds
}

// A sender seals packets and sends them in batches. It belongs to one goroutine
// at a time.
type sender struct {
	t     *Transport
	first *batch.Writer // of the socket it belongs to
	other *batch.Writer // of a socket of the other address family; may be nil
	v6    bool          // first is IPv6

	// Where datagrams go since begin.
	w      *batch.Writer
	stream *stream
	frame  []byte // for a stream

	datagrams, bytes, early, dropped uint64 // since flush
}

// newSender returns a sender that uses sockets number i of both families.
func (t *Transport) newSender(i int, v6 bool) *sender {
	s := &sender{t: t, v6: v6}
	four, six := pick(t.v4, i), pick(t.v6, i)
	if v6 {
		four, six = six, four
	}
	if four != nil {
		s.first = batch.NewWriter(four)
	}
	if six != nil {
		s.other = batch.NewWriter(six)
	}
	return s
}

func pick(list []*batch.Socket, i int) *batch.Socket {
	if len(list) == 0 {
		return nil
	}
	return list[i%len(list)]
}

// begin says where the datagrams that follow go.
func (s *sender) begin(l *link) {
	s.stream, s.w = l.stream, nil
	if l.stream != nil {
		return
	}
	s.w = s.first
	if l.remote.Addr().Is6() != s.v6 {
		s.w = s.other
	}
	if s.w != nil {
		s.w.Begin(l.remote, l.local)
	}
}

// buffer returns memory for one datagram of at most n bytes, or nil.
func (s *sender) buffer(n int) []byte {
	switch {
	case s.w != nil:
		return s.w.Buffer(n)
	case s.stream != nil && n <= maxFrame:
		if cap(s.frame) < n {
			s.frame = make([]byte, 0, maxFrame)
		}
		return s.frame[:0]
	}
	return nil
}

// commit sends b, which was appended to the last buffer.
func (s *sender) commit(b []byte) {
	if s.w != nil {
		s.w.Commit(len(b))
		return
	}
	s.stream.write(b)
}

// datagram sends one datagram that needs no sealing.
func (s *sender) datagram(l *link, b []byte) {
	s.begin(l)
	if buf := s.buffer(len(b)); buf != nil {
		s.commit(append(buf, b...))
	}
}

// packets seals and sends what is in out.
func (s *sender) packets(out *rtp.Output) {
	var (
		last *Peer
		k    *keys
	)
	for i := range out.Packets {
		o := &out.Packets[i]
		p, ok := o.To.(*Peer)
		if !ok || p.t != s.t {
			s.dropped++
			continue
		}
		if p != last {
			last, k = p, p.keys.Load()
			if q := p.selected.Load(); q != nil && k != nil {
				s.begin(&q.link)
			} else {
				k = nil
			}
		}
		if k == nil {
			s.early++
			continue
		}
		s.packet(k, o)
	}
}

// packet seals and sends one packet to where it begun.
func (s *sender) packet(k *keys, o *rtp.Outbound) {
	buf := s.buffer(len(o.Header) + len(o.Payload) + max(k.overhead, k.rtcp))
	if buf == nil {
		s.dropped++
		return
	}
	var sealed []byte
	if o.RTCP {
		sealed, _ = k.sealer.SealRTCP(buf, o.Payload) // nothing is appended on error
	} else {
		sealed = k.sealer.Seal(buf, o.Header, o.Payload, o.Index)
	}
	if len(sealed) == 0 {
		s.dropped++
		return
	}
	s.datagrams++
	s.bytes += uint64(len(sealed))
	s.commit(sealed)
}

// flush counts what was collected and sends it.
func (s *sender) flush() {
	c := s.t.stats
	add(&c.DatagramsSent, &s.datagrams)
	add(&c.BytesSent, &s.bytes)
	add(&c.Early, &s.early)
	add(&c.SendErrors, &s.dropped)
	// The only error is that the socket was closed; its reader ends by that too.
	if s.first != nil {
		_ = s.first.Flush()
	}
	if s.other != nil {
		_ = s.other.Flush()
	}
}

// maxSenders bounds the senders that are not of a shard. Each has memory for
// what it collects; who finds none free waits for one.
const maxSenders = 4

// borrow returns a sender, to be given back soon.
func (t *Transport) borrow() *sender {
	select {
	case s := <-t.senders:
		return s
	default:
	}
	select {
	case s := <-t.senders:
		return s
	case i := <-t.unmade:
		return t.newSender(i, len(t.v4) == 0)
	}
}

// giveBack flushes a sender and lets others have it.
func (t *Transport) giveBack(s *sender) {
	s.flush()
	t.senders <- s
}

// Send seals and sends packets, from any goroutine but a Handler's Receive
// and Connected, which have their own Output. Outbound.To is a *Peer of this
// transport; packets to one that is not connected are dropped and counted. It
// does not reset out.
func (t *Transport) Send(out *rtp.Output) {
	if len(out.Packets) == 0 {
		return
	}
	s := t.borrow()
	defer t.giveBack(s)
	s.packets(out)
}

// errPanic stands for a panic that was caught.
var errPanic = errors.New("panic")

// recovered logs a panic of a goroutine of this package.
func recovered(r any) error { return fmt.Errorf("%w: %v", errPanic, r) }
