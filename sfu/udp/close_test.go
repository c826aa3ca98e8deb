package udp

import (
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"conclave/sfu/rtp"
)

// Everything may end at any moment, from several sides.
func TestCloseRaces(t *testing.T) {
	t.Parallel()
	tr, err := Listen(Config{})
	if err != nil {
		t.Fatal(err)
	}
	addr := listenTCP(t, tr, "127.0.0.1")
	var (
		wg      sync.WaitGroup
		clients []*client
	)
	for i := range 8 {
		f := newFake()
		p := newPeer(t, tr, f)
		f.receive = func(_ time.Time, _ []rtp.Inbound, out *rtp.Output) {
			out.Packets = append(out.Packets, rtp.Outbound{To: p, Payload: report(1), RTCP: true})
			if i == 3 {
				p.Close()
			}
		}
		c := newClient(t, tr, p)
		clients = append(clients, c)
		if err := p.SetRemote(c.description()); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			c.bind()
		} else {
			c.bindTCP(addr)
		}
		c.ask(true)
		if i > 5 {
			continue // closed before the handshake
		}
		wg.Go(func() { // closed in the middle of one
			if c.handshake() == nil {
				for n := range uint16(50) {
					c.write(c.packet(7, n, []byte("x")))
				}
			}
		})
		wg.Go(func() {
			for n := range uint16(50) {
				send(tr, p, n, "x")
				_ = p.Restart()
				_ = p.SetRemote(c.description())
				tr.sweep(time.Now())
			}
			if i == 1 {
				p.Close()
			}
		})
		if i == 5 {
			happens(t, "Connected", f.connected)
		}
	}
	for range 2 {
		wg.Go(func() { _ = tr.Close() })
	}
	_ = tr.Close()
	if n := tr.Stats().Peers.Load(); n != 0 {
		t.Errorf("%d peers are left", n)
	}
	if n := tr.Stats().Connected.Load(); n != 0 {
		t.Errorf("%d connected peers are left", n)
	}
	for _, x := range []int{len(tr.logins), len(tr.streams), tr.strangers} {
		if x != 0 {
			t.Errorf("%d entries are left of usernames, streams or strangers", x)
		}
	}
	for _, c := range clients {
		_ = c.dtls.Close() // whose server is gone
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	happens(t, "everybody is done", done)
}

// A panic while DTLS is served ends that peer, and is told to its handler.
func TestPanic(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	f := newFake()
	f.greeting = func(*rtp.Output) { panic("a bug") }
	p := newPeer(t, tr, f)
	c := newClient(t, tr, p)
	c.connect(p)
	happens(t, "Disconnected", f.disconnected)
	if p.keys.Load() != nil {
		t.Error("there are keys")
	}
	other, oc, of := connected(t, tr)
	talk(t, tr, other, oc, of, 1)
}

// TestMemory connects peers and says what each keeps. The clients' side is in the
// same process, and closed before measuring.
func TestMemory(t *testing.T) {
	const peers = 200
	tr := start(t, Config{})
	measure := func() (heap, stacks uint64, goroutines int) {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, m.StackInuse, runtime.NumGoroutine()
	}
	number := 0
	connect := func() {
		number++
		f := newFake()
		p := newPeer(t, tr, f)
		c := newClient(t, tr, p)
		if runtime.GOOS == "linux" { // else a port may be that of one before, whose address it is for a while
			c.from = &net.UDPAddr{IP: net.IPv4(127, 1, byte(number>>8), byte(number))}
		}
		c.connect(p)
		happens(t, "Connected", f.connected)
		c.write(c.packet(7, 1, []byte("x")))
		f.next(t)
		eventually(t, "the connection settles", func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.phase == phaseSettled && p.inbox == nil
		})
		_ = c.dtls.Close() // says nothing
		c.conn, c.local, c.remote, c.media, c.answers = nil, nil, nil, nil, nil
		for _, s := range c.sockets {
			_ = s.Close()
		}
		c.readers.Wait()
		f.packets = nil
	}
	for range 32 { // until every shard has the memory for its batches
		connect()
	}
	heap, stacks, goroutines := measure()
	for range peers {
		connect()
	}
	heap2, stacks2, goroutines2 := measure()
	each := (int64(heap2) - int64(heap)) / peers
	t.Logf("a peer keeps %d bytes of heap, %d of stacks, %.2f goroutines", each,
		(int64(stacks2)-int64(stacks))/peers, float64(goroutines2-goroutines)/peers)
	if each > 32<<10 && !raceDetector {
		t.Errorf("a peer keeps %d bytes", each)
	}
	if goroutines2 > goroutines+peers/10 {
		t.Errorf("%d goroutines for %d peers, want none", goroutines2-goroutines, peers)
	}
}
