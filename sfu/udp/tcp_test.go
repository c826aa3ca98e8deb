package udp

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"conclave/sfu/rtp"
)

// listenTCP returns the address of a listener that gives its connections to tr.
func listenTCP(t *testing.T, tr *Transport, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go tr.ServeTCP(c) // Close of tr waits for it
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

func frame(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

// bindTCP opens a TCP connection and uses it from now on.
func (c *client) bindTCP(addr string) net.Conn {
	c.t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		c.t.Fatal(err)
	}
	c.use(func(b []byte) { _, _ = conn.Write(frame(b)) })
	c.sockets = append(c.sockets, conn)
	c.readers.Go(func() {
		for {
			var size [2]byte
			if _, err := io.ReadFull(conn, size[:]); err != nil {
				return
			}
			b := make([]byte, binary.BigEndian.Uint16(size[:]))
			if _, err := io.ReadFull(conn, b); err != nil {
				return
			}
			c.take(b, c.write)
		}
	})
	return conn
}

func TestTCP(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			tr := start(t, Config{})
			addr := listenTCP(t, tr, host)
			f := newFake()
			p := newPeer(t, tr, f)
			c := newClient(t, tr, p)
			if err := p.SetRemote(c.description()); err != nil {
				t.Fatal(err)
			}
			conn := c.bindTCP(addr)
			answer := c.ask(true)
			if err := c.handshake(); err != nil {
				t.Fatal(err)
			}
			happens(t, "Connected", f.connected)
			talk(t, tr, p, c, f, 1)
			if n := tr.Stats().TCPConnections.Load(); n != 1 {
				t.Errorf("%d connections, want 1", n)
			}
			if answer == nil {
				t.Error("no answer")
			}

			// Frames that come in pieces, and several at once.
			var stream []byte
			for i := range uint16(5) {
				stream = append(stream, frame(c.packet(7, 10+i, make([]byte, 1000)))...)
			}
			for len(stream) > 0 {
				n := min(len(stream), 999)
				_, _ = conn.Write(stream[:n])
				stream = stream[n:]
			}
			for i := range uint16(5) {
				var h rtp.Packet
				if got := f.next(t); !rtp.Parse(got.Data, &h) || h.Sequence != 10+i {
					t.Errorf("packet %d came as %x", i, got.Data[:12])
				}
			}

			// UDP takes over, and the end of the connection changes nothing.
			c.server = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), c.server.Port())
			c.bind()
			c.ask(true)
			_ = conn.Close()
			eventually(t, "the connection is gone", func() bool { return tr.Stats().TCPConnections.Load() == 0 })
			talk(t, tr, p, c, f, 2)
			p.Close()
		})
	}
}

// When the connection ends that media goes over, another path of the peer takes
// its place.
func TestTCPLost(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	addr := listenTCP(t, tr, "127.0.0.1")
	p, c, f := connected(t, tr)
	udp := goesTo(p)
	conn := c.bindTCP(addr)
	c.ask(true)
	if goesTo(p) != conn.LocalAddr().String() {
		t.Fatal("the connection was not taken")
	}
	_ = conn.Close()
	eventually(t, "UDP is used again", func() bool { return goesTo(p) == udp })
	send(tr, p, 1, "still here")
	if got := c.next(); !bytes.HasSuffix(got, []byte("still here")) {
		t.Errorf("client got %x", got)
	}
	select {
	case <-f.disconnected:
		t.Error("disconnected")
	default:
	}
}

// A client that does not read is dropped from and blocks nobody.
func TestTCPSlow(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	addr := listenTCP(t, tr, "127.0.0.1")
	p, c, _ := connected(t, tr)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = conn.Write(frame(c.check(true).Raw))
	eventually(t, "the connection is taken", func() bool { return goesTo(p) == conn.LocalAddr().String() })
	payload := make([]byte, 1100)
	var sequence uint64
	eventually(t, "packets are dropped", func() bool {
		var out rtp.Output
		for range 200 {
			sequence++
			header := rtp.AppendHeader(nil, &rtp.Header{Sequence: uint16(sequence), SSRC: 9}, nil)
			out.Packets = append(out.Packets, rtp.Outbound{To: p, Header: header, Payload: payload, Index: sequence})
		}
		tr.Send(&out)
		return tr.Stats().TCPDropped.Load() > 0
	})
	p.mu.Lock()
	s := p.selected.Load().link.stream
	p.mu.Unlock()
	s.mu.Lock()
	n := len(s.pending)
	s.mu.Unlock()
	if n > maxPending {
		t.Errorf("%d bytes wait, want at most %d", n, maxPending)
	}
	p.Close()
	eventually(t, "the connection is closed", func() bool { return tr.Stats().TCPConnections.Load() == 0 })
}

// Connections that bring nothing good are closed.
func TestTCPStrangers(t *testing.T) {
	t.Parallel()
	for name, stream := range map[string][]byte{
		"long frame":   {0xFF, 0xFF},
		"HTTP":         []byte("GET / HTTP/1.1\r\n\r\n"),
		"STUN of none": bytes.Repeat(frame(append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42}, make([]byte, 12)...)), maxStrange+1),
		"media":        bytes.Repeat(frame(append([]byte{0x80, 96}, make([]byte, 40)...)), maxStrange+1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := start(t, Config{})
			tr.introduceTime = time.Hour // it is not time that closes them
			a, b := net.Pipe()
			done := make(chan struct{})
			go func() {
				defer close(done)
				tr.ServeTCP(b)
			}()
			_ = a.SetDeadline(time.Now().Add(patience))
			_, _ = a.Write(stream)
			happens(t, "the connection is closed", done)
			if n, err := a.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Error("something was answered")
			}
			if tr.strangers != 0 || len(tr.streams) != 0 {
				t.Errorf("%d strangers and %d streams are left", tr.strangers, len(tr.streams))
			}
		})
	}
}

func TestTCPBounded(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	tr.introduceTime = time.Hour
	var mine []net.Conn
	for range maxStrangers {
		a, b := net.Pipe()
		mine = append(mine, a)
		go tr.ServeTCP(b)
	}
	eventually(t, "all are taken", func() bool { return tr.Stats().TCPConnections.Load() == maxStrangers })
	a, b := net.Pipe()
	returned := make(chan struct{})
	go func() { tr.ServeTCP(b); close(returned) }()
	happens(t, "the connection is refused", returned)
	if _, err := a.Read(make([]byte, 1)); err == nil {
		t.Error("one connection too many was taken")
	}
	for _, c := range mine {
		_ = c.Close()
	}
	eventually(t, "all are gone", func() bool { return tr.Stats().TCPConnections.Load() == 0 })
}

func FuzzFrames(f *testing.F) {
	f.Add(frame([]byte("hello")), 3)
	f.Add([]byte{0xFF, 0xFF, 1}, 1)
	f.Fuzz(func(t *testing.T, stream []byte, step int) {
		r := &streamReader{buf: make([]byte, readAhead)}
		step = max(1, min(step, 1000))
		var got []byte
		ok := true
		for b := stream; len(b) > 0 && ok; {
			n := copy(r.buf[r.used:], b[:min(step, len(b))])
			if n == 0 {
				t.Fatal("the buffer is full")
			}
			b = b[n:]
			r.used += n
			var rest []byte
			rest, ok = r.split()
			for _, f := range r.frames {
				got = append(got, frame(f)...)
			}
			r.used = copy(r.buf, rest)
		}
		if !bytes.HasPrefix(stream, got) {
			t.Errorf("frames %x of stream %x", got, stream)
		}
		if left := len(stream) - len(got); ok && left > lengthSize+maxFrame {
			t.Errorf("%d bytes were not taken", left)
		}
	})
}
