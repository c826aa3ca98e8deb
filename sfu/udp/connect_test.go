package udp

import (
	"bytes"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"go.uber.org/goleak"

	"conclave/internal/testkit"
	"conclave/sfu/rtp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start returns a transport on the loopback interface that ends with the test.
func start(t *testing.T, cfg Config) *Transport {
	t.Helper()
	tr, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

func newPeer(t *testing.T, tr *Transport, h Handler) *Peer {
	t.Helper()
	p, err := tr.NewPeer(h)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A virtualClock is real time and what tests add to it.
type virtualClock struct{ ahead atomic.Int64 }

func (c *virtualClock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *virtualClock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// startAt is start with a clock that tests move.
func startAt(t *testing.T, cfg Config) (*Transport, *virtualClock) {
	t.Helper()
	c := &virtualClock{}
	tr, err := open(cfg, c.now)
	if err != nil {
		t.Fatal(err)
	}
	tr.serve()
	t.Cleanup(func() { _ = tr.Close() })
	return tr, c
}

// connected returns a peer and a client that are.
func connected(t *testing.T, tr *Transport) (*Peer, *client, *fake) {
	t.Helper()
	f := newFake()
	p := newPeer(t, tr, f)
	c := newClient(t, tr, p)
	c.connect(p)
	happens(t, "Connected", f.connected)
	return p, c, f
}

// talk sends a packet each way and fails if one does not arrive as it was.
func talk(t *testing.T, tr *Transport, p *Peer, c *client, f *fake, sequence uint16) {
	t.Helper()
	c.write(c.packet(7, sequence, []byte("hello")))
	got := f.next(t)
	var h rtp.Packet
	if !rtp.Parse(got.Data, &h) || h.SSRC != 7 || h.Sequence != sequence || !bytes.Equal(h.Payload.In(got.Data), []byte("hello")) || got.RTCP {
		t.Fatalf("received %x, want the packet that was sent", got.Data)
	}
	c.write(c.report(7))
	if got := f.next(t); !bytes.Equal(got.Data, report(7)) || !got.RTCP {
		t.Fatalf("received %x, want the report that was sent", got.Data)
	}
	var out rtp.Output
	header := rtp.AppendHeader(nil, &rtp.Header{PayloadType: 100, Sequence: sequence, SSRC: 9}, nil)
	out.Packets = append(
		out.Packets,
		rtp.Outbound{To: p, Header: header, Payload: []byte("answer"), Index: uint64(sequence)},
		rtp.Outbound{To: p, Payload: report(9), RTCP: true},
	)
	tr.Send(&out)
	if got, want := c.next(), append(header, "answer"...); !bytes.Equal(got, want) {
		t.Fatalf("client got %x, want %x", got, want)
	}
	if got, want := c.next(), report(9); !bytes.Equal(got, want) {
		t.Fatalf("client got %x, want %x", got, want)
	}
}

func TestConnect(t *testing.T) {
	t.Parallel()
	for name, profile := range map[string]dtls.SRTPProtectionProfile{
		"AES-128-GCM": dtls.SRTP_AEAD_AES_128_GCM,
		"AES-256-GCM": dtls.SRTP_AEAD_AES_256_GCM,
		"AES-CM":      dtls.SRTP_AES128_CM_HMAC_SHA1_80,
	} {
		for _, host := range []string{"127.0.0.1", "::1"} {
			t.Run(name+" "+host, func(t *testing.T) {
				t.Parallel()
				tr := start(t, Config{})
				f := newFake()
				p := newPeer(t, tr, f)
				c := newClient(t, tr, p)
				c.profiles = []dtls.SRTPProtectionProfile{profile}
				c.server = netip.AddrPortFrom(netip.MustParseAddr(host), c.server.Port())
				if host == "::1" && len(tr.v6) == 0 {
					testkit.Missing(t, "IPv6")
				}
				c.connect(p)
				happens(t, "Connected", f.connected)
				for i := range uint16(3) {
					talk(t, tr, p, c, f, i+1)
				}
				if n := tr.Stats().Connected.Load(); n != 1 {
					t.Errorf("%d peers are connected, want 1", n)
				}
				p.Close()
				if n := tr.Stats().Connected.Load(); n != 0 {
					t.Errorf("%d peers are connected after Close, want 0", n)
				}
			})
		}
	}
}

// Of several profiles the cheapest is taken.
func TestProfileOrder(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	p := newPeer(t, tr, newFake())
	c := newClient(t, tr, p)
	c.profiles = []dtls.SRTPProtectionProfile{
		dtls.SRTP_AES128_CM_HMAC_SHA1_80, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AEAD_AES_128_GCM,
	}
	c.connect(p)
	if got, _ := c.conn.SelectedSRTPProtectionProfile(); got != dtls.SRTP_AEAD_AES_128_GCM {
		t.Errorf("agreed on profile %d, want AES-128-GCM", got)
	}
}

// What Connected puts out is sent, although nothing was received yet.
func TestGreeting(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	f := newFake()
	var p *Peer
	f.greeting = func(out *rtp.Output) {
		out.Packets = append(out.Packets, rtp.Outbound{To: p, Payload: report(5), RTCP: true})
	}
	p = newPeer(t, tr, f)
	c := newClient(t, tr, p)
	c.connect(p)
	if got := c.next(); !bytes.Equal(got, report(5)) {
		t.Errorf("client got %x, want the greeting", got)
	}
}

// What a client sends while Connected is being called is kept for Receive.
func TestEarlyMedia(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	f := newFake()
	goOn := make(chan struct{})
	f.greeting = func(*rtp.Output) { <-goOn }
	var once sync.Once
	release := func() { once.Do(func() { close(goOn) }) }
	t.Cleanup(release) // before the transport waits for it
	p := newPeer(t, tr, f)
	c := newClient(t, tr, p)
	c.connect(p)
	for n := range uint16(maxEarly + 2) {
		c.write(c.packet(7, n, []byte("early")))
	}
	eventually(t, "two more than are kept arrive", func() bool { return tr.Stats().Early.Load() == 2 })
	if len(f.packets) != 0 {
		t.Error("Receive was called before Connected has returned")
	}
	release()
	for n := range uint16(maxEarly) {
		var h rtp.Packet
		if got := f.next(t); !rtp.Parse(got.Data, &h) || h.Sequence != n {
			t.Fatalf("packet %d came as %x", n, got.Data)
		}
	}
}

// A client may check and begin DTLS before the server knows its description.
func TestEarlyClient(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	f := newFake()
	p := newPeer(t, tr, f)
	c := newClient(t, tr, p)
	c.bind()
	c.ask(false)
	done := make(chan error, 1)
	go func() { done <- c.handshake() }()
	eventually(t, "a ClientHello", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.inbox != nil
	})
	if n := tr.Stats().Handshakes.Load(); n != 0 {
		t.Fatalf("%d handshakes before SetRemote", n)
	}
	if err := p.SetRemote(c.description()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	happens(t, "Connected", f.connected)
	talk(t, tr, p, c, f, 1)
}

// After the handshake no goroutine stays for a peer that has sent media, and
// what it says by DTLS is still understood.
func TestFarewell(t *testing.T) {
	t.Parallel()
	for _, settled := range []bool{false, true} {
		t.Run(fmt.Sprintf("settled %v", settled), func(t *testing.T) {
			t.Parallel()
			tr := start(t, Config{})
			p, c, f := connected(t, tr)
			if settled {
				talk(t, tr, p, c, f, 1)
				eventually(t, "the connection settles", func() bool {
					p.mu.Lock()
					defer p.mu.Unlock()
					return p.phase == phaseSettled && p.state != nil && p.inbox == nil
				})
				// A forged alert is not believed.
				c.write(append([]byte{recordAlert, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 9, 0, 26}, make([]byte, 26)...))
				eventually(t, "the alert is looked into", func() bool {
					p.mu.Lock()
					defer p.mu.Unlock()
					return p.farewells.full != 0 && !p.parting
				})
				talk(t, tr, p, c, f, 2)
			}
			_ = c.conn.Close()
			happens(t, "Disconnected", f.disconnected)
			p.Close()
		})
	}
}
