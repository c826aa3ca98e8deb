package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	"conclave/sfu/ice"
	"conclave/sfu/room"
	"conclave/sfu/udp"
)

// A Config says how media is carried. Zero fields mean the default.
type Config struct {
	// Listen is the UDP address; an empty host means every address of this
	// machine, port 0 a free one. Default ":0".
	Listen string
	// Addresses are told to clients instead of this machine's own.
	Addresses []netip.Addr
	// TCP are addresses told to clients as a way for networks without UDP; the
	// caller hands connections that come there to [Engine.ServeTCP]. An unspecified
	// one stands for every address.
	TCP []netip.AddrPort
	// AudioAll is the number of microphones of a meeting up to which all are
	// forwarded; above it the loudest. Default 10.
	AudioAll int
	// Tap, for tests only, gets every RTP packet of every publisher as it comes
	// out of SRTP, before anything else looks at it. It is called on the
	// packet path and must not keep the packet.
	Tap func(room.TapPacket)
	// Log; default: discarded.
	Log *slog.Logger
}

// An Engine owns the sockets that all meetings share. Its methods may be called
// concurrently.
type Engine struct {
	// Constant after New.
	cfg       Config
	log       *slog.Logger
	transport *udp.Transport
	stats     Stats
	clock     clock

	running sync.WaitGroup // the clock, and negotiations of rooms
}

// Stats count what happened to media. All fields are safe to read at any time.
type Stats struct {
	Room      room.Stats
	Transport udp.Stats
}

const defaultAudioAll = 10

// New binds the sockets.
func New(cfg Config) (*Engine, error) {
	if cfg.Listen == "" {
		cfg.Listen = ":0"
	}
	if cfg.AudioAll == 0 {
		cfg.AudioAll = defaultAudioAll
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.AudioAll < 0 {
		return nil, errors.New("the number of microphones must not be negative")
	}
	e := &Engine{cfg: cfg, log: cfg.Log}
	t, err := udp.Listen(udp.Config{
		Listen: cfg.Listen, Addresses: cfg.Addresses, TCP: cfg.TCP, Log: cfg.Log, Stats: &e.stats.Transport,
	})
	if err != nil {
		return nil, fmt.Errorf("binding the media port: %w", err)
	}
	e.transport = t
	e.clock.start(e)
	return e, nil
}

// Addrs returns the UDP addresses that are listened on.
func (e *Engine) Addrs() []net.Addr { return e.transport.Addrs() }

// Candidates returns where clients reach the media at this moment.
func (e *Engine) Candidates() []ice.Candidate { return e.transport.Candidates() }

// Stats returns the counters.
func (e *Engine) Stats() *Stats { return &e.stats }

// ServeTCP takes a connection that carries framed media (RFC 4571), and owns it
// from then on.
func (e *Engine) ServeTCP(c net.Conn) { e.transport.ServeTCP(c) }

// Close closes the sockets and waits for all goroutines. Rooms must have been
// closed.
func (e *Engine) Close() error {
	e.clock.stop()
	e.running.Wait()
	return e.transport.Close()
}
