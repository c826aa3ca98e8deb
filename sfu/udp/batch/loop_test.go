package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"testing"

	"conclave/internal/testkit"
)

// open returns a socket on an address of this machine, on a free port.
func open(t testing.TB, address string) *Socket {
	t.Helper()
	addr := netip.MustParseAddr(address)
	network := "udp4"
	if addr.Is6() {
		network = "udp6"
	}
	s, err := Listen(network, netip.AddrPortFrom(addr, 0), false)
	if err != nil && addr.Is6() {
		testkit.Missing(t, "no IPv6 here: %v", err)
	}
	if err != nil {
		t.Fatalf("Listen(%q, %v) = %v", network, addr, err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// put sends one datagram of size bytes that says number, without flushing.
func put(w *Writer, number, size int) {
	b := binary.BigEndian.AppendUint32(w.Buffer(size), uint32(number))
	b = append(b, bytes.Repeat([]byte{byte(number)}, size-4)...)
	w.Commit(len(b))
}

// A got is a datagram that take received.
type got struct {
	number, size int
	from         netip.AddrPort
	to           netip.Addr
}

// take reads n datagrams and checks their bytes.
func take(t testing.TB, s *Socket, b *ReadBatch, n int) (all []got) {
	t.Helper()
	for len(all) < n {
		k, err := s.Read(b)
		if err != nil {
			t.Fatalf("Read() = %v after %d of %d datagrams", err, len(all), n)
		}
		for i := range k {
			m := b.Message(i)
			number := int(binary.BigEndian.Uint32(m.Data))
			if !bytes.Equal(m.Data[4:], bytes.Repeat([]byte{byte(number)}, len(m.Data)-4)) {
				t.Fatalf("datagram %d came with other bytes than were sent", number)
			}
			all = append(all, got{number, len(m.Data), m.From, m.To})
		}
	}
	return all
}

// sizes of a burst in which runs begin and end in all ways.
var sizes = []int{1216, 1216, 1216, 900, 1216, 1217, 1217, 1217, 1, 500, 500, 500, 500, 499, 1216, 1216, 60, 60}

func TestLoop(t *testing.T) {
	for _, address := range []string{"127.0.0.1", "::1"} {
		for _, level := range []Level{LevelGSO, LevelBatch, LevelSingle} {
			t.Run(address+"/"+level.String(), func(t *testing.T) {
				a, b := open(t, address), open(t, address)
				a.Limit(level)
				w, batch := NewWriter(a), NewReadBatch(b)
				w.Begin(b.LocalAddr(), netip.Addr{})
				for i, size := range sizes {
					put(w, i, max(size, 4))
				}
				if err := w.Flush(); err != nil {
					t.Fatalf("Flush() = %v", err)
				}
				for i, g := range take(t, b, batch, len(sizes)) {
					if g.number != i || g.size != max(sizes[i], 4) || g.from != a.LocalAddr() {
						t.Errorf("datagram %d = number %d of %d bytes from %v, want %d bytes from %v",
							i, g.number, g.size, g.from, max(sizes[i], 4), a.LocalAddr())
					}
					if (g.to.IsValid() || CanReuse) && g.to != b.LocalAddr().Addr() {
						t.Errorf("datagram %d came to %v, want %v", i, g.to, b.LocalAddr().Addr())
					}
				}
				if s := a.Stats(); s.Sent != uint64(len(sizes)) || s.Dropped != 0 || s.Level > level {
					t.Errorf("Stats() = %+v, want %d sent, none dropped, level at most %v", s, len(sizes), level)
				}
			})
		}
	}
}

// TestSourceAddress holds that a socket for all addresses answers from the one
// that was asked.
func TestSourceAddress(t *testing.T) {
	if !CanReuse {
		testkit.Missing(t, "this system does not say which address a datagram came to")
	}
	server, err := Listen("udp4", netip.MustParseAddrPort("0.0.0.0:0"), true)
	if err != nil {
		t.Fatalf("Listen() = %v", err)
	}
	t.Cleanup(func() { _ = server.Close() })
	client := open(t, "127.0.0.1")
	asked := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.7"), server.LocalAddr().Port())
	w := NewWriter(client)
	w.Begin(asked, netip.Addr{})
	put(w, 1, 100)
	w.Flush()
	question := take(t, server, NewReadBatch(server), 1)[0]
	if question.to != asked.Addr() {
		t.Fatalf("the question came to %v, want %v", question.to, asked.Addr())
	}
	answer := NewWriter(server)
	answer.Begin(question.from, question.to)
	put(answer, 2, 100)
	put(answer, 3, 100)
	answer.Flush()
	for _, g := range take(t, client, NewReadBatch(client), 2) {
		if g.from != asked {
			t.Errorf("answer %d came from %v, want %v", g.number, g.from, asked)
		}
	}
}

func TestCloseUnblocksRead(t *testing.T) {
	s := open(t, "127.0.0.1")
	done := make(chan error)
	go func() {
		_, err := s.Read(NewReadBatch(s))
		done <- err
	}()
	if err := s.Close(); err != nil {
		t.Fatalf("Close() = %v", err)
	}
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read() = %v after Close, want net.ErrClosed", err)
	}
	w := NewWriter(s)
	w.Begin(netip.MustParseAddrPort("127.0.0.1:9"), netip.Addr{})
	put(w, 1, 10)
	if err := w.Flush(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Flush() = %v after Close, want net.ErrClosed", err)
	}
}

// TestFamiliesShareAPort holds that a socket for all IPv6 addresses takes no IPv4.
func TestFamiliesShareAPort(t *testing.T) {
	open(t, "::1") // or says that there is no IPv6
	for range 10 { // another program may have the port
		six, err := Listen("udp6", netip.MustParseAddrPort("[::]:0"), false)
		if err != nil {
			t.Fatalf("Listen() = %v", err)
		}
		four, err := Listen("udp4", netip.AddrPortFrom(netip.IPv4Unspecified(), six.LocalAddr().Port()), false)
		six.Close()
		if err == nil {
			four.Close()
			return
		}
	}
	t.Error("no port is free in both families, 10 times")
}

func TestListenRefuses(t *testing.T) {
	for _, c := range []struct{ network, addr string }{
		{"udp", "127.0.0.1:0"}, {"tcp", "127.0.0.1:0"}, {"udp4", "[::1]:0"}, {"udp6", "127.0.0.1:0"},
	} {
		if s, err := Listen(c.network, netip.MustParseAddrPort(c.addr), false); err == nil {
			s.Close()
			t.Errorf("Listen(%q, %s) = nil error, want one", c.network, c.addr)
		}
	}
	if _, err := Listen("udp4", netip.AddrPort{}, false); !errors.Is(err, ErrAddress) {
		t.Errorf("Listen without an address = %v, want ErrAddress", err)
	}
}

// TestMore holds that a batch can be added to, up to what it holds.
func TestMore(t *testing.T) {
	if !CanReuse {
		testkit.Missing(t, "this system reads one datagram at a time")
	}
	a, b := open(t, "127.0.0.1"), open(t, "127.0.0.1")
	w, batch := NewWriter(a), NewReadBatch(b)
	send := func(from, to int) {
		for i := from; i < to; i++ {
			w.Begin(b.LocalAddr(), netip.Addr{})
			put(w, i, 100)
			_ = w.Flush() // a message for each
		}
	}
	send(0, 3)
	if n, err := b.Read(batch); n != 3 || err != nil {
		t.Fatalf("Read() = %d, %v, want 3 datagrams", n, err)
	}
	if n := b.More(batch); n != 3 {
		t.Errorf("More() = %d when nothing came, want 3", n)
	}
	send(3, 5)
	if n := b.More(batch); n != 5 {
		t.Errorf("More() = %d, want 5", n)
	}
	send(5, 100)
	n := b.More(batch)
	for b.More(batch) > n {
		n = b.More(batch)
	}
	for i := range n {
		if got := int(binary.BigEndian.Uint32(batch.Message(i).Data)); got != i {
			t.Fatalf("datagram %d is number %d", i, got)
		}
	}
	for i, g := range take(t, b, batch, 100-n) {
		if g.number != n+i {
			t.Fatalf("datagram %d of the rest is number %d, want %d", i, g.number, n+i)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	for _, address := range []string{"127.0.0.1", "::1"} {
		a, b := open(t, address), open(t, address)
		w, batch := NewWriter(a), NewReadBatch(b)
		payload := make([]byte, 1200)
		to, from := b.LocalAddr(), a.LocalAddr().Addr()
		round := func() {
			w.Begin(to, from)
			for range 10 {
				w.Commit(len(append(w.Buffer(len(payload)), payload...)))
			}
			_ = w.Flush()
			for n := 0; n < 10; {
				k, err := b.Read(batch)
				if err != nil {
					t.Fatalf("Read() = %v", err)
				}
				n += k
			}
		}
		round()
		if n := testing.AllocsPerRun(100, round); n != 0 {
			t.Errorf("%s: %v allocations a round of 10 datagrams, want 0", address, n)
		}
	}
}
