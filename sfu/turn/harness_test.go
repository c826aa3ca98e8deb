package turn

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/turn/v5"
	"go.uber.org/goleak"

	"conclave/sfu/ice"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

var loopback = netip.MustParseAddr("127.0.0.1")

// certificate returns one for the loopback address, and who trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// An echo is a media address that sends back what it gets.
func echo(t *testing.T, host string) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 2048)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(b[:n], from)
		}
	}()
	t.Cleanup(func() {
		_ = c.Close()
		<-done
	})
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// start returns a relay on the loopback interface towards some addresses.
func start(t *testing.T, change func(c *Config), clock func() time.Time, media ...netip.AddrPort) (*Server, *x509.CertPool) {
	t.Helper()
	cert, pool := certificate(t)
	cfg := Config{
		UDP: "127.0.0.1:0", TCP: "127.0.0.1:0", TLS: "127.0.0.1:0", TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
		Secret: []byte("a secret of at least 16 bytes"), Relay: loopback,
		Allowed: Only(func() []ice.Candidate { return ice.Candidates(media, nil) }),
	}
	if change != nil {
		change(&cfg)
	}
	s, err := listen(cfg, clock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, pool
}

// address returns host and port of URL i of a relay.
func address(s *Server, i int) string {
	_, rest, _ := strings.Cut(s.URLs()[i], ":")
	rest, _, _ = strings.Cut(rest, "?")
	return rest
}

// dial returns a connection to URL i of a relay.
func dial(t *testing.T, s *Server, pool *x509.CertPool, i int) net.PacketConn {
	t.Helper()
	var conn net.PacketConn
	switch i {
	case 0:
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		conn = c
	case 1:
		c, err := net.Dial("tcp", address(s, i))
		if err != nil {
			t.Fatal(err)
		}
		conn = turn.NewSTUNConn(c)
	case 2:
		c, err := tls.Dial("tcp", address(s, i), &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		conn = turn.NewSTUNConn(c)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// client returns a TURN client on URL i.
func client(t *testing.T, s *Server, pool *x509.CertPool, i int, username, password string) *turn.Client {
	t.Helper()
	c, err := turn.NewClient(&turn.ClientConfig{
		TURNServerAddr: address(s, i), STUNServerAddr: address(s, i), Conn: dial(t, s, pool, i),
		Username: username, Password: password, Realm: s.cfg.Realm, RTO: 200 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// allocate has a client allocate, for as long as the test.
func allocate(t *testing.T, c *turn.Client) (net.PacketConn, error) {
	t.Helper()
	relay, err := c.Allocate()
	if err == nil {
		t.Cleanup(func() { _ = relay.Close() })
	}
	return relay, err
}

// bounces reports whether what is sent to an address over a relay comes back.
func bounces(t *testing.T, relay net.PacketConn, to netip.AddrPort, wait time.Duration) bool {
	t.Helper()
	want := []byte("hello " + to.String())
	if _, err := relay.WriteTo(want, net.UDPAddrFromAddrPort(to)); err != nil {
		return false
	}
	_ = relay.SetReadDeadline(time.Now().Add(wait))
	b := make([]byte, 2048)
	n, from, err := relay.ReadFrom(b)
	return err == nil && bytes.Equal(b[:n], want) && from.String() == to.String()
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	over := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatal("did not happen: " + what)
		}
	}
}
