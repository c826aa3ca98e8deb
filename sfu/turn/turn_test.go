package turn

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

func TestRelay(t *testing.T) {
	t.Parallel()
	media := echo(t, "127.0.0.1")
	s, pool := start(t, nil, time.Now, media)
	if urls := s.URLs(); len(urls) != 3 || !strings.HasPrefix(urls[0], "turn:127.0.0.1:") || !strings.HasSuffix(urls[0], "?transport=udp") ||
		!strings.HasSuffix(urls[1], "?transport=tcp") || !strings.HasPrefix(urls[2], "turns:") {
		t.Fatalf("URLs %q", urls)
	}
	for i, name := range []string{"UDP", "TCP", "TLS"} {
		t.Run(name, func(t *testing.T) {
			username, password := s.Credentials(time.Now(), time.Minute)
			c := client(t, s, pool, i, username, password)
			relay, err := allocate(t, c)
			if err != nil {
				t.Fatal(err)
			}
			if n := s.Allocations(); n != 1 {
				t.Errorf("%d allocations, want 1", n)
			}
			for range 3 { // first as indications, then over a channel
				if !bounces(t, relay, media, patience) {
					t.Fatal("nothing came back")
				}
			}
			if err := relay.Close(); err != nil {
				t.Error(err)
			}
			eventually(t, "the allocation is gone", func() bool { return s.Allocations() == 0 })
		})
	}
}

// Nothing but media addresses can be reached, whatever a client asks for.
func TestNoOpenRelay(t *testing.T) {
	t.Parallel()
	media := echo(t, "127.0.0.1")
	other := echo(t, "127.0.0.1")   // another port of the same address
	foreign := echo(t, "127.0.0.2") // another address
	s, pool := start(t, nil, time.Now, media)
	username, password := s.Credentials(time.Now(), time.Minute)
	c := client(t, s, pool, 0, username, password)
	relay, err := allocate(t, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CreatePermission(net.UDPAddrFromAddrPort(foreign)); err == nil {
		t.Error("a permission for another address was given")
	}
	if !bounces(t, relay, media, patience) {
		t.Fatal("media is not relayed")
	}
	if bounces(t, relay, foreign, 300*time.Millisecond) {
		t.Error("another address was reached")
	}
	if bounces(t, relay, other, 300*time.Millisecond) {
		t.Error("another port was reached")
	}
	if !bounces(t, relay, media, patience) {
		t.Error("media is not relayed any more")
	}
	// Nor can the client be reached from there.
	_, to, _ := net.SplitHostPort(relay.LocalAddr().String())
	stranger, err := net.Dial("udp", "127.0.0.1:"+to)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	if _, err := stranger.Write([]byte("spam")); err != nil {
		t.Fatal(err)
	}
	_ = relay.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	if n, from, err := relay.ReadFrom(make([]byte, 100)); err == nil {
		t.Errorf("%d bytes came from %v", n, from)
	}
}

// A socket of an allocation checks by itself, whatever pion lets pass.
func TestRelaySocket(t *testing.T) {
	t.Parallel()
	media := echo(t, "127.0.0.1")
	other := echo(t, "127.0.0.1")
	var now atomic.Int64
	clock := func() time.Time { return time.Unix(now.Load(), 0) }
	var allowed atomic.Bool
	allowed.Store(true)
	s, _ := start(t, func(c *Config) {
		c.Allowed = func(a netip.AddrPort) bool { return allowed.Load() && a == media }
	}, clock)
	conn, _, err := (&generator{s}).AllocatePacketConn(turn.AllocateListenerConfig{Network: "udp4", UserID: "u"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if bounces(t, conn, other, 200*time.Millisecond) {
		t.Error("another port was reached")
	}
	if !bounces(t, conn, media, patience) {
		t.Error("media was not reached")
	}
	// Not even in one direction.
	sink, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	_, _ = conn.WriteTo([]byte("spam"), sink.LocalAddr())
	_ = sink.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if n, _, err := sink.ReadFrom(make([]byte, 100)); err == nil {
		t.Errorf("%d bytes reached another port", n)
	}
	allowed.Store(false) // the address has gone
	now.Add(int64(knownTime/time.Second) + 1)
	if bounces(t, conn, media, 200*time.Millisecond) {
		t.Error("an address was reached that is not allowed any more")
	}
	g := &generator{s}
	if _, _, err := g.AllocatePacketConn(turn.AllocateListenerConfig{Network: "udp6"}); !errors.Is(err, errFamily) {
		t.Errorf("IPv6 from an IPv4 relay: %v", err)
	}
	if _, _, err := g.AllocateListener(turn.AllocateListenerConfig{}); !errors.Is(err, errTCP) {
		t.Errorf("TCP: %v", err)
	}
	if _, err := g.AllocateConn(turn.AllocateConnConfig{}); !errors.Is(err, errTCP) {
		t.Errorf("TCP: %v", err)
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(1_800_000_000)
	clock := func() time.Time { return time.Unix(now.Load(), 0) }
	s, pool := start(t, nil, clock)
	username, password := s.Credentials(clock(), time.Minute)
	if again, _ := s.Credentials(clock(), time.Minute); again == username {
		t.Error("the same username twice")
	}
	forged := "1900000000:" + username[strings.Index(username, ":")+1:]
	for name, c := range map[string]struct{ username, password string }{
		"wrong password": {username, "wrong"},
		"later expiry":   {forged, password},
		"no expiry":      {"me", s.password("me")},
		"not a number":   {"later:me", s.password("later:me")},
		"long":           {username + strings.Repeat("x", maxUsername), s.password(username + strings.Repeat("x", maxUsername))},
	} {
		if _, err := allocate(t, client(t, s, pool, 0, c.username, c.password)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := allocate(t, client(t, s, pool, 0, username, password)); err != nil {
		t.Fatal(err)
	}
	now.Add(61)
	if _, err := allocate(t, client(t, s, pool, 0, username, password)); err == nil {
		t.Error("accepted after the time")
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	s, pool := start(t, func(c *Config) { c.PerUser, c.Total = 2, 3 }, time.Now)
	take := func(username, password string) error {
		_, err := allocate(t, client(t, s, pool, 0, username, password))
		return err
	}
	a, pa := s.Credentials(time.Now(), time.Minute)
	for range 2 {
		if err := take(a, pa); err != nil {
			t.Fatal(err)
		}
	}
	if take(a, pa) == nil {
		t.Error("a third allocation of one user")
	}
	b, pb := s.Credentials(time.Now(), time.Minute)
	if err := take(b, pb); err != nil {
		t.Fatal(err)
	}
	if take(b, pb) == nil {
		t.Error("a fourth allocation in all")
	}
	if n := s.Allocations(); n != 3 {
		t.Errorf("%d allocations, want 3", n)
	}
}

// Answers to what anybody can send are at most three times as long.
func TestAmplification(t *testing.T) {
	t.Parallel()
	s, _ := start(t, nil, time.Now)
	conn, err := net.Dial("udp", address(s, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	transport := stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{17, 0, 0, 0}}
	for _, c := range []struct {
		name     string
		setters  []stun.Setter
		answered bool
	}{
		{"binding", []stun.Setter{stun.BindingRequest}, true},
		{"allocate, as browsers do", []stun.Setter{stun.NewType(stun.MethodAllocate, stun.ClassRequest), transport}, true},
		{"refresh", []stun.Setter{stun.NewType(stun.MethodRefresh, stun.ClassRequest)}, false},
		{"permission", []stun.Setter{stun.NewType(stun.MethodCreatePermission, stun.ClassRequest)}, false},
	} {
		m, err := stun.Build(append(c.setters, stun.TransactionID)...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(m.Raw); err != nil {
			t.Fatal(err)
		}
		wait := 300 * time.Millisecond
		if c.answered {
			wait = patience
		}
		_ = conn.SetReadDeadline(time.Now().Add(wait))
		b := make([]byte, 2048)
		n, err := conn.Read(b)
		if answered := err == nil; answered != c.answered {
			t.Errorf("%s: answered %v, want %v", c.name, answered, c.answered)
		}
		if n > amplification*len(m.Raw) {
			t.Errorf("%s: %d bytes for %d", c.name, n, len(m.Raw))
		}
	}
}

// Connections that bring nothing do not stay, and Close ends all.
func TestConnections(t *testing.T) {
	t.Parallel()
	s, pool := start(t, nil, time.Now)
	plain, err := net.Dial("tcp", address(s, 2)) // not TLS
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if _, err := plain.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	a := s.acceptors[1]
	count := func() int {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.conns)
	}
	_ = plain.SetReadDeadline(time.Now().Add(patience))
	if _, err := plain.Read(make([]byte, 100)); err != nil && errors.Is(err, context.DeadlineExceeded) {
		t.Error("a connection without TLS is kept")
	}
	eventually(t, "it is closed", func() bool { return count() == 0 })

	username, password := s.Credentials(time.Now(), time.Minute)
	c := client(t, s, pool, 2, username, password)
	if _, err := allocate(t, c); err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	for k := range a.conns {
		k.mu.Lock()
		if k.idle != idleTime {
			t.Errorf("a connection with an allocation may be idle for %v, want %v", k.idle, idleTime)
		}
		k.mu.Unlock()
	}
	a.mu.Unlock()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := s.Allocations(); n != 0 || count() != 0 {
		t.Errorf("%d allocations and %d connections after Close", n, count())
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close twice: %v", err)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := Config{
		UDP: "127.0.0.1:0", Secret: make([]byte, minSecret), Relay: loopback,
		Allowed: func(netip.AddrPort) bool { return false },
	}
	for name, change := range map[string]func(c *Config){
		"nowhere":      func(c *Config) { c.UDP = "" },
		"TLS alone":    func(c *Config) { c.TLS = "127.0.0.1:0" },
		"short secret": func(c *Config) { c.Secret = make([]byte, minSecret-1) },
		"long realm":   func(c *Config) { c.Realm = "conclave.example" },
		"no relay":     func(c *Config) { c.Relay = netip.Addr{} },
		"any relay":    func(c *Config) { c.Relay = netip.IPv4Unspecified() },
		"no target":    func(c *Config) { c.Allowed = nil },
		"negative":     func(c *Config) { c.Total = -1 },
		"bad UDP":      func(c *Config) { c.UDP = "127.0.0.1:none" },
		"bad TCP":      func(c *Config) { c.TCP = "192.0.2.1:1" },
	} {
		c := good
		change(&c)
		if s, err := Listen(c); err == nil {
			_ = s.Close()
			t.Errorf("%s: no error", name)
		}
	}
	c := good
	c.Relay, c.Host = netip.MustParseAddr("192.0.2.1"), "meet.example"
	s, err := Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	if s.bind != "" || !strings.HasPrefix(s.URLs()[0], "turn:meet.example:") {
		t.Errorf("a relay behind a translated address is bound to %q and called %q", s.bind, s.URLs()[0])
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
