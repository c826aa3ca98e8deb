package udp

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/stun/v4"

	"conclave/sfu/ice"
)

// patience is how long tests wait for what has to happen.
const patience = 20 * time.Second

// A client is the other side of a peer, made of pion's parts.
type client struct {
	t           *testing.T
	credentials ice.Credentials
	certificate tls.Certificate
	profiles    []dtls.SRTPProtectionProfile

	// What it was told.
	server        netip.AddrPort
	ufrag, pass   string
	answers       chan *stun.Message
	media         chan []byte // SRTP and SRTCP as it came
	dtls          *inbox
	conn          *dtls.Conn
	local, remote *srtp.Context
	mu            sync.Mutex
	send          func([]byte) // over the socket in use
	readers       sync.WaitGroup
	from          *net.UDPAddr // of its sockets; nil: any
	deaf          atomic.Bool  // does not read questions, as who forged the source of its check
	sockets       []io.Closer
}

func newClient(t *testing.T, tr *Transport, p *Peer) *client {
	t.Helper()
	cert, err := newCertificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c := &client{
		t: t, credentials: ice.GenerateCredentials(), certificate: cert,
		profiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM},
		answers:  make(chan *stun.Message, 64), media: make(chan []byte, 4096),
	}
	c.ufrag, c.pass = p.Credentials()
	c.dtls = newInbox(func(b []byte) { c.write(b) })
	c.server = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), tr.v4[0].LocalAddr().Port())
	t.Cleanup(c.close)
	return c
}

// remote is what the peer is to be told of the client.
func (c *client) description() Remote {
	return Remote{
		Ufrag: c.credentials.Ufrag, Password: c.credentials.Password,
		Fingerprints: []string{fingerprintOf(c.certificate.Certificate[0]).String()},
	}
}

func (c *client) close() {
	_ = c.dtls.Close()
	if c.conn != nil {
		_ = c.conn.Close()
	}
	for _, r := range c.sockets {
		_ = r.Close()
	}
	c.readers.Wait()
}

// bind opens a new UDP socket and uses it from now on. The old one stays open.
func (c *client) bind() *net.UDPConn {
	c.t.Helper()
	conn, err := net.DialUDP("udp", c.from, net.UDPAddrFromAddrPort(c.server))
	if err != nil {
		c.t.Fatal(err)
	}
	c.use(func(b []byte) { _, _ = conn.Write(b) })
	c.sockets = append(c.sockets, conn)
	c.readers.Go(func() {
		b := make([]byte, 65536)
		for {
			n, err := conn.Read(b)
			if err != nil {
				if errors.Is(err, net.ErrClosed) {
					return
				}
				continue // a closed port on the other side
			}
			c.take(append([]byte(nil), b[:n]...), func(b []byte) { _, _ = conn.Write(b) })
		}
	})
	return conn
}

func (c *client) use(send func([]byte)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.send = send
}

func (c *client) write(b []byte) {
	c.mu.Lock()
	send := c.send
	c.mu.Unlock()
	send(b)
}

func (c *client) take(b []byte, reply func([]byte)) {
	switch classify(b) {
	case classSTUN:
		m := &stun.Message{Raw: b}
		if m.Decode() != nil {
			return
		}
		if m.Type == stun.BindingRequest {
			c.answer(m, reply)
		} else {
			select {
			case c.answers <- m:
			default:
			}
		}
	case classDTLS:
		c.dtls.push(b)
	case classMedia:
		select {
		case c.media <- b:
		default:
		}
	case classOther:
	}
}

// answer answers a question of the server, as a browser does.
func (c *client) answer(m *stun.Message, reply func([]byte)) {
	c.mu.Lock()
	own := c.credentials
	c.mu.Unlock()
	if c.deaf.Load() || stun.NewShortTermIntegrity(own.Password).Check(m) != nil {
		return
	}
	a, err := stun.Build(m, stun.BindingSuccess, &stun.XORMappedAddress{IP: c.server.Addr().AsSlice(), Port: int(c.server.Port())},
		stun.NewShortTermIntegrity(own.Password), stun.Fingerprint)
	if err == nil {
		reply(a.Raw)
	}
}

// check returns a connectivity check as pion writes it.
func (c *client) check(nominate bool, more ...stun.Setter) *stun.Message {
	c.t.Helper()
	setters := []stun.Setter{
		stun.BindingRequest, stun.TransactionID,
		stun.NewUsername(c.ufrag + ":" + c.credentials.Ufrag),
		stun.RawAttribute{Type: stun.AttrPriority, Value: []byte{1, 2, 3, 4}},
		stun.RawAttribute{Type: stun.AttrICEControlling, Value: make([]byte, 8)},
	}
	if nominate {
		setters = append(setters, stun.RawAttribute{Type: stun.AttrUseCandidate})
	}
	setters = append(setters, more...)
	setters = append(setters, stun.NewShortTermIntegrity(c.pass), stun.Fingerprint)
	m, err := stun.Build(setters...)
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

// ask sends a check until it is answered, and returns the answer.
func (c *client) ask(nominate bool) *stun.Message {
	c.t.Helper()
	m := c.check(nominate)
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	over := time.After(patience)
	c.write(m.Raw)
	for {
		select {
		case a := <-c.answers:
			if a.TransactionID == m.TransactionID {
				return a
			}
		case <-again.C:
			c.write(m.Raw)
		case <-over:
			c.t.Fatal("no answer to a check")
		}
	}
}

// handshake does DTLS and makes the SRTP contexts.
func (c *client) handshake() error {
	c.t.Helper()
	conn, err := dtls.ClientWithOptions(c.dtls, peerAddr{},
		dtls.WithCertificates(c.certificate), dtls.WithInsecureSkipVerify(true),
		dtls.WithSRTPProtectionProfiles(c.profiles...), dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithFlightInterval(200*time.Millisecond))
	if err != nil {
		c.t.Fatal(err)
	}
	c.conn = conn
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	profile, _ := conn.SelectedSRTPProtectionProfile()
	state, _ := conn.ConnectionState()
	var config srtp.Config
	config.Profile = srtp.ProtectionProfile(profile)
	if err := config.ExtractSessionKeysFromDTLS(&state, true); err != nil {
		return err
	}
	if c.local, err = srtp.CreateContext(config.Keys.LocalMasterKey, config.Keys.LocalMasterSalt, config.Profile); err != nil {
		return err
	}
	c.remote, err = srtp.CreateContext(config.Keys.RemoteMasterKey, config.Keys.RemoteMasterSalt, config.Profile)
	return err
}

// connect does all of it on a new UDP socket.
func (c *client) connect(p *Peer) {
	c.t.Helper()
	if err := p.SetRemote(c.description()); err != nil {
		c.t.Fatal(err)
	}
	c.bind()
	c.ask(true)
	if err := c.handshake(); err != nil {
		c.t.Fatal(err)
	}
}

// packet returns an RTP packet, sealed.
func (c *client) packet(ssrc uint32, sequence uint16, payload []byte) []byte {
	c.t.Helper()
	b, err := (&rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: sequence, Timestamp: 1, SSRC: ssrc},
		Payload: payload,
	}).Marshal()
	if err != nil {
		c.t.Fatal(err)
	}
	b, err = c.local.EncryptRTP(nil, b, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// report returns a compound RTCP packet of one empty receiver report, sealed.
func (c *client) report(ssrc uint32) []byte {
	c.t.Helper()
	b, err := c.local.EncryptRTCP(nil, report(ssrc), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

func report(ssrc uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{0x80, 201, 0, 1}, ssrc)
}

// next returns the next media datagram, decrypted.
func (c *client) next() []byte {
	c.t.Helper()
	select {
	case b := <-c.media:
		var err error
		if b[1] >= 192 && b[1] <= 223 {
			b, err = c.remote.DecryptRTCP(nil, b, nil)
		} else {
			b, err = c.remote.DecryptRTP(nil, b, nil)
		}
		if err != nil {
			c.t.Fatal(err)
		}
		return b
	case <-time.After(patience):
		c.t.Fatal("no media came")
		return nil
	}
}
