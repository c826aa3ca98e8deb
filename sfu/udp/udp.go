package udp

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"conclave/sfu/ice"
	"conclave/sfu/rtp"
)

// Errors of this package.
var (
	// ErrClosed says that the transport or the peer was closed.
	ErrClosed = errors.New("the media transport is closed")
	// ErrPeers says that the server has as many peers as it is allowed: try later.
	ErrPeers = errors.New("too many media connections; try again later")
	// ErrRemote says that what the other side told does not fit: a missing or
	// unknown kind of fingerprint, or one that changed; make a new connection.
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
	// default GOMAXPROCS, 1 where ports cannot be shared.
	Shards int
	// MaxPeers bounds peers; default 20000.
	MaxPeers int
	// MaxHandshakes bounds DTLS handshakes at one time; others wait. Default 64.
	MaxHandshakes int
	// PeerRate is what one peer may send, in bit/s; what is above is dropped
	// before it is decrypted. Default 60 Mbit/s.
	PeerRate int
	Log      *slog.Logger // default: discarded
	Stats    *Stats       // default: a new one
}

// A Handler gets what a peer sends. A Transport calls it from several goroutines,
// never with a lock held. Connected is the first call, unless the connection
// fails before; Disconnected is the last, except for a Receive that had begun.
//
// A panic in a Handler is not caught here.
type Handler interface {
	// Receive gets packets of this peer from one batch, authenticated and decrypted, in
	// the order of arrival. Both in and out belong to it until it returns, their bytes until
	// what is in out has been sent, which the caller does soon after. Two shards may call it at the same
	// time when the peer changes its address.
	Receive(now time.Time, in []rtp.Inbound, out *rtp.Output)
	// Connected says that keys are agreed: the peer can be sent to.
	Connected(now time.Time, out *rtp.Output)
	// Disconnected says that the peer is gone: 30 s without an authenticated check,
	// or DTLS failed or was closed. It does not come back: close it.
	Disconnected(now time.Time)
}

// A Transport owns the UDP sockets that all peers share. Its methods may be
// called concurrently.
type Transport struct{}

// Listen binds the sockets and starts to serve them.
func Listen(cfg Config) (*Transport, error) { return nil, errors.ErrUnsupported }

// Addrs returns the UDP addresses that are listened on, one for each address family.
func (t *Transport) Addrs() []net.Addr { return nil }

// Candidates returns where clients reach this server at this moment: unicast
// addresses that are not link-local, those of the loopback interface last.
func (t *Transport) Candidates() []ice.Candidate { return nil }

// Fingerprint returns that of the DTLS certificate as the value of the SDP
// attribute (RFC 8122, Section 5): "sha-256 AB:CD:…".
func (t *Transport) Fingerprint() string { return "" }

// NewPeer returns a peer that waits for a client's checks. It must be closed.
// The error is ErrPeers or ErrClosed.
func (t *Transport) NewPeer(h Handler) (*Peer, error) { return nil, errors.ErrUnsupported }

// Send seals and sends packets, from any goroutine but a Handler's Receive
// and Connected, which have their own Output. Outbound.To is a *Peer of this transport; packets
// to one that is not connected are dropped and counted. It does not reset out.
func (t *Transport) Send(out *rtp.Output) {}

// ServeTCP serves a connection that a client opened, with RFC 4571 framing (ICE-TCP, RFC 6544), until it
// ends. It takes ownership of the connection and returns when it is closed.
func (t *Transport) ServeTCP(c net.Conn) {}

// Close ends all peers and closes the sockets. It waits for all goroutines.
func (t *Transport) Close() error { return nil }
