package netem

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"conclave/internal/netem/link"
	"conclave/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open makes an emulator, or skips.
func open(t *testing.T, cfg Config) *Emulator {
	t.Helper()
	e, err := New(cfg)
	if errors.Is(err, ErrUnsupported) {
		testkit.Missing(t, "no emulator here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// sockets opens a UDP socket on each end.
func sockets(t *testing.T, e *Emulator) (outside, inside *net.UDPConn) {
	t.Helper()
	listen := func(a netip.Addr) (*net.UDPConn, error) {
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { _ = c.Close() })
		return c, c.SetReadBuffer(4 << 20)
	}
	outside, err := listen(e.Outside())
	if err != nil {
		t.Fatal(err)
	}
	err = e.Do(func() (err error) {
		inside, err = listen(e.Inside())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return outside, inside
}

// pour sends packets of 1000 bytes (with headers) at a rate for a time, and
// returns how many.
func pour(t *testing.T, from, to *net.UDPConn, bps int, d time.Duration) int {
	t.Helper()
	body := make([]byte, 972)
	dst, ok := to.LocalAddr().(*net.UDPAddr)
	if !ok {
		t.Fatal("no address")
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	start := time.Now()
	sent := 0
	for now := range tick.C {
		elapsed := min(now.Sub(start), d)
		for ; sent*8000 < int(elapsed.Seconds()*float64(bps)); sent++ {
			binary.BigEndian.PutUint32(body, uint32(sent))
			if _, err := from.WriteToUDP(body, dst); err != nil {
				t.Fatal(err)
			}
		}
		if elapsed == d {
			return sent
		}
	}
	return sent
}

// gather counts packets until none comes for a while.
func gather(t *testing.T, c *net.UDPConn, count chan<- int) {
	t.Helper()
	n := 0
	buf := make([]byte, mtu)
	for {
		_ = c.SetReadDeadline(time.Now().Add(700 * time.Millisecond))
		if _, err := c.Read(buf); err != nil {
			count <- n
			return
		}
		n++
	}
}

// received pours from one end and returns the share that came out of the other.
func received(t *testing.T, from, to *net.UDPConn, bps int, d time.Duration) float64 {
	t.Helper()
	count := make(chan int, 1)
	go gather(t, to, count)
	sent := pour(t, from, to, bps, d)
	return float64(<-count) / float64(sent)
}

func TestRate(t *testing.T) {
	e := open(t, Config{Down: link.Profile{Rate: 1_000_000, Queue: 10_000}, Up: link.Profile{Rate: 500_000, Queue: 10_000}})
	out, in := sockets(t, e)
	for _, tt := range []struct {
		name     string
		from, to *net.UDPConn
		want     float64
	}{{"down", out, in, 0.5}, {"up", in, out, 0.25}} {
		if got := received(t, tt.from, tt.to, 2_000_000, 2*time.Second); got < tt.want-0.06 || got > tt.want+0.08 {
			t.Errorf("%s: %.3f of 2 Mbit/s came, want %.3f", tt.name, got, tt.want)
		}
	}
	if err := e.SetDown(link.Profile{}); err != nil {
		t.Fatal(err)
	}
	if got := received(t, out, in, 2_000_000, time.Second); got < 0.99 {
		t.Errorf("without limit %.3f of 2 Mbit/s came, want all", got)
	}
	if s := e.Stats(); s.Down.Dropped == 0 || s.Up.Dropped == 0 || s.Down.Packets == 0 {
		t.Errorf("stats %+v: want packets and drops both ways", s)
	}
}

func TestLoss(t *testing.T) {
	e := open(t, Config{Down: link.Profile{Loss: 0.1}, Seed: 3})
	out, in := sockets(t, e)
	if got := received(t, out, in, 10_000_000, time.Second); got < 0.86 || got > 0.94 {
		t.Errorf("%.3f came, want 0.9", got)
	}
	if got := received(t, in, out, 2_000_000, time.Second); got != 1 {
		t.Errorf("%.3f came the other way, want all", got)
	}
}

// pings measures round trips.
func pings(t *testing.T, e *Emulator, n int) (least, most time.Duration) {
	t.Helper()
	out, in := sockets(t, e)
	echo := make(chan struct{})
	go func() {
		defer close(echo)
		buf := make([]byte, mtu)
		for {
			n, from, err := in.ReadFromUDP(buf)
			if err != nil {
				return
			}
			_, _ = in.WriteToUDP(buf[:n], from)
		}
	}()
	defer func() { _ = in.Close(); <-echo }()
	least = time.Hour
	buf := make([]byte, mtu)
	for range n {
		start := time.Now()
		if _, err := out.WriteTo([]byte("ping"), in.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		_ = out.SetReadDeadline(start.Add(5 * time.Second))
		if _, err := out.Read(buf); err != nil {
			t.Fatal(err)
		}
		d := time.Since(start)
		least, most = min(least, d), max(most, d)
	}
	return least, most
}

func TestDelay(t *testing.T) {
	e := open(t, Config{Up: link.Profile{Delay: 25 * time.Millisecond}, Down: link.Profile{Delay: 25 * time.Millisecond}})
	if least, most := pings(t, e, 20); least < 50*time.Millisecond || least > 60*time.Millisecond {
		t.Errorf("round trips took %v to %v, want 50 ms and little more", least, most)
	}
	jittery := link.Profile{Delay: 5 * time.Millisecond, Jitter: 40 * time.Millisecond}
	if err := errors.Join(e.SetUp(jittery), e.SetDown(jittery)); err != nil {
		t.Fatal(err)
	}
	if least, most := pings(t, e, 30); least < 10*time.Millisecond || most-least < 20*time.Millisecond {
		t.Errorf("round trips took %v to %v, want 10 to 90 ms", least, most)
	}
}

// TestNothingLeaves holds that only the two addresses are forwarded.
func TestNothingLeaves(t *testing.T) {
	e := open(t, Config{})
	_, in := sockets(t, e)
	before := e.Stats()
	for _, dst := range []string{"192.0.2.1", "10.77.0.1"} {
		if _, err := in.WriteToUDPAddrPort([]byte("out"), netip.AddrPortFrom(netip.MustParseAddr(dst), 9)); err != nil {
			t.Fatal(err)
		}
	}
	pings(t, e, 3) // came after, so that the others have been read
	after := e.Stats()
	if after.Refused < before.Refused+2 {
		t.Errorf("%d packets refused, want two more than %d", after.Refused, before.Refused)
	}
	if after.Up.Packets != before.Up.Packets+3 {
		t.Errorf("%d packets forwarded, want three more than %d", after.Up.Packets, before.Up.Packets)
	}
}

// TestStart holds that a process is in the namespace.
func TestStart(t *testing.T) {
	e := open(t, Config{})
	var out bytes.Buffer
	cmd := exec.Command("cat", "/proc/self/net/dev")
	cmd.Stdout = &out
	if err := e.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); !strings.Contains(s, "tun0") || strings.Contains(s, "cnetem") {
		t.Errorf("devices inside:\n%s\nwant tun0, and none of those outside", s)
	}
}

// TestSubnets holds that subnets are claimed, and free again after Close.
func TestSubnets(t *testing.T) {
	a, b := open(t, Config{}), open(t, Config{})
	if a.Inside() == b.Inside() {
		t.Fatalf("two emulators have %v", a.Inside())
	}
	if c, err := New(Config{Subnet: a.subnet}); err == nil {
		t.Errorf("%v was taken and given again", a.Inside())
		_ = c.Close()
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Do(func() error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("Do after Close = %v, want %v", err, ErrClosed)
	}
	open(t, Config{Subnet: a.subnet})
}

func TestBadConfig(t *testing.T) {
	for _, cfg := range []Config{{Subnet: -1}, {Subnet: 255}, {Up: link.Profile{Rate: -1}}, {Down: link.Profile{Loss: 2}}} {
		if e, err := New(cfg); err == nil || errors.Is(err, ErrUnsupported) {
			t.Errorf("New(%+v) = %v, want an error about the configuration", cfg, err)
			if e != nil {
				_ = e.Close()
			}
		}
	}
}
