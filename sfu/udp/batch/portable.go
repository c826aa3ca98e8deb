//go:build !linux

package batch

import (
	"context"
	"errors"
	"net"
	"net/netip"
)

// CanReuse reports whether several sockets can share an address so that the
// kernel spreads senders over them.
const CanReuse = false

// readBuffer is how long a datagram may be that is read.
const readBuffer = 9216 // bytes: a jumbo frame

// maxErrors is how many errors in a row Read passes over.
const maxErrors = 64

// Steer is not there.
func Steer([]*Socket) error { return errors.ErrUnsupported }

type system struct {
	reuse, gro              bool
	readBuffer, writeBuffer int
}

func newSystem(reuse bool) system { return system{reuse: reuse} }

// listen opens the socket.
func listen(network string, addr netip.AddrPort, _ bool) (*net.UDPConn, error) {
	var c net.ListenConfig
	p, err := c.ListenPacket(context.Background(), network, addr.String())
	if err != nil {
		return nil, err
	}
	conn, ok := p.(*net.UDPConn)
	if !ok {
		_ = p.Close() // it was never used
		return nil, errors.ErrUnsupported
	}
	return conn, nil
}

// probe finds out what the system can do.
func (s *Socket) probe() {
	s.sys.readBuffer, s.sys.writeBuffer = socketBuffer, socketBuffer // asked for; the answer is not known here
}

type readSystem struct {
	buffer []byte
}

func (r *readSystem) init(*Socket) {
	r.buffer = make([]byte, readBuffer)
}

// more does nothing: one datagram is all that there is room for.
func (*readSystem) more(*Socket, *ReadBatch) {}

// read reads one datagram.
func (r *readSystem) read(s *Socket, b *ReadBatch) error {
	for range maxErrors {
		n, from, err := s.conn.ReadFromUDPAddrPort(r.buffer)
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			s.count.errorsIn.Add(1)
			continue
		}
		s.count.reads.Add(1)
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		b.messages = append(b.messages, Message{Data: r.buffer[:n], From: from})
		return nil
	}
	return errors.New("reading from a UDP socket: only errors")
}

func moment() {}

type writeSystem struct{}

func (*writeSystem) init(*Writer) {}

// send sends each datagram by itself. The system chooses the local address.
func (*writeSystem) send(w *Writer) error {
	for i := range w.runs {
		r := &w.runs[i]
		for k := range r.datagrams {
			w.s.count.sends.Add(1)
			_, err := w.s.conn.WriteToUDPAddrPort(w.datagram(r, k), r.to)
			switch {
			case errors.Is(err, net.ErrClosed):
				return net.ErrClosed
			case err != nil:
				w.s.count.dropped.Add(1)
			default:
				w.s.count.out.Add(1)
				w.s.count.messages.Add(1)
			}
		}
	}
	return nil
}

// datagram returns datagram i of run r.
func (w *Writer) datagram(r *run, i int) []byte {
	from := i * r.size
	return w.arena[r.at+from : r.at+min(from+r.size, r.bytes)]
}
