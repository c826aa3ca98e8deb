package udp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"conclave/sfu/ice"
	"conclave/sfu/rtp"
	"conclave/sfu/udp/batch"
)

// Errors of this package.
var (
	// ErrClosed says that the transport or the peer was closed.
	ErrClosed = errors.New("the media connection is closed; make a new one")
	// ErrPeers says that the server has as many peers as it is allowed.
	ErrPeers = errors.New("too many media connections; try again later")
	// ErrRemote says that what the other side told does not fit: a missing or
	// unknown kind of fingerprint, or one that changed.
	ErrRemote = errors.New("the client's transport description does not fit")
)

// A Config says how media is carried. Zero fields mean the default.
type Config struct {
	// Listen is the UDP address; an empty host means every address of this
	// machine, IPv4 and IPv6, port 0 a free one. Default ":0".
	Listen string
	// Addresses are told to clients instead of this machine's own.
	Addresses []netip.Addr
	// TCP are the addresses of listeners whose connections are given to ServeTCP,
	// to be told to clients. Unspecified addresses stand for every address.
	TCP []netip.AddrPort
	// Shards is the number of sockets and goroutines of each address family;
	// default GOMAXPROCS, and 1 where sockets cannot share a port.
	Shards int
	// MaxPeers bounds peers; default 20000.
	MaxPeers int
	// MaxHandshakes bounds DTLS handshakes at one time; others wait. Default 256.
	MaxHandshakes int
	// PeerRate is what one peer may send, in bit/s; what is above is dropped
	// before it is decrypted. Default 60 Mbit/s.
	PeerRate int
	Log      *slog.Logger // default: discarded
	Stats    *Stats       // default: a new one
}

const (
	defaultPeers      = 20000
	defaultHandshakes = 256
	defaultPeerRate   = 60e6
	maxShards         = 256 // of each address family; more sockets than this are a mistake
	maxPeerRate       = 10e9
)

// complete checks c and fills in defaults.
func (c *Config) complete() error {
	if c.Shards < 0 || c.Shards > maxShards || c.MaxPeers < 0 || c.MaxHandshakes < 0 || c.PeerRate < 0 || c.PeerRate > maxPeerRate {
		return errors.New("a limit of the media transport is out of range")
	}
	for _, d := range []struct {
		field *int
		value int
	}{
		{&c.Shards, min(runtime.GOMAXPROCS(0), maxShards)},
		{&c.MaxPeers, defaultPeers},
		{&c.MaxHandshakes, defaultHandshakes},
		{&c.PeerRate, defaultPeerRate},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if !batch.CanReuse {
		c.Shards = 1
	}
	if c.Listen == "" {
		c.Listen = ":0"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Stats == nil {
		c.Stats = &Stats{}
	}
	return nil
}

// A Handler gets what a peer sends. A Transport calls it from several goroutines,
// never with a lock held. Connected is the first call, unless the connection
// fails before; Disconnected is the last, except for a Receive that had begun.
//
// A panic in a Handler is not caught here, but the one of Connected.
type Handler interface {
	// Receive gets packets of this peer from one batch, authenticated and
	// decrypted, in the order of arrival. Both in and out are its own until it
	// returns; the bytes of in are valid until what is in out has been sent, which
	// the caller does soon after. It may be called from two goroutines at the
	// same time: RTCP may come over a socket of its own, and a peer may change its
	// address.
	Receive(now time.Time, in []rtp.Inbound, out *rtp.Output)
	// Connected says that keys are agreed: the peer can be sent to.
	Connected(now time.Time, out *rtp.Output)
	// Disconnected says that DTLS failed or was closed by the client. It does not
	// come back; it is to be closed. A client that is silent for 30 s is only not
	// sent to, until it is heard of again (RFC 7675, Section 5.1).
	Disconnected(now time.Time)
}

// A Transport owns the UDP sockets that all peers share. Its methods may be
// called concurrently.
type Transport struct {
	// Constant.
	cfg         Config
	log         *slog.Logger
	stats       *Stats
	clock       func() time.Time
	certificate tls.Certificate
	fingerprint string
	mediaRate   rate
	v4, v6      []*batch.Socket // one a shard

	introduceTime time.Duration // strangerTime, or what a test sets before there are connections

	demux       demux
	handshaking chan struct{}  // holds as many as there are handshakes
	senders     chan *sender   // free ones
	unmade      chan int       // numbers of senders that nobody has needed yet
	closing     chan struct{}  // closed by Close
	shards      sync.WaitGroup // goroutines that read sockets
	running     sync.WaitGroup // all others; only added to for what is in peers or streams

	mu        sync.RWMutex // guards what follows; taken with a Peer's mutex held, never the other way
	closed    bool
	peers     map[*Peer]struct{}
	logins    map[string]*generation // by our username fragment
	streams   map[*stream]struct{}
	strangers int // streams on which nobody has proven anything
}

// Listen binds the sockets and starts to serve them.
func Listen(cfg Config) (*Transport, error) {
	t, err := open(cfg, time.Now)
	if err != nil {
		return nil, err
	}
	t.serve()
	return t, nil
}

// open binds the sockets.
func open(cfg Config, clock func() time.Time) (*Transport, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	certificate, err := newCertificate(clock())
	if err != nil {
		return nil, err
	}
	t := &Transport{
		cfg: cfg, log: cfg.Log, stats: cfg.Stats, clock: clock,
		certificate: certificate, fingerprint: fingerprintOf(certificate.Certificate[0]).String(),
		mediaRate:   mediaRate(cfg.PeerRate),
		handshaking: make(chan struct{}, cfg.MaxHandshakes),
		senders:     make(chan *sender, maxSenders), unmade: make(chan int, maxSenders),
		closing: make(chan struct{}), introduceTime: strangerTime,
		peers: make(map[*Peer]struct{}), logins: make(map[string]*generation), streams: make(map[*stream]struct{}),
	}
	for i := range maxSenders {
		t.unmade <- i
	}
	if t.v4, t.v6, err = bind(cfg.Listen, cfg.Shards); err != nil {
		return nil, err
	}
	return t, nil
}

// serve starts the goroutines.
func (t *Transport) serve() {
	for i, s := range t.v4 {
		t.shards.Go(t.newShard(s, i, false).run)
	}
	for i, s := range t.v6 {
		t.shards.Go(t.newShard(s, i, true).run)
	}
	t.shards.Go(t.watch)
}

// sweepInterval is how often consent is looked after.
const sweepInterval = time.Second

// watch stops sending to peers whose consent is over, until the transport is
// closed.
func (t *Transport) watch() {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.sweep(t.clock())
		case <-t.closing:
			return
		}
	}
}

// sweep stops sending to peers whose consent is over.
func (t *Transport) sweep(now time.Time) {
	t.mu.RLock()
	list := make([]*Peer, 0, len(t.peers))
	for p := range t.peers {
		list = append(list, p)
	}
	t.mu.RUnlock()
	for _, p := range list {
		p.mu.Lock()
		if !p.closed && !p.ended && p.sweepLocked(now) {
			t.stats.ConsentLost.Add(1)
		}
		p.mu.Unlock()
	}
}

// Addrs returns the UDP addresses that are listened on, one for each address
// family.
func (t *Transport) Addrs() []net.Addr {
	var list []net.Addr
	for _, a := range append(t.addresses(t.v4), t.addresses(t.v6)...) {
		list = append(list, net.UDPAddrFromAddrPort(a))
	}
	return list
}

// addresses returns the address that sockets share.
func (t *Transport) addresses(sockets []*batch.Socket) []netip.AddrPort {
	if len(sockets) == 0 {
		return nil
	}
	return []netip.AddrPort{sockets[0].LocalAddr()}
}

// Sockets returns what the sockets did, for metrics.
func (t *Transport) Sockets() []batch.Stats {
	var list []batch.Stats
	for _, sockets := range [][]*batch.Socket{t.v4, t.v6} {
		for _, s := range sockets {
			list = append(list, s.Stats())
		}
	}
	return list
}

// Fingerprint returns that of the DTLS certificate as the value of the SDP
// attribute (RFC 8122, Section 5): "sha-256 AB:CD:…".
func (t *Transport) Fingerprint() string { return t.fingerprint }

// Stats returns the counters.
func (t *Transport) Stats() *Stats { return t.stats }

// NewPeer returns a peer that waits for a client's checks. It must be closed.
// The error is ErrPeers or ErrClosed.
func (t *Transport) NewPeer(h Handler) (*Peer, error) {
	p := &Peer{t: t, handler: h}
	p.current = &generation{peer: p, local: ice.GenerateCredentials()}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return nil, ErrClosed
	case len(t.peers) >= t.cfg.MaxPeers:
		return nil, fmt.Errorf("%w: %d are allowed", ErrPeers, t.cfg.MaxPeers)
	}
	t.peers[p] = struct{}{}
	t.logins[p.current.local.Ufrag] = p.current
	t.stats.Peers.Add(1)
	return p, nil
}

// find returns what a username fragment of ours belongs to, or nil.
func (t *Transport) find(ufrag []byte) *generation {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.logins[string(ufrag)]
}

// remember lets a generation be found.
func (t *Transport) remember(g *generation) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return ErrClosed
	}
	t.logins[g.local.Ufrag] = g
	return nil
}

// forget is the contrary.
func (t *Transport) forget(g *generation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.logins, g.local.Ufrag)
}

// leave forgets a peer.
func (t *Transport) leave(p *Peer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.peers, p)
	t.stats.Peers.Add(-1)
}

// Close ends all peers and connections and closes the sockets. It waits for all
// goroutines, so no Handler is called after it, and none may call it.
func (t *Transport) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.closed = true
	peers := make([]*Peer, 0, len(t.peers))
	for p := range t.peers {
		peers = append(peers, p)
	}
	streams := make([]*stream, 0, len(t.streams))
	for s := range t.streams {
		streams = append(streams, s)
	}
	t.mu.Unlock()
	close(t.closing)
	for _, p := range peers {
		p.Close()
	}
	for _, s := range streams {
		s.close()
	}
	closeAll(t.v4)
	closeAll(t.v6)
	t.shards.Wait()
	t.running.Wait()
	return nil
}
